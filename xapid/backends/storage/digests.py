"""What a disk holds, summed up in a few digits."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xapid.backends.interface import Failed
from xapid.backends.process import LONGEST, cancelled, run
from xapid.backends.storage.interface import Disk, Volume
from xapid.backends.storage.on_disk import locks_told

UNIT = 1 << 20
PIECE = 64 * UNIT
"""Bytes that are read by one command. What holds nothing is not read."""
WINDOW = 16 * PIECE
"""Bytes of which it is asked at once where something was written."""


class Digests:
    """How a driver sums up what somebody has attached to be read."""

    def digest(self, volume: Volume, disk: Disk) -> str:
        return digest(disk, volume.size)


def digest(disk: Disk, size: int) -> str:
    """MD5, in hexadecimal digits, of all that a guest reads of a disk. Raises Failed, and InUse if it is written."""
    found = hashlib.md5(usedforsecurity=False)
    with locks_told():
        for piece in _pieces(disk, size):
            found.update(piece)
    return found.hexdigest()


def _pieces(disk: Disk, size: int) -> Iterator[bytes]:
    """The contents, from the beginning to the end."""
    zeros = bytes(PIECE)
    written: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory(prefix="xapid-digest-") as folder:
        for start in range(0, size, PIECE):
            if cancelled():
                raise Failed("nobody waits for the digest any more")
            if start % WINDOW == 0:
                written = _written(disk, start, min(WINDOW, size - start))
            end = min(start + PIECE, size)
            if any(first < end and last > start for first, last in written):
                yield _read(disk, start, end, Path(folder) / "piece")
            else:
                yield zeros[: end - start]


def _written(disk: Disk, start: int, length: int) -> list[tuple[int, int]]:
    """Where a part of a disk may hold something else than zeros."""
    where = [f"--start-offset={start}", f"--max-length={length}"]
    said = run(["qemu-img", "map", "--output=json", *where, "-f", disk.format, "--", disk.address], timeout=LONGEST)
    return [(each["start"], each["start"] + each["length"]) for each in json.loads(said) if not each["zero"]]


def _read(disk: Disk, start: int, end: int, into: Path) -> bytes:
    into.unlink(missing_ok=True)
    # `qemu-img dd` counts from the beginning or from what is skipped, as its version has it.
    part = {"driver": "raw", "offset": start, "size": end - start, "file": _node(disk)}
    run(["qemu-img", "convert", "-O", "raw", "--", f"json:{json.dumps(part)}", str(into)], timeout=LONGEST)
    return into.read_bytes()


def _node(disk: Disk) -> dict[str, Any]:
    """A disk as QEMU's tools are told of one whose format and place are not to be guessed."""
    match disk.kind:
        case "nbd":
            below = {"driver": "nbd", "server": {"type": "unix", "path": disk.path}, "export": disk.export}
        case "block":
            below = {"driver": "host_device", "filename": disk.path}
        case _:
            below = {"driver": "file", "filename": disk.path}
    return {"driver": str(disk.format), "file": below}
