"""The certificates for secure boot that guests of this machine start with: those of the system, or others in place."""

from __future__ import annotations

import base64
import binascii
import io
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from xapid.backends.host.tree import Tree
from xapid.backends.interface import BadConfig, Failed

SYSTEM = "usr/share/varstored"
USED = "var/lib/varstored"
"""What is used: a link to those of the system, or a folder."""
ENDING = ".auth"
MOST = 4 << 20
"""Bytes of all certificates together."""


def of_system(tree: Tree) -> str:
    """Those that the system came with: a tar archive in Base64, always the same for the same files; empty: none."""
    files = {name: tree.bytes(f"{SYSTEM}/{name}") for name in _names(tree, SYSTEM)}
    return packed(files) if files else ""


def used(tree: Tree) -> tuple[str, ...]:
    """Names of the files that guests start with."""
    return tuple(_names(tree, USED))


def use(tree: Tree, archive: str) -> None:
    """Use those of an archive, or, if it is empty, of the system. Raises BadConfig (``key``: archive), and Failed."""
    files = unpacked(archive) if archive else {}
    place = tree.root / USED
    fresh = place.with_name(f".{place.name}.new")
    try:
        place.parent.mkdir(0o755, parents=True, exist_ok=True)
        _remove(fresh)
        if files:
            fresh.mkdir(0o755)
            for name, content in files.items():
                (fresh / name).write_bytes(content)
        else:
            fresh.symlink_to(f"/{SYSTEM}")
        # For a moment there is nothing: a folder cannot take the place of another.
        _remove(place)
        fresh.rename(place)
    except OSError as error:
        raise Failed(f"/{USED} cannot be written: {error.strerror}") from error


def _names(tree: Tree, folder: str) -> list[str]:
    return [name for name in tree.names(folder) if name.endswith(ENDING)]


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def packed(files: dict[str, bytes]) -> str:
    """An archive of these files."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return base64.b64encode(archive.getvalue()).decode()


def unpacked(archive: str) -> dict[str, bytes]:
    """The certificates in an archive, by the last part of their names. Raises BadConfig (``key``: archive)."""
    try:
        raw = base64.b64decode("".join(archive.split()), validate=True)
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as tar:
            entries = [entry for entry in tar if entry.isfile() and entry.name.endswith(ENDING)]
            # An entry may say that it is longer than the archive.
            if sum(entry.size for entry in entries) > MOST:
                raise BadConfig(f"the certificates have more than {MOST >> 20} MiB", key="archive")
            files = {PurePosixPath(entry.name).name: _content(tar, entry) for entry in entries}
    except (binascii.Error, tarfile.TarError, ValueError, EOFError) as error:
        raise BadConfig(f"it is no tar archive in Base64: {error}", key="archive") from error
    if not files:
        raise BadConfig(f"it holds no file {ENDING}", key="archive")
    return files


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(entry)
    content = file.read() if file is not None else b""
    if len(content) != entry.size:
        raise tarfile.ReadError(f"{entry.name} is cut off")
    return content
