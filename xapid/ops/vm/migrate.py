"""Messages that move a running machine: on one host that means to a new process there."""

from __future__ import annotations

from xapid.datamodel import SR, VM, Host
from xapid.datamodel.errors import (
    INTERNAL_ERROR,
    NOT_IMPLEMENTED,
    OPERATION_NOT_ALLOWED,
)
from xapid.datamodel.vm import VmOperations, VmPowerState
from xapid.ops.vm.change import changing, host_of
from xapid.ops.vm.copies import disks_of
from xapid.ops.vm.guest import assert_runs
from xapid.ops.vm.suspend import save, wake
from xapid.rules import placement
from xapid.runtime.context import Context

DESTINATION = ("host", "session_id", "master", "SM", "xenops")
"""What a destination says of itself (host.migrate_receive)."""


async def pool_migrate(ctx: Context, vm: VM, host: Host, options: dict[str, str]) -> None:
    """Move a running machine to a host; on the host that it is on, to a new process with the devices as they are now.

    The guest sleeps meanwhile, in its suspend image: if it cannot go on it is suspended, and nothing of it is lost.
    """
    forced = options.get("force") == "true"
    async with changing(ctx, vm, VmOperations.pool_migrate, strict=not forced) as change:
        latest = ctx.now(vm)
        if latest.resident_on != host.ref:
            raise NOT_IMPLEMENTED("VM.pool_migrate")
        await save(ctx, change.news, latest)
        await wake(ctx, vm, lambda asleep: host, paused=False)


async def restart_device_models(ctx: Context, self: VM) -> None:
    """Give a machine a new process where it is."""
    assert_runs(self)
    await pool_migrate(ctx, self, host_of(ctx, self), {})


def assert_can_migrate(
    ctx: Context,
    vm: VM,
    dest: dict[str, str],
    live: bool,
    vdi_map: dict[str, str],
    vif_map: dict[str, str],
    options: dict[str, str],
    vgpu_map: dict[str, str],
) -> None:
    """Say what keeps a machine from moving, with its disks if these are to move."""
    host = _host_at(ctx, dest)
    if vif_map or options.get("copy") == "true":
        raise OPERATION_NOT_ALLOWED("Within a pool networks stay the same, and machines are not copied by moving them")
    ctx.check(vm, VmOperations.migrate_send, strict=options.get("force") != "true")
    if vm.power_state is not VmPowerState.Running:
        placement.assert_can_boot_here(ctx.store, vm, host)
    for vdi in disks_of(ctx.store, vm):
        if vdi_map.get(vdi.ref, vdi.SR) != vdi.SR and ctx.store.find(SR, vdi_map[vdi.ref]) is not None:
            raise NOT_IMPLEMENTED("VM.migrate_send")


def _host_at(ctx: Context, dest: dict[str, str]) -> Host:
    """The host that a destination means. Raises INTERNAL_ERROR for one that is not whole."""
    for key in DESTINATION:
        if key not in dest:
            raise INTERNAL_ERROR(f"the destination does not say its {key!r}")
    host = ctx.store.find(Host, dest["host"])
    if host is None:
        raise NOT_IMPLEMENTED("VM.migrate_send")
    return host


async def migrate_send(
    ctx: Context,
    vm: VM,
    dest: dict[str, str],
    live: bool,
    vdi_map: dict[str, str],
    vif_map: dict[str, str],
    options: dict[str, str],
    vgpu_map: dict[str, str],
    vdi_format_map: dict[str, str],
) -> str:
    """Move a machine with its disks. To the host that it is on, with disks that stay where they are, nothing moves."""
    assert_can_migrate(ctx, vm, dest, live, vdi_map, vif_map, options, vgpu_map)
    async with changing(ctx, vm, VmOperations.migrate_send, strict=options.get("force") != "true"):
        return vm.ref
