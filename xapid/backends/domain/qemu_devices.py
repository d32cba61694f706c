"""Devices of machines of QEMU that run: plugged, unplugged as the guest lets go of them, moved."""

from __future__ import annotations

import queue
from xml.etree import ElementTree

import libvirt

from xapid.backends.domain import preflight, qemu_xml, tray
from xapid.backends.domain.domain_xml import ALIAS
from xapid.backends.domain.guest_agents import GuestAgents
from xapid.backends.domain.interface import DiskSpec, NicSpec
from xapid.backends.domain.libvirt_errors import backend_error, told
from xapid.backends.domain.libvirt_machines import LibvirtMachines
from xapid.backends.domain.watch import Watch
from xapid.backends.interface import InUse, NotFound, NotSupported
from xapid.backends.storage.interface import Disk


class QemuDevices(LibvirtMachines):
    """What changes about machines while they run."""

    _watch: Watch
    _agents: GuestAgents
    _detach_seconds: float
    """How long a guest may take to let go of a device."""

    def attach_disk(self, uuid: str, disk: DiskSpec) -> None:
        domain = self.running(uuid)
        if disk.vbd in self.described(domain).disks:
            return
        if disk.device != "disk":
            raise NotSupported(f"a {disk.device} drive cannot be plugged into a running machine", vbd=disk.vbd)
        preflight.require_disks([disk])
        with told(f"plugging the disk {disk.vbd} into {uuid}"):
            domain.attachDeviceFlags(qemu_xml.disk(disk, preflight.buffered([disk])), libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def detach_disk(self, uuid: str, vbd: str, force: bool) -> None:
        # QEMU cannot take a disk from a guest that does not let go, so force makes no difference.
        domain = self.running(uuid)
        if vbd in self.described(domain).disks:
            self._detach(domain, uuid, vbd)

    def change_medium(self, uuid: str, vbd: str, disk: Disk | None) -> None:
        domain = self.running(uuid)
        drive = self.described(domain).disks.get(vbd)
        if drive is None:
            raise NotFound(f"{uuid} has no drive {vbd}", vbd=vbd)
        if disk is not None:
            preflight.require_paths([disk.path])
        qemu_xml.put_medium(drive, disk)
        with told(f"changing the medium of {vbd} in {uuid}"):
            tray.change_medium(domain, drive)

    def attach_nic(self, uuid: str, nic: NicSpec) -> tuple[str, ...]:
        domain = self.running(uuid)
        if nic.vif in self.described(domain).interfaces:
            return ()
        preflight.require_bridges([nic])
        with told(f"plugging the interface {nic.vif} into {uuid}"):
            domain.attachDeviceFlags(qemu_xml.interface(nic, preflight.switched([nic])), libvirt.VIR_DOMAIN_AFFECT_LIVE)
        self._agents.look(uuid)
        return ()

    def detach_nic(self, uuid: str, vif: str) -> None:
        domain = self.running(uuid)
        if vif in self.described(domain).interfaces:
            self._detach(domain, uuid, vif)

    def move_nic(self, uuid: str, nic: NicSpec) -> tuple[str, ...]:
        domain = self.running(uuid)
        interface = self.described(domain).interfaces.get(nic.vif)
        if interface is None:
            raise NotFound(f"{uuid} has no interface {nic.vif}", vif=nic.vif)
        preflight.require_bridges([nic])
        qemu_xml.join_bridge(interface, nic, preflight.switched([nic]))
        with told(f"moving the interface {nic.vif} of {uuid}"):
            domain.updateDeviceFlags(
                ElementTree.tostring(interface, encoding="unicode"), libvirt.VIR_DOMAIN_DEVICE_MODIFY_LIVE
            )
        return ()

    def detach_usb(self, uuid: str, vusb: str) -> None:
        domain = self.running(uuid)
        if vusb in self.described(domain).usbs:
            self._detach(domain, uuid, vusb)

    def _detach(self, domain: libvirt.virDomain, uuid: str, device: str) -> None:
        """Ask the guest to let go of a device, and wait until it did. Raises InUse when it does not."""
        alias = ALIAS + device
        with self._watch.removal(uuid, alias) as answer:
            try:
                domain.detachDeviceAlias(alias, libvirt.VIR_DOMAIN_AFFECT_LIVE)
            except libvirt.libvirtError as error:
                # Asked before, and the guest may still answer.
                if "in the process of unplug" not in str(error):
                    raise backend_error(error, f"unplugging {device} from {uuid}") from error
            try:
                gone = answer.get(timeout=self._detach_seconds)
            except queue.Empty:
                gone = False
        if not gone:
            raise InUse(f"the guest does not let go of {device}", device=device)
