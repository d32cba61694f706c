"""The simulated hypervisor: machines in memory that start, stop and answer at once."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from xapid.backends.domain import preflight
from xapid.backends.domain.interface import (
    DiskSpec,
    Domain,
    DomainEvent,
    DomainEventKind,
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
from xapid.backends.domain.sim_console import SimConsoles
from xapid.backends.domain.sim_guest import DEAF as DEAF
from xapid.backends.domain.sim_guest import FULL as FULL
from xapid.backends.domain.sim_guest import GUEST_KEY as GUEST_KEY
from xapid.backends.domain.sim_guest import Guest as Guest
from xapid.backends.faults import SimFaults
from xapid.backends.interface import AlreadyExists, BadConfig, DomainUsage, DriverInfo, InUse, NotFound, NotSupported
from xapid.backends.storage.interface import Disk, VolumeFormat

GUEST_FEATURES = frozenset(
    {
        Feature.suspend,
        Feature.clean_shutdown,
        Feature.hotplug_disk,
        Feature.hotplug_nic,
        Feature.live_snapshot,
        Feature.live_resize,
    }
)
NO_FEATURES: frozenset[str] = frozenset()
SHARED = "vm-data/"
"""How the keys of VM.xenstore_data begin that a guest is shown."""


class SimDomains:
    """Machines that are not there. Without drivers in the guest, unless ``platform:sim-guest`` says otherwise."""

    info = DriverInfo("sim", "Simulated machines", GUEST_FEATURES)

    def __init__(self, run_dir: str = "") -> None:
        """``run_dir``: where the sockets of the consoles lie, once there are any; empty: in a temporary directory."""
        self.faults = SimFaults()
        self.foreign_machines: list[str] = []
        """Names of machines that somebody else runs."""
        self.empty: set[str] = set()
        """USB ports and PCI addresses of the host where there is nothing any more."""
        self.names_links = False
        """Whether it calls the host's ends of interfaces as it likes, as Xen does."""
        self._guests: dict[str, Guest] = {}
        self._kept: dict[str, Kept] = {}
        self._ids = itertools.count(1)
        self._watchers: list[Callable[[DomainEvent], None]] = []
        self._changing = threading.RLock()
        self._consoles = SimConsoles(Path(run_dir, "sim") if run_dir else None)

    def watch(self, tell: Callable[[DomainEvent], None]) -> None:
        self._watchers.append(tell)

    def close(self) -> None:
        self._consoles.close()

    # What there is

    def domains(self) -> list[Domain]:
        with self._changing:
            return [self._domain(guest) for guest in self._guests.values()]

    def find(self, uuid: str) -> Domain | None:
        guest = self._guests.get(uuid)
        return None if guest is None else self._domain(guest)

    def foreign(self) -> list[str]:
        return list(self.foreign_machines)

    def guest(self, uuid: str) -> Guest:
        """A machine that runs, as it is. Raises NotFound."""
        guest = self._guests.get(uuid)
        if guest is None:
            raise NotFound(f"there is no domain {uuid}", domain=uuid)
        return guest

    def guest_report(self, uuid: str) -> GuestReport | None:
        return self.guest(uuid).report

    def run_script(self, uuid: str, script: str) -> ScriptResult:
        self._answering(uuid).scripts.append(script)
        return ScriptResult(0)

    def let_users_in(self, uuid: str, allowed: bool) -> None:
        self._answering(uuid).open_to_users = allowed

    def usage(self) -> list[DomainUsage]:
        with self._changing:
            return [guest.usage() for guest in self._guests.values()]

    # Life

    def start(self, spec: DomainSpec, paused: bool) -> Domain:
        preflight.require_bootloader(spec)
        self._require_devices(spec)
        return self._begin(spec, paused, "booted")

    def pause(self, uuid: str) -> None:
        self._set_state(self.guest(uuid), DomainState.paused, DomainEventKind.paused, "paused")

    def unpause(self, uuid: str) -> None:
        guest = self.guest(uuid)
        guest.stalled = ()
        self._set_state(guest, DomainState.running, DomainEventKind.resumed, "unpaused")

    def sleep(self, uuid: str) -> None:
        self._answering(uuid).asleep = True

    def wake(self, uuid: str) -> None:
        self.guest(uuid).asleep = False

    def request_shutdown(self, uuid: str) -> None:
        if self._listens(uuid, "shut down"):
            self.happen(uuid, DomainEventKind.stopped)

    def request_reboot(self, uuid: str) -> None:
        if self._listens(uuid, "reboot"):
            self.happen(uuid, DomainEventKind.rebooted)

    def reset(self, uuid: str) -> Domain:
        guest = self.guest(uuid)
        self._reboot(guest)
        return self._domain(guest)

    def destroy(self, uuid: str) -> None:
        with self._changing:
            guest = self._guests.get(uuid)
            if guest is not None:
                self._end(guest, DomainEventKind.stopped, "destroyed")

    def suspend(self, uuid: str, image: Disk) -> None:
        guest = self.guest(uuid)
        if not guest.answers:
            raise NotSupported(f"the guest of {uuid} has no drivers: it cannot be suspended")
        _check_image(image)
        with self._changing:
            self._end(guest, DomainEventKind.stopped, "saved")

    def resume(self, spec: DomainSpec, image: Disk, paused: bool) -> Domain:
        _check_image(image)
        return self._begin(spec, paused, "restored")

    # What outlives a domain

    def kept(self, uuid: str) -> Kept:
        return self._kept.get(uuid, Kept())

    def forget(self, uuid: str) -> None:
        if uuid not in self._guests:
            self._kept.pop(uuid, None)

    def keeping(self) -> list[str]:
        return sorted(self._kept.keys() - self._guests.keys())

    def leave(self, uuid: str, kept: Kept) -> None:
        """Let a guest change what outlives it."""
        self._kept[self.guest(uuid).spec.uuid] = kept

    # Devices of a running machine

    def attach_disk(self, uuid: str, disk: DiskSpec) -> None:
        self._answering(uuid).disks.setdefault(disk.vbd, disk.disk)

    def detach_disk(self, uuid: str, vbd: str, force: bool) -> None:
        guest = self.guest(uuid) if force else self._answering(uuid)
        guest.disks.pop(vbd, None)

    def change_medium(self, uuid: str, vbd: str, disk: Disk | None) -> None:
        guest = self.guest(uuid)
        if vbd not in guest.disks:
            raise NotFound(f"{uuid} has no drive {vbd}", vbd=vbd)
        guest.disks[vbd] = disk

    def attach_nic(self, uuid: str, nic: NicSpec) -> tuple[str, ...]:
        guest = self._answering(uuid)
        guest.nics.setdefault(nic.vif, nic)
        return self._links(guest).get(nic.vif, ())

    def detach_nic(self, uuid: str, vif: str) -> None:
        self._answering(uuid).nics.pop(vif, None)

    def move_nic(self, uuid: str, nic: NicSpec) -> tuple[str, ...]:
        guest = self.guest(uuid)
        if nic.vif not in guest.nics:
            raise NotFound(f"{uuid} has no interface {nic.vif}", vif=nic.vif)
        guest.nics[nic.vif] = nic
        return self._links(guest).get(nic.vif, ())

    def _links(self, guest: Guest) -> dict[str, tuple[str, ...]]:
        named = guest.nics.values() if self.names_links else ()
        return {nic.vif: (f"vif{guest.id}.{nic.position}",) for nic in named}

    def detach_usb(self, uuid: str, vusb: str) -> None:
        self.guest(uuid).usbs.pop(vusb, None)

    def set_memory(self, uuid: str, target: int) -> None:
        guest = self.guest(uuid)
        if target > guest.spec.memory_static_max:
            raise BadConfig(f"{uuid} has no more than {guest.spec.memory_static_max} bytes", key="memory")
        if guest.balloons:
            guest.memory = target

    def set_vcpus(self, uuid: str, count: int) -> None:
        guest = self.guest(uuid)
        if not 1 <= count <= guest.spec.vcpus_max:
            raise BadConfig(f"{uuid} has between 1 and {guest.spec.vcpus_max} processors", key="vcpus")
        guest.vcpus = count

    # What guests do by themselves

    def happen(self, uuid: str, kind: DomainEventKind) -> None:
        """Let a guest do something of its own accord: stop, crash, reboot. What follows is as its spec says."""
        with self._changing:
            guest = self.guest(uuid)
            match kind:
                case DomainEventKind.rebooted if guest.spec.on_reboot == "restart":
                    self._reboot(guest)
                case DomainEventKind.crashed if guest.spec.on_crash == "restart":
                    self._reboot(guest)
                case DomainEventKind.crashed if guest.spec.on_crash == "preserve":
                    self._set_state(guest, DomainState.paused, DomainEventKind.paused, "panicked")
                case DomainEventKind.crashed:
                    self._end(guest, DomainEventKind.crashed, "crashed")
                case DomainEventKind.stopped:
                    self._end(guest, DomainEventKind.stopped, "shutdown")
                case DomainEventKind.rebooted:
                    self._end(guest, DomainEventKind.stopped, "rebooted")
                case _:
                    raise ValueError(f"a guest does not do that by itself: {kind}")

    def run_out(self, uuid: str, *vbds: str) -> None:
        """Let what a guest writes to drives find no space."""
        guest = self.guest(uuid)
        guest.stalled = vbds
        self._set_state(guest, DomainState.paused, DomainEventKind.paused, "ioerror")

    def say(self, uuid: str, report: GuestReport | None) -> None:
        """Let a guest say something of itself."""
        guest = self.guest(uuid)
        guest.report = None if report is None else report.taken()
        self._tell(guest, DomainEventKind.changed)

    def balloon(self, uuid: str, memory: int) -> None:
        """Let a guest give memory back, or take it."""
        guest = self.guest(uuid)
        guest.memory = memory
        self._tell(guest, DomainEventKind.changed)

    def vanish(self, uuid: str) -> None:
        """Let a machine be gone without a word, as when its process dies while nobody listens."""
        with self._changing:
            self._guests.pop(uuid, None)

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """What happens in the block is told to nobody, as while the daemon is not there."""
        with self._changing:
            watchers, self._watchers = self._watchers, []
            try:
                yield
            finally:
                self._watchers = watchers

    def lose(self) -> None:
        """Say that events may have been missed."""
        for tell in self._watchers:
            tell(DomainEvent("", DomainEventKind.lost))

    def _begin(self, spec: DomainSpec, paused: bool, reason: str) -> Domain:
        with self._changing:
            if spec.uuid in self._guests:
                raise AlreadyExists(f"{spec.uuid} runs already", uuid=spec.uuid)
            guest = Guest(
                spec,
                next(self._ids),
                DomainState.paused if paused else DomainState.running,
                spec.memory_target,
                spec.vcpus,
                time.time(),
                {disk.vbd: disk.disk for disk in spec.disks},
                {nic.vif: nic for nic in spec.nics},
                {usb.vusb: usb for usb in spec.usbs},
            )
            self._guests[spec.uuid] = guest
            self._kept.pop(spec.uuid, None)
            if spec.efi_variables or spec.tpm is not None:
                tpm = None if spec.tpm is None else spec.tpm.contents
                self._kept[spec.uuid] = Kept(spec.efi_variables or None, tpm)
            self._tell(guest, DomainEventKind.started, reason)
            if paused:
                self._tell(guest, DomainEventKind.paused, "paused")
            return self._domain(guest)

    def _require_devices(self, spec: DomainSpec) -> None:
        """Raises NotFound, InUse."""
        for usb in spec.usbs:
            if usb.port in self.empty:
                raise NotFound(f"in the USB port {usb.port} is nothing", vusb=usb.vusb)
        for pci in spec.pcis:
            if pci.address in self.empty:
                raise NotFound(f"there is no PCI device {pci.address}", pci=pci.address)
        others = list(self._guests.values()) if spec.usbs or spec.pcis else []
        for guest in others:
            ports = {usb.port for usb in guest.usbs.values()} & {usb.port for usb in spec.usbs}
            if taken := ports | {pci.address for pci in {*guest.spec.pcis} & {*spec.pcis}}:
                raise InUse(f"{guest.spec.uuid} has {', '.join(sorted(taken))}")

    def _end(self, guest: Guest, kind: DomainEventKind, reason: str) -> None:
        del self._guests[guest.spec.uuid]
        self._tell(guest, kind, reason)

    def _reboot(self, guest: Guest) -> None:
        guest.report = None
        self._tell(guest, DomainEventKind.rebooted)

    def _set_state(self, guest: Guest, state: DomainState, kind: DomainEventKind, reason: str) -> None:
        if guest.state is not state:
            guest.set_state(state)
            self._tell(guest, kind, reason)

    def _tell(self, guest: Guest, kind: DomainEventKind, reason: str = "") -> None:
        event = DomainEvent(guest.spec.uuid, kind, reason, guest.id)
        for tell in self._watchers:
            tell(event)

    def _answering(self, uuid: str) -> Guest:
        guest = self.guest(uuid)
        if not guest.answers:
            raise NotSupported(f"the guest of {uuid} has no drivers")
        return guest

    def _listens(self, uuid: str, what: str) -> bool:
        guest = self.guest(uuid)
        if not guest.answers:
            raise NotSupported(f"the guest of {uuid} has no drivers: it cannot be asked to {what}")
        return guest.state is DomainState.running and not guest.is_deaf

    def _domain(self, guest: Guest) -> Domain:
        spec = guest.spec
        full = guest.with_drivers
        return Domain(
            uuid=spec.uuid,
            id=guest.id,
            state=guest.state,
            kind=spec.kind,
            name=spec.name,
            memory=guest.memory,
            vcpus=guest.vcpus,
            start_time=guest.start_time,
            consoles=self._consoles_of(spec) if full else (),
            disks=tuple(guest.disks),
            stalled=guest.stalled,
            nics=tuple(guest.nics),
            links=self._links(guest),
            usbs=tuple(guest.usbs),
            pcis=tuple(each.address for each in spec.pcis),
            features=GUEST_FEATURES if full else NO_FEATURES,
            xenstore_data=shared_data(spec) if full else {},
        )

    def _consoles_of(self, spec: DomainSpec) -> tuple[Endpoint, ...]:
        """Those of all guests are the same; but one without a screen may be told to show none."""
        shown = spec.kind is DomainKind.hvm or spec.line_as_screen
        return tuple(each for each in self._consoles.endpoints() if shown or each.protocol != "rfb")


def _check_image(image: Disk) -> None:
    if image.format is not VolumeFormat.raw:
        raise NotSupported(f"an image must be a raw file or device: {image.path}", path=image.path)


def shared_data(spec: DomainSpec) -> dict[str, str]:
    """What a guest that can read it is given."""
    return {key: value for key, value in spec.xenstore_data.items() if key.startswith(SHARED)}
