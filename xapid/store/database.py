"""Opening the database: its lock, its migrations, and the rows in it."""

from __future__ import annotations

import errno
import fcntl
import filecmp
import logging
import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import alembic.script
import alembic.util.exc
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext

from xapid.datamodel.types import CLASSES, Object
from xapid.store.copies import BackupError, back_up, limit
from xapid.store.damage import FORGOTTEN, misfits, missing, odd_notes
from xapid.store.rows import columns_of, make_row
from xapid.store.shared import shared
from xapid.store.statements import reading
from xapid.store.tables import DELETED, FORMAT, JOURNAL, META, TABLES
from xapid.store.values import Misfit, from_sql

log = logging.getLogger(__name__)

STATEMENTS_KEPT = 1024
"""Prepared by a connection: the writer has some for each set of columns that change together."""
DELETIONS_KEPT = 512
"""Per class, over a restart."""
RESTORE = "put back a backup with `xapid db restore`"
NEWER = f"install the newer version, or {RESTORE}"


class DatabaseError(Exception):
    """The state directory or the database cannot be used; the text says why and what to do. Nothing was changed."""


@dataclass(frozen=True)
class JournalLine:
    """One undo step of a task that was under way."""

    task: str
    number: int
    payload: str


class StateDirectory:
    """The directory all state lies in, held by one daemon at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def open(self) -> None:
        """Make the directory and lock it. Raises DatabaseError."""
        try:
            # Others may pass, so that guests need not run as root, and not look around; files are closed to them.
            self.path.mkdir(parents=True, exist_ok=True, mode=0o711)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DatabaseError(f"state directory {self.path}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
            os.close(self._lock)
            self._lock = None
            reason = (
                f"is used by another daemon (process {owner})" if error.errno == errno.EWOULDBLOCK else error.strerror
            )
            raise DatabaseError(f"state directory {self.path} {reason}") from error
        self._write_owner()

    def _write_owner(self) -> None:
        assert self._lock is not None
        try:
            # In this order: a full disk lets what is there be overwritten.
            os.ftruncate(self._lock, os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0))
        except OSError as error:
            raise DatabaseError(f"state directory {self.path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def free(directory: Path) -> int:
    """Bytes that are left on the disk with a directory."""
    space = os.statvfs(directory)
    return space.f_bavail * space.f_frsize


def has_space(directory: Path) -> bool:
    """Whether there is space for what a start writes at once: the log and its index."""
    return free(directory) >= 1024 * 1024


class Database:
    """The SQLite file: WAL, fully synced, brought to the present layout when it is opened."""

    def __init__(self, path: Path, end: float = math.inf) -> None:
        """``end``: when to give up reading it, by the clock that never jumps; for a file of unknown origin."""
        self.path = path
        self._end = end
        self.engine = sa.create_engine(
            f"sqlite:///{path}",
            poolclass=sa.pool.NullPool,
            connect_args={"check_same_thread": False, "timeout": 10, "cached_statements": STATEMENTS_KEPT},
        )
        sa.event.listen(self.engine, "connect", self._prepare)

    def _prepare(self, connection: sqlite3.Connection, record: Any) -> None:
        # SQLAlchemy's own transactions begin late and commit savepoints by themselves: we say BEGIN and COMMIT.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        limit(connection, self._end)

    def open(self) -> None:
        """Check and migrate. Raises DatabaseError for a file that is corrupt, newer, or cannot be written."""
        _hide(self.path)
        try:
            script = alembic.script.ScriptDirectory.from_config(migration_config())
            self._back_up_before_migration(script)
            with self.engine.connect() as connection, _whole(connection):
                fresh = not sa.inspect(connection).get_table_names()
                if not fresh:
                    self._check(connection)
                self._migrate(connection, script, fresh=fresh)
                self._check_layout(connection)
                if fresh:
                    connection.execute(sa.insert(META), [{"key": "format", "value": str(FORMAT)}])
                forget_deletions(connection)
        except (sa.exc.DatabaseError, sqlite3.Error) as error:
            cause = error.__cause__ or error
            raise DatabaseError(f"database {self.path}: {cause}{self._what_helps(cause)}") from error

    def _what_helps(self, cause: BaseException) -> str:
        if not has_space(self.path.parent):
            return "; no space is left on the disk"
        # The low byte: the others say where it was found.
        if getattr(cause, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return f"; {RESTORE}"
        return ""

    def _back_up_before_migration(self, script: alembic.script.ScriptDirectory) -> None:
        """Keep a copy of a database that is about to be brought to the latest layout. A newer one is refused."""
        if not self.path.exists():
            return
        with self.engine.connect() as connection:
            present = MigrationContext.configure(connection).get_current_revision()
        head = script.get_current_head()
        if present is None or present == head:
            return
        if present not in {each.revision for each in script.walk_revisions()}:
            raise DatabaseError(f"database {self.path} is at revision {present}, made by a newer xapid: {NEWER}")
        try:
            copy = _keep(self.path, self.path.with_name(f"{self.path.name}.before-{head}"))
        except BackupError as error:
            raise DatabaseError(f"database {self.path} is not migrated without a backup: {error}") from error
        log.info("the database is migrated from %s to %s; as it was it is kept in %s", present, head, copy)

    def _check(self, connection: sa.Connection) -> None:
        strange = connection.exec_driver_sql(
            "SELECT name FROM sqlite_schema WHERE type IN ('view', 'trigger')"
        ).scalar()
        if strange is not None:
            raise DatabaseError(f"database {self.path} is none of ours: it has a view or trigger {strange}")
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise self._damaged(" ".join(str(found).split()))
        try:
            number = int(connection.execute(sa.select(META.c.value).where(META.c.key == "format")).scalar() or 0)
        except sa.exc.OperationalError as error:
            raise DatabaseError(f"database {self.path} is none of ours: {error.orig}") from error
        except ValueError as error:
            raise self._damaged("its format is no number") from error
        if number > FORMAT:
            raise DatabaseError(
                f"database {self.path} has format {number}, made by a newer xapid; this one knows {FORMAT}: {NEWER}"
            )

    def _check_layout(self, connection: sa.Connection) -> None:
        if lacks := missing(connection):
            raise self._damaged(f"it lacks {lacks}")

    def _migrate(self, connection: sa.Connection, script: alembic.script.ScriptDirectory, *, fresh: bool) -> None:
        config = migration_config()
        present = MigrationContext.configure(connection).get_current_revision()
        if present == script.get_current_head():
            return
        if present is None and not fresh:
            raise DatabaseError(
                f"database {self.path} names no revision: a migration was broken off, or the table alembic_version was "
                f"emptied. Put back a copy of it, {self.path}.before-* or a backup, with `xapid db restore`"
            )
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")

    # Reading, at start

    def meta(self) -> dict[str, str]:
        """What is known of the whole. Raises DatabaseError for a value that its column cannot have, here and in the
        other tables that are no class's."""
        with self.engine.connect() as connection:
            odd = list(odd_notes(_driver(connection)))
        if odd:
            raise self._damaged(first_of(odd))
        with self.engine.connect() as connection:
            return {row.key: row.value for row in connection.execute(sa.select(META))}

    def rows(self) -> Iterator[Object]:
        """Every row. Raises DatabaseError for a value that its column cannot have."""
        with self.engine.connect() as connection:
            try:
                for name in TABLES:
                    yield from _load(connection, CLASSES[name])
            except (sqlite3.Error, Misfit) as error:
                found = self.misfits()
                raise DatabaseError(
                    f"database {self.path} is damaged: {first_of(found) or error}; {RESTORE}"
                ) from error

    def misfits(self) -> list[str]:
        """Each value that its column cannot have: where it stands, and what should."""
        with self.engine.connect() as connection:
            return list(misfits(_driver(connection)))

    def _damaged(self, how: str) -> DatabaseError:
        return DatabaseError(f"database {self.path} is damaged: {how}; {RESTORE}")

    def journal(self) -> list[JournalLine]:
        query = sa.select(JOURNAL).order_by(JOURNAL.c.task, JOURNAL.c.number.desc())
        with self.engine.connect() as connection:
            return [JournalLine(*line) for line in connection.execute(query)]

    def deletions(self) -> list[tuple[int, str, str, int]]:
        """The deletions that are known, oldest first: generation, class, reference, created."""
        query = sa.select(DELETED).order_by(DELETED.c.generation)
        with self.engine.connect() as connection:
            return [(line[0], line[1], line[2], line[3]) for line in connection.execute(query)]

    def forgotten(self) -> dict[str, int]:
        """For each class the generation up to which deletions are known no longer."""
        found = self.meta().items()
        return {key.removeprefix(FORGOTTEN): int(value) for key, value in found if key.startswith(FORGOTTEN)}


