"""The simulated machine: always the same plausible host."""

from __future__ import annotations

import io
import tarfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace

from xapid.backends.domain.interface import Endpoint
from xapid.backends.domain.sim_console import SimConsoles
from xapid.backends.faults import SimFaults
from xapid.backends.host import report, uefi
from xapid.backends.host.clock import moment, zones
from xapid.backends.host.interface import (
    Cpu,
    CrashDump,
    HostFacts,
    KernelDriver,
    Moment,
    Pack,
    Packed,
    PciAccess,
    PciDevice,
    Personal,
    ReportPart,
    TimeSource,
    UsbDevice,
)
from xapid.backends.interface import BadConfig, CpuTime, DriverInfo, NotFound

CPUS = tuple(
    Cpu(number, "GenuineIntel", "Simulated processor", 6, 85, "7", 2000, "fpu vme de pse tsc msr pae vmx sse sse2")
    for number in range(8)
)
MEMORY = 16 * 2**30
FACTORY_SERVERS = ("0.ntp.example", "1.ntp.example")


class Sim:
    """A machine of eight processors and 16 GiB."""

    info = DriverInfo("sim", "A machine that is not there")

    def __init__(self) -> None:
        self.faults = SimFaults()
        self._consoles = SimConsoles(None)
        self._started = time.time()
        self.boot_id = str(uuid.uuid4())
        self.busy = 0.125
        """Part of each processor that is used all the time."""
        self.debug_keys = ""
        """All that were sent."""
        self.log_destination = ""
        self.dumps: tuple[CrashDump, ...] = ()
        self.parts = (
            ReportPart("kernel-info", Personal.maybe, True, 4096),
            ReportPart("process-list", Personal.yes, True, 4096),
            ReportPart("host-crashdump-logs", Personal.no, False, 4096),
        )
        """Of a report."""
        self.log = ["nothing is wrong"]
        """The lines of its log."""
        self.sent: list[tuple[str, str, str, tuple[str, ...]]] = []
        """Reports and dumps of crashes that were sent: address, proxy, name, parts."""
        self.went_down: list[str] = []
        """What was asked for: off or reboot. The simulated machine does neither."""
        self.usb: tuple[UsbDevice, ...] = ()
        self.amd_shared = False
        """Whether the graphics cards of AMD show virtual functions."""
        self.shared: frozenset[str] = frozenset()
        """Addresses of those of NVIDIA that do."""
        self.shipped_keys: dict[str, bytes] = {}
        """Certificates for secure boot by the names of their files."""
        self.own_keys: dict[str, bytes] | None = None
        self.installed_packs: tuple[Pack, ...] = ()
        self.ports: dict[int, bool] = {}
        """What the firewall was told."""
        self.pci: tuple[PciDevice, ...] = ()
        self.kept: frozenset[str] = frozenset()
        """Addresses of PCI devices that are kept from the host now."""
        self.kept_next: frozenset[str] = frozenset()
        """The same after the next boot."""
        self.drivers: tuple[KernelDriver, ...] = ()
        self.hostname = "sim"
        self.initiator = ""
        self.max_cstate: tuple[int | None, int | None] = (None, None)
        self.ssh = True
        self.ssh_at_boot = True
        self.ssh_auto = False
        self.idle_timeout = 0
        self.ahead = 0.0
        """Seconds by which its clock is ahead of the real one."""
        self.timezone = "UTC"
        self.time_source = TimeSource.Factory
        self.own_time_servers: tuple[str, ...] = ()
        self.server_states = dict.fromkeys(FACTORY_SERVERS, "synced")

    def facts(self) -> HostFacts:
        return HostFacts(
            hostname=self.hostname,
            kernel="6.1.0-sim",
            os_release={"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"},
            cpus=CPUS,
            sockets=1,
            threads_per_core=1,
            memory_total=MEMORY,
            memory_free=MEMORY - 2**30,
            boot_time=self._started,
            boot_id=self.boot_id,
            timezone=self.timezone,
            ssh=self.ssh,
            time_source=self.time_source,
            time_servers=self.own_time_servers,
            bios_strings={
                "bios-vendor": "xapid",
                "bios-version": "1",
                "system-manufacturer": "xapid",
                "system-product-name": "Simulator",
            },
            iommu=True,
            virtualization=frozenset({"hvm", "xen"}),
            xen_version="4.17",
            packs=self.installed_packs,
        )

    def memory(self) -> tuple[int, int]:
        return MEMORY, MEMORY - 2**30

    def cpu_times(self) -> dict[int, CpuTime]:
        since = time.time() - self._started
        return dict.fromkeys(range(len(CPUS)), CpuTime(self.busy * since, since))

    def console_text(self) -> str:
        return "Xen simulator"

    def login(self, name: str) -> tuple[Endpoint, ...]:
        """As good a login as the consoles of simulated guests are screens."""
        return self._consoles.endpoints()

    def close(self) -> None:
        self._consoles.close()

    def send_debug_keys(self, keys: str) -> None:
        self.debug_keys += keys

    def crash_dumps(self) -> tuple[CrashDump, ...]:
        return self.dumps

    def remove_crash_dump(self, name: str) -> None:
        if not any(each.name == name for each in self.dumps):
            raise NotFound(f"there is no dump {name}")
        self.dumps = tuple(each for each in self.dumps if each.name != name)

    def send_crash_dump(self, name: str, url: str, proxy: str) -> None:
        if name not in {each.name for each in self.dumps}:
            raise NotFound(f"there is no dump {name}")
        self.sent.append((url, proxy, name, ()))

    def report_parts(self) -> tuple[ReportPart, ...]:
        return self.parts

    def write_report(self, path: str, parts: tuple[str, ...], packed: Packed) -> None:
        with report.archive(path, packed) as add:
            for part in self.parts:
                if part.key in parts:
                    add(f"report/{part.key}/simulated.out", b"nothing is wrong\n")

    def send_report(self, url: str, proxy: str, parts: tuple[str, ...]) -> None:
        self.sent.append((url, proxy, "report", parts))

    def write_logs(self, path: str) -> None:
        text = "\n".join(self.log).encode()
        with tarfile.open(path, "x:gz") as tar:
            member = tarfile.TarInfo("var/log/syslog")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))

    def send_log_to(self, destination: str) -> None:
        self.log_destination = destination

    def now(self) -> Moment:
        return moment(time.time() + self.ahead, self.timezone)

    def set_time(self, seconds: float) -> None:
        self.ahead = seconds - time.time()

    def timezones(self) -> tuple[str, ...]:
        return zones()

    def set_timezone(self, name: str) -> None:
        if name not in zones():
            raise BadConfig(f"there is no time zone {name!r}", key="timezone")
        self.timezone = name

    def set_time_source(self, source: TimeSource, servers: tuple[str, ...]) -> None:
        self.time_source = source
        self.own_time_servers = servers if source is TimeSource.Custom else ()
        named = self.own_time_servers or FACTORY_SERVERS if source is not TimeSource.DHCP else ()
        self.server_states = dict.fromkeys(named, "synced")

    def time_servers(self) -> dict[str, str]:
        return dict(self.server_states)

    def synchronized(self) -> bool:
        return self.time_source is not TimeSource.Disabled and "synced" in self.server_states.values()

    def set_ssh(self, enabled: bool, at_boot: bool) -> None:
        self.ssh, self.ssh_at_boot = enabled, at_boot

    def set_ssh_auto(self, value: bool) -> None:
        self.ssh_auto = value

    def set_idle_timeout(self, seconds: int) -> None:
        self.idle_timeout = seconds

    def set_hostname(self, name: str) -> None:
        self.hostname = name

    def set_initiator(self, name: str) -> None:
        self.initiator = name

    def set_max_cstate(self, state: int | None, substate: int | None) -> None:
        self.max_cstate = state, substate

    def usb_devices(self) -> tuple[UsbDevice, ...]:
        return self.usb

    def uefi_certificates(self) -> str:
        return uefi.packed(self.shipped_keys) if self.shipped_keys else ""

    def used_uefi_certificates(self) -> tuple[str, ...]:
        return tuple(self.shipped_keys if self.own_keys is None else self.own_keys)

    def use_uefi_certificates(self, archive: str) -> None:
        self.own_keys = uefi.unpacked(archive) if archive else None

    def share_amd_cards(self) -> None:
        self.amd_shared = True

    def share_nvidia_card(self, address: str, shared: bool) -> None:
        self.pci_access(address)
        self.shared = self.shared | {address} if shared else self.shared - {address}

    def packs(self) -> tuple[Pack, ...]:
        return self.installed_packs

    def set_ports(self, ports: Mapping[int, bool]) -> None:
        self.ports |= ports

    def pci_devices(self) -> tuple[PciDevice, ...]:
        return self.pci

    def pci_access(self, address: str) -> PciAccess:
        if all(device.address != address for device in self.pci):
            raise NotFound(f"there is no PCI device {address}")
        return PciAccess(address not in self.kept, address not in self.kept_next)

    def set_pci_access(self, address: str, host: bool) -> None:
        self.pci_access(address)
        self.kept_next = self.kept_next - {address} if host else self.kept_next | {address}

    def kernel_drivers(self) -> tuple[KernelDriver, ...]:
        return self.drivers

    def select_variant(self, driver: str, variant: str) -> None:
        self.drivers = tuple(replace(each, selected=variant) if each.name == driver else each for each in self.drivers)

    def go_down(self, reboot: bool) -> None:
        self.went_down.append("reboot" if reboot else "off")
