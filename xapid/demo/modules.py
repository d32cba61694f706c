"""Kernel modules for the demo guest: which ones, and in which order they load."""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterable
from pathlib import Path

_DEPENDS = re.compile(rb"(?:^|\0)depends=([^\0]*)\0")


def in_load_order(tree: Path, wanted: Iterable[str]) -> dict[str, bytes]:
    """The wanted modules below ``tree`` and all they depend on, uncompressed; what others need comes first.

    A name that is not there is left out: another kernel has it built in. (The list by which ``modprobe`` would know is
    made when a kernel is installed, and ours is only unpacked; so each module is asked for itself.)
    """
    files = {_spelling(path.name.split(".ko")[0]): path for path in tree.rglob("*.ko*")}
    found: dict[str, bytes] = {}

    def add(name: str) -> None:
        if name in found or name not in files:
            return
        data = _read(files[name])
        for needed in dependencies(data):
            add(needed)
        found[name] = data

    for name in wanted:
        add(_spelling(name))
    return found


def dependencies(module: bytes) -> tuple[str, ...]:
    """The names of the modules that this one, an ELF file, says it needs."""
    match = _DEPENDS.search(module)
    names = match[1].decode() if match else ""
    return tuple(_spelling(name) for name in names.split(",") if name)


def _spelling(name: str) -> str:
    # One and the same module is "xen-netfront" as a file and may be "xen_netfront" to those that need it.
    return name.replace("-", "_")


def _read(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data
