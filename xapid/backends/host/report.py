"""Reports for who looks for faults: files of this machine and what its commands tell, packed into one file."""

from __future__ import annotations

import io
import os
import re
import shlex
import tarfile
import time
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xapid.backends.host.interface import Packed, Personal, ReportPart
from xapid.backends.host.tree import Tree
from xapid.backends.interface import BackendError, Failed
from xapid.backends.process import Run

MIB = 1 << 20
MOST_OF_A_FILE = 8 * MIB
"""Bytes; of a longer one the end is taken, which tells of what happened last."""
TRACES = "traces"
"""The part whose files do not lie where those of every machine do: their folder is a setting."""
OWNER_ONLY = 0o600
Add = Callable[[str, bytes], None]


@dataclass(frozen=True)
class Source:
    """A part, and where it comes from."""

    part: ReportPart
    files: tuple[str, ...] = ()
    """patterns, below the root"""
    commands: tuple[str, ...] = ()


def _source(
    key: str, personal: Personal, size: int, *, wanted: bool = True, files: str = "", commands: tuple[str, ...] = ()
) -> Source:
    return Source(ReportPart(key, personal, wanted, size), tuple(files.split()), commands)


SOURCES = (
    _source(
        "hardware-info", Personal.maybe, MIB,
        files="proc/cpuinfo proc/iomem proc/ioports proc/interrupts",
        commands=("lspci -nnv", "lsusb -tv", "dmidecode"),
    ),
    _source(
        "kernel-info", Personal.maybe, 4 * MIB,
        files="proc/version proc/cmdline proc/modules proc/filesystems proc/slabinfo",
        commands=("dmesg", "sysctl --all"),
    ),
    _source(
        "disk-info", Personal.maybe, MIB,
        files="proc/partitions proc/diskstats proc/mdstat proc/mounts etc/fstab",
        commands=("df -a -l -T -k", "df -a -l -T -i", "lsblk --all", "vgs", "lvs", "iscsiadm -m node"),
    ),
    _source(
        "multipath", Personal.maybe, MIB,
        files="etc/multipath.conf etc/multipath/conf.d/*", commands=("multipathd show topology",),
    ),
    _source(
        "network-config", Personal.if_customized, MIB,
        files="etc/hosts etc/hostname etc/resolv.conf etc/nsswitch.conf etc/network/interfaces "
        "etc/network/interfaces.d/* etc/systemd/network/*",
    ),
    _source(
        "network-status", Personal.yes, 2 * MIB,
        files="proc/net/dev proc/net/snmp proc/net/softnet_stat",
        commands=(
            "ip -statistics -details link", "ip address", "ip route show table all", "ip -6 route show table all",
            "bridge -details link", "bridge fdb", "ss --all --numeric",
        ),
    ),
    _source(
        "process-list", Personal.yes, MIB,
        commands=("ps wwwaxf -eo pid,tty,stat,time,nice,psr,pcpu,pmem,nwchan,wchan:25,args",),
    ),
    _source(
        "system-load", Personal.no, MIB,
        files="proc/loadavg proc/meminfo proc/stat proc/vmstat proc/uptime proc/pressure/*",
    ),
    _source("system-services", Personal.no, MIB, commands=("systemctl list-units --all --no-pager",)),
    _source(
        "system-logs", Personal.maybe, 64 * MIB,
        files="var/log/syslog var/log/messages var/log/kern.log var/log/daemon.log var/log/xapid*",
        commands=("journalctl --no-pager --lines=50000",),
    ),
    _source(TRACES, Personal.yes, 64 * MIB),
    _source("host-crashdump-logs", Personal.no, 16 * MIB, wanted=False, files="var/crash/*/*.log var/crash/*/dmesg*"),
)  # fmt: skip


def parts() -> tuple[ReportPart, ...]:
    return tuple(source.part for source in SOURCES)


def write(tree: Tree, run: Run, path: str, wanted: Collection[str], packed: Packed, traces: Path) -> None:
    """What cannot be had is named in the report: no command is on every machine."""
    top = f"report-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    missing: list[str] = []
    with archive(path, packed) as add:
        for source in (each for each in SOURCES if each.part.key in wanted):
            folder = f"{top}/{source.part.key}"
            for name in _files(tree, source):
                add(f"{folder}/{name}", _end_of(tree.root / name))
            if source.part.key == TRACES:
                for file in sorted(traces.glob("*.ndjson")):
                    add(f"{folder}/{file.name}", _end_of(file))
            for command in source.commands:
                try:
                    add(f"{folder}/{_file_name(command)}.out", run(shlex.split(command)).encode())
                except BackendError as error:
                    missing.append(f"{command}: {error.message}")
        add(f"{top}/missing.txt", "".join(f"{line}\n" for line in missing).encode())


def _files(tree: Tree, source: Source) -> Iterator[str]:
    for pattern in source.files:
        for found in sorted(tree.root.glob(pattern)):
            if found.is_file():
                yield str(found.relative_to(tree.root))


def _end_of(path: Path) -> bytes:
    """As much of a file as a report takes. Files of the kernel do not know their size."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(size - MOST_OF_A_FILE, 0))
            return file.read(MOST_OF_A_FILE)
    except OSError as error:
        return f"{path.name} cannot be read: {error.strerror}\n".encode()


def _file_name(command: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", command).strip("_")[:80]


# --- Packing -----------------------------------------------------------------------------------------


@contextmanager
def archive(path: str, packed: Packed) -> Iterator[Add]:
    """A new file that only its owner reads, and the way to add files to it. Raises Failed."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY)
        with os.fdopen(handle, "wb") as file, _packer(file, packed) as add:
            yield add
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def _packer(file: io.BufferedWriter, packed: Packed) -> Iterator[Add]:
    if packed is Packed.zip:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
            yield zipped.writestr
        return
    with tarfile.open(fileobj=file, mode="w|bz2" if packed is Packed.tar_bz2 else "w|") as tar:

        def add(name: str, content: bytes) -> None:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), int(time.time())
            tar.addfile(member, io.BytesIO(content))

        yield add


def pack_folder(folder: Path, path: str) -> None:
    """All of a folder in one file. Raises Failed."""
    try:
        with tarfile.open(path, "x:bz2") as tar:
            tar.add(folder, arcname=folder.name)
    except OSError as error:
        raise Failed(f"{folder} cannot be packed: {error.strerror}") from error
