"""Facts of this machine from /proc and /sys. What is missing, in a container say, is left at its default."""

from __future__ import annotations

import os
import platform
import socket
from pathlib import Path

from xapid.backends.host.interface import Cpu, HostFacts
from xapid.backends.interface import DriverInfo

DMI = Path("/sys/class/dmi/id")
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


class Linux:
    """This machine."""

    info = DriverInfo("linux", "The machine by /proc and /sys")

    def facts(self) -> HostFacts:
        blocks = _cpu_blocks(_text(Path("/proc/cpuinfo")))
        cpus = tuple(_cpu(number, block) for number, block in enumerate(blocks))
        sockets = {block.get("physical id", "0") for block in blocks}
        cores = {(block.get("physical id", "0"), block.get("core id", str(n))) for n, block in enumerate(blocks)}
        total, free = self.memory()
        return HostFacts(
            hostname=socket.gethostname(),
            kernel=platform.release(),
            os_release=_os_release(_text(Path("/etc/os-release"))),
            cpus=cpus,
            sockets=max(len(sockets), 1),
            threads_per_core=max(len(cpus) // max(len(cores), 1), 1),
            nodes=max(len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))), 1),
            memory_total=total,
            memory_free=free,
            boot_time=_boot_time(_text(Path("/proc/stat"))),
            timezone=_text(Path("/etc/timezone")) or "UTC",
            bios_strings={key: _text(DMI / name) for key, name in BIOS_STRINGS.items()},
            iommu=any(Path("/sys/class/iommu").glob("*")),
            virtualization=_virtualization(blocks),
            optical_drives=tuple(sorted(str(Path("/dev") / each.name) for each in Path("/sys/block").glob("sr[0-9]*"))),
        )

    def memory(self) -> tuple[int, int]:
        fields = dict(line.split(":", 1) for line in _text(Path("/proc/meminfo")).splitlines() if ":" in line)
        return _kib(fields.get("MemTotal", "")), _kib(fields.get("MemAvailable", ""))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _kib(text: str) -> int:
    number = text.strip().partition(" ")[0]
    return int(number) * 1024 if number.isdecimal() else 0


def _cpu_blocks(text: str) -> list[dict[str, str]]:
    blocks = [block for block in text.split("\n\n") if block.strip()]
    return [{key.strip(): value.strip() for key, _, value in map(_split, block.splitlines())} for block in blocks]


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def _whole(text: str) -> int:
    number = text.partition(".")[0]
    return int(number) if number.isdecimal() else 0


def _cpu(number: int, block: dict[str, str]) -> Cpu:
    return Cpu(
        number=number,
        vendor=block.get("vendor_id", ""),
        modelname=block.get("model name", ""),
        family=_whole(block.get("cpu family", "")),
        model=_whole(block.get("model", "")),
        stepping=block.get("stepping", ""),
        speed=_whole(block.get("cpu MHz", "")),
        flags=block.get("flags", ""),
    )


def _os_release(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key: value.strip("\"'") for key, _, value in pairs}


def _boot_time(stat: str) -> float:
    found = next((line for line in stat.splitlines() if line.startswith("btime ")), "btime 0")
    return float(found.split()[1])


def _virtualization(blocks: list[dict[str, str]]) -> frozenset[str]:
    flags = set(blocks[0].get("flags", "").split()) if blocks else set[str]()
    # QEMU emulates the processor where the real one does not help: guests have a whole machine all the same.
    found = {"hvm"}
    if flags & {"vmx", "svm"} and os.access("/dev/kvm", os.R_OK | os.W_OK):
        found.add("kvm")
    return frozenset(found)
