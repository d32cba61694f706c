"""The processors of a machine, from /proc/cpuinfo and what /sys says of how they lie together."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from xapid.backends.host.interface import Cpu
from xapid.backends.host.tree import Tree
from xapid.backends.interface import CpuTime

SYS = "sys/devices/system/cpu"
ARM_MAKERS = {0x41: "ARM", 0x42: "Broadcom", 0x43: "Cavium", 0x48: "HiSilicon", 0x4E: "NVIDIA", 0x51: "Qualcomm",
              0x61: "Apple", 0xC0: "Ampere"}  # fmt: skip
"""By the number that the processor gives of itself; the kernel does not name them."""

TICKS = os.sysconf("SC_CLK_TCK")
IDLE, IO_WAIT = 3, 4
"""Columns of /proc/stat."""


@dataclass(frozen=True)
class Processors:
    """All of them, and how many threads, cores and sockets they are."""

    cpus: tuple[Cpu, ...]
    sockets: int
    threads_per_core: int


def read(tree: Tree) -> Processors:
    """The processors that the kernel uses now."""
    blocks = _blocks(tree.text("proc/cpuinfo"))
    cpus = tuple(_cpu(tree, number, block) for number, block in blocks.items())
    places = [_place(tree, number, block) for number, block in blocks.items()]
    sockets = {package for package, _ in places}
    return Processors(cpus, max(len(sockets), 1), max(len(cpus) // max(len(set(places)), 1), 1))


def times(stat: str) -> dict[int, CpuTime]:
    """What each processor did, of the text of /proc/stat."""
    found = {}
    for line in stat.splitlines():
        if match := re.match(r"cpu(\d+)((?: \d+){8})", line):
            # The two columns after these, for guests, are part of the first two.
            spent = [int(ticks) / TICKS for ticks in match[2].split()]
            found[int(match[1])] = CpuTime(sum(spent) - spent[IDLE] - spent[IO_WAIT], sum(spent))
    return found


def _blocks(text: str) -> dict[int, dict[str, str]]:
    """Each processor's lines by its number. Other lines, as ARM kernels add, belong to none."""
    found: dict[int, dict[str, str]] = {}
    for part in text.split("\n\n"):
        pairs = [line.partition(":") for line in part.splitlines()]
        block = {key.strip(): value.strip() for key, _, value in pairs}
        number = block.get("processor", "")
        if number.isascii() and number.isdecimal():
            found[int(number)] = block
    return found


def _place(tree: Tree, number: int, block: dict[str, str]) -> tuple[str, str]:
    """The socket and the core of a processor."""
    topology = f"{SYS}/cpu{number}/topology"
    package = tree.line(f"{topology}/physical_package_id") or block.get("physical id", "0")
    core = tree.line(f"{topology}/thread_siblings_list") or block.get("core id") or f"of {number}"
    return package, core


def _cpu(tree: Tree, number: int, block: dict[str, str]) -> Cpu:
    if "CPU implementer" in block:
        return _arm(tree, number, block)
    return Cpu(
        number=number,
        vendor=block.get("vendor_id", ""),
        modelname=block.get("model name", ""),
        family=_whole(block.get("cpu family", "")),
        model=_whole(block.get("model", "")),
        stepping=block.get("stepping", ""),
        speed=_whole(block.get("cpu MHz", "")) or _fastest(tree, number),
        flags=block.get("flags", ""),
    )


def _arm(tree: Tree, number: int, block: dict[str, str]) -> Cpu:
    """A processor that describes itself by numbers: maker, part, variant and revision."""
    maker, part = _hex(block["CPU implementer"]), _hex(block.get("CPU part", ""))
    vendor = ARM_MAKERS.get(maker, f"0x{maker:02x}")
    return Cpu(
        number=number,
        vendor=vendor,
        modelname=block.get("model name", "") or f"{vendor} 0x{part:03x}",
        family=_whole(block.get("CPU architecture", "")),
        model=part,
        stepping=f"r{_hex(block.get('CPU variant', ''))}p{_whole(block.get('CPU revision', ''))}",
        speed=_fastest(tree, number),
        flags=block.get("Features", ""),
    )


def _fastest(tree: Tree, number: int) -> int:
    return (tree.number(f"{SYS}/cpu{number}/cpufreq/cpuinfo_max_freq") or 0) // 1000


def _whole(text: str) -> int:
    number = text.partition(".")[0]
    return int(number) if number.isascii() and number.isdecimal() else 0


def _hex(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0
