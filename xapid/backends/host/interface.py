"""The host driver: what this machine is."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from xapid.backends.domain.interface import Endpoint
from xapid.backends.interface import CpuTime, DriverInfo

UNKNOWN_XEN = "(unknown)"
"""The version of Xen where there is none."""


class TimeSource(enum.StrEnum):
    """Where a machine takes its time from, by NTP."""

    Factory = "Factory"
    """The servers that its system came with."""
    DHCP = "DHCP"
    """Those that a server for addresses names."""
    Custom = "Custom"
    """Servers of its own."""
    Disabled = "Disabled"


class Moment(NamedTuple):
    """What the clocks of a machine show."""

    seconds: float
    """since 1970"""
    local: str
    """the clock on its wall, ``20260131T23:59:59``"""


@dataclass(frozen=True)
class Cpu:
    """One logical processor."""

    number: int
    vendor: str
    modelname: str
    family: int
    model: int
    stepping: str
    speed: int
    """MHz"""
    flags: str


@dataclass(frozen=True)
class UsbDevice:
    """A device on a USB port that a guest could be given."""

    path: str
    """bus and ports, as the kernel writes them: 1-1.4"""
    vendor_id: str
    """four hexadecimal digits"""
    product_id: str
    vendor: str = ""
    product: str = ""
    serial: str = ""
    version: str = ""
    """of USB"""
    speed: float = -1.0
    """Mbit/s; -1: not known"""


@dataclass(frozen=True)
class PciDevice:
    """A device on a PCI bus."""

    address: str
    """domain, bus, device and function: 0000:00:02.0"""
    class_id: str
    """four hexadecimal digits, as are all numbers here"""
    vendor_id: str
    device_id: str
    class_name: str = ""
    vendor_name: str = ""
    device_name: str = ""
    subsystem_vendor_id: str = ""
    subsystem_vendor_name: str = ""
    subsystem_device_id: str = ""
    subsystem_device_name: str = ""
    driver: str = ""
    dependencies: tuple[str, ...] = ()
    """addresses of the other functions of its card"""
    is_display: bool = False
    shows_console: bool = False
    """whether the machine shows its own screen with it"""


class PciAccess(NamedTuple):
    """Whether the host itself uses a PCI device; if not, it is for guests."""

    host_now: bool
    host_next: bool
    """after the next boot"""


@dataclass(frozen=True)
class Pack:
    """Software that was installed beside the system, as a whole."""

    originator: str
    name: str
    version: str
    description: str = ""
    build: str = ""
    homogeneous: bool = False
    """whether all hosts of a pool must have it"""


@dataclass(frozen=True)
class DriverVariant:
    """One variant of a driver of the kernel."""

    name: str
    version: str
    hardware_present: bool
    priority: float
    status: str


@dataclass(frozen=True)
class KernelDriver:
    """A driver of the kernel of which there are variants to choose from."""

    name: str
    type: str
    description: str
    info: str
    variants: tuple[DriverVariant, ...]
    active: str = ""
    """name of the variant that is in use"""
    selected: str = ""
    """name of the one to be used after the next boot"""


@dataclass(frozen=True)
class HostFacts:
    """What a machine says of itself."""

    hostname: str
    kernel: str
    os_release: dict[str, str] = field(default_factory=dict)
    cpus: tuple[Cpu, ...] = ()
    sockets: int = 1
    threads_per_core: int = 1
    nodes: int = 1
    memory_total: int = 0
    """bytes"""
    memory_free: int = 0
    boot_time: float = 0.0
    """seconds since 1970"""
    boot_id: str = ""
    """another one after each boot; a clock that is set does not change it"""
    timezone: str = "UTC"
    time_source: TimeSource = TimeSource.Disabled
    time_servers: tuple[str, ...] = ()
    """names or addresses, where they are of its own"""
    ssh: bool = False
    """whether one can log in by SSH"""
    name_servers: tuple[str, ...] = ()
    """addresses of those that this machine asks for names"""
    bios_strings: dict[str, str] = field(default_factory=dict)
    """keys as in host.bios_strings; ``oem-N`` from 3 up"""
    iommu: bool = False
    virtualization: frozenset[str] = frozenset()
    """of: hvm (the processor helps), kvm (/dev/kvm opens), xen (this is the control domain of a Xen host)"""
    capabilities: tuple[str, ...] = ()
    """kinds of guests, as the hypervisor names them; empty: it does not say"""
    xen_version: str = UNKNOWN_XEN
    optical_drives: tuple[str, ...] = ()
    packs: tuple[Pack, ...] = ()


class CrashDump(NamedTuple):
    """What was kept when the machine crashed: a folder."""

    name: str
    seconds: float
    """since 1970"""
    size: int
    """bytes"""


class Personal(enum.StrEnum):
    """Whether what is told says something of people."""

    no = "no"
    maybe = "maybe"
    if_customized = "if_customized"
    yes = "yes"


@dataclass(frozen=True)
class ReportPart:
    """One part of a report for who looks for faults."""

    key: str
    personal: Personal
    wanted: bool
    """part of a report unless somebody says otherwise"""
    size: int
    """bytes at most"""


class Packed(enum.StrEnum):
    """How a report is packed into one file."""

    tar = "tar"
    tar_bz2 = "tar.bz2"
    zip = "zip"


class HostDriver(Protocol):
    """This machine."""

    info: DriverInfo

    def facts(self) -> HostFacts: ...
    def memory(self) -> tuple[int, int]:
        """Total and free, in bytes."""

    def cpu_times(self) -> dict[int, CpuTime]:
        """What each processor of the host did since it booted, by its number; empty where that cannot be told."""

    def console_text(self) -> str:
        """What the hypervisor has printed, as much of it as is kept."""

    def login(self, name: str) -> tuple[Endpoint, ...]:
        """Where the console of the machine itself is served, which is a login; it begins if there is none.

        ``name``: as viewers are told it. Raises NotSupported where nobody can log in this way.
        """

    def close(self) -> None:
        """End that login."""

    def send_debug_keys(self, keys: str) -> None:
        """Have the hypervisor do what each key is for. Raises NotSupported where it knows none."""

    def crash_dumps(self) -> tuple[CrashDump, ...]: ...

    def remove_crash_dump(self, name: str) -> None:
        """Raises NotFound."""

    def send_crash_dump(self, name: str, url: str, proxy: str) -> None:
        """Send all of a dump to a server, packed. Raises NotFound, and as ``send_report`` does."""

    def report_parts(self) -> tuple[ReportPart, ...]:
        """What a report can hold."""

    def write_report(self, path: str, parts: tuple[str, ...], packed: Packed) -> None:
        """Write a report of some parts into a new file; parts that are not known are passed over. Raises Failed."""

    def send_report(self, url: str, proxy: str, parts: tuple[str, ...]) -> None:
        """Send a report to a server, through a proxy unless that is empty.

        Raises BadConfig (``key``: url, http_proxy) for an address that is none, Failed if the server does not take it.
        """

    def write_logs(self, path: str) -> None:
        """Write all logs that are kept into a new file (tar.gz). Raises Failed."""

    def send_log_to(self, destination: str) -> None:
        """Send the log of this machine to another too, ``ADDRESS[:PORT]``; empty: to none. Raises NotSupported."""

    def now(self) -> Moment: ...

    def set_time(self, seconds: float) -> None:
        """Set the clock, in seconds since 1970. Only a machine that takes its time from nowhere keeps it."""

    def timezones(self) -> tuple[str, ...]:
        """Names of the zones that are known, in order."""

    def set_timezone(self, name: str) -> None:
        """Raises BadConfig (``key``: timezone) for a name that is not known."""

    def set_time_source(self, source: TimeSource, servers: tuple[str, ...]) -> None:
        """Take the time from there from now on; ``servers`` are for Custom.

        Raises NotSupported without a program for NTP, BadConfig (``key``: source) if there are no such servers.
        """

    def time_servers(self) -> dict[str, str]:
        """What is thought of each time server: synced, combined, uncombined, unreachable, variable, error, unknown."""

    def synchronized(self) -> bool:
        """Whether the clock goes by a time server."""

    def set_ssh(self, enabled: bool, at_boot: bool) -> None:
        """Switch logins by SSH on or off, now and for the next start of the machine. Sessions that are open stay.

        Raises NotSupported without a server for SSH.
        """

    def set_ssh_auto(self, value: bool) -> None:
        """Whether logins by SSH go on when the toolstack goes down. Changes nothing now.

        Raises NotSupported where nobody watches the toolstack.
        """

    def set_idle_timeout(self, seconds: int) -> None:
        """After how long an idle login ends; 0: never. For logins from now on."""

    def set_hostname(self, name: str) -> None:
        """Raises BadConfig (``key``: hostname) for a name that the machine cannot have."""

    def set_initiator(self, name: str) -> None:
        """The name by which the machine logs in to iSCSI targets, from the next login on."""

    def set_max_cstate(self, state: int | None, substate: int | None) -> None:
        """How deep processors may sleep, 0: not at all; None: as deep as they can. Until the machine is booted anew.

        Raises NotSupported where processors cannot be kept awake.
        """

    def usb_devices(self) -> tuple[UsbDevice, ...]:
        """Those that guests could be given: no hubs, and nothing that somebody at the machine types or points with."""

    def share_amd_cards(self) -> None:
        """Have graphics cards of AMD show virtual functions."""

    def share_nvidia_card(self, address: str, shared: bool) -> None:
        """Have a graphics card of NVIDIA show virtual functions, or none.

        Raises NotFound, and NotSupported for one that cannot show any.
        """

    def packs(self) -> tuple[Pack, ...]: ...
    def uefi_certificates(self) -> str:
        """Those for secure boot that came with the system: a tar archive in Base64; empty: none did."""

    def used_uefi_certificates(self) -> tuple[str, ...]:
        """Names of the files that guests start with: PK.auth, KEK.auth, db.auth, dbx.auth."""

    def use_uefi_certificates(self, archive: str) -> None:
        """Have guests start with those of such an archive; empty: with those of the system.

        Raises BadConfig (``key``: archive) for what is none.
        """

    def set_ports(self, ports: Mapping[int, bool]) -> None:
        """Which TCP ports the firewall lets other machines reach; those that are not named stay as they are."""

    def pci_devices(self) -> tuple[PciDevice, ...]:
        """Storage, networks and displays, and what is on one card with them; no virtual functions."""

    def pci_access(self, address: str) -> PciAccess:
        """Who uses a PCI device. Raises NotFound."""

    def set_pci_access(self, address: str, host: bool) -> None:
        """Whether the host itself uses a device after its next boot.

        Raises NotFound, InUse (``device``: the disk) for a device that the host boots from, NotSupported.
        """

    def kernel_drivers(self) -> tuple[KernelDriver, ...]: ...

    def select_variant(self, driver: str, variant: str) -> None:
        """Choose a variant of a driver for the next boot; empty: none. Raises NotSupported if none can be chosen."""

    def go_down(self, reboot: bool) -> None:
        """Switch the machine off, or boot it anew. Returns at once: the system has more to end than the toolstack."""
