"""Messages that ask something of a guest, or run a plug-in of its host for it."""

from __future__ import annotations

import json
from typing import NoReturn

from xapid.backends.domain.interface import DomainDriver
from xapid.backends.interface import Failed, NotSupported
from xapid.datamodel import VM, Pool, VM_guest_metrics
from xapid.datamodel.errors import (
    FEATURE_RESTRICTED,
    INVALID_VALUE,
    RBAC_PERMISSION_DENIED,
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
from xapid.rules.vm import check_power_state
from xapid.runtime.channel import Channel
from xapid.runtime.context import Context
from xapid.runtime.guard import AT_ONCE

GUEST_AGENT = "guest-agent-operation"
"""The only plug-in that guests have."""
RUN_SCRIPT = "run-script"
FUNCTIONS = {"request-rdp-on": True, "request-rdp-off": False, RUN_SCRIPT: False}
"""What may be asked of a guest's agent, and whether it is to let users in."""
NEEDED = ("username", "password", "script")
"""Arguments of a script."""
REMOTE_DESKTOP = "feature-ts2"
"""Key of VM_guest_metrics.other by which a guest says that it lets users in when it is told to."""
LONGEST_SCRIPT = 1024
LONGEST_ANSWER_FILE = 32 * 1024
"""Bytes of unattend.xml."""
INTERVAL = 10.0
"""Seconds that a guest is left in peace after it was asked for something."""


async def call_plugin(ctx: Context, vm: VM, plugin: str, fn: str, args: dict[str, str]) -> str:
    """Ask the agent in a guest. Returns what a script did, as JSON; else nothing."""
    async with ctx.operation(vm, VmOperations.call_plugin, patience=AT_ONCE):
        if plugin != GUEST_AGENT:
            raise XENAPI_MISSING_PLUGIN(plugin)
        _leave_in_peace(ctx, vm)
        if fn not in FUNCTIONS:
            raise _failure("failed to find fn", f"the agent of a guest knows no {fn!r}")
        vm = ctx.now(vm)
        if fn == RUN_SCRIPT:
            return await _run_script(ctx, vm, args)
        await _let_users_in(ctx, vm, FUNCTIONS[fn])
        return ""


async def _run_script(ctx: Context, vm: VM, args: dict[str, str]) -> str:
    """Who may see the memory of a machine may run something in it. The names of a user are asked for, and not used."""
    if not ALLOW_GUEST_SCRIPTS.of(ctx.store.one(Pool)):
        raise FEATURE_RESTRICTED()
    for name in NEEDED:
        if name not in args:
            raise XENAPI_PLUGIN_FAILURE("missing argument", "", f"the argument {name} is needed")
    if ctx.session is not None and not ctx.session.may("vm.checkpoint"):
        raise RBAC_PERMISSION_DENIED("vm.call_plugin", "scripts in guests take the role vm-power-admin")
    script = args["script"]
    if len(script.encode()) > LONGEST_SCRIPT:
        raise XENAPI_PLUGIN_FAILURE("length restriction", "", f"the script has more than {LONGEST_SCRIPT} bytes")
    with ctx.task.cancellable():
        done = await _agent(ctx, vm).call(DomainDriver.run_script, vm.uuid, script)
    return json.dumps({"rc": done.status, "stdout": done.output, "stderr": done.errors}, separators=(",", ":"))


async def _let_users_in(ctx: Context, vm: VM, allowed: bool) -> None:
    metrics = ctx.store.find(VM_guest_metrics, vm.guest_metrics)
    if metrics is None or metrics.other.get(REMOTE_DESKTOP, "") in ("", "0"):
        raise _failure("failed to execute fn", "the guest does not say that it has a remote desktop")
    await _agent(ctx, vm).call(DomainDriver.let_users_in, vm.uuid, allowed)


def _agent(ctx: Context, vm: VM) -> Channel:
    """The way to the agent of a guest, where what it does not do is a failure of the plug-in."""
    return ctx.domains(host_of(ctx, vm)).saying(
        (NotSupported, Failed), lambda error: _failure("failed to execute fn", error.message)
    )


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
    """Prepare a Windows guest for being copied, which takes drivers in it that offer so: none here is given the file.

    The parameters are checked as if it could be.
    """
    async with ctx.operation(self, VmOperations.sysprep, patience=AT_ONCE):
        if seconds < 0:
            raise INVALID_VALUE("timeout", seconds_text(seconds))
        if len(unattend.encode()) > LONGEST_ANSWER_FILE:
            raise SYSPREP(self.uuid, "unattend.xml file too large")
        raise SYSPREP(self.uuid, "VM driver does not support sysprep")


async def s3_suspend(ctx: Context, vm: VM) -> None:
    """Ask the guest to sleep. Nothing is recorded: a computer that sleeps is on."""
    check_power_state(vm, VmPowerState.Running)
    await ctx.domains(host_of(ctx, vm)).call(DomainDriver.sleep, vm.uuid)


async def s3_resume(ctx: Context, vm: VM) -> None:
    """Wake the guest from that."""
    check_power_state(vm, VmPowerState.Running)
    await ctx.domains(host_of(ctx, vm)).call(DomainDriver.wake, vm.uuid)
