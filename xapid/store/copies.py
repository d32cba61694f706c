"""Copies of the database, taken while it is in use."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path


class BackupError(Exception):
    """No backup was made, or none put back; the text says why, in one line. Nothing was changed."""


def back_up(database: Path, file: Path) -> int:
    """Copy the database as it is at one moment into a new file, and return the file's size. Raises BackupError.

    The file gets its name only when it is whole, checked and on disk.
    """
    if not database.exists():
        raise BackupError(f"there is no database {database}")
    if file.exists():
        raise BackupError(f"{file} is there already")
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(database, partial)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        # Unlike a rename, a link does not replace what somebody put there meanwhile.
        os.link(partial, file)
        return file.stat().st_size
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"cannot copy {database} to {file}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _copy(database: Path, partial: Path) -> None:
    with (
        closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as source,
        closing(sqlite3.connect(partial)) as target,
    ):
        source.backup(target)
        # The copy says that it is in WAL mode, as its source; so that it is one file, not three.
        target.execute("PRAGMA journal_mode=DELETE")
        found = target.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"it is damaged: {found}")
