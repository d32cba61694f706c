"""Messages of class SR: repositories of disks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from xapid.backends.storage.interface import Feature, Sr, SrFigures, SrFound, StorageDriver
from xapid.datamodel import PBD, SM, SR, VDI, Host, Pool
from xapid.datamodel.errors import (
    MESSAGE_DEPRECATED,
    SR_HAS_MULTIPLE_PBDS,
    SR_HAS_NO_PBDS,
    SR_INDESTRUCTIBLE,
    SR_IS_CACHE_SR,
    SR_OPERATION_NOT_SUPPORTED,
    SR_SOURCE_SPACE_INSUFFICIENT,
    SR_UNKNOWN_DRIVER,
    SR_UUID_EXISTS,
    ApiError,
    OtherError,
)
from xapid.datamodel.map_keys import INDESTRUCTIBLE
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.vdi import VdiType
from xapid.ops import pbd as pbds
from xapid.ops import repositories, scan_records
from xapid.ops.blob import attach_new_blob
from xapid.ops.drives import all_of
from xapid.ops.sr_figures import forget_data_source_archives as forget_data_source_archives
from xapid.ops.sr_figures import get_data_sources as get_data_sources
from xapid.ops.sr_figures import query_data_source as query_data_source
from xapid.ops.sr_figures import record_data_source as record_data_source
from xapid.rules import volume_spec
from xapid.rules.sr import features
from xapid.runtime.channel import Channel
from xapid.runtime.context import Context
from xapid.store.kept_apart import revealed
from xapid.store.rows import new_uuid
from xapid.store.store import Store

MIB = 1 << 20
FOR_HA = {VdiType.ha_statefile: 266_240, VdiType.redo_log: 2 * 60 * MIB}
"""Disks that high availability needs, with their bytes: the log has two halves."""
BEFORE_THE_TOOLSTACK = frozenset({Feature.VDI_GENERATE_CONFIG, Feature.VDI_ATTACH_OFFLINE})
"""A host opens them while it has no toolstack yet."""
UNKNOWN = -1
"""Space of a repository that was never looked at."""


def sm_of(store: Store, sr_type: str) -> SM:
    """The driver of a type of repository. Raises SR_UNKNOWN_DRIVER."""
    found = next((sm for sm in store.all(SM) if sm.type == sr_type), None)
    if found is None:
        raise SR_UNKNOWN_DRIVER(sr_type)
    return found


# --- Coming and going --------------------------------------------------------------------------------


async def create(
    ctx: Context,
    host: Host,
    device_config: dict[str, str],
    physical_size: int,
    name_label: str,
    name_description: str,
    type: str,
    content_type: str,
    shared: bool,
    sm_config: dict[str, str],
) -> str:
    """Make a repository and plug it, into every host if it is shared."""
    sr_type = sm_of(ctx.store, type.lower()).type
    if shared:
        host = ctx.store.get(Host, ctx.store.one(Pool).master)
    spec = Sr(new_uuid(), sr_type, revealed(ctx.store, device_config), revealed(ctx.store, sm_config))
    channel = ctx.storage_type(host, sr_type)

    def record() -> tuple[SR, list[PBD]]:
        hosts = [host, *(other for other in ctx.store.all(Host) if shared and other.ref != host.ref)]
        with ctx.write() as tx:
            sr = tx.create(
                SR,
                uuid=spec.uuid,
                name_label=name_label,
                name_description=name_description,
                type=sr_type,
                content_type=content_type,
                shared=shared,
                sm_config=sm_config,
            )
            return sr, [tx.create(PBD, host=each.ref, SR=sr.ref, device_config=device_config) for each in hosts]

    if channel.foreign:
        sr, made = await _made_by_plugin(ctx, channel, spec, physical_size, record)
    else:
        async with ctx.undoing() as undo:
            undo.push(channel, StorageDriver.destroy_sr, spec)
            await channel.call(StorageDriver.create_sr, spec, physical_size)
            sr, made = record()
    await all_of([pbds.try_to_plug(ctx, pbd) for pbd in made])
    return str(sr.ref)


async def _made_by_plugin(
    ctx: Context, channel: Channel, spec: Sr, size: int, record: Callable[[], tuple[SR, list[PBD]]]
) -> tuple[SR, list[PBD]]:
    """The same by a plug-in, which may ask for the records while it works.

    It cleans up by itself where it fails. To have it delete what it did not make might be another's repository.
    """
    sr, made = record()
    try:
        config = await channel.call(StorageDriver.create_sr, spec, size)
    except ApiError:
        _forget(ctx, sr)
        raise
    if config is not None and config != spec.device_config:
        with ctx.write() as tx:
            made = [tx.set(pbd, device_config=config) for pbd in made]
    return sr, made


def introduce(
    ctx: Context,
    uuid: str,
    name_label: str,
    name_description: str,
    type: str,
    content_type: str,
    shared: bool,
    sm_config: dict[str, str],
) -> str:
    """Take up a repository that has no record. Its driver is asked for only when it is plugged."""
    if uuid and uuid in ctx.store.uuids:
        raise SR_UUID_EXISTS(uuid)
    with ctx.write() as tx:
        sr = tx.create(
            SR,
            uuid=uuid,
            name_label=name_label,
            name_description=name_description,
            type=type.lower(),
            content_type=content_type,
            shared=shared,
            sm_config=sm_config,
            physical_size=UNKNOWN,
            physical_utilisation=UNKNOWN,
        )
    return str(sr.ref)


async def destroy(ctx: Context, sr: SR) -> None:
    """Destroy a repository that is unplugged and empty, and forget it."""
    async with ctx.operation(sr, StorageOperations.destroy):
        if INDESTRUCTIBLE.of(sr):
            raise SR_INDESTRUCTIBLE(sr.ref)
        for host in ctx.store.all(Host):
            if host.local_cache_sr == sr.ref:
                raise SR_IS_CACHE_SR(host.ref)
        repository = repositories.of_unplugged(ctx, ctx.now(sr))
        await repository.channel.call(StorageDriver.destroy_sr, repository.spec)
        _forget(ctx, sr)


async def forget(ctx: Context, sr: SR) -> None:
    """Remove the records of an unplugged repository and of its disks; nothing in it is touched."""
    async with ctx.operation(sr, StorageOperations.forget):
        _forget(ctx, sr)


def _forget(ctx: Context, sr: SR) -> None:
    with ctx.write() as tx:
        for pbd in ctx.store.where(PBD, SR=sr.ref):
            tx.delete(pbd)
        for vdi in ctx.store.where(VDI, SR=sr.ref):
            tx.delete(vdi)
        tx.delete(sr)


# --- What is in it -----------------------------------------------------------------------------------


async def scan(ctx: Context, sr: SR) -> None:
    """Make the records of the disks agree with what is in the repository."""
    async with ctx.operation(sr, StorageOperations.scan):
        await look(ctx, sr)


async def look(ctx: Context, sr: SR) -> None:
    """The same for one that clients cannot ask to be scanned."""
    # What is merged meanwhile would be found half in its old place.
    async with ctx.lock(sr):
        repository, began = repositories.of(ctx, ctx.now(sr)), ctx.store.generation
        found = await repository.channel.call(StorageDriver.scan, repository.spec)
        with ctx.write() as tx:
            scan_records.record(ctx, tx, repository, found, began)


async def update(ctx: Context, sr: SR) -> None:
    """Read anew what the repository says of its space."""
    repository = repositories.of(ctx, sr)
    ctx.check(sr, StorageOperations.update)
    figures = await repository.channel.call(StorageDriver.figures, repository.spec)
    with ctx.write() as tx:
        scan_records.set_figures(tx, ctx.now(sr), figures)


# --- Looking for repositories ------------------------------------------------------------------------


def get_supported_types(ctx: Context) -> list[str]:
    ctx.shown_class(SM)
    return sorted(sm.type for sm in ctx.store.all(SM))


async def probe_ext(
    ctx: Context, host: Host, device_config: dict[str, str], type: str, sm_config: dict[str, str]
) -> list[dict[str, Any]]:
    """What repositories a configuration leads to."""
    # The original names no repository here: there is none yet.
    unable = OtherError("SR_OPERATION_NOT_SUPPORTED")
    if ctx.storage_type(host, sm_of(ctx.store, type.lower()).type).keeps_records:
        raise unable  # Such answer in words alone.
    found = await _probe(ctx, host, device_config, type, unable)
    return [_probe_result(each) for each in found]


async def probe(ctx: Context, host: Host, device_config: dict[str, str], type: str, sm_config: dict[str, str]) -> str:
    """The same as the XML text that older clients read."""
    # Loaded here alone: few clients probe, and the module takes a few milliseconds of every start.
    from xml.etree import ElementTree

    unable = OtherError("SR_BACKEND_FAILURE", f"Repositories of type {type.lower()} cannot be looked for", "", "")
    root = ElementTree.Element("SRlist")
    all_found = await _probe(ctx, host, device_config, type, unable)
    if all_found and all_found[0].text:
        return all_found[0].text
    for found in all_found:
        entry = ElementTree.SubElement(root, "SR")
        for name, text in _probe_entries(found):
            ElementTree.SubElement(entry, name).text = text
    return ElementTree.tostring(root, encoding="unicode")


async def _probe(
    ctx: Context, host: Host, device_config: dict[str, str], sr_type: str, unable: ApiError
) -> list[SrFound]:
    sm = sm_of(ctx.store, sr_type.lower())
    if Feature.SR_PROBE not in sm.features:
        raise unable
    return await ctx.storage_type(host, sm.type).call(StorageDriver.probe, revealed(ctx.store, device_config))


def _probe_entries(found: SrFound) -> Iterator[tuple[str, str]]:
    yield "UUID", found.uuid
    yield "name_label", found.name
    yield "name_description", ""
    if found.figures is not None:
        yield "size", str(found.figures.physical_size)


def _probe_result(found: SrFound) -> dict[str, Any]:
    stat: dict[str, Any] | None = None
    if found.uuid:
        figures = found.figures or SrFigures(0, 0, 0)
        stat = {
            "uuid": found.uuid,
            "name_label": found.name,
            "name_description": "",
            "free_space": figures.physical_size - figures.physical_utilisation,
            "total_space": figures.physical_size,
            "clustered": False,
            "health": "healthy",
        }
    return {"configuration": found.config, "complete": bool(found.uuid), "sr": stat, "extra_info": {}}


# --- Settings ----------------------------------------------------------------------------------------


async def set_name_label(ctx: Context, sr: SR, value: str) -> None:
    await _rename(ctx, sr, name_label=value)


async def set_name_description(ctx: Context, sr: SR, value: str) -> None:
    await _rename(ctx, sr, name_description=value)


async def _rename(ctx: Context, sr: SR, **changes: str) -> None:
    """Names belong to the repository too, so that it must be within reach. Raises SR_HAS_NO_PBDS."""
    pbd = volume_spec.working_pbd(ctx.store, sr)
    if pbd is None:
        raise SR_HAS_NO_PBDS(sr.ref)
    repository = repositories.on(ctx, sr, ctx.store.get(Host, pbd.host))

    async def tell(name: str, description: str) -> None:
        await repository.channel.call(StorageDriver.rename_sr, repository.spec, name, description)

    await repositories.rename(ctx, repository, sr, changes, tell)


def set_shared(ctx: Context, sr: SR, value: bool) -> None:
    """A repository that several hosts see cannot be declared private."""
    known = ctx.store.where(PBD, SR=sr.ref)
    if not value and len(known) > 1:
        raise SR_HAS_MULTIPLE_PBDS(*(pbd.ref for pbd in known))
    with ctx.write() as tx:
        tx.set(sr, shared=value)


def create_new_blob(ctx: Context, sr: SR, name: str, mime_type: str, public: bool) -> str:
    return attach_new_blob(ctx, sr, name, mime_type, public)


# --- What it is good for -----------------------------------------------------------------------------


def assert_can_host_ha_statefile(ctx: Context, sr: SR) -> None:
    """Raise what keeps hosts from telling each other through it that they live."""
    _assert_seen_by_all(ctx.store, sr)
    if not features(ctx.store, sr) & BEFORE_THE_TOOLSTACK:
        raise SR_OPERATION_NOT_SUPPORTED(sr.ref)
    wanted = 0
    for kind, size in FOR_HA.items():
        if not any(vdi.type is kind and vdi.virtual_size >= size for vdi in ctx.store.where(VDI, SR=sr.ref)):
            wanted += size
    if wanted > sr.physical_size - sr.physical_utilisation:
        raise SR_SOURCE_SPACE_INSUFFICIENT(sr.ref)


def assert_supports_database_replication(ctx: Context, sr: SR) -> None:
    """Raise what keeps it from taking copies of the pool's database."""
    _assert_seen_by_all(ctx.store, sr)
    if Feature.SR_METADATA not in features(ctx.store, sr):
        raise SR_OPERATION_NOT_SUPPORTED(sr.ref)


