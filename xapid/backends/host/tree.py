"""The files of the kernel and the system, below a root that need not be ``/``. What cannot be read counts as empty."""

from __future__ import annotations

import os
from pathlib import Path

from xapid.backends.interface import Failed
from xapid.backends.whole_files import write_whole

UNIT_LINKS = "etc/systemd/system"
UNIT_FOLDERS = (UNIT_LINKS, "usr/lib/systemd/system", "lib/systemd/system")


class Tree:
    """Files that describe a machine. Names are relative to the root."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def bytes(self, name: str) -> bytes:
        """A file as it is."""
        try:
            return (self.root / name).read_bytes()
        except OSError:
            return b""

    def text(self, name: str) -> str:
        """A file of several lines; bytes that are no UTF-8 stand as question marks in a diamond."""
        return self.bytes(name).decode(errors="replace").strip()

    def line(self, name: str) -> str:
        """A file of one value. Firmware writes what it likes: nothing unprintable is let through."""
        return "".join(each for each in self.text(name) if each.isprintable()).strip()

    def number(self, name: str) -> int | None:
        """A file of one whole number; None: it has none."""
        text = self.line(name)
        return int(text) if text.isascii() and text.isdecimal() else None

    def names(self, directory: str) -> list[str]:
        """What is in a directory, sorted."""
        try:
            return sorted(each.name for each in (self.root / directory).iterdir())
        except OSError:
            return []

    def link(self, name: str) -> str:
        """Where a link points to, as it is written."""
        try:
            return str((self.root / name).readlink())
        except OSError:
            return ""

    def is_directory(self, name: str) -> bool:
        return (self.root / name).is_dir()

    def is_file(self, name: str) -> bool:
        return (self.root / name).is_file()

    def has_unit(self, unit: str) -> bool:
        """Whether a unit of systemd is installed."""
        return any((self.root / folder / unit).exists() for folder in UNIT_FOLDERS)

    def unit_enabled(self, unit: str) -> bool:
        """Whether a unit is started with the machine: a link in a folder of those that a target wants says so."""
        wanted = (folder for folder in self.names(UNIT_LINKS) if folder.endswith(".wants"))
        return any(unit in self.names(f"{UNIT_LINKS}/{folder}") for folder in wanted)

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        """Make or replace a file, and the directory that it is in. Nobody ever finds half of it. Raises Failed."""
        path = self.root / name
        try:
            path.parent.mkdir(0o755, parents=True, exist_ok=True)
            write_whole(path, text.encode(), mode)
        except OSError as error:
            raise Failed(f"/{name} cannot be written: {error.strerror}") from error

    def set(self, name: str, text: str) -> None:
        """Write to a file of the kernel, which is a setting and no file. Raises Failed."""
        try:
            (self.root / name).write_text(text)
        except OSError as error:
            raise Failed(f"/{name} cannot be set: {error.strerror}") from error

    def remove(self, name: str) -> None:
        """Remove a file, if it is there. Raises Failed."""
        try:
            (self.root / name).unlink(missing_ok=True)
        except OSError as error:
            raise Failed(f"/{name} cannot be removed: {error.strerror}") from error

    def opens(self, name: str) -> bool:
        """Whether we may read and write a file."""
        return os.access(self.root / name, os.R_OK | os.W_OK)
