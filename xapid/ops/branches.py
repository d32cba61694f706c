"""Snapshots and clones of disks, one or several at one moment, also of those that running guests have open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from xapid.backends.datapath.interface import DatapathDriver
from xapid.backends.interface import Failed, NotFound
from xapid.backends.storage.interface import Branch, Disk, NewVolume, StorageDriver, Volume
from xapid.datamodel import SR, VBD, VDI, VM, Host
from xapid.datamodel.errors import ApiError
from xapid.datamodel.map_keys import IMAGE_FORMAT, PARENT
from xapid.datamodel.types import EPOCH, NULL, DateTime
from xapid.datamodel.vbd import VbdMode
from xapid.datamodel.vm import VmPowerState
from xapid.ops import chain_steps, repositories
from xapid.ops.repositories import Repository
from xapid.rules import volume_spec
from xapid.runtime.channel import Channel
from xapid.runtime.context import Context
from xapid.runtime.undo import Undo
from xapid.store.rows import new_uuid
from xapid.store.store import Store
from xapid.store.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger(__name__)

TOO_LONG = "109"
"""The code of the error by which a driver refuses to make a chain of images longer."""


@dataclass(frozen=True)
class Twig:
    """One disk that was branched: what it was, and what its driver made of it. Nothing of it is recorded yet."""

    source: VDI
    repository: Repository
    before: Volume
    made: Branch
    snapshot: bool
    """A snapshot; else a clone."""


@dataclass(frozen=True)
class _Lease:
    """The right of a drive to write a file."""

    channel: Channel
    volume: Volume
    owner: str


@dataclass(frozen=True)
class _Move:
    """What a guest goes on with once its disks are branched."""

    channel: Channel
    domain: str
    disks: dict[str, Disk]


async def grow(
    ctx: Context, undo: Undo, sources: Sequence[VDI], *, snapshot: bool, driver_params: Mapping[str, str] | None = None
) -> list[Twig]:
    """Let the drivers branch these disks. The caller holds the marks on them and on their SRs.

    ``driver_params``: what a client says to a driver that is a plug-in.
    """
    twigs = []
    for vdi in sources:
        source = ctx.now(vdi)
        repository = repositories.of(ctx, ctx.store.get(SR, source.SR))
        before = repository.volume(source)
        said = dict(driver_params or {})
        new = NewVolume(new_uuid(), before.size, source.name_label, purpose=source.type, driver_params=said)
        base_uuid = new_uuid()
        undo.push(
            repository.channel,
            StorageDriver.unbranch,
            volume_spec.unborn_branch(before, new, base_uuid),
            before,
        )
        method = StorageDriver.snapshot if snapshot else StorageDriver.clone
        try:
            made = await repository.channel.letting_through(Failed).call(method, before, new, base_uuid)
        except Failed as error:
            if error.facts.get("code") != TOO_LONG or not await chain_steps.shorten(ctx, source):
                raise repository.channel.translated(error) from error
            made = await repository.channel.call(method, before, new, base_uuid)
        twigs.append(Twig(source, repository, before, made, snapshot))
    return twigs


async def finish(
    ctx: Context,
    undo: Undo,
    twigs: Sequence[Twig],
    write: Callable[[Transaction, dict[str, VDI]], T],
    unwrite: Callable[[Transaction, T], None] | None = None,
) -> T:
    """Record the branches, and with them what ``write`` adds; then let guests go on in their new files.

    ``write`` gets the new disks by the reference of their source. If a guest cannot be moved, ``unwrite`` takes back
    what it wrote, and all is as before. A crash before the guests are moved is made good at the next start: until
    then they write to what has become the snapshot.
    """
    # What a guest has open when its files are leased anew is open until that is over: who closes them waits.
    async with ctx.lock(*(twig.source for twig in twigs)):
        return await _finish(ctx, undo, twigs, write, unwrite)


async def _finish(
    ctx: Context,
    undo: Undo,
    twigs: Sequence[Twig],
    write: Callable[[Transaction, dict[str, VDI]], T],
    unwrite: Callable[[Transaction, T], None] | None,
) -> T:
    moves = await _open_active(ctx, undo, twigs)
    held = _held(ctx, twigs)
    with ctx.write(settle=False) as tx:
        made = {str(twig.source.ref): _record(tx, ctx.store, twig, ctx.clock.date()) for twig in twigs}
        result = write(tx, made)
        undo.settle(tx)
        for lease in held:
            undo.push(lease.channel, StorageDriver.detach, lease.volume, lease.owner)
        for move in moves:
            undo.push(move.channel, DatapathDriver.switch, move.domain, move.disks)
    await _move(ctx, undo, moves, lambda tx: _take_back(tx, ctx.store, undo, twigs, made, unwrite, result))
    await _give_back(undo, held)
    if held or moves:
        with ctx.write():
            pass  # Records that nothing is left to be made good.
    return result


async def _move(ctx: Context, undo: Undo, moves: Sequence[_Move], take_back: Callable[[Transaction], None]) -> None:
    """Let the guests go on in their new files; if that fails, record that all is as before."""
    try:
        for move in moves:
            move.channel.wait_for(ctx.until)
            await let_go_on(move.channel, move.domain, DatapathDriver.switch, move.disks)
    except asyncio.CancelledError:
        # The daemon stops, and whether the guest has moved is not known: the next start moves it.
        undo.leave()
        raise
    except Exception:
        with ctx.write(settle=False) as tx:
            undo.settle(tx)
            take_back(tx)
        raise


async def let_go_on(
    datapath: Channel, domain: str, method: Callable[Concatenate[Any, str, P], None], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Let a guest go on elsewhere, by that method. One that has ended meanwhile writes nowhere: that is as good."""
    try:
        await datapath.letting_through(NotFound).call(method, domain, *args, **kwargs)
    except NotFound as error:
        if error.facts.get("domain") != domain:
            raise datapath.translated(error) from error


