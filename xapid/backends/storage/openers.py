"""Who has which volumes open on this host, for repositories whose volumes have to be made ready for that."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from urllib.parse import quote, unquote

from xapid.backends.storage.entries import names_in
from xapid.backends.storage.volume_store import BORROWER, KEY


class Openers:
    """Empty files in a directory that goes when the host does: KEY/OWNER."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def add(self, key: str, owner: str) -> None:
        folder = self._place / key
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / quote(owner, safe="")).touch()

    def remove(self, key: str, owner: str) -> bool:
        """Whether it was there."""
        try:
            (self._place / key / quote(owner, safe="")).unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        with contextlib.suppress(OSError):  # Others are in it.
            (self._place / key).rmdir()
        return True

    def open_keys(self) -> list[str]:
        """Volumes that somebody has open."""
        try:
            return [key for key in names_in(self._place) if KEY.fullmatch(key) and names_in(self._place / key)]
        except FileNotFoundError:
            return []

    def forget_borrowers(self) -> None:
        """Those that died before they could close what they had open for a while."""
        for key in self.open_keys():
            for name in names_in(self._place / key):
                owner = unquote(name)
                if owner.startswith(BORROWER) and not _lives(owner.removeprefix(BORROWER).partition("-")[0]):
                    self.remove(key, owner)


def _lives(number: str) -> bool:
    try:
        os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
