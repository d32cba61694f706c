"""Block devices of this host: whether one may become part of a repository, and what it carries."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from xapid.backends.interface import BadConfig, Failed, InUse, NotFound
from xapid.backends.process import ended
from xapid.backends.storage.mounts import mounts

LOOKING = 30.0
"""Seconds that a look at a device may take."""
NOTHING_FOUND = 2
"""How blkid ends where it finds nothing it knows."""
FIELD = re.compile(r"^([A-Z_]+)=(.*)$", re.MULTILINE)


def devices(config: dict[str, str]) -> list[Path]:
    """The devices of ``device_config:device``, which has commas between them.

    Raises BadConfig where there is none, NotFound for one that is no block device of this host.
    """
    names = [each.strip() for each in config.get("device", "").split(",") if each.strip()]
    if not names:
        raise BadConfig("device is missing: the block devices of the repository", key="device")
    return [_device(name) for name in names]


def _device(name: str) -> Path:
    path = Path(name)
    if not path.is_absolute() or ".." in path.parts or not name.isprintable():
        raise BadConfig(f"device must be the full path of a block device, not {name[:255]!r}", key="device", code="91")
    try:
        if stat.S_ISBLK(path.stat().st_mode):
            return path
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}", path=name, code="91") from error
    raise NotFound(f"{path} is not a block device", path=name, code="91")


def assert_free(device: Path) -> None:
    """Raises InUse for a device that this host has in use: mounted, swapped to, or part of another."""
    if _number(device) in _beneath_root():
        raise InUse(f"{device} holds the system of this host", path=str(device), code="105")
    try:
        # So the kernel lends a block device to one alone; whole disks count whose partitions are in use.
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
    except OSError as error:
        raise InUse(f"{device}: {error.strerror}", path=str(device), code="16") from error


def signature(device: Path) -> dict[str, str]:
    """What a device carries, as blkid tells it: TYPE, UUID, LABEL, PTTYPE; empty: nothing that it knows."""
    done = ended(["blkid", "-p", "-o", "export", "--", str(device)], timeout=LOOKING)
    if done.status == NOTHING_FOUND:
        return {}
    if done.status:
        said = done.errors.decode(errors="replace").strip()
        raise Failed(f"{device}: {said or f'blkid ended with status {done.status}'}", path=str(device))
    return dict(FIELD.findall(done.output.decode(errors="replace")))


def _number(device: Path) -> str:
    found = device.stat().st_rdev
    return f"{os.major(found)}:{os.minor(found)}"


def _beneath_root() -> set[str]:
    """Numbers of the devices that the root file system lies on: its own, the disk of that partition, and beneath."""
    root = next((each.number for each in reversed(mounts()) if each.target == "/"), "")
    numbers: set[str] = set()
    waiting = [Path("/sys/dev/block", root)]
    while waiting:
        place = waiting.pop()
        if not (place / "dev").exists():
            continue
        numbers.add((place / "dev").read_text().strip())
        below = place.resolve()
        if (below / "partition").exists():
            waiting.append(below.parent)
        if (below / "slaves").is_dir():
            waiting += (below / "slaves").iterdir()
    return numbers
