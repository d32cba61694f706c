"""The datapath of QEMU guests: the block layer of their own QEMU, reached through libvirt."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import libvirt

from xapid.backends.datapath import image_nodes, merges
from xapid.backends.datapath.interface import MirrorState
from xapid.backends.datapath.libvirt_monitor import LibvirtMonitor
from xapid.backends.domain import preflight, qemu_xml
from xapid.backends.domain.domain_facts import source_of, target_of
from xapid.backends.domain.interface import Feature
from xapid.backends.domain.libvirt_driver import LibvirtDomains
from xapid.backends.domain.libvirt_errors import told
from xapid.backends.interface import DriverInfo, Failed, NotFound
from xapid.backends.storage.interface import Disk

log = logging.getLogger(__name__)

SWITCH = (
    libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
)
"""All or none, without memory, into files that are there; what continues what is our storage drivers' affair."""


MIRROR = (
    libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT
    | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
    | libvirt.VIR_DOMAIN_BLOCK_COPY_SYNCHRONOUS_WRITES
)
"""Into what is there, with all that is beneath the disk; once in step, no write is done before both places have it."""

MERGE = libvirt.VIR_DOMAIN_BLOCK_COMMIT_RELATIVE | libvirt.VIR_DOMAIN_BLOCK_COMMIT_BANDWIDTH_BYTES
"""Images go on naming what they continue without a directory."""


