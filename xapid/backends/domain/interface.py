"""The domain driver: what a running virtual machine is, and what can be done to it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from xapid.backends.domain.guest_report import GuestReport as GuestReport
from xapid.backends.domain.guest_report import with_first as with_first
from xapid.backends.domain.guest_script import ScriptResult as ScriptResult
from xapid.backends.domain.spec import SECURE_BOOT_KEYS as SECURE_BOOT_KEYS
from xapid.backends.domain.spec import DiskSpec as DiskSpec
from xapid.backends.domain.spec import DomainKind as DomainKind
from xapid.backends.domain.spec import DomainSpec as DomainSpec
from xapid.backends.domain.spec import EfiVariable as EfiVariable
from xapid.backends.domain.spec import Hardware as Hardware
from xapid.backends.domain.spec import IoClass as IoClass
from xapid.backends.domain.spec import IoPriority as IoPriority
from xapid.backends.domain.spec import NicSpec as NicSpec
from xapid.backends.domain.spec import PciSpec as PciSpec
from xapid.backends.domain.spec import Scheduling as Scheduling
from xapid.backends.domain.spec import Screen as Screen
from xapid.backends.domain.spec import Tpm as Tpm
from xapid.backends.domain.spec import UsbSpec as UsbSpec
from xapid.backends.interface import DomainUsage, DriverInfo
from xapid.backends.storage.interface import Disk


class DomainState(enum.StrEnum):
    """What a domain does. One that is not listed is shut off."""

    running = "running"
    paused = "paused"


class Feature(enum.StrEnum):
    """What a domain driver, or a guest in it, can do."""

    suspend = "suspend"
    clean_shutdown = "clean_shutdown"
    """Guests are asked over ACPI, so that they count as having drivers."""
    hotplug_disk = "hotplug_disk"
    hotplug_nic = "hotplug_nic"
    live_snapshot = "live_snapshot"
    live_resize = "live_resize"
    live_mirror = "live_mirror"
    live_merge = "live_merge"
    kvm = "kvm"
    xen = "xen"


@dataclass(frozen=True)
class Endpoint:
    """Where a console is reached on this host."""

    protocol: str
    """rfb or vt100"""
    path: str
    """A Unix socket that takes one connection a viewer; vt100 of QEMU: what the guest prints, and takes keys."""
    log: str = ""
    """A file with what was printed since the guest started, for those who come later; empty: none is kept. Once it got
    too long, what came before is at the end of the file with ``.0`` after its name."""


@dataclass(frozen=True)
class Domain:
    """A running machine, as its hypervisor reports it."""

    uuid: str
    id: int
    """Number of the domain; a new one at each start."""
    state: DomainState
    kind: DomainKind = DomainKind.hvm
    name: str = ""
    memory: int = 0
    """bytes it has now"""
    vcpus: int = 0
    start_time: float = 0.0
    """seconds since 1970; 0: not known"""
    consoles: tuple[Endpoint, ...] = ()
    disks: tuple[str, ...] = ()
    """uuids of the VBDs it has attached"""
    nics: tuple[str, ...] = ()
    """uuids of the VIFs it has attached"""
    links: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What the host's ends of these are called, by uuid, where the hypervisor does not let that be said."""
    usbs: tuple[str, ...] = ()
    """uuids of the VUSBs it has attached"""
    pcis: tuple[str, ...] = ()
    """addresses of the PCI devices of the host that it has"""
    features: frozenset[str] = frozenset()
    """What can be done with this very guest (names of Feature)."""
    stalled: tuple[str, ...] = ()
    """uuids of the VBDs whose repository had no space for what the guest wrote: it is paused until it is let go on."""
    xenstore_data: dict[str, str] | None = None
    """What host and guest share under ``vm-data/``; None: the hypervisor has no such place."""


@dataclass(frozen=True)
class Kept:
    """What the guest of a machine has changed that is to outlive its domain; None: nothing that can be told."""

    efi_variables: tuple[EfiVariable, ...] | None = None
    tpm: bytes | None = field(default=None, repr=False)
    """All that its TPM keeps."""
    clock_offset: int | None = None
    """Seconds by which its clock is before UTC."""


class DomainEventKind(enum.StrEnum):
    """What happened to a domain, by whomever it was done."""

    started = "started"
    stopped = "stopped"
    """It is gone: by a shutdown of the guest, by destroy, or by a save."""
    crashed = "crashed"
    """It is gone and did not mean to, or the hypervisor's process died."""
    paused = "paused"
    resumed = "resumed"
    rebooted = "rebooted"
    """From inside; the same process goes on, maybe under a new number."""
    changed = "changed"
    """It goes on, and is to be looked at anew: its guest says something else of itself, or its memory is another."""
    lost = "lost"
    """Events may have been missed: look at everything anew."""


