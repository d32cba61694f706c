"""Records of volumes that are there already, made and removed."""

from __future__ import annotations

import re

from xapid.backends.storage.interface import StorageDriver, Volume
from xapid.datamodel import SR, VDI
from xapid.datamodel.errors import INTERNAL_ERROR, LOCATION_NOT_UNIQUE, UUID_INVALID, VDI_MISSING
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.types import DateTime
from xapid.datamodel.vdi import VdiOperations, VdiType
from xapid.ops import repositories
from xapid.ops.repositories import Repository
from xapid.rules import volume_spec
from xapid.runtime.context import Context
from xapid.store.store import Store

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


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
        found = await _found(repository, uuid, location)
        with ctx.write() as tx:
            row = repositories.put_row(
                tx,
                repository,
                uuid=found.uuid if repository.channel.foreign else uuid,
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


async def _found(repository: Repository, uuid: str, location: str) -> Volume:
    """A volume that is there. Raises VDI_MISSING."""
    if repository.channel.foreign:
        return await repository.channel.call(StorageDriver.introduce, repository.spec, uuid, location)
    scan = await repository.channel.call(StorageDriver.scan, repository.spec)
    found = next((each for each in scan.volumes if each.key == location), None)
    if found is None:
        raise VDI_MISSING(repository.row.ref, location)
    return found


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
