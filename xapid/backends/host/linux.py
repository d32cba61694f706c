"""This machine: facts from /proc, /sys and /etc, and settings. What is missing, in a container say, has its default."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from xapid.backends import process
from xapid.backends.domain.interface import Endpoint
from xapid.backends.host import crashes, kept_logs, pci, processors, report, sending, uefi, usb, variants
from xapid.backends.host.clock import Clock, zone_of, zones
from xapid.backends.host.firewall import set_ports
from xapid.backends.host.hypervisor import runs_xen
from xapid.backends.host.interface import (
    UNKNOWN_XEN,
    Cpu,
    CrashDump,
    HostFacts,
    KernelDriver,
    Moment,
    Pack,
    Packed,
    PciAccess,
    PciDevice,
    ReportPart,
    TimeSource,
    UsbDevice,
)
from xapid.backends.host.log import send_log_to
from xapid.backends.host.login_line import LoginLine
from xapid.backends.host.logins import Logins
from xapid.backends.host.packs import packs
from xapid.backends.host.sleep import set_max_cstate
from xapid.backends.host.tree import Tree
from xapid.backends.interface import BadConfig, CpuTime, DriverInfo, NotSupported
from xapid.backends.process import Run

BIOS_STRINGS = {
    "bios-vendor": "bios_vendor",
    "bios-version": "bios_version",
    "system-manufacturer": "sys_vendor",
    "system-product-name": "product_name",
    "system-version": "product_version",
    "system-serial-number": "product_serial",
    "baseboard-manufacturer": "board_vendor",
    "baseboard-product-name": "board_name",
    "baseboard-version": "board_version",
    "baseboard-serial-number": "board_serial",
}
"""Keys of host.bios_strings, and the kernel's files for them."""
FIRST_OEM = 3
"""oem-1 and oem-2 are not the machine's own."""
HOSTNAME_LENGTH = 64
"""The longest name of a machine that the kernel takes."""
NO_MEMORY_LIMIT = 1 << 60
"""What the older control groups say where there is no limit is near the largest number there is."""


