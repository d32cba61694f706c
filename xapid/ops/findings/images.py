"""Volumes of repositories compared with the disks of the records."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from functools import partial

from xapid.backends.storage.interface import Feature, SrScan, StorageDriver, Volume
from xapid.datamodel import SM, SR, VDI, VM, Host
from xapid.datamodel.errors import ApiError
from xapid.datamodel.map_keys import IMAGE_FORMAT
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.vdi import VdiType
from xapid.ops import repositories, scan_records
from xapid.ops.findings.finding import Finding, Grade
from xapid.ops.repositories import Repository
from xapid.ops.vdi import disks
from xapid.rules import volume_spec
from xapid.runtime.context import Context

log = logging.getLogger(__name__)

LOOKED_THROUGH = frozenset({Feature.SR_SCAN, Feature.VDI_CREATE})
"""What a type of repository can do in which all volumes are disks of guests, and all are listed."""


async def look(ctx: Context, host: Host) -> AsyncIterator[Finding]:
    """Volumes without records, records without volumes, and those that differ."""
    for sr in looked_through(ctx, host):
        try:
            scanned = await _scan(ctx, host, sr)
        except ApiError as error:
            subject = f"SR {sr.uuid} ({sr.name_label})"
            yield Finding(f"repository-{sr.uuid}", f"{subject} cannot be looked through: {error}", Grade.trouble)
        else:
            for finding in scanned.findings():
                yield finding
    for finding in _unused_images(ctx):
        yield finding


def looked_through(ctx: Context, host: Host) -> list[SR]:
    """Repositories of a host in which all volumes are disks of guests, and all are listed."""
    able = {sm.type for sm in ctx.store.all(SM) if sm.features.keys() >= LOOKED_THROUGH}
    plugged = [sr for sr in ctx.store.all(SR) if volume_spec.plugged(ctx.store, sr, host) is not None]
    return [sr for sr in plugged if sr.type in able]


async def _scan(ctx: Context, host: Host, sr: SR) -> _Scanned:
    repository, began = repositories.on(ctx, sr, host), ctx.store.generation
    return _Scanned(ctx, repository, await repository.channel.call(StorageDriver.scan, repository.spec), began)


@dataclass(frozen=True)
class _Scanned:
    """A repository, and what a scan found in it just now."""

    ctx: Context
    repository: Repository
    found: SrScan
    began: int
    """The generation of the records at which the scan was asked for."""

    def findings(self) -> Iterator[Finding]:
        sr = self.ctx.store.find(SR, self.repository.row.ref)
        if sr is None or sr.current_operations:
            return  # Somebody makes, changes or removes disks there; what he leaves is seen the next time.
        rows = {vdi.ref: vdi for vdi in self.ctx.store.where(VDI, SR=sr.ref)}
        by_uuid = {vdi.uuid: vdi for vdi in rows.values()}
        by_location = {vdi.location: vdi for vdi in rows.values()}
        keys = {volume.key for volume in self.found.volumes}
        for volume in self.found.volumes:
            row = by_uuid.get(volume.uuid) or by_location.get(volume.key)
            yield from self._unrecorded(volume) if row is None else self._differing(volume, row)
            if row is not None:
                rows.pop(row.ref, None)
            if volume.parent and volume.parent not in keys:
                yield self._cut_off(volume)
        for row in rows.values():
            yield from self._without_volume(row)

    def _place(self) -> str:
        return f"SR {self.repository.row.uuid} ({self.repository.row.name_label})"

    def _unrecorded(self, volume: Volume) -> Iterator[Finding]:
        if volume.uuid not in self.ctx.runtime.unborn:
            yield Finding(
                f"volume-{volume.uuid}",
                f"the volume {volume.key} of {self._place()}, {volume.size} bytes, has no record",
                repair="it is recorded as a disk",
                mend=partial(self._take_up, volume),
            )

    async def _take_up(self, volume: Volume) -> None:
        ctx, sr = self.ctx, self.repository.row
        async with ctx.operation(sr, StorageOperations.scan):
            latest = await self.repository.channel.call(StorageDriver.stat, volume)
            known = any(vdi.location == latest.key for vdi in ctx.store.where(VDI, SR=sr.ref))
            if not known and latest.uuid not in ctx.runtime.unborn:
                with ctx.write() as tx:
                    scan_records.take_up(tx, ctx.store, sr, latest, self._parent_of(latest))

    def _parent_of(self, volume: Volume) -> str:
        return next((each.uuid for each in self.found.volumes if each.key == volume.parent), "")

    def _differing(self, volume: Volume, row: VDI) -> Iterator[Finding]:
        said, found = (row.virtual_size, IMAGE_FORMAT.of(row)), (volume.size, str(volume.format))
        if said == found or row.current_operations:
            return
        yield Finding(
            f"disk-{row.uuid}",
            f"disk {row.uuid} ({row.name_label}) has {found[0]} bytes as {found[1]}, and is recorded with {said[0]} "
            f"bytes as {said[1]}",
            repair="what is found is recorded",
            mend=partial(self._correct, row, volume),
        )

    async def _correct(self, row: VDI, volume: Volume) -> None:
        ctx = self.ctx
        async with ctx.operation(self.repository.row, StorageOperations.scan):
            latest, vdi = await self.repository.channel.call(StorageDriver.stat, volume), ctx.now(row)
            with ctx.write() as tx:
                tx.set(vdi, **volume_spec.facts(latest, vdi.sm_config, self._parent_of(latest)))

    def _cut_off(self, volume: Volume) -> Finding:
        text = (
            f"the volume {volume.key} of {self._place()} continues {volume.parent}, which is not there or cannot be "
            "read: put that file back from a copy, for without it the disk is not whole"
        )
        return Finding(f"chain-{volume.uuid}", text, Grade.trouble)

    def _without_volume(self, row: VDI) -> Iterator[Finding]:
        subject = f"disk {row.uuid} ({row.name_label}) of {self._place()}"
        if row.location in self.found.damaged:
            text = (
                f"{subject}: its volume {row.location} cannot be read; the log says why, and who mends it has it back"
            )
            yield Finding(f"damaged-{row.uuid}", text, Grade.trouble)
        elif row._created <= self.began and not row.current_operations:
            yield Finding(
                f"lost-{row.uuid}",
                f"{subject} is recorded, and its volume {row.location} is not there",
                Grade.trouble,
                "its record is removed; if the file can be put back, do that instead",
                loses=True,
                mend=partial(self._forget, row),
            )

    async def _forget(self, row: VDI) -> None:
        async with self.ctx.operation(self.repository.row, StorageOperations.scan):
            scan = await self.repository.channel.call(StorageDriver.scan, self.repository.spec)
            there = {volume.uuid for volume in scan.volumes} | {volume.key for volume in scan.volumes}
            if not there & {row.uuid, row.location} and row.location not in scan.damaged:
                with self.ctx.write() as tx:
                    disks.remove(tx, self.ctx.store, self.ctx.now(row))


async def close(ctx: Context, host: Host, owners: Collection[str]) -> None:
    """Close what a guest that has ended had open for its drives, of which there are no records."""
    for sr in looked_through(ctx, host):
        try:
            scanned = await _scan(ctx, host, sr)
            for volume in scanned.found.volumes:
                for owner in owners:
                    await scanned.repository.channel.call(StorageDriver.detach, volume, owner)
        except ApiError as error:
            log.error("SR %s: what a guest had open there cannot be closed: %s", sr.uuid, error)


def _unused_images(ctx: Context) -> Iterator[Finding]:
    for image in _images_of_nobody(ctx):
        yield Finding(
            f"image-{image.uuid}",
            f"the suspend image {image.uuid}, {image.physical_utilisation} bytes on disk, is that of no machine",
            repair="the image is destroyed",
            loses=True,
            mend=partial(_destroy, ctx, image),
        )


def _images_of_nobody(ctx: Context) -> list[VDI]:
    slept_in = {vm.suspend_VDI for vm in ctx.store.all(VM)}
    images = [vdi for vdi in ctx.store.all(VDI) if vdi.type is VdiType.suspend and not vdi.current_operations]
    return [image for image in images if image.ref not in slept_in]


async def _destroy(ctx: Context, image: VDI) -> None:
    if any(each.ref == image.ref for each in _images_of_nobody(ctx)):
        await disks.destroy(ctx, image)
