"""Certificates in files below one directory of this machine, the state directory."""

from __future__ import annotations

from pathlib import Path

from xapid.backends.certificates.interface import AUTHORITIES, OWN, REVOKED, TRUSTED
from xapid.backends.interface import AlreadyExists, DriverInfo, Failed, NotFound
from xapid.backends.whole_files import read_whole, write_whole

FOLDERS = {OWN: "", AUTHORITIES: "certs", REVOKED: "crls", TRUSTED: "trusted"}
"""Where each shelf is, below the directory."""


class Certificates:
    """The files of this machine. Nobody but the daemon's user can read them."""

    info = DriverInfo("local", "Certificates of this host")

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)

    def names(self, shelf: str) -> tuple[str, ...]:
        folder = self._directory / FOLDERS[shelf]
        try:
            return tuple(sorted(each.name for each in folder.iterdir() if _is_certificate(each)))
        except FileNotFoundError:
            return ()

    def read(self, shelf: str, name: str) -> str:
        try:
            return read_whole(self._path(shelf, name)).decode(errors="replace")
        except FileNotFoundError as error:
            raise NotFound(f"there is no {name} on the shelf {shelf}") from error
        except OSError as error:
            raise Failed(f"{name} cannot be read: {error.strerror}") from error

    def add(self, shelf: str, name: str, text: str) -> None:
        if self._path(shelf, name).exists():
            raise AlreadyExists(f"there is a {name} on the shelf {shelf}")
        self.replace(shelf, name, text)

    def replace(self, shelf: str, name: str, text: str) -> None:
        try:
            write_whole(self._path(shelf, name), text.encode(errors="replace"))
        except OSError as error:
            raise Failed(f"{name} cannot be written: {error.strerror}") from error

    def remove(self, shelf: str, name: str) -> None:
        try:
            self._path(shelf, name).unlink()
        except FileNotFoundError as error:
            raise NotFound(f"there is no {name} on the shelf {shelf}") from error
        except OSError as error:
            raise Failed(f"{name} cannot be removed: {error.strerror}") from error

    def _path(self, shelf: str, name: str) -> Path:
        if Path(name).name != name or "\0" in name or not name.endswith(".pem"):
            raise Failed(f"{name!r} is no name of a certificate")
        return self._directory / FOLDERS[shelf] / name


def _is_certificate(path: Path) -> bool:
    return path.suffix == ".pem" and not path.name.startswith(".") and path.is_file() and not path.is_symlink()