def _take_back(
    tx: Transaction,
    store: Store,
    undo: Undo,
    twigs: Sequence[Twig],
    made: dict[str, VDI],
    unwrite: Callable[[Transaction, T], None] | None,
    result: T,
) -> None:
    if unwrite is not None:
        unwrite(tx, result)
    for twig in twigs:
        _forget(tx, store, twig, made[twig.source.ref])
        undo.push(twig.repository.channel, StorageDriver.unbranch, twig.made, twig.before)


def new_disk(store: Store, source: VDI, made: Volume, parent: str) -> dict[str, Any]:
    """Fields of a disk that has the contents of another: what is copied, and what its driver says of it."""
    kept = {key: value for key, value in source.sm_config.items() if key != IMAGE_FORMAT.name}
    return {
        "uuid": made.uuid,
        "SR": source.SR,
        "name_label": source.name_label,
        "name_description": source.name_description,
        "type": source.type,
        "sharable": source.sharable,
        "other_config": source.other_config,
        "xenstore_data": source.xenstore_data,
        "on_boot": source.on_boot,
        "allow_caching": source.allow_caching,
        "tags": source.tags,
        "managed": True,
        **volume_spec.facts(made, kept, parent),
    }


def open_in_guests(store: Store, vdi: VDI) -> list[tuple[VM, VBD]]:
    """The machines that have a disk open now, each with the drive that holds it."""
    found = []
    for vbd in store.where(VBD, VDI=vdi.ref):
        vm = store.find(VM, vbd.VM)
        if vbd.currently_attached and vm is not None and vm.power_state in _LIVE and not vm.is_control_domain:
            found.append((vm, vbd))
    return found


_LIVE = (VmPowerState.Running, VmPowerState.Paused)


async def leave_beneath(ctx: Context, undo: Undo, vdi: VDI) -> Twig:
    """Let a disk that no guest has open continue an inner node with all that it holds, which nothing else continues.

    Nothing is recorded yet. The caller holds the marks on the disk and its SR.
    """
    (twig,) = await grow(ctx, undo, [vdi], snapshot=False)
    await twig.repository.channel.call(StorageDriver.destroy, twig.made.new)
    return twig


