"""Disks come and go, and grow."""

from __future__ import annotations

from typing import Any

from xapid.backends.datapath.interface import DatapathDriver
from xapid.backends.storage.interface import NewVolume, StorageDriver, Volume, VolumeFormat
from xapid.datamodel import SR, VBD, VDI, VM, Host, VBD_metrics
from xapid.datamodel.errors import VDI_INCOMPATIBLE_TYPE, VDI_NOT_MANAGED, OtherError
from xapid.datamodel.map_keys import IMAGE_FORMAT, VDI_TYPE
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.types import NULL
from xapid.datamodel.vbd import VbdMode
from xapid.datamodel.vdi import VdiOperations, VdiType
from xapid.ops import branches, repositories
from xapid.ops.repositories import Repository
from xapid.rules import volume_spec
from xapid.rules.vdi import TYPE_WORDS
from xapid.runtime.context import Context
from xapid.store.rows import new_uuid
from xapid.store.store import Store
from xapid.store.transaction import Transaction

# --- Life --------------------------------------------------------------------------------------------


async def create(ctx: Context, args: dict[str, Any]) -> str:
    """Make a disk. It may come out larger than asked for."""
    sr = ctx.store.get(SR, args["SR"])
    if args["type"] is VdiType.cbt_metadata:
        raise VDI_INCOMPATIBLE_TYPE("", TYPE_WORDS[VdiType.cbt_metadata])
    config = args["sm_config"]
    raw = "raw" in (config.get(VDI_TYPE.name), config.get(IMAGE_FORMAT.name))
    new = NewVolume(
        new_uuid(),
        args["virtual_size"],
        args["name_label"],
        VolumeFormat.raw if raw else None,
        args["type"],
        args["name_description"],
        config,
    )
    async with repositories.marked(ctx, [(sr, StorageOperations.vdi_create)]) as undo:
        repository = repositories.of(ctx, sr)
        undo.push(repository.channel, StorageDriver.destroy, volume_spec.unborn(repository.spec, new))
        made = await repository.channel.call(StorageDriver.create, repository.spec, new)
        with ctx.write() as tx:
            return record(tx, repository, made, **_client_fields(args)).ref


def _client_fields(args: dict[str, Any]) -> dict[str, Any]:
    return {name: args[name] for name in _CLIENT_FIELDS if name in args}


_CLIENT_FIELDS = (
    "name_label",
    "name_description",
    "type",
    "sharable",
    "read_only",
    "other_config",
    "xenstore_data",
    "sm_config",
    "tags",
)
"""What a client says of a new disk, its size aside."""


def record(tx: Transaction, repository: Repository, made: Volume, **fields: Any) -> VDI:
    """The row of a volume that was made."""
    values = {"managed": True, **fields, **volume_spec.facts(made, fields.get("sm_config", {}))}
    return repositories.put_disk(tx, repository, uuid=made.uuid, **values)


async def destroy(ctx: Context, self: VDI) -> None:
    """Destroy a disk, and the drives that hold it; none may have it open."""
    sr = ctx.store.get(SR, self.SR)
    marks = [(sr, StorageOperations.vdi_destroy), (self, VdiOperations.destroy)]
    async with repositories.marked(ctx, marks):
        if not self.managed:
            raise VDI_NOT_MANAGED(self.ref)
        await destroy_disk(ctx, ctx.now(self))


async def destroy_disk(ctx: Context, vdi: VDI) -> None:
    """Destroy a disk whose marks the caller holds."""
    repository = repositories.of(ctx, ctx.store.get(SR, vdi.SR))
    await repository.channel.call(StorageDriver.destroy, repository.volume(vdi))
    with ctx.write() as tx:
        if repository.channel.keeps_records:
            # Its inner nodes are the plug-in's affair, which will have forgotten the disk itself.
            _remove_uses(tx, ctx.store, vdi)
            if (left := ctx.store.find(VDI, vdi.ref)) is not None:
                tx.delete(left)
        else:
            remove(tx, ctx.store, ctx.now(vdi))


def remove(tx: Transaction, store: Store, vdi: VDI) -> None:
    """Forget a disk that is gone, with the drives that hold it and the inner nodes that went with it."""
    sr = store.find(SR, vdi.SR)
    gone = [vdi, *volume_spec.unreferenced_parents(store, vdi)]
    _remove_uses(tx, store, vdi)
    for each in gone:
        tx.delete(each)
    if sr is not None:
        virtual, physical = (sum(sizes) for sizes in zip(*map(_sizes, gone), strict=True))
        repositories.add_to_figures(tx, store, sr, -virtual, -physical)


