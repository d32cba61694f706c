"""Messages of class VBD: the drives of machines."""

from __future__ import annotations

from typing import Any, NoReturn

from xapid.backends.domain.interface import DomainDriver
from xapid.backends.interface import Busy, InUse
from xapid.backends.storage.interface import Disk, StorageDriver
from xapid.datamodel import SR, VBD, VDI, VM, Host, VBD_metrics
from xapid.datamodel.errors import (
    DEVICE_DETACH_REJECTED,
    DISK_VBD_MUST_BE_READWRITE_FOR_HVM,
    NOT_IMPLEMENTED,
    OPERATION_NOT_ALLOWED,
    OTHER_OPERATION_IN_PROGRESS,
    SR_OPERATION_NOT_SUPPORTED,
    VBD_CDS_MUST_BE_READONLY,
    VBD_NOT_REMOVABLE_MEDIA,
    VDI_READONLY,
)
from xapid.datamodel.map_keys import VBD_BACKEND_KIND, VDI_BACKEND_KIND
from xapid.datamodel.types import NULL
from xapid.datamodel.vbd import VbdMode, VbdOperations, VbdType
from xapid.datamodel.vm import VmOperations, VmPowerState
from xapid.ops import repositories
from xapid.ops.drives import close_volumes, held, open_volume, open_volumes
from xapid.ops.vdi.disks import remove_drive
from xapid.ops.vm.change import assert_same_domain, host_of
from xapid.rules import devices
from xapid.rules.domain_spec import disk_spec, is_hvm
from xapid.rules.vbd import check_disk, check_type
from xapid.rules.vm import check_power_state
from xapid.runtime.context import Context

# --- Coming and going --------------------------------------------------------------------------------


def create(ctx: Context, args: dict[str, Any]) -> str:
    """A drive of a machine. A running one is not given it before it is plugged."""
    vm = ctx.store.get(VM, args["VM"])
    vdi = None if args["empty"] else ctx.store.get(VDI, args["VDI"])
    kind: VbdType = args["type"]
    _check(vm, vdi, kind, args["mode"])
    _check_not_moving(ctx, vm)
    if kind is VbdType.Floppy and not is_hvm(vm):
        raise NOT_IMPLEMENTED("VBD of type 'floppy' is not supported on PV domain")
    suspended = vm.power_state is VmPowerState.Suspended
    values = args | {
        "VDI": NULL if vdi is None else vdi.ref,
        "userdevice": devices.resolve_vbd_device(ctx.store, vm, args["userdevice"], kind),
        "device": args.get("device", "") if suspended else "",
        "currently_attached": args.get("currently_attached", False) and suspended,
    }
    if vdi is not None and VDI_BACKEND_KIND.name in vdi.sm_config:
        values["other_config"] = {**values["other_config"], VBD_BACKEND_KIND.name: VDI_BACKEND_KIND.of(vdi)}
    with ctx.write() as tx:
        return str(tx.create(VBD, **values | {"metrics": tx.create(VBD_metrics).ref}).ref)


def _check(vm: VM, vdi: VDI | None, kind: VbdType, mode: VbdMode) -> None:
    if vdi is not None:
        check_type(vdi)
    if kind is VbdType.CD and mode is not VbdMode.RO:
        raise VBD_CDS_MUST_BE_READONLY()
    if vdi is None and kind is not VbdType.CD:
        raise VBD_NOT_REMOVABLE_MEDIA("in constructor")
    if vdi is not None and mode is VbdMode.RW and vdi.read_only:
        raise VDI_READONLY(vdi.ref)


_MOVING = (VmOperations.pool_migrate, VmOperations.migrate_send)


def _check_not_moving(ctx: Context, vm: VM) -> None:
    for task, operation in vm.current_operations.items():
        if operation in _MOVING:
            raise OTHER_OPERATION_IN_PROGRESS("VM", vm.ref, operation, task)


def destroy(ctx: Context, self: VBD) -> None:
    """Remove a drive; the disk stays."""
    if self.currently_attached or self.current_operations:
        vm = ctx.store.get(VM, self.VM)
        raise OPERATION_NOT_ALLOWED(f"VBD '{self.uuid}' still attached to '{vm.uuid}'")
    with ctx.write() as tx:
        remove_drive(tx, ctx.store, self)


# --- Plugging ----------------------------------------------------------------------------------------


async def plug(ctx: Context, self: VBD) -> None:
    """Give the disk to the running machine."""
    async with ctx.operation(self, VbdOperations.plug) as undo:
        vbd = ctx.now(self)
        vm = ctx.store.get(VM, vbd.VM)
        hvm, host = is_hvm(vm), host_of(ctx, vm)
        if hvm and vbd.type is VbdType.Disk and vbd.mode is VbdMode.RO:
            raise DISK_VBD_MUST_BE_READWRITE_FOR_HVM(vbd.ref)
        disks = await open_volumes(ctx, undo, host, [vbd])
        channel = ctx.domains(host)
        undo.push(channel, DomainDriver.detach_disk, vm.uuid, vbd.uuid, True)
        await channel.call(DomainDriver.attach_disk, vm.uuid, disk_spec(vbd, disks.get(vbd.ref), hvm=hvm))
        assert_same_domain(ctx, vm)
        with ctx.write() as tx:
            name = devices.place(vbd.userdevice, device_model=hvm).name
            tx.set(vbd, currently_attached=True, device=name)