def _assert_seen_by_all(store: Store, sr: SR) -> None:
    if not all(volume_spec.plugged(store, sr, host) for host in store.all(Host)):
        raise SR_HAS_NO_PBDS(sr.ref)


def get_live_hosts(ctx: Context, sr: str) -> list[str]:
    """The enabled hosts that have it plugged."""
    attached = [pbd for pbd in ctx.store.where(PBD, SR=sr) if pbd.currently_attached]
    hosts = [ctx.store.find(Host, pbd.host) for pbd in attached]
    return [str(host.ref) for host in hosts if host is not None and host.enabled]


def make(ctx: Context, *args: Any) -> NoReturn:
    raise MESSAGE_DEPRECATED()


# --- What storage plug-ins say of it -----------------------------------------------------------------


def set_physical_size(ctx: Context, self: str, value: int) -> None:
    _say(ctx, self, physical_size=value)


def set_physical_utilisation(ctx: Context, self: str, value: int) -> None:
    _say(ctx, self, physical_utilisation=value)


def set_virtual_allocation(ctx: Context, self: str, value: int) -> None:
    _say(ctx, self, virtual_allocation=value)


def _say(ctx: Context, sr: str, **facts: int) -> None:
    repositories.assert_its_driver(ctx, sr)
    with ctx.write() as tx:
        tx.set(ctx.store.get(SR, sr), **facts)