class Linux:
    """This machine, or the one whose files lie below ``root``."""

    info = DriverInfo("linux", "The machine by /proc and /sys")

    def __init__(
        self,
        root: Path = Path("/"),
        run: Run = process.run,
        traces: str = "/var/lib/xapid/traces",
        login: str = "/var/lib/xapid/login",
    ) -> None:
        """``traces``: the folder of files with traces of calls; ``login``: of the sockets of the machine's console."""
        self._traces = Path(traces)
        self._tree = Tree(root)
        self._run = run
        self._clock = Clock(self._tree, run)
        self._logins = Logins(self._tree, run)
        self._login = LoginLine(Path(login))

    def facts(self) -> HostFacts:
        tree = self._tree
        found = processors.read(tree)
        total, free = self.memory()
        capabilities = _xen_capabilities(tree)
        source, servers = self._clock.source()
        return HostFacts(
            hostname=tree.line("proc/sys/kernel/hostname") or "localhost",
            kernel=tree.line("proc/sys/kernel/osrelease"),
            os_release=_os_release(tree.text("etc/os-release") or tree.text("usr/lib/os-release")),
            cpus=found.cpus,
            sockets=found.sockets,
            threads_per_core=found.threads_per_core,
            nodes=max(len(_numbered(tree, "sys/devices/system/node", "node")), 1),
            memory_total=total,
            memory_free=free,
            boot_time=_boot_time(tree.text("proc/stat")),
            boot_id=tree.line("proc/sys/kernel/random/boot_id"),
            timezone=zone_of(tree),
            ssh=self._logins.ssh(),
            time_source=source,
            time_servers=servers,
            name_servers=_name_servers(tree.text("etc/resolv.conf")),
            bios_strings=_bios_strings(tree),
            iommu=bool(tree.names("sys/class/iommu")),
            virtualization=_virtualization(tree, found.cpus, capabilities),
            capabilities=capabilities,
            xen_version=_xen_version(tree) if runs_xen(tree) else UNKNOWN_XEN,
            optical_drives=tuple(f"/dev/{name}" for name in _numbered(tree, "sys/block", "sr")),
            packs=packs(tree),
        )

    def memory(self) -> tuple[int, int]:
        """What a container may not use is not there."""
        lines = (line.partition(":") for line in self._tree.text("proc/meminfo").splitlines())
        fields = {key: value for key, _, value in lines}
        total = _kib(fields.get("MemTotal", ""))
        free = _kib(fields.get("MemAvailable", fields.get("MemFree", "")))
        limit, used = _memory_limit(self._tree)
        if limit < total:
            return limit, max(min(free, limit - used), 0)
        return total, free

    def cpu_times(self) -> dict[int, CpuTime]:
        # The kernel of a control domain sees its own processors alone.
        return {} if runs_xen(self._tree) else processors.times(self._tree.text("proc/stat"))

    def console_text(self) -> str:
        """Where the kernel is the hypervisor, its own."""
        return self._run(["xl", "dmesg"] if runs_xen(self._tree) else ["dmesg"])

    def login(self, name: str) -> tuple[Endpoint, ...]:
        return self._login.endpoints(name)

    def close(self) -> None:
        self._login.close()

    def send_debug_keys(self, keys: str) -> None:
        if not runs_xen(self._tree):
            raise NotSupported("debug keys are Xen's, and this host does not run it")
        self._run(["xl", "debug-keys", "--", keys])

    def crash_dumps(self) -> tuple[CrashDump, ...]:
        return crashes.crash_dumps(self._tree)

    def remove_crash_dump(self, name: str) -> None:
        crashes.remove(self._tree, name)

    def send_crash_dump(self, name: str, url: str, proxy: str) -> None:
        folder = crashes.folder_of(self._tree, name)
        sending.send(url, proxy, f"{name}.tar.bz2", partial(report.pack_folder, folder))

    def report_parts(self) -> tuple[ReportPart, ...]:
        return report.parts()

    def write_report(self, path: str, parts: tuple[str, ...], packed: Packed) -> None:
        report.write(self._tree, self._run, path, parts, packed, self._traces)

    def send_report(self, url: str, proxy: str, parts: tuple[str, ...]) -> None:
        def write(path: str) -> None:
            self.write_report(path, parts, Packed.tar_bz2)

        name = self._tree.line("proc/sys/kernel/hostname") or "host"
        sending.send(url, proxy, f"{name}-report.tar.bz2", write)

    def write_logs(self, path: str) -> None:
        kept_logs.write(self._tree, path)

    def send_log_to(self, destination: str) -> None:
        send_log_to(self._tree, self._run, destination)

    def now(self) -> Moment:
        return self._clock.now()

    def set_time(self, seconds: float) -> None:
        self._clock.set_time(seconds)

    def timezones(self) -> tuple[str, ...]:
        return zones()

    def set_timezone(self, name: str) -> None:
        self._clock.set_timezone(name)

    def set_time_source(self, source: TimeSource, servers: tuple[str, ...]) -> None:
        self._clock.set_source(source, servers)

    def time_servers(self) -> dict[str, str]:
        return self._clock.servers()

    def synchronized(self) -> bool:
        return self._clock.synchronized()

    def set_ssh(self, enabled: bool, at_boot: bool) -> None:
        self._logins.set_ssh(enabled, at_boot)

    def set_ssh_auto(self, value: bool) -> None:
        self._logins.set_ssh_auto(value)

    def set_idle_timeout(self, seconds: int) -> None:
        self._logins.set_idle_timeout(seconds)

    def set_hostname(self, name: str) -> None:
        if len(name) > HOSTNAME_LENGTH:
            raise BadConfig(f"Linux takes {HOSTNAME_LENGTH} characters at most", key="hostname")
        self._run(["hostnamectl", "set-hostname", "--", name])

    def set_initiator(self, name: str) -> None:
        """Without Open-iSCSI nothing reads it, and nothing is written."""
        if self._tree.is_directory("etc/iscsi"):
            self._tree.write("etc/iscsi/initiatorname.iscsi", f"InitiatorName={name}\n", 0o600)

    def set_max_cstate(self, state: int | None, substate: int | None) -> None:
        set_max_cstate(self._tree, state, substate)

    def go_down(self, reboot: bool) -> None:
        self._run(["systemctl", "--no-block", "reboot" if reboot else "poweroff"])

    def usb_devices(self) -> tuple[UsbDevice, ...]:
        return usb.devices(self._tree)

    def uefi_certificates(self) -> str:
        return uefi.of_system(self._tree)

    def used_uefi_certificates(self) -> tuple[str, ...]:
        return uefi.used(self._tree)

    def use_uefi_certificates(self, archive: str) -> None:
        uefi.use(self._tree, archive)

    def share_amd_cards(self) -> None:
        pci.share_amd_cards(self._run)

    def share_nvidia_card(self, address: str, shared: bool) -> None:
        pci.share_nvidia_card(self._tree, self._run, address, shared)

    def packs(self) -> tuple[Pack, ...]:
        return packs(self._tree)

    def set_ports(self, ports: Mapping[int, bool]) -> None:
        set_ports(self._tree, self._run, ports)

    def pci_devices(self) -> tuple[PciDevice, ...]:
        return pci.devices(self._tree)

    def pci_access(self, address: str) -> PciAccess:
        return pci.access(self._tree, address)

    def set_pci_access(self, address: str, host: bool) -> None:
        pci.set_host_access(self._tree, address, host, "pciback" if runs_xen(self._tree) else "vfio-pci")

    def kernel_drivers(self) -> tuple[KernelDriver, ...]:
        return variants.kernel_drivers(self._tree, self._run)

    def select_variant(self, driver: str, variant: str) -> None:
        variants.select(self._tree, self._run, driver, variant)