async def unplug(ctx: Context, self: VBD) -> None:
    """Ask the guest to give the disk back, and take it."""
    await _unplug(ctx, self, VbdOperations.unplug, force=False)


async def unplug_force(ctx: Context, self: VBD) -> None:
    """Take the disk without asking."""
    await _unplug(ctx, self, VbdOperations.unplug_force, force=True)


async def unplug_force_no_safety_check(ctx: Context, self: VBD) -> None:
    """The same; nothing else is looked at there either."""
    await unplug_force(ctx, self)


async def _unplug(ctx: Context, vbd: VBD, operation: VbdOperations, *, force: bool) -> None:
    async with ctx.operation(vbd, operation), held(ctx, [ctx.now(vbd)]):
        vbd = ctx.now(vbd)
        vm = ctx.store.get(VM, vbd.VM)
        host = host_of(ctx, vm)
        domains = ctx.domains(host).saying((Busy, InUse), lambda _: DEVICE_DETACH_REJECTED("VBD", vbd.ref, ""))
        await domains.call(DomainDriver.detach_disk, vm.uuid, vbd.uuid, force)
        await close_volumes(ctx, host, [vbd])
        with ctx.write() as tx:
            tx.set(vbd, currently_attached=False, device="")


# --- Media -------------------------------------------------------------------------------------------


async def insert(ctx: Context, vbd: VBD, vdi: VDI) -> None:
    """Put a medium into an empty CD drive."""
    async with ctx.operation(vbd, VbdOperations.insert) as undo:
        drive = ctx.now(vbd)
        vm = ctx.store.get(VM, drive.VM)
        _check(vm, vdi, drive.type, drive.mode)
        check_disk(ctx.store, drive, vdi)
        if drive.currently_attached:
            host = host_of(ctx, vm)
            disk = await open_volume(ctx, undo, host, drive, vdi)
            undo.push(ctx.domains(host), DomainDriver.change_medium, vm.uuid, drive.uuid, None)
            await _change_medium(ctx, vm, drive, disk)
            assert_same_domain(ctx, vm)
        with ctx.write() as tx:
            tx.set(drive, VDI=vdi.ref, empty=False)


async def eject(ctx: Context, vbd: VBD) -> None:
    """Take the medium out of a CD drive."""
    async with ctx.operation(vbd, VbdOperations.eject):
        drive = ctx.now(vbd)
        if drive.currently_attached:
            vm = ctx.store.get(VM, drive.VM)
            await _change_medium(ctx, vm, drive, None)
            await close_volumes(ctx, host_of(ctx, vm), [drive])
        with ctx.write() as tx:
            tx.set(drive, VDI=NULL, empty=True)


async def put_again(ctx: Context, vbd: VBD, vdi: VDI) -> None:
    """Let the guest see what a drive of the host holds now: it opened the drive before there was this disc in it.

    Marked as what it begins with: the old disc goes.
    """
    async with ctx.operation(vbd, VbdOperations.eject):
        drive = ctx.now(vbd)
        if not drive.currently_attached or vdi.ref != drive.VDI:
            return
        vm = ctx.store.get(VM, drive.VM)
        repository = repositories.on(ctx, ctx.store.get(SR, vdi.SR), host_of(ctx, vm))
        volume, write = repository.volume(ctx.now(vdi)), drive.mode is VbdMode.RW
        disk = await repository.channel.call(StorageDriver.attach, volume, drive.uuid, write)
        await _change_medium(ctx, vm, drive, disk)


async def _change_medium(ctx: Context, vm: VM, drive: VBD, disk: Disk | None) -> None:
    host: Host = host_of(ctx, vm)
    await ctx.domains(host).call(DomainDriver.change_medium, vm.uuid, drive.uuid, disk)


# --- Settings ----------------------------------------------------------------------------------------


def set_mode(ctx: Context, self: VBD, value: VbdMode) -> None:
    vm = ctx.store.get(VM, self.VM)
    check_power_state(vm, VmPowerState.Halted)
    with ctx.write() as tx:
        tx.set(self, mode=value)


def assert_attachable(ctx: Context, self: VBD) -> None:
    """Say what keeps the drive from being attached."""
    ctx.check(self, VbdOperations.attach)


def pause(ctx: Context, vbd: str, *args: Any) -> NoReturn:
    """What lies behind a drive is paused by the toolstack alone."""
    _refuse(ctx, ctx.store.get(VBD, vbd))


def unpause(ctx: Context, self: VBD, token: str) -> NoReturn:
    _refuse(ctx, self)


def _refuse(ctx: Context, drive: VBD) -> NoReturn:
    vdi = ctx.store.find(VDI, drive.VDI)
    raise SR_OPERATION_NOT_SUPPORTED(NULL if vdi is None else vdi.SR)
