"""The datapath of QEMU guests: the block layer of their own QEMU, reached through libvirt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import libvirt
import libvirt_qemu

from xapid.backends.domain import preflight, qemu_xml
from xapid.backends.domain.domain_facts import source_of, target_of
from xapid.backends.domain.domain_xml import ALIAS
from xapid.backends.domain.interface import Feature
from xapid.backends.domain.libvirt_driver import LibvirtDomains
from xapid.backends.domain.libvirt_errors import told
from xapid.backends.interface import DriverInfo, NotFound
from xapid.backends.storage.interface import Disk

SWITCH = (
    libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT
    | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
)
"""All or none, without memory, into files that are there; what continues what is our storage drivers' affair."""


class QemuDatapath:
    """Open disks of the guests of one libvirt."""

    def __init__(self, domains: LibvirtDomains) -> None:
        self.info = DriverInfo(
            "qemu", "The block layer of QEMU", frozenset({Feature.live_snapshot, Feature.live_resize})
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
        drive = self._domains.described(running).disks.get(vbd)
        if drive is None:
            raise NotFound(f"{domain} has no disk {vbd}", vbd=vbd)
        with told(f"resizing {vbd} of {domain}"):
            running.blockResize(target_of(drive), size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)

    def open_files(self, domain: str) -> dict[str, str]:
        running = self._domains.running(domain)
        # QEMU itself is asked: when the driver is killed just as disks move, libvirt does not know that they did.
        with told(f"asking where the disks of {domain} are"):
            answer = libvirt_qemu.qemuMonitorCommand(running, '{"execute": "query-block"}', 0)
        return dict(_open_files(json.loads(answer)["return"]))


def _open_files(drives: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for drive in drives:
        # The place of the device in QEMU's tree, one step of which is the name that we gave it.
        named = [step for step in drive.get("qdev", "").split("/") if step.startswith(ALIAS)]
        if named and "inserted" in drive:
            yield named[0].removeprefix(ALIAS), drive["inserted"]["file"]