def _numbered(tree: Tree, directory: str, prefix: str) -> list[str]:
    return [name for name in tree.names(directory) if re.fullmatch(rf"{prefix}\d+", name)]


def _kib(text: str) -> int:
    number = text.strip().partition(" ")[0]
    return int(number) * 1024 if number.isascii() and number.isdecimal() else 0


def _memory_limit(tree: Tree) -> tuple[int, int]:
    """How much the control group of this container may use, and uses without what it could give back at once."""
    for directory, limit, used, idle in (
        ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
        ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        most = tree.number(f"{directory}/{limit}")
        if most is not None:
            pairs = (line.split() for line in tree.text(f"{directory}/memory.stat").splitlines())
            cache = next((int(pair[1]) for pair in pairs if len(pair) == 2 and pair[0] == idle), 0)
            return most, (tree.number(f"{directory}/{used}") or 0) - cache
    return NO_MEMORY_LIMIT, 0


def _os_release(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): _unquoted(value) for key, _, value in pairs}


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value))
    except ValueError:  # A quotation mark without its other half.
        return value.strip().strip("\"'")


def _boot_time(stat: str) -> float:
    found = re.search(r"^btime (\d+)$", stat, re.MULTILINE | re.ASCII)
    return float(found[1]) if found else 0.0


def _name_servers(text: str) -> tuple[str, ...]:
    words = (line.split() for line in text.splitlines())
    return tuple(line[1] for line in words if len(line) > 1 and line[0] == "nameserver")


def _bios_strings(tree: Tree) -> dict[str, str]:
    found = {key: tree.line(f"sys/class/dmi/id/{name}") for key, name in BIOS_STRINGS.items()}
    for number, text in enumerate(_oem_strings(tree), FIRST_OEM):
        found[f"oem-{number}"] = text
    return {key: "" if text == "Not Specified" else text for key, text in found.items()}


def _oem_strings(tree: Tree) -> list[str]:
    """The strings of the firmware's structures of type 11: a head with its own length, then texts that end in NUL."""
    found = []
    for name in tree.names("sys/firmware/dmi/entries"):
        if not re.fullmatch(r"11-\d+", name):
            continue
        raw = tree.bytes(f"sys/firmware/dmi/entries/{name}/raw")
        if len(raw) < 2:
            continue
        texts = raw[raw[1] :].partition(b"\0\0")[0].split(b"\0")
        readable = ("".join(filter(str.isprintable, each.decode(errors="replace"))).strip() for each in texts)
        found += [text for text in readable if text]
    return found


def _xen_capabilities(tree: Tree) -> tuple[str, ...]:
    return tuple(tree.text("sys/hypervisor/properties/capabilities").split()) if runs_xen(tree) else ()


def _xen_version(tree: Tree) -> str:
    major, minor, extra = (tree.line(f"sys/hypervisor/version/{part}") for part in ("major", "minor", "extra"))
    return f"{major}.{minor}{extra}" if major and minor else UNKNOWN_XEN


def _virtualization(tree: Tree, cpus: tuple[Cpu, ...], capabilities: tuple[str, ...]) -> frozenset[str]:
    found = set()
    if runs_xen(tree):
        # The control domain does not see the processor's own flags.
        found = {"xen", "hvm"} if any(each.startswith("hvm") for each in capabilities) else {"xen"}
    elif tree.opens("dev/kvm"):
        found = {"hvm", "kvm"}
    elif cpus and {"vmx", "svm"} & set(cpus[0].flags.split()):
        found = {"hvm"}
    return frozenset(found)
