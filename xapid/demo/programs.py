"""Programs of Debian packages for the demo guest, each with the libraries that it is linked with."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from xapid.demo.packages import PackageError, Packages

LOADER = "ld-linux-x86-64.so.2"
"""Which the kernel looks for in /lib64."""
_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRINGS = 1, 5


def with_libraries(packages: Packages, package: str, program: str, unpacked: Path) -> dict[str, bytes]:
    """The program of a package and the libraries that it needs, by their names. Raises PackageError.

    Each library is looked for in the packages that the one which needs it depends on. ``unpacked``: where they are put.
    """
    packages.unpack(packages.fetch(package), unpacked)
    path = _find(unpacked, program)
    if path is None:
        raise PackageError(f"the package {package} has no {program}")
    found = {program: path.read_bytes()}
    waiting = [(name, package) for name in reversed(needed(found[program]))]
    later: list[tuple[str, str]] = []
    while waiting or later:
        name, owner = waiting.pop() if waiting else later.pop()
        if name in found:
            continue
        if (path := _find(unpacked, name)) is None:
            try:
                owner = _bring(packages, name, owner, unpacked)
            except PackageError:
                if not waiting:
                    raise
                # It may be one of several in a package that is called after another.
                later.append((name, owner))
                continue
            path = _find(unpacked, name)
        if path is None:
            raise PackageError(f"the package {owner} has no {name}")
        found[name] = path.read_bytes()
        waiting += [(each, owner) for each in needed(found[name])]
    return found


def _bring(packages: Packages, library: str, owner: str, unpacked: Path) -> str:
    """Unpack the package of a library. Returns its name."""
    package = packages.fetch_dependency(owner, pattern_of(library))
    packages.unpack(package, unpacked)
    return package.name.split("_")[0]


def pattern_of(library: str) -> str:
    """What the package of a library is called: libglib-2.0.so.0 is in libglib2.0-0, or in libglib2.0-0t64."""
    letters = re.sub("[-.]", "", library.replace(".so.", "."))
    return "[-.]?".join(map(re.escape, letters)) + "(?:t64)?"


def _find(tree: Path, name: str) -> Path | None:
    return next((path for path in tree.rglob(name) if path.is_file()), None)


def needed(elf: bytes) -> list[str]:
    """The names of the libraries that a program or library for amd64 says it needs; of anything else: none."""
    if elf[:6] != b"\x7fELF\x02\x01":
        return []
    table, size, count = *struct.unpack_from("<Q", elf, 32), *struct.unpack_from("<HH", elf, 54)
    headers = [struct.unpack_from("<IIQQQQ", elf, table + number * size) for number in range(count)]
    loaded = [(address, offset, length) for kind, _, offset, address, _, length in headers if kind == _LOAD]
    entries = [
        struct.unpack_from("<QQ", elf, offset + place)
        for kind, _, offset, _, _, length in headers
        if kind == _DYNAMIC
        for place in range(0, length, 16)
    ]
    strings = next((value for tag, value in entries if tag == _STRINGS), 0)
    start = next((strings - address + offset for address, offset, length in loaded if 0 <= strings - address < length))
    names = [start + value for tag, value in entries if tag == _NEEDED]
    return [elf[name : elf.index(b"\0", name)].decode() for name in names]