class QemuDatapath:
    """Open disks of the guests of one libvirt."""

    def __init__(self, domains: LibvirtDomains) -> None:
        self.info = DriverInfo(
            "qemu",
            "The block layer of QEMU",
            frozenset({Feature.live_snapshot, Feature.live_resize, Feature.live_mirror, Feature.live_merge}),
        )
        self._domains = domains

    def switch(self, domain: str, moves: dict[str, Disk]) -> None:
        running = self._domains.running(domain)
        drives = self._domains.described(running).disks
        for vbd in moves:
            if vbd not in drives:
                raise NotFound(f"{domain} has no disk {vbd}", vbd=vbd)
        preflight.require_paths(disk.path for disk in moves.values())
        due = {vbd: disk for vbd, disk in moves.items() if source_of(drives[vbd]) != disk.path}
        if not due:
            return
        xml = qemu_xml.snapshot(
            {target_of(drives[vbd]): disk for vbd, disk in due.items()},
            [target_of(drive) for vbd, drive in drives.items() if vbd not in due],
        )
        with told(f"moving the disks of {domain} to other files"):
            running.snapshotCreateXML(xml, SWITCH)

    def resize(self, domain: str, vbd: str, size: int) -> None:
        running = self._domains.running(domain)
        drive = self._drive(running, vbd)
        with told(f"resizing {vbd} of {domain}"):
            running.blockResize(target_of(drive), size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)

    def open_files(self, domain: str) -> dict[str, str]:
        running = self._domains.running(domain)
        # QEMU itself is asked: when the driver is killed just as disks move, libvirt does not know that they did.
        with told(f"asking where the disks of {domain} are"):
            drives = LibvirtMonitor(running).drives()
        return {vbd: image_nodes.path_of(inserted["file"]) for vbd, inserted in drives.items()}

    def mirror(self, domain: str, vbd: str, disk: Disk) -> None:
        running = self._domains.running(domain)
        drive = self._drive(running, vbd)
        if drive.find("mirror") is not None:
            return
        preflight.require_paths([disk.path])
        with told(f"mirroring {vbd} of {domain}"):
            running.blockCopy(target_of(drive), qemu_xml.mirror(disk), {}, MIRROR)

    def mirrored(self, domain: str, vbd: str) -> MirrorState:
        running = self._domains.running(domain)
        with told(f"asking how far the mirror of {vbd} of {domain} is"):
            progress = running.blockJobInfo(target_of(self._drive(running, vbd)))
        # After the figures: what is in step then has no other ones any more.
        mirror = self._drive(running, vbd).find("mirror")
        if mirror is None or not progress:
            raise Failed(f"the mirror of the disk {vbd} of {domain} has ended; the log of its guest says why", vbd=vbd)
        end = progress["end"]
        return MirrorState(progress["cur"] / end if end else 0.0, mirror.get("ready") == "yes")

    def move(self, domain: str, vbd: str, disk: Disk) -> None:
        running = self._domains.running(domain)
        if self.open_files(domain).get(vbd) == disk.path:
            return
        with told(f"letting {domain} go on in the mirror of {vbd}"):
            running.blockJobAbort(target_of(self._drive(running, vbd)), libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)

    def unmirror(self, domain: str, vbd: str) -> None:
        running = self._domains.running(domain)
        drive = self._drive(running, vbd)
        if drive.find("mirror") is not None:
            with told(f"ending the mirror of {vbd} of {domain}"):
                running.blockJobAbort(target_of(drive))

    def merge(self, domain: str, vbd: str, image: Disk, into: Disk, speed: int = 0) -> None:
        if self.merging(domain, vbd) is not None:
            return
        running = self._domains.running(domain)
        drive, monitor = self._drive(running, vbd), LibvirtMonitor(running)
        with told(f"merging {image.path}, which {domain} has open"):
            inserted = monitor.drive(vbd)
            if _known(drive) == _opened(inserted):
                running.blockCommit(target_of(drive), into.path, image.path, speed, MERGE)
                return
            # It was killed when a merge or a move had just ended, and might look for an image that is no more.
            log.info("libvirt does not know what %s of %s is read through: QEMU itself is told to merge", vbd, domain)
            merges.begin(monitor, vbd, inserted["node-name"], Path(image.path), Path(into.path), speed)

    def merging(self, domain: str, vbd: str) -> float | None:
        running = self._domains.running(domain)
        drive, monitor = self._drive(running, vbd), LibvirtMonitor(running)
        with told(f"asking how far a merge beneath {vbd} of {domain} is"):
            job = running.blockJobInfo(target_of(drive))
            if job.get("type") == libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_COMMIT:
                return job["cur"] / job["end"] if job["end"] else 0.0
            far = merges.progress(monitor, vbd)
            if far is None and (missed := _missed(drive, monitor.drive(vbd))):
                # Nobody else closes them, and QEMU ends when it needs a file to be opened anew that is no more.
                merges.close(monitor, missed)
        return far

    def unmerge(self, domain: str, vbd: str) -> None:
        if self.merging(domain, vbd) is None:
            return
        running = self._domains.running(domain)
        target = target_of(self._drive(running, vbd))
        try:
            with told(f"ending the merge beneath {vbd} of {domain}"):
                merges.end(LibvirtMonitor(running), vbd)
                if running.blockJobInfo(target):
                    running.blockJobAbort(target)
        except Failed:
            # It came to its end just now.
            if self.merging(domain, vbd) is not None:
                raise

    def _drive(self, running: libvirt.virDomain, vbd: str) -> Element:
        """A disk as libvirt describes it. Raises NotFound."""
        drive = self._domains.described(running).disks.get(vbd)
        if drive is None:
            raise NotFound(f"{running.UUIDString()} has no disk {vbd}", vbd=vbd)
        return drive


def _missed(drive: Element, inserted: dict[str, Any]) -> list[str]:
    """The files through which a disk is not read any more, unlike what libvirt believes; the uppermost first."""
    opened = _opened(inserted)
    return [path for path in _known(drive) if path not in opened]


def _known(drive: Element) -> list[str]:
    """The files that a disk is read through, the uppermost first, as libvirt knows them."""
    found, layer = [source_of(drive)], drive.find("backingStore")
    while layer is not None and (path := source_of(layer)):
        found.append(path)
        layer = layer.find("backingStore")
    return found


def _opened(inserted: dict[str, Any]) -> list[str]:
    """The same as QEMU has them open."""
    found, layer = [], inserted.get("image")
    while layer is not None:
        found.append(image_nodes.path_of(layer["filename"]))
        layer = layer.get("backing-image")
    return found
