"""The domain driver for Xen: libxl, through libvirt and its daemon (``xen:///system``)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import libvirt

from xapid.backends.datapath.interface import OpenDiskDriver
from xapid.backends.domain import preflight, vm_data, xen_image, xen_links, xen_programs, xen_xml, xenstore_scripts
from xapid.backends.domain.connection import Connection
from xapid.backends.domain.domain_facts import Description
from xapid.backends.domain.guest_folders import GuestFolders
from xapid.backends.domain.interface import (
    DiskSpec,
    Domain,
    DomainKind,
    DomainSpec,
    DomainState,
    Endpoint,
    Feature,
    GuestReport,
    Kept,
    NicSpec,
    ScriptResult,
)
from xapid.backends.domain.libvirt_errors import once_forgotten, told
from xapid.backends.domain.libvirt_machines import LibvirtMachines, image_path, is_ours
from xapid.backends.domain.libvirt_usage import of_each
from xapid.backends.domain.watch import Tell
from xapid.backends.domain.xen_lines import XenLines
from xapid.backends.domain.xen_reboots import Reboots
from xapid.backends.domain.xen_states import Standing, XenStates
from xapid.backends.domain.xen_watch import XenWatch
from xapid.backends.domain.xenstore_guests import XenstoreGuests
from xapid.backends.interface import BackendError, DomainUsage, DriverInfo, Failed, NotFound, NotSupported
from xapid.backends.process import run
from xapid.backends.storage.interface import Disk, VolumeFormat

log = logging.getLogger(__name__)

KEEPALIVE_MISSED = 12
"""libxl can hold up libvirt's daemon for longer than QEMU does."""
CONTROL_DOMAIN = "Domain-0"
PIPE = "image"
"""In the folder of a guest: through this its image is read."""

SHUTDOWN = libvirt.VIR_DOMAIN_SHUTDOWN_PARAVIRT | libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN
"""The power button is pressed where the guest does not listen to Xen."""

GUEST_FEATURES = frozenset({Feature.suspend, Feature.clean_shutdown, Feature.hotplug_disk, Feature.hotplug_nic})


