"""Looking through a database, and putting a backup in its place."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from xapid.datamodel.types import NULL, Object, RefType
from xapid.store.completeness import absent
from xapid.store.copies import BackupError, back_up, remove
from xapid.store.damage import FORGOTTEN
from xapid.store.database import Database, DatabaseError, first_of
from xapid.store.rows import SILENT, STORED
from xapid.store.store import Store

log = logging.getLogger(__name__)

# Looking through


@dataclass
class Findings:
    """What a database holds, and what is wrong with it."""

    objects: Counter[str] = field(default_factory=Counter)
    """How many there are of each class."""
    dangling: Counter[str] = field(default_factory=Counter)
    """References to what is not there, by field (``VM.affinity``). Clients may leave such; nothing breaks by them."""
    problems: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    """What is wrong too, and is put right by the next start."""


def check(database: Path) -> Findings:
    """Look through a copy of a database: whether SQLite finds it whole, this version can open it, and rows make sense.

    Raises BackupError if it cannot even be copied.
    """
    with TemporaryDirectory(prefix="xapid-check-") as directory:
        copy = Path(directory, "copy.db")
        back_up(database, copy)
        found = Findings()
        with closing(sqlite3.connect(copy)) as connection:
            lines = [line for (line,) in connection.execute("PRAGMA integrity_check")]
            if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
                lines = ["it is empty"]
        if lines != ["ok"]:
            found.problems += lines
            return found
        try:
            opened = Database(copy)
            opened.open()
            found.problems += opened.misfits()
            if not found.problems:
                _look_through(opened.rows(), found)
        except DatabaseError as error:
            found.problems.append(str(error).replace(str(copy), str(database)))
        return found


def _look_through(rows: Iterator[Object], found: Findings) -> None:
    whole = list(rows)
    known = Counter(row.ref for row in whole)
    uuids = Counter(row.__dict__["uuid"] for row in whole if row.__dict__.get("uuid"))
    found.problems += [f"{ref} is the reference of {count} objects" for ref, count in known.items() if count > 1]
    found.problems += [f"{uuid} is the uuid of {count} objects" for uuid, count in uuids.items() if count > 1]
    for row in whole:
        name = row.spec.name
        found.objects[name] += 1
        for key, declared in row.spec.fields.items():
            value = row.__dict__.get(key)
            if isinstance(declared.type, RefType) and isinstance(value, str) and value not in (NULL, ""):
                found.dangling[f"{name}.{key}"] += value not in known
    found.dangling = +found.dangling
    store = Store()
    for row in whole:
        store.adopt(row)
    missed = absent(store)
    found.problems += missed.lost
    found.mended += missed.mended


# Putting back

JUMP = 1_000_000_000
"""Generations between the last token of a database and the first of what is put in its place: more than the daemons of
a database use in its life, should the one that is replaced be damaged.
"""


def restore(database: Path, file: Path) -> Path | None:
    """Put a backup in the place of a database that nobody uses. Returns where the old one is kept, None if none was.

    The caller holds the state directory. Whenever this is interrupted, a whole database is there: the old one or the
    new. Raises BackupError for a file that is damaged or that this version cannot open.
    """
    if problems := check(file).problems:
        raise BackupError(f"{file} is not put back: {first_of(problems)}")
    fresh = database.with_name(f".{database.name}.restore.{os.getpid()}")
    try:
        back_up(file, fresh)
        _begin_anew(fresh, max(_ceiling(fresh), _ceiling(database)) + JUMP)
        kept = _keep(database) if database.exists() else None
        fresh.replace(database)
        _sync(database.parent)
        return kept
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"cannot put {file} in the place of {database}: {error}") from error
    finally:
        remove(fresh)


def _ceiling(database: Path) -> int:
    """The generation that no token which its daemon gave out exceeds; 0 where that cannot be read."""
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT value FROM _meta WHERE key = 'generation_ceiling'").fetchone()
    except sqlite3.Error:
        return 0
    return int(row[0]) if row is not None and re.fullmatch(r"[0-9]{1,18}", str(row[0])) else 0


def _begin_anew(database: Path, generation: int) -> None:
    """Let a daemon count from here. Who knows what happened before is told that events were lost: what is put back
    knows nothing of what it followed, and had another future.
    """
    notes = {
        "generation_ceiling": generation,
        **{f"{FORGOTTEN}{name}": generation for name in STORED if name not in SILENT},
    }
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "INSERT OR REPLACE INTO _meta (key, value) VALUES (?, ?)",
            [(key, str(value)) for key, value in notes.items()],
        )


def _keep(database: Path) -> Path:
    """Give the database a second name, with all that was committed in it; its log is empty then, or gone."""
    kept = database.with_name(f"{database.name}.before-restore-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    wal, index = (database.with_name(database.name + suffix) for suffix in ("-wal", "-shm"))
    kept_wal = kept.with_name(f"{kept.name}-wal")
    if wal.exists():
        os.link(wal, kept_wal)
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        kept_wal.unlink(missing_ok=True)
    except sqlite3.Error as error:
        log.warning("%s is kept as it is, with its log beside it: %s", kept, error)
    os.link(database, kept)
    # The log of the old one must not be taken for one of the new.
    for each in (wal, index):
        each.unlink(missing_ok=True)
    return kept


def _sync(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
