"""A repository into which somebody else writes, and a file outside of it that is not theirs to read."""

from __future__ import annotations

from pathlib import Path

from tests.backends.storage.rig import MIB, Rig
from xapid.backends.storage.interface import Volume

SECRET = b"root:$6$secret:19000:0:99999:7:::\n" * 40


def directory(rig: Rig) -> Path:
    return Path(rig.sr.device_config["location"])


def image(rig: Rig, volume: Volume) -> Path:
    return directory(rig) / f"{volume.key}.{volume.format}"


def secret(rig: Rig) -> Path:
    """A file outside of the repository, in whole sectors."""
    path = directory(rig).parent / "shadow"
    path.write_bytes(SECRET.ljust(MIB, b"\n"))
    return path


def put(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def contents(path: Path) -> dict[str, bytes]:
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}
