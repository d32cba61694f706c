"""Messages of class VDI: the disks in a repository."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from xapid.backends.datapath.interface import DatapathDriver
from xapid.backends.storage.interface import NewVolume, StorageDriver, Volume, VolumeFormat
from xapid.datamodel import SR, VBD, VDI, VM, Host, VBD_metrics
from xapid.datamodel.errors import (
    INTERNAL_ERROR,
    LOCATION_NOT_UNIQUE,
    MESSAGE_DEPRECATED,
    NOT_IMPLEMENTED,
    PERMISSION_DENIED,
    SR_OPERATION_NOT_SUPPORTED,
    UUID_INVALID,
    VDI_INCOMPATIBLE_TYPE,
    VDI_MISSING,
    VDI_NEEDS_VM_FOR_MIGRATE,
    VDI_NOT_MANAGED,
    VM_BAD_POWER_STATE,
    OtherError,
)
from xapid.datamodel.map_keys import IMAGE_FORMAT, VDI_TYPE
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.types import NULL, DateTime
from xapid.datamodel.vbd import VbdMode
from xapid.datamodel.vdi import OnBoot, VdiOperations, VdiType
from xapid.datamodel.vm import VmPowerState
from xapid.ops import branches, repositories
from xapid.rules import volume_spec
from xapid.runtime.context import Context
from xapid.store.rows import new_uuid
from xapid.store.store import Store
from xapid.store.transaction import Transaction

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CBT = "CBT metadata"
"""How the type ``cbt_metadata`` is spelled in errors."""


# --- Life --------------------------------------------------------------------------------------------


async def create(ctx: Context, args: dict[str, Any]) -> str:
    """Make a disk. It may come out larger than asked for."""
    sr = ctx.store.get(SR, args["SR"])
    if args["type"] is VdiType.cbt_metadata:
        raise VDI_INCOMPATIBLE_TYPE("", _CBT)
    config = args["sm_config"]
    raw = "raw" in (config.get(VDI_TYPE.name), config.get(IMAGE_FORMAT.name))
    new = NewVolume(
        new_uuid(),
        args["virtual_size"],
        args["name_label"],
        VolumeFormat.raw if raw else None,
        args["type"],
    )
    async with repositories.marked(ctx, [(sr, StorageOperations.vdi_create)]) as undo:
        repository = repositories.of(ctx, sr)
        undo.push(repository.channel, StorageDriver.destroy, volume_spec.unborn(repository.spec, new))
        made = await repository.channel.call(StorageDriver.create, repository.spec, new)
        with ctx.write() as tx:
            return record(tx, ctx.store, sr, made, **_client_fields(args)).ref


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


def record(tx: Transaction, store: Store, sr: SR, made: Volume, **fields: Any) -> VDI:
    """The row of a volume that was made."""
    values = {"managed": True, **fields, **volume_spec.facts(made, fields.get("sm_config", {}))}
    add_to_figures(tx, store, sr, made.size, made.physical)
    return tx.create(VDI, uuid=made.uuid, SR=sr.ref, **values)


def add_to_figures(tx: Transaction, store: Store, sr: SR, virtual: int, physical: int) -> None:
    """Keep what an SR says of its space near the truth; a scan makes it exact."""
    latest = store.get(SR, sr.ref)
    tx.set(
        latest,
        virtual_allocation=max(latest.virtual_allocation + virtual, 0),
        physical_utilisation=max(latest.physical_utilisation + physical, 0),
    )


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
        remove(tx, ctx.store, ctx.now(vdi))


def remove(tx: Transaction, store: Store, vdi: VDI) -> None:
    """Forget a disk that is gone, with the drives that hold it and the inner nodes that went with it."""
    sr = store.find(SR, vdi.SR)
    for parent in volume_spec.unreferenced_parents(store, vdi):
        tx.delete(parent)
    for vbd in store.where(VBD, VDI=vdi.ref):
        remove_drive(tx, store, vbd)
    if vdi.type is VdiType.suspend:
        for vm in [vm for vm in store.all(VM) if vm.suspend_VDI == vdi.ref]:
            tx.set(vm, suspend_VDI=NULL)
    tx.delete(vdi)
    if sr is not None:
        add_to_figures(tx, store, sr, -vdi.virtual_size, -vdi.physical_utilisation)


def remove_drive(tx: Transaction, store: Store, vbd: VBD) -> None:
    """Forget a VBD and its metrics."""
    metrics = store.find(VBD_metrics, vbd.metrics)
    if metrics is not None:
        tx.delete(metrics)
    tx.delete(vbd)


# --- Copies ------------------------------------------------------------------------------------------


async def snapshot(ctx: Context, vdi: VDI, driver_params: dict[str, str]) -> str:
    """A disk with the contents as of now. A running guest that has the disk open goes on."""
    return await _branch(ctx, vdi, StorageOperations.vdi_snapshot, VdiOperations.snapshot)


async def clone(ctx: Context, vdi: VDI, driver_params: dict[str, str]) -> str:
    """A disk that shares what is the same with its source, and goes its own way from now on."""
    return await _branch(ctx, vdi, StorageOperations.vdi_clone, VdiOperations.clone)


async def _branch(ctx: Context, vdi: VDI, sr_operation: StorageOperations, operation: VdiOperations) -> str:
    if vdi.type is VdiType.cbt_metadata:
        raise VDI_INCOMPATIBLE_TYPE(vdi.ref, _CBT)
    sr = ctx.store.get(SR, vdi.SR)
    async with repositories.marked(ctx, [(sr, sr_operation), (vdi, operation)]) as undo:
        twigs = await branches.grow(ctx, undo, [vdi], snapshot=operation is VdiOperations.snapshot)
        return await branches.finish(ctx, undo, twigs, lambda tx, made: str(made[vdi.ref].ref))


async def copy(ctx: Context, vdi: VDI, sr: str, base_vdi: str, into_vdi: str) -> str:
    """A full copy of a disk in the same or another repository."""
    if base_vdi != NULL or into_vdi != NULL:
        raise NOT_IMPLEMENTED("VDI.copy with base_vdi or into_vdi")
    target = ctx.store.get(SR, sr)
    if vdi.type is VdiType.cbt_metadata:
        raise VDI_INCOMPATIBLE_TYPE(vdi.ref, _CBT)
    async with repositories.marked(ctx, [(vdi, VdiOperations.copy)]) as undo:
        source, repository = ctx.now(vdi), repositories.of(ctx, target)
        before = repositories.of(ctx, ctx.store.get(SR, source.SR)).volume(source)
        new = NewVolume(new_uuid(), source.virtual_size, source.name_label, purpose=source.type)
        repositories.expect(ctx, undo, new)
        undo.push(repository.channel, StorageDriver.destroy, volume_spec.unborn(repository.spec, new))
        made = await repository.channel.call(StorageDriver.copy, before, repository.spec, new, ctx.task.ref)
        with ctx.write() as tx:
            return record_copy(tx, ctx.store, source, target, made).ref


def record_copy(tx: Transaction, store: Store, source: VDI, target: SR, made: Volume) -> VDI:
    """The row of a full copy."""
    add_to_figures(tx, store, target, made.size, made.physical)
    return tx.create(VDI, **(branches.new_disk(store, source, made, "") | {"SR": target.ref}))


async def revert(ctx: Context, snapshot: VDI) -> NoReturn:
    """Make a disk again, in place, what its snapshot kept. No type of repository here can: VM.revert takes clones."""
    sr = ctx.store.get(SR, snapshot.SR)
    marks = [(sr, StorageOperations.vdi_revert), (snapshot, VdiOperations.revert_from)]
    async with repositories.marked(ctx, marks):
        raise NOT_IMPLEMENTED("VDI.revert")


# --- Size --------------------------------------------------------------------------------------------


async def resize(ctx: Context, vdi: VDI, size: int) -> None:
    """Make a disk larger that no guest has open."""
    sr = ctx.store.get(SR, vdi.SR)
    async with repositories.marked(ctx, [(sr, StorageOperations.vdi_resize), (vdi, VdiOperations.resize)]):
        repository = repositories.of(ctx, sr)
        grown = await repository.channel.call(StorageDriver.resize, repository.volume(ctx.now(vdi)), size)
        _record_size(ctx, vdi, grown)


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
            for vm, vbd in writers:
                host = ctx.store.get(Host, vm.resident_on)
                await ctx.datapath(host).call(DatapathDriver.resize, vm.uuid, vbd.uuid, size)
            grown = await repository.channel.call(StorageDriver.stat, repository.volume(latest))
        _record_size(ctx, vdi, grown)


def _record_size(ctx: Context, vdi: VDI, grown: Volume) -> None:
    with ctx.write() as tx:
        latest = ctx.now(vdi)
        more = grown.size - latest.virtual_size, grown.physical - latest.physical_utilisation
        tx.set(latest, location=grown.key, virtual_size=grown.size, physical_utilisation=grown.physical)
        add_to_figures(tx, ctx.store, ctx.store.get(SR, latest.SR), *more)


async def update(ctx: Context, vdi: VDI) -> None:
    """Read anew what the repository says of a disk."""
    async with ctx.operation(vdi, VdiOperations.update):
        repository = repositories.of(ctx, ctx.store.get(SR, vdi.SR))
        found = await repository.channel.call(StorageDriver.stat, repository.volume(ctx.now(vdi)))
        _record_size(ctx, vdi, found)


# --- Records of volumes that are there already -------------------------------------------------------


async def introduce(
    ctx: Context,
    uuid: str,
    name_label: str,
    name_description: str,
    sr: SR,
    vdi_type: VdiType,
    sharable: bool,
    read_only: bool,
    other_config: dict[str, str],
    location: str,
    xenstore_data: dict[str, str],
    sm_config: dict[str, str],
    managed: bool,
    virtual_size: int,
    physical_utilisation: int,
    metadata_of_pool: str,
    is_a_snapshot: bool,
    snapshot_time: DateTime,
    snapshot_of: str,
) -> str:
    """Take up a volume that is in the repository and has no record. Its sizes are read from the repository."""
    async with ctx.operation(sr, StorageOperations.vdi_introduce):
        if not _UUID.fullmatch(uuid) or uuid in ctx.store.uuids:
            raise INTERNAL_ERROR(f"not a uuid, or one that is taken: {uuid}")
        _check_free(ctx.store, sr, location)
        repository = repositories.of(ctx, sr)
        scan = await repository.channel.call(StorageDriver.scan, repository.spec)
        found = next((each for each in scan.volumes if each.key == location), None)
        if found is None:
            raise VDI_MISSING(sr.ref, location)
        with ctx.write() as tx:
            row = tx.create(
                VDI,
                uuid=uuid,
                SR=sr.ref,
                name_label=name_label,
                name_description=name_description,
                type=vdi_type,
                sharable=sharable,
                read_only=read_only,
                other_config=other_config,
                xenstore_data=xenstore_data,
                managed=managed,
                metadata_of_pool=metadata_of_pool,
                is_a_snapshot=is_a_snapshot,
                snapshot_time=snapshot_time,
                snapshot_of=snapshot_of,
                **volume_spec.facts(found, sm_config),
            )
            return str(row.ref)


def pool_introduce(
    ctx: Context,
    uuid: str,
    name_label: str,
    name_description: str,
    sr: SR,
    vdi_type: VdiType,
    sharable: bool,
    read_only: bool,
    other_config: dict[str, str],
    location: str,
    xenstore_data: dict[str, str],
    sm_config: dict[str, str],
    managed: bool,
    virtual_size: int,
    physical_utilisation: int,
    metadata_of_pool: str,
    is_a_snapshot: bool,
    snapshot_time: DateTime,
    snapshot_of: str,
) -> str:
    """A record of a volume, as a host that joins a pool brings it along. The repository is not asked."""
    if not _UUID.fullmatch(uuid) or uuid in ctx.store.uuids:
        raise UUID_INVALID("VDI", uuid)
    _check_free(ctx.store, sr, location)
    with ctx.write() as tx:
        row = tx.create(
            VDI,
            uuid=uuid,
            SR=sr.ref,
            name_label=name_label,
            name_description=name_description,
            type=vdi_type,
            sharable=sharable,
            read_only=read_only,
            other_config=other_config,
            location=location,
            xenstore_data=xenstore_data,
            sm_config=sm_config,
            managed=managed,
            virtual_size=virtual_size,
            physical_utilisation=physical_utilisation,
            metadata_of_pool=metadata_of_pool,
            is_a_snapshot=is_a_snapshot,
            snapshot_time=snapshot_time,
            snapshot_of=snapshot_of,
        )
        return str(row.ref)


def _check_free(store: Store, sr: SR, location: str) -> None:
    if any(row.location == location for row in store.where(VDI, SR=sr.ref)):
        raise LOCATION_NOT_UNIQUE(sr.ref, location)


async def forget(ctx: Context, vdi: VDI) -> None:
    """Remove the record of a disk; the repository keeps the volume."""
    async with ctx.operation(vdi, VdiOperations.forget):
        with ctx.write() as tx:
            tx.delete(vdi)


# --- Settings ----------------------------------------------------------------------------------------


def set_name_label(ctx: Context, self: VDI, value: str) -> None:
    with ctx.write() as tx:
        tx.set(self, name_label=value)


def set_name_description(ctx: Context, self: VDI, value: str) -> None:
    with ctx.write() as tx:
        tx.set(self, name_description=value)


def set_allow_caching(ctx: Context, self: VDI, value: bool) -> None:
    with ctx.write() as tx:
        tx.set(self, allow_caching=value)


async def set_on_boot(ctx: Context, self: VDI, value: OnBoot) -> None:
    """Whether what a machine writes is forgotten at its next start."""
    for vm, _ in branches.open_in_guests(ctx.store, self):
        raise VM_BAD_POWER_STATE(vm.ref, VmPowerState.Halted.lower(), vm.power_state.lower())
    sr = ctx.store.get(SR, self.SR)
    marks = [(sr, StorageOperations.vdi_set_on_boot), (self, VdiOperations.set_on_boot)]
    async with repositories.marked(ctx, marks):
        with ctx.write() as tx:
            tx.set(self, on_boot=value)


def force_unlock(ctx: Context, vdi: str) -> NoReturn:
    raise MESSAGE_DEPRECATED()


def pool_migrate(ctx: Context, vdi: str, sr: str, options: dict[str, str]) -> NoReturn:
    """Moves the disk of a running machine; there is no such move yet."""
    row = ctx.store.find(VDI, vdi)
    if row is None or not branches.open_in_guests(ctx.store, row):
        raise VDI_NEEDS_VM_FOR_MIGRATE(vdi)
    raise SR_OPERATION_NOT_SUPPORTED(row.SR)


def _for_plugins(ctx: Context, *args: Any) -> NoReturn:
    """Storage plug-ins alone may write these facts, and there are none that call us."""
    raise PERMISSION_DENIED("")


set_read_only = set_sharable = set_managed = set_missing = set_cbt_enabled = _for_plugins
set_virtual_size = set_physical_utilisation = set_metadata_of_pool = _for_plugins
set_is_a_snapshot = set_snapshot_of = set_snapshot_time = _for_plugins
db_introduce = db_forget = _for_plugins


def read_database_pool_uuid(ctx: Context, self: str) -> str:
    """The pool whose database a disk holds. None has been opened to look, so none is known; as the original does, the
    reference itself is not looked at."""
    return ""
