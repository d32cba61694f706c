"""Leases of volumes compared with the drives that are in use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from functools import partial

from xapid.backends.domain.interface import DomainDriver
from xapid.backends.storage.interface import StorageDriver, Volume
from xapid.datamodel import VBD, VDI, VM, Host
from xapid.datamodel.errors import ApiError
from xapid.ops import repositories
from xapid.ops.findings.finding import Finding
from xapid.ops.findings.images import looked_through
from xapid.ops.repositories import Repository
from xapid.runtime.context import Context


async def look(ctx: Context, host: Host) -> AsyncIterator[Finding]:
    """Volumes that are kept for somebody who does not use them: nobody else can write them."""
    for sr in looked_through(ctx, host):
        repository = repositories.on(ctx, sr, host)
        try:
            stale = await _stale(ctx, host, repository)
        except ApiError:
            continue  # Who looks at the volumes says that this repository cannot be looked through.
        for lease in stale:
            yield Finding(
                f"lease-{lease.volume.uuid}",
                f"the volume {lease.volume.key} of SR {sr.uuid} ({sr.name_label}) is kept for {lease.owner}, which is "
                "no drive in use: nobody else can write it",
                repair="others may write it; make sure that no other host or pool does now",
                loses=True,
                mend=partial(_release, ctx, host, repository, lease),
            )


@dataclass(frozen=True)
class _Lease:
    volume: Volume
    owner: str


async def _stale(ctx: Context, host: Host, repository: Repository) -> list[_Lease]:
    """Leases whose owner does not use them, now and when they are read once more."""
    channel, spec = repository.channel, repository.spec
    suspects = await channel.call(StorageDriver.leases, spec)
    if suspects:
        domains = await ctx.domains(host).call(DomainDriver.domains)
        open_here = {disk for domain in domains for disk in domain.disks} | {domain.uuid for domain in domains}
        suspects = {key: owner for key, owner in suspects.items() if not _uses(ctx, owner, open_here)}
    if not suspects or ctx.now(repository.row).current_operations:
        return []
    volumes = {volume.key: volume for volume in (await channel.call(StorageDriver.scan, spec)).volumes}
    again = await channel.call(StorageDriver.leases, spec)
    return [
        _Lease(volumes[key], owner)
        for key, owner in sorted(suspects.items())
        if key in volumes and again.get(key) == owner and not _uses(ctx, owner, open_here)
    ]


def _uses(ctx: Context, owner: str, open_here: Collection[str]) -> bool:
    """Whether a drive, or a machine that is being suspended or woken, has a volume, or is about to get or leave it."""
    if owner in open_here or owner in ctx.runtime.leaseholders:
        return True
    vbd = ctx.store.find_uuid(VBD, owner)
    if vbd is not None:
        vdi = ctx.store.find(VDI, vbd.VDI)
        busy = vbd.current_operations or (vdi is not None and vdi.current_operations)
        return bool(vbd.currently_attached or busy or _is_busy(ctx.store.find(VM, vbd.VM)))
    return _is_busy(ctx.store.find_uuid(VM, owner))


def _is_busy(vm: VM | None) -> bool:
    return vm is not None and bool(vm.current_operations)


async def _release(ctx: Context, host: Host, repository: Repository, lease: _Lease) -> None:
    if lease in await _stale(ctx, host, repository):
        await repository.channel.call(StorageDriver.detach, lease.volume, lease.owner)
