"""Copies of databases, whose records are read beside those of the live one."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from xapid.datamodel import Pool
from xapid.rules.registry import DERIVATIONS
from xapid.runtime.context import Runtime
from xapid.store.copies import back_up
from xapid.store.database import Database, DatabaseError, free
from xapid.store.loading import load
from xapid.store.store import Store

PREFIX = ".copy-"
"""Of directories for copies, in the state directory."""
PATIENCE = 60.0
"""Seconds in which a file has to be read."""
LARGEST = 512 * 1024 * 1024
"""Bytes of a file: all of it comes into memory."""
LEFT = 64 * 1024 * 1024
"""Bytes of disk that a copy leaves to the live database."""


def forget_copies(state: Path) -> None:
    """Remove what a crash has left of copies."""
    for each in state.glob(f"{PREFIX}*"):
        shutil.rmtree(each, ignore_errors=True)


def opened_copy(file: Path, runtime: Runtime) -> Runtime:
    """What operations work with that find the records of a file, and nothing else different; blocks meanwhile.

    The file stays as it is. Raises BackupError and DatabaseError, both also for a file that would take too long, or too
    much space.
    """
    size, end = file.stat().st_size, time.monotonic() + PATIENCE
    if size > LARGEST or size + LEFT > free(runtime.config.state_dir):
        raise DatabaseError(f"{file} is too large to be read beside the live database: it has {size} bytes")
    with tempfile.TemporaryDirectory(dir=runtime.config.state_dir, prefix=PREFIX) as folder:
        path = Path(folder) / "xapid.db"
        back_up(file, path, end)
        database = Database(path, end)
        try:
            database.open()
            store = Store(DERIVATIONS, generation=int(database.meta().get("generation_ceiling", 0)))
            load(store, database)
        except DatabaseError as error:
            raise DatabaseError(str(error).replace(str(path), str(file))) from error
        except (
            sqlite3.Error,
            sa.exc.SQLAlchemyError,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            raise DatabaseError(f"{file} cannot be read: {error}") from error
        finally:
            database.engine.dispose()
    if not store.all(Pool):
        raise DatabaseError(f"{file} knows of no pool")
    return replace(runtime, store=store)