def _sizes(vdi: VDI) -> tuple[int, int]:
    return vdi.virtual_size, vdi.physical_utilisation


def _remove_uses(tx: Transaction, store: Store, vdi: VDI) -> None:
    """Forget who had a disk."""
    for vbd in store.where(VBD, VDI=vdi.ref):
        remove_drive(tx, store, vbd)
    if vdi.type is VdiType.suspend:
        for vm in [vm for vm in store.all(VM) if vm.suspend_VDI == vdi.ref]:
            tx.set(vm, suspend_VDI=NULL)


def remove_drive(tx: Transaction, store: Store, vbd: VBD) -> None:
    """Forget a VBD and its metrics."""
    metrics = store.find(VBD_metrics, vbd.metrics)
    if metrics is not None:
        tx.delete(metrics)
    tx.delete(vbd)


# --- Size --------------------------------------------------------------------------------------------


async def resize(ctx: Context, vdi: VDI, size: int) -> None:
    """Make a disk larger that no guest has open."""
    sr = ctx.store.get(SR, vdi.SR)
    async with repositories.marked(ctx, [(sr, StorageOperations.vdi_resize), (vdi, VdiOperations.resize)]):
        repository = repositories.of(ctx, sr)
        grown = await repository.channel.call(StorageDriver.resize, repository.volume(ctx.now(vdi)), size)
        record_size(ctx, vdi, grown)


async def resize_online(ctx: Context, vdi: VDI, size: int) -> None:
    """Make a disk larger; a running guest that has it open sees the new size at once."""
    sr = ctx.store.get(SR, vdi.SR)
    async with repositories.marked(ctx, [(sr, StorageOperations.vdi_resize), (vdi, VdiOperations.resize_online)]):
        repository, latest = repositories.of(ctx, sr), ctx.now(vdi)
        writers = [(vm, vbd) for vm, vbd in branches.open_in_guests(ctx.store, latest) if vbd.mode is VbdMode.RW]
        if not writers:
            grown = await repository.channel.call(StorageDriver.resize, repository.volume(latest), size)
        else:
            if size < latest.virtual_size:
                raise OtherError("SR_BACKEND_FAILURE_79", "", "A disk cannot become smaller", "")
            if repository.channel.foreign:
                # Its plug-in makes the device larger, and guests see that.
                size = (await repository.channel.call(StorageDriver.resize, repository.volume(latest), size)).size
            else:
                size = await repository.channel.call(StorageDriver.make_room, repository.volume(latest), size)
            for vm, vbd in writers:
                await grow_in_guest(ctx, vm, vbd, size)
            grown = await repository.channel.call(StorageDriver.stat, repository.volume(ctx.now(latest)))
        record_size(ctx, vdi, grown)


async def grow_in_guest(ctx: Context, vm: VM, vbd: VBD, size: int) -> None:
    """Let a running guest see a larger disk; the file grows with it."""
    host = ctx.store.get(Host, vm.resident_on)
    await ctx.datapath(host).call(DatapathDriver.resize, vm.uuid, vbd.uuid, size)


def record_size(ctx: Context, vdi: VDI, grown: Volume, *, settle: bool = True) -> None:
    """Write down what a driver says of a disk. ``settle``: whether nothing that was done so far is taken back then."""
    with ctx.write(settle=settle) as tx:
        latest = ctx.now(vdi)
        more = grown.size - latest.virtual_size, grown.physical - latest.physical_utilisation
        tx.set(latest, location=grown.key, virtual_size=grown.size, physical_utilisation=grown.physical)
        repositories.add_to_figures(tx, ctx.store, ctx.store.get(SR, latest.SR), *more)


async def update(ctx: Context, vdi: VDI) -> None:
    """Read anew what the repository says of a disk."""
    async with ctx.operation(vdi, VdiOperations.update):
        repository = repositories.of(ctx, ctx.store.get(SR, vdi.SR))
        found = await repository.channel.call(StorageDriver.stat, repository.volume(ctx.now(vdi)))
        record_size(ctx, vdi, found)
