"""Messages that ask something of a guest, or run a plug-in of its host for it."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import VM, Pool
from xapid.datamodel.errors import (
    SYSPREP,
    VM_BAD_POWER_STATE,
    VM_CALL_PLUGIN_RATE_LIMIT,
    XENAPI_MISSING_PLUGIN,
    XENAPI_PLUGIN_FAILURE,
)
from xapid.datamodel.map_keys import ALLOW_GUEST_SCRIPTS
from xapid.datamodel.vm import VmOperations, VmPowerState
from xapid.ops.host import plugins
from xapid.ops.vm.change import host_of
from xapid.ops.vm.life import seconds_text
from xapid.runtime.context import Context
from xapid.runtime.guard import AT_ONCE

GUEST_AGENT = "guest-agent-operation"
"""The only plug-in that guests have."""
RUN_SCRIPT = "run-script"
FUNCTIONS = frozenset({"request-rdp-on", "request-rdp-off", RUN_SCRIPT})
"""What may be asked of a guest's agent."""
LONGEST_SCRIPT = 1024
INTERVAL = 10.0
"""Seconds that a guest is left in peace after it was asked for something."""


async def call_plugin(ctx: Context, vm: VM, plugin: str, fn: str, args: dict[str, str]) -> NoReturn:
    """Ask the agent in a guest. The hypervisors here reach none, so that nothing is done in the end."""
    async with ctx.operation(vm, VmOperations.call_plugin, patience=AT_ONCE):
        if plugin != GUEST_AGENT:
            raise XENAPI_MISSING_PLUGIN(plugin)
        _leave_in_peace(ctx, vm)
        if fn not in FUNCTIONS:
            raise _failure("failed to find fn", f"the agent of a guest knows no {fn!r}")
        raise _failure("failed to execute fn", _why_not(ctx, fn, args))


def _leave_in_peace(ctx: Context, vm: VM) -> None:
    """Raises VM_CALL_PLUGIN_RATE_LIMIT if the guest was asked a moment ago."""
    asked: dict[str, float] = ctx.runtime.services.setdefault("guest_plugins", {})
    now = ctx.clock.monotonic()
    for ref in [ref for ref, then in asked.items() if now - then >= INTERVAL]:
        del asked[ref]
    if vm.ref in asked:
        wait = INTERVAL - (now - asked[vm.ref])
        raise VM_CALL_PLUGIN_RATE_LIMIT(vm.ref, seconds_text(INTERVAL), seconds_text(wait))
    asked[vm.ref] = now


def _why_not(ctx: Context, fn: str, args: dict[str, str]) -> str:
    if fn == RUN_SCRIPT:
        if not ALLOW_GUEST_SCRIPTS.of(ctx.store.one(Pool)):
            return "the pool does not allow scripts in guests"
        if len(args.get("script", "").encode()) > LONGEST_SCRIPT:
            return f"the script has more than {LONGEST_SCRIPT} bytes"
    return "the agent of the guest cannot be reached"


def _failure(status: str, why: str) -> XENAPI_PLUGIN_FAILURE:
    return XENAPI_PLUGIN_FAILURE(status, why, why)


async def call_host_plugin(ctx: Context, vm: VM, plugin: str, fn: str, args: dict[str, str]) -> str:
    """Run a plug-in of the host that a machine runs on."""
    assert_runs(vm)
    return await plugins.call_plugin(ctx, host_of(ctx, vm), plugin, fn, args)


def assert_runs(vm: VM) -> None:
    """Raises VM_BAD_POWER_STATE; a few messages spell the states with capitals there."""
    if vm.power_state is not VmPowerState.Running:
        raise VM_BAD_POWER_STATE(vm.ref, VmPowerState.Running, vm.power_state)


async def sysprep(ctx: Context, self: VM, unattend: str, seconds: float) -> NoReturn:
    """Prepare a Windows guest for being copied, which takes an agent in it: the hypervisors here reach none."""
    async with ctx.operation(self, VmOperations.sysprep, patience=AT_ONCE):
        raise SYSPREP(self.uuid, "the agent of the guest cannot be reached")
