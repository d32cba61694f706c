"""Copies of databases, whose records are read beside those of the live one."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from xapid.datamodel import Pool
from xapid.rules.registry import DERIVATIONS
from xapid.runtime.context import Runtime
from xapid.store.copies import back_up
from xapid.store.database import Database, DatabaseError
from xapid.store.loading import load
from xapid.store.store import Store


def opened_copy(file: Path, runtime: Runtime) -> Runtime:
    """What operations work with that find the records of a file, and nothing else different; blocks meanwhile.

    The file stays as it is. Raises BackupError and DatabaseError.
    """
    with tempfile.TemporaryDirectory(dir=runtime.config.state_dir, prefix=".copy-") as folder:
        path = Path(folder) / "xapid.db"
        back_up(file, path)
        database = Database(path)
        database.open()
        store = Store(DERIVATIONS, generation=int(database.meta().get("generation_ceiling", 0)))
        load(store, database)
        database.engine.dispose()
    if not store.all(Pool):
        raise DatabaseError(f"{file} knows of no pool")
    return replace(runtime, store=store)