def record_source(tx: Transaction, store: Store, twig: Twig) -> str:
    """Rows of what a branch leaves: the inner node, and the disk that goes on. Returns the uuid of the node."""
    source, made = store.get(VDI, twig.source.ref), twig.made
    parent = PARENT.of(source)
    if twig.repository.channel.keeps_records:
        return parent
    repositories.add_to_figures(tx, store, twig.repository.row, *_more(twig))
    if made.base is not None:
        tx.create(
            VDI,
            uuid=made.base.uuid,
            SR=source.SR,
            name_label=volume_spec.BASE_COPY,
            type=source.type,
            read_only=True,
            managed=False,
            **volume_spec.facts(made.base, {}, parent),
        )
        parent = made.base.uuid
    tx.set(source, **volume_spec.facts(made.active, source.sm_config, parent))
    return parent


def _more(twig: Twig) -> tuple[int, int]:
    """Bytes, virtual and physical, by which the disk and what it has come to continue are more than it was."""
    active, base = twig.made.active, twig.made.base
    virtual, physical = active.size - twig.before.size, active.physical - twig.before.physical
    return (virtual, physical) if base is None else (virtual + base.size, physical + base.physical)


def _record(tx: Transaction, store: Store, twig: Twig, now: DateTime) -> VDI:
    """Rows of one branch: the inner node, the disk that goes on, the new one."""
    parent = record_source(tx, store, twig)
    source, made = store.get(VDI, twig.source.ref), twig.made
    fields = new_disk(store, source, made.new, parent)
    return repositories.put_disk(
        tx,
        twig.repository,
        **fields,
        is_a_snapshot=twig.snapshot,
        snapshot_of=source.ref if twig.snapshot else NULL,
        snapshot_time=now if twig.snapshot else EPOCH,
        cbt_enabled=source.cbt_enabled and twig.snapshot,
    )


def _forget(tx: Transaction, store: Store, twig: Twig, made: VDI) -> None:
    if twig.repository.channel.keeps_records:
        return  # It does so itself when it destroys what it has made.
    virtual, physical = _more(twig)
    virtual, physical = virtual + made.virtual_size, physical + made.physical_utilisation
    repositories.add_to_figures(tx, store, twig.repository.row, -virtual, -physical)
    tx.delete(made)
    base = store.find_uuid(VDI, twig.made.base.uuid) if twig.made.base is not None else None
    if base is not None:
        tx.delete(base)
    parent = PARENT.of(twig.source)
    tx.set(twig.source, **volume_spec.facts(twig.before, twig.source.sm_config, parent))


async def _open_active(ctx: Context, undo: Undo, twigs: Sequence[Twig]) -> list[_Move]:
    """Lease the files in which guests go on to the drives that hold them. Returns what has to be moved where."""
    moves: dict[str, _Move] = {}
    for twig in twigs:
        for vm, vbd in open_in_guests(ctx.store, twig.source):
            host = ctx.store.get(Host, vm.resident_on)
            storage = repositories.on(ctx, twig.repository.row, host).channel
            writes = vbd.mode is VbdMode.RW
            if twig.made.active.key != twig.before.key:
                undo.push(storage, StorageDriver.detach, twig.made.active, vbd.uuid)
            disk = await storage.call(StorageDriver.attach, twig.made.active, vbd.uuid, writes)
            if writes:
                move = moves.setdefault(vm.ref, _Move(ctx.datapath(host), vm.uuid, {}))
                move.disks[vbd.uuid] = disk
    return list(moves.values())


def _held(ctx: Context, twigs: Sequence[Twig]) -> list[_Lease]:
    """The leases of files that nobody writes any more once the guests have moved."""
    found = []
    for twig in twigs:
        if twig.made.active.key == twig.before.key:
            continue
        for vm, vbd in open_in_guests(ctx.store, twig.source):
            host = ctx.store.get(Host, vm.resident_on)
            found.append(_Lease(repositories.on(ctx, twig.repository.row, host).channel, twig.before, vbd.uuid))
    return found


async def _give_back(undo: Undo, held: Sequence[_Lease]) -> None:
    """Give leases back. One that cannot be is only logged: the guest goes on elsewhere, and the disks are made."""
    try:
        for lease in held:
            try:
                await lease.channel.repeatable(StorageDriver.detach, lease.volume, lease.owner)
            except ApiError as error:
                log.error("the lease of %s cannot be given back: %s", lease.volume.uuid, error)
    except asyncio.CancelledError:
        undo.leave()
        raise
