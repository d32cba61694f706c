"""The way from an SR to the driver of a host that sees it, and the marks on an SR and its disks while it works."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from xapid.backends.storage.interface import NewVolume, Sr, Volume
from xapid.datamodel import PBD, SR, VDI, Host
from xapid.datamodel.errors import PERMISSION_DENIED, SR_HAS_MULTIPLE_PBDS, SR_HAS_NO_PBDS
from xapid.datamodel.types import Object
from xapid.rules import volume_spec
from xapid.runtime.channel import Channel
from xapid.runtime.context import Context
from xapid.runtime.undo import Undo
from xapid.store.store import Store
from xapid.store.transaction import Transaction


@dataclass(frozen=True)
class Repository:
    """A repository as the host that works on it sees it."""

    row: SR
    host: Host
    pbd: PBD
    spec: Sr
    channel: Channel

    def volume(self, vdi: VDI) -> Volume:
        return volume_spec.volume(vdi, self.spec)


def of(ctx: Context, sr: SR) -> Repository:
    """The repository, through the host that changes it. Raises SR_HAS_NO_PBDS if none has it plugged, and
    SR_HAS_MULTIPLE_PBDS for a private one that several hosts are configured for.
    """
    _assert_one_way(ctx, sr)
    return _through(ctx, sr, volume_spec.working_pbd(ctx.store, sr))


def of_unplugged(ctx: Context, sr: SR) -> Repository:
    """The same through a host that need not have it plugged."""
    return _through(ctx, sr, volume_spec.working_pbd(ctx.store, sr, unplugged=True))


def on(ctx: Context, sr: SR, host: Host) -> Repository:
    """The repository as one host sees it, for opening volumes there. Raises SR_HAS_NO_PBDS."""
    return _through(ctx, sr, volume_spec.plugged(ctx.store, sr, host))


def host_seeing(ctx: Context, sr: SR, other: SR) -> Host:
    """The host on which two repositories are worked on at once: whichever sees both, the coordinator first; if none
    does, that which works on the other. Raises SR_HAS_NO_PBDS for one that nobody sees.
    """
    hosts = [of(ctx, sr).host, of(ctx, other).host, *ctx.store.all(Host)]
    seeing = (host for host in hosts if all(volume_spec.plugged(ctx.store, each, host) for each in (sr, other)))
    return next(seeing, hosts[1])


def by_pbd(ctx: Context, pbd: PBD) -> Repository:
    """The repository through one PBD, plugged or not. Raises SR_HAS_MULTIPLE_PBDS."""
    sr = ctx.store.get(SR, pbd.SR)
    _assert_one_way(ctx, sr)
    return _through(ctx, sr, pbd)


def _assert_one_way(ctx: Context, sr: SR) -> None:
    ways = [] if sr.shared else ctx.store.where(PBD, SR=sr.ref)
    if len(ways) > 1:
        raise SR_HAS_MULTIPLE_PBDS(*(pbd.uuid for pbd in ways))


def _through(ctx: Context, sr: SR, pbd: PBD | None) -> Repository:
    if pbd is None:
        raise SR_HAS_NO_PBDS(sr.ref)
    host = ctx.store.get(Host, pbd.host)
    return Repository(sr, host, pbd, volume_spec.sr_spec(ctx.store, pbd), ctx.storage(host, sr))


def assert_its_driver(ctx: Context, sr: str) -> None:
    """Let storage plug-ins alone pass, and those only while they work on this repository. Raises PERMISSION_DENIED.

    Nothing is waited for behind it: the plug-in calls in the middle of an operation that has the repository marked.
    """
    if sr not in ctx.session.repositories:
        raise PERMISSION_DENIED("")


async def rename(
    ctx: Context,
    repository: Repository,
    row: SR | VDI,
    changes: Mapping[str, str],
    tell: Callable[[str, str], Awaitable[None]],
) -> None:
    """Record another name or description of a repository or a disk.

    The driver of a third party is told both, before that or, where it reads the records, afterwards.
    """

    async def told() -> None:
        latest = ctx.now(row)
        names = {"name_label": latest.name_label, "name_description": latest.name_description, **changes}
        await tell(names["name_label"], names["name_description"])

    channel = repository.channel
    if channel.foreign and not channel.keeps_records:
        await told()
    with ctx.write() as tx:
        tx.set(row, **changes)
    if channel.keeps_records:
        await told()


@asynccontextmanager
async def marked(ctx: Context, marks: Iterable[tuple[Object, str]]) -> AsyncIterator[Undo]:
    """Do several things under one undo stack, each object marked with its operation.

    SRs come before VDIs and each kind in one order, so that nobody waits for whom waits for him.
    """
    rows = {row.ref: (row, operation) for row, operation in marks}
    ordered = sorted(rows.values(), key=lambda mark: (not isinstance(mark[0], SR), mark[0].ref))
    async with AsyncExitStack() as stack:
        for row, operation in ordered:
            await stack.enter_async_context(ctx.operation(row, operation))
        yield await stack.enter_async_context(ctx.undoing())


def expect(ctx: Context, undo: Undo, new: NewVolume) -> None:
    """A volume is about to be made whose repository is not marked: scans meanwhile leave it alone."""
    undo.unborn.add(new.uuid)
    ctx.runtime.unborn.add(new.uuid)


SAID_BY_PLUGINS = frozenset(
    {"uuid", "SR", "location", "virtual_size", "physical_utilisation", "sm_config", "managed", "read_only"}
)
"""Fields of a disk that are its plug-in's affair, where that writes records by itself."""


def put_disk(tx: Transaction, repository: Repository, **fields: Any) -> VDI:
    """The row of a disk that was made; its repository is fuller by that, unless its plug-in has said so itself."""
    if not repository.channel.keeps_records:
        add_to_figures(tx, tx.store, repository.row, fields["virtual_size"], fields["physical_utilisation"])
    return put_row(tx, repository, **fields)


def put_row(tx: Transaction, repository: Repository, **fields: Any) -> VDI:
    """The same of one that was there.

    A plug-in names a disk itself, so that a scan may have found it meanwhile; or it has made the row, and what it said
    of the disk stays.
    """
    fields |= {"SR": repository.row.ref}
    known = tx.store.find_uuid(VDI, fields["uuid"]) if repository.channel.foreign else None
    if known is None:
        return tx.create(VDI, **fields)
    kept = SAID_BY_PLUGINS if repository.channel.keeps_records else {"uuid"}
    return tx.set(known, **{name: value for name, value in fields.items() if name not in kept})


def add_to_figures(tx: Transaction, store: Store, sr: SR, virtual: int, physical: int) -> None:
    """Keep what an SR says of its space near the truth; a scan makes it exact."""
    latest = store.get(SR, sr.ref)
    tx.set(
        latest,
        virtual_allocation=max(latest.virtual_allocation + virtual, 0),
        physical_utilisation=max(latest.physical_utilisation + physical, 0),
    )