class XenDomains(LibvirtMachines):
    """Machines of the Xen of this host."""

    def __init__(self, uri: str, folder: Path, disks: OpenDiskDriver) -> None:
        """``folder``: below it guests have their lines while they run. Raises Unavailable, BadConfig."""
        self.info = DriverInfo("xen", f"Xen through libvirt ({uri})", GUEST_FEATURES | {Feature.xen})
        self._disks = disks
        self._guests = XenstoreGuests(lambda uuid: self._watch.changed(uuid))
        self._store = self._guests.store
        self._folders = GuestFolders(folder / "run", lambda: None)
        self._lines = XenLines(self._folders, folder / "tty")
        self._coming: set[str] = set()
        """Machines whose disks are open for a domain that is not there yet."""
        self._watch = XenWatch(self._stopped, self._begun_anew, self._folders.shorten_logs)
        self._connection = Connection(uri, self._watch, self._returned, KEEPALIVE_MISSED)
        self._reboots = Reboots(self._connection.get, self._watch)
        self._watch.start()
        self._states = XenStates()
        self._standing = Standing(self._states, self._watch.differ, self._watch.stand)
        try:
            self._look_anew()
        except BaseException:
            self.close()
            raise

    def watch(self, tell: Tell) -> None:
        self._watch.add(tell)

    def close(self) -> None:
        self._standing.close()
        self._connection.close()
        self._watch.stop()
        self._lines.close()
        self._guests.close()

    def guest_report(self, uuid: str) -> GuestReport | None:
        return self._guests.report(uuid)

    def run_script(self, uuid: str, script: str) -> ScriptResult:
        return xenstore_scripts.run(self._store, self.running(uuid).ID(), script).shortened()

    def let_users_in(self, uuid: str, allowed: bool) -> None:
        xenstore_scripts.let_in(self._store, self.running(uuid).ID(), allowed)

    def foreign(self) -> list[str]:
        return [name for name in super().foreign() if name != CONTROL_DOMAIN]

    def usage(self) -> list[DomainUsage]:
        with told("asking what the domains use"):
            return of_each(self._connection.get(), self._states.processor_seconds())

    # What outlives a domain: libxl keeps neither variables of firmware nor a TPM

    def kept(self, uuid: str) -> Kept:
        return Kept()

    def forget(self, uuid: str) -> None:
        """There is nothing."""

    def keeping(self) -> list[str]:
        return []

    # Life

    def start(self, spec: DomainSpec, paused: bool) -> Domain:
        self._require_absent(spec.uuid)
        xen_programs.require(spec)
        with self._beginning(spec) as opened:
            xml = xen_xml.domain(opened, xen_programs.hosting(spec, self._folders.of(spec.uuid).vnc))
            domain = once_forgotten(self._connection.get().createXML, xml, libvirt.VIR_DOMAIN_START_PAUSED)
            self._settle(domain, spec, paused)
        return self._begun(spec.uuid)

    def pause(self, uuid: str) -> None:
        super().pause(uuid)
        self._let_stand(uuid, True)

    def unpause(self, uuid: str) -> None:
        super().unpause(uuid)
        self._let_stand(uuid, False)

    def _let_stand(self, uuid: str, still: bool) -> None:
        """libvirt does nothing where it believes that a machine stands already, or runs: others went past it."""
        number = self.running(uuid).ID()
        if self._states().get(number, still) is not still:
            run(["xl", "pause" if still else "unpause", str(number)])
            self._watch.stand({number: still})

    def sleep(self, uuid: str) -> None:
        xenstore_scripts.ask_to_sleep(self._store, self.running(uuid).ID())

    def wake(self, uuid: str) -> None:
        run(["xl", "trigger", str(self.running(uuid).ID()), "s3resume"])

    def request_shutdown(self, uuid: str) -> None:
        with told(f"asking {uuid} to shut down"):
            self.running(uuid).shutdownFlags(SHUTDOWN)

    def request_reboot(self, uuid: str) -> None:
        if self._reboots.is_on(uuid):
            return
        with told(f"asking {uuid} to reboot"):
            self.running(uuid).reboot(libvirt.VIR_DOMAIN_REBOOT_PARAVIRT)

    def reset(self, uuid: str) -> Domain:
        # libxl has no reset: the same description is started once more.
        domain = self.running(uuid)
        with told(f"resetting {uuid}"), self._watch.resetting(uuid):
            xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)
            domain.destroy()
            started = once_forgotten(self._connection.get().createXML, xml, libvirt.VIR_DOMAIN_START_PAUSED)
            self._tell(uuid, started.ID())
            started.resume()
        self._serve_line(uuid)
        return self._begun(uuid)

    def resume(self, spec: DomainSpec, image: Disk, paused: bool) -> Domain:
        self._require_absent(spec.uuid)
        xen_programs.require(spec)
        path = image_path(image)
        with self._beginning(spec) as opened:
            xml = xen_xml.domain(opened, xen_programs.hosting(spec, self._folders.of(spec.uuid).vnc))
            with xen_image.with_xml(path, xml, self._folders.of(spec.uuid).path / PIPE) as pipe:
                self._connection.get().restoreFlags(str(pipe), None, libvirt.VIR_DOMAIN_SAVE_PAUSED)
            self._settle(self.running(spec.uuid), spec, paused)
        return self._begun(spec.uuid)

    # Devices of a running machine

    def attach_disk(self, uuid: str, disk: DiskSpec) -> None:
        domain = self.running(uuid)
        description = self.described(domain)
        if disk.vbd in description.disks:
            return
        if disk.device != "disk" and _kind(description) is DomainKind.hvm:
            raise NotSupported(f"a {disk.device} drive cannot be plugged into a running machine", vbd=disk.vbd)
        preflight.require_disks([disk])
        opened = self._opened(uuid, disk)
        try:
            with told(f"plugging the disk {disk.vbd} into {uuid}"):
                domain.attachDeviceFlags(xen_xml.disk(opened, _kind(description)), libvirt.VIR_DOMAIN_AFFECT_LIVE)
        except BaseException:
            self._disks.release(uuid, disk.vbd)
            raise

    def detach_disk(self, uuid: str, vbd: str, force: bool) -> None:
        # libxl waits for the guest for some seconds, and takes the disk away then, so force makes no difference.
        self._detach(uuid, vbd, self.described(self.running(uuid)).disks)
        self._disks.release(uuid, vbd)

    def change_medium(self, uuid: str, vbd: str, disk: Disk | None) -> None:
        domain = self.running(uuid)
        description = self.described(domain)
        drive = description.disks.get(vbd)
        if drive is None:
            raise NotFound(f"{uuid} has no drive {vbd}", vbd=vbd)
        if _kind(description) is not DomainKind.hvm:
            if disk is not None:
                raise NotSupported("without a device model a CD is plugged, not put into a drive", vbd=vbd)
            self.detach_disk(uuid, vbd, force=False)
            return
        if disk is not None:
            preflight.require_paths([disk.path])
        with told(f"changing the medium of {vbd} in {uuid}"):
            domain.updateDeviceFlags(xen_xml.with_medium(drive, None), libvirt.VIR_DOMAIN_AFFECT_LIVE)
            self._disks.release(uuid, vbd)
            if disk is not None:
                opened = self._opened(uuid, DiskSpec(vbd, 0, "cdrom", disk, read_only=True))
                domain.updateDeviceFlags(xen_xml.with_medium(drive, opened.disk), libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def attach_nic(self, uuid: str, nic: NicSpec) -> tuple[str, ...]:
        domain = self.running(uuid)
        description = self.described(domain)
        if nic.vif not in description.interfaces:
            preflight.require_bridges([nic])
            with told(f"plugging the interface {nic.vif} into {uuid}"):
                xml = xen_xml.interface(nic, _kind(description), preflight.switched([nic]))
                domain.attachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)
        return xen_links.links(self._store, domain.ID(), self.described(domain).interfaces).get(nic.vif, ())

    def detach_nic(self, uuid: str, vif: str) -> None:
        self._detach(uuid, vif, self.described(self.running(uuid)).interfaces)

    def move_nic(self, uuid: str, nic: NicSpec) -> tuple[str, ...]:
        if nic.vif not in self.described(self.running(uuid)).interfaces:
            raise NotFound(f"{uuid} has no interface {nic.vif}", vif=nic.vif)
        preflight.require_bridges([nic])
        # libxl cannot move one; the guest sees that it goes and comes again.
        self.detach_nic(uuid, nic.vif)
        return self.attach_nic(uuid, nic)

    def detach_usb(self, uuid: str, vusb: str) -> None:
        self._detach(uuid, vusb, self.described(self.running(uuid)).usbs)

    # Acting

    @contextmanager
    def _beginning(self, spec: DomainSpec) -> Iterator[DomainSpec]:
        """For letting a machine come to be, with devices in place of its disks; nothing is left if it does not."""
        self._watch.own(spec.uuid)
        self._coming.add(spec.uuid)
        try:
            with self._folders.opened(spec.uuid) as folder, told(f"starting {spec.uuid}"):
                folder.data.write_text(json.dumps(spec.xenstore_data))
                yield replace(spec, disks=tuple(self._opened(spec.uuid, each) for each in spec.disks))
        except BaseException:
            self._end(spec.uuid)
            raise
        finally:
            self._coming.discard(spec.uuid)

    def _opened(self, uuid: str, disk: DiskSpec) -> DiskSpec:
        if disk.disk is None:
            return disk
        path = self._disks.open(uuid, disk)
        return replace(disk, disk=Disk(str(path), VolumeFormat.raw, kind="block", read_only=disk.disk.read_only))

    def _settle(self, domain: libvirt.virDomain, spec: DomainSpec, paused: bool) -> None:
        """What libxl is not told by the XML, before the guest runs."""
        self._tell(spec.uuid, domain.ID())
        if scheduling := {
            name: value for name, value in (("weight", spec.scheduling.weight), ("cap", spec.scheduling.cap)) if value
        }:
            domain.setSchedulerParameters(scheduling)
        self._serve_line(spec.uuid)
        if not paused:
            domain.resume()

    def _tell(self, uuid: str, id: int) -> None:
        """Lay down in xenstore what the guest is told, and hear what it says there."""
        vm_data.lay_down(self._store, id, json.loads(self._folders.of(uuid).data.read_text()))
        self._guests.began(uuid, id)

    def _begun(self, uuid: str) -> Domain:
        found = self.find(uuid)
        if found is None:
            raise Failed(f"{uuid} ended at once")
        return found

    def _detach(self, uuid: str, device: str, devices: dict[str, ElementTree.Element]) -> None:
        if (element := devices.get(device)) is None:
            return
        with told(f"unplugging {device} from {uuid}"):
            xml = ElementTree.tostring(element, encoding="unicode")
            self.running(uuid).detachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)

    def _end(self, uuid: str) -> None:
        """What is left of a domain that failed to start."""
        try:
            self.destroy(uuid)
        except BackendError as error:
            log.warning("what is left of %s stays: %s", uuid, error.message)

    # Looking

    def find(self, uuid: str) -> Domain | None:
        # Its domain may go while it is looked at.
        look = super()._active
        return self._reboots.through(uuid, lambda: None if (domain := look(uuid)) is None else self._ours(domain))

    def _active(self, uuid: str) -> libvirt.virDomain | None:
        # One that reboots is neither off nor to be tidied up.
        look = super()._active
        return self._reboots.through(uuid, lambda: look(uuid))

    def _links(self, domain: libvirt.virDomain, description: Description) -> dict[str, tuple[str, ...]]:
        return xen_links.links(self._store, domain.ID(), description.interfaces)

    def _features(self, description: Description) -> frozenset[str]:
        return self.info.features  # Xen asks past ACPI.

    def _ours(self, domain: libvirt.virDomain) -> Domain | None:
        try:
            found = super()._ours(domain)
        except Failed:
            if domain.ID() in self._states():
                raise
            found = None  # libvirt does not know yet that it went.
        if found is None:
            return None
        still = self._watch.still(found.uuid)
        return replace(
            found,
            state=found.state if still is None else DomainState.paused if still else DomainState.running,
            xenstore_data=vm_data.shared(self._store, found.id),
        )

    def _consoles(self, uuid: str, description: Description) -> tuple[Endpoint, ...]:
        return self._lines.consoles(uuid, description)  # libvirt's words are a terminal and an address.

    def _serve_line(self, uuid: str) -> None:
        """Serve the line of a machine as it is now."""
        domain = self._active(uuid)
        self._lines.serve(uuid, None if domain is None else self.described(domain))

    # Of its own accord

    def _stopped(self, uuid: str) -> None:
        if self._runs(uuid):
            return
        self._guests.ended(uuid)
        self._serve_line(uuid)
        self._folders.remove(uuid, self._runs)
        self._disks.release_all(uuid)

    def _begun_anew(self, uuid: str) -> None:
        """After a reboot its domain is another one."""
        if (domain := self._active(uuid)) is not None:
            self._tell(uuid, domain.ID())
            self._serve_line(uuid)

    def _look_anew(self) -> None:
        self._reboots.find(lambda domain: domain.UUIDString() not in self._coming and is_ours(domain))
        for domain in self.domains():
            self._watch.runs_as(domain.uuid, domain.id)
            if vm_data.is_laid_down(self._store, domain.id):
                self._guests.began(domain.uuid, domain.id)
            else:
                # It began this life while nobody watched.
                self._tell(domain.uuid, domain.id)
            self._serve_line(domain.uuid)
        self._folders.sweep(self._goes_on)
        self._lines.sweep(self._goes_on)
        for owner in self._disks.owners():
            if owner not in self._coming and not self._goes_on(owner):
                self._disks.release_all(owner)

    def _goes_on(self, uuid: str) -> bool:
        return self._reboots.is_on(uuid) or self._runs(uuid)

    def _returned(self) -> None:
        try:
            self._look_anew()
        except BackendError as error:
            # It went again, and will be looked at when it comes back.
            log.warning("libvirt answered and cannot say what runs: %s", error.message)
        self._watch.lost()


def _kind(description: Description) -> DomainKind:
    return DomainKind.hvm if description.label is None else description.label.kind