def first_of(found: list[str]) -> str:
    """In one line."""
    more = f" (`xapid db check` names {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{found[0]}{more}" if found else ""


def _keep(database: Path, file: Path) -> Path:
    """Copy a database, and return where to. Copies of other states are let be; the same state is not kept twice."""
    kept = [file] if file.exists() else []
    kept += file.parent.glob(f"{file.name}-*")
    fresh = file if not kept else file.with_name(f"{file.name}-{len(kept) + 1}")
    back_up(database, fresh)
    # As often as a start fails that is tried again and again.
    same = next((each for each in kept if filecmp.cmp(each, fresh, shallow=False)), None)
    if same is None:
        return fresh
    fresh.unlink()
    return same


@contextmanager
def _whole(connection: sa.Connection) -> Iterator[None]:
    """The block happens as a whole or not at all: a first start that is killed leaves an empty file."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")


def forget_deletions(connection: sa.Connection) -> None:
    """Keep the latest deletions of each class, and remember up to where they were dropped."""
    for name, generation in connection.exec_driver_sql(_SURPLUS, (DELETIONS_KEPT + 1,)).fetchall():
        connection.execute(sa.delete(DELETED).where(DELETED.c["class"] == name, DELETED.c.generation <= generation))
        note = sa.insert(META).prefix_with("OR REPLACE")
        connection.execute(note, [{"key": FORGOTTEN + name, "value": str(generation)}])


_SURPLUS = """
    SELECT class, generation FROM (
        SELECT class, generation, row_number() OVER (PARTITION BY class ORDER BY generation DESC) AS number
        FROM _deleted
    ) WHERE number = ?"""


def migration_config() -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(migrations_directory()))
    return config


def migrations_directory() -> Path:
    """Beside the package in a checkout; inside it where it was installed."""
    checkout = Path(__file__).parents[2] / "migrations"
    if (checkout / "env.py").exists():
        return checkout
    return Path(str(resources.files("xapid") / "migrations"))


def _hide(database: Path) -> None:
    """Secrets stand in it: nobody but its owner reads the file, nor those beside it, which SQLite makes alike."""
    with suppress(OSError):  # what is wrong SQLite tells
        os.close(os.open(database, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for each in (database, *(database.with_name(database.name + suffix) for suffix in ("-wal", "-shm"))):
        with suppress(OSError):
            if each.stat().st_mode & 0o077:
                each.chmod(0o600)


def _driver(connection: sa.Connection) -> Any:
    """SQLite's own connection."""
    return connection.connection.driver_connection


def _load(connection: sa.Connection, cls: type[Object]) -> Iterator[Object]:
    fields = columns_of(cls)
    names, converters = [field.name for field in fields], [from_sql(field) for field in fields]
    sqlite = _driver(connection)
    for ref, created, modified, *values in sqlite.execute(reading(cls.spec.name, [field.column for field in fields])):
        if type(ref) is not str or type(created) is not int or type(modified) is not int:
            raise Misfit
        converted = [shared(convert(value)) for convert, value in zip(converters, values, strict=True)]
        row = make_row(cls, ref, dict(zip(names, converted, strict=True)))
        row._created, row._gen = created, modified
        yield row