@dataclass(frozen=True)
class DomainEvent:
    """One thing that happened."""

    uuid: str
    """Empty for ``lost``."""
    kind: DomainEventKind
    reason: str = ""
    """shutdown, destroyed, crashed, saved, failed, ...: the hypervisor's word."""
    id: int = -1


class DomainDriver(Protocol):
    """Machines of one hypervisor on one host. Calls may block; one domain is never worked on twice at once.

    Machines that are not ours (their uuid was never given to ``start`` or ``resume`` here) are not listed.
    Every call that changes a domain can be repeated: pausing a paused one, destroying one that is gone, do nothing. For
    anything else that is asked of one that is gone: NotFound (fact ``domain``).
    """

    info: DriverInfo

    def watch(self, tell: Callable[[DomainEvent], None]) -> None:
        """Call ``tell`` from any thread for everything that happens from now on."""

    # What there is

    def domains(self) -> list[Domain]: ...
    def find(self, uuid: str) -> Domain | None: ...
    def foreign(self) -> list[str]:
        """Names of the hypervisor's machines that are not ours."""

    def guest_report(self, uuid: str) -> GuestReport | None:
        """What the guest of a machine said last, at once: it is not asked now. None: nothing since it booted."""

    def run_script(self, uuid: str, script: str) -> ScriptResult:
        """Have the agent in a guest run a script, and wait until it ends; its output is cut to what is told.

        Raises NotSupported where no agent runs any, Failed.
        """

    def let_users_in(self, uuid: str, allowed: bool) -> None:
        """Ask a guest to let users in by its remote desktop, or to keep them out. Raises NotSupported."""

    def usage(self) -> list[DomainUsage]:
        """What each machine has used, at once: one that cannot tell now is missing, and so is what cannot be told."""

    # What outlives a domain

    def kept(self, uuid: str) -> Kept:
        """Of a machine that runs as of now; of one that stopped as it left it, until that is forgotten."""

    def forget(self, uuid: str) -> None:
        """What a machine left is recorded, or nobody's any more. Not for one that runs."""

    def keeping(self) -> list[str]:
        """uuids of machines that do not run and left something."""

    # Life, in the order a machine lives it

    def start(self, spec: DomainSpec, paused: bool) -> Domain:
        """Raises AlreadyExists, NotFound (a kernel, a disk: fact ``path``; host devices: ``vusb``, ``pci``), Failed,
        InUse for a device of the host that another machine has.
        """

    def pause(self, uuid: str) -> None: ...
    def unpause(self, uuid: str) -> None: ...
    def sleep(self, uuid: str) -> None:
        """Ask a guest to sleep as a computer does (ACPI S3), all in its memory. Raises NotSupported."""

    def wake(self, uuid: str) -> None:
        """Wake one that sleeps so; for one that does not: nothing."""

    def request_shutdown(self, uuid: str) -> None:
        """Ask the guest, and return at once; ``stopped`` tells when it did."""

    def request_reboot(self, uuid: str) -> None:
        """Ask the guest, and return at once; ``rebooted`` tells when it did."""

    def reset(self, uuid: str) -> Domain:
        """Reboot at once, without asking."""

    def destroy(self, uuid: str) -> None:
        """Stop at once. Returns when the process and its network devices are gone."""

    def suspend(self, uuid: str, image: Disk) -> None:
        """Save memory and state into the image, and stop. Raises NotSupported for one that is no raw file or device."""

    def resume(self, spec: DomainSpec, image: Disk, paused: bool) -> Domain:
        """Go on from the image, with the disks and interfaces of ``spec``."""

    # Devices of a running machine

    def attach_disk(self, uuid: str, disk: DiskSpec) -> None: ...
    def detach_disk(self, uuid: str, vbd: str, force: bool) -> None: ...
    def change_medium(self, uuid: str, vbd: str, disk: Disk | None) -> None: ...
    def attach_nic(self, uuid: str, nic: NicSpec) -> tuple[str, ...]:
        """Returns how the host's end is called; nothing: as was asked for."""

    def detach_nic(self, uuid: str, vif: str) -> None: ...
    def move_nic(self, uuid: str, nic: NicSpec) -> tuple[str, ...]:
        """Join an interface to the bridge of ``nic``; the guest keeps it, drivers or none. Returns the same."""

    def detach_usb(self, uuid: str, vusb: str) -> None:
        """Give a USB device back to the host; nobody is asked."""

    def set_memory(self, uuid: str, target: int) -> None: ...
    def set_vcpus(self, uuid: str, count: int) -> None: ...

    def close(self) -> None:
        """Let go of the hypervisor; the machines run on."""
