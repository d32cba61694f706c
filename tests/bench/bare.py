"""The baseline of durable writes: what SQLite itself needs for the same rows."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

CHANGE = "UPDATE VM SET name_description = ?, _modified = ?, _epoch = ? WHERE _ref = ?"


class BareSqlite:
    """The same rows of the same table in a copy of the database, changed by sqlite3 alone: WAL, fully synced."""

    def __init__(self, database: Path, copy: Path) -> None:
        with closing(sqlite3.connect(database)) as original:
            original.execute("VACUUM INTO ?", (str(copy),))
        self._connection = sqlite3.connect(copy, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._refs = [ref for (ref,) in self._connection.execute("SELECT _ref FROM VM")]
        self._turn = 0

    def rate(self, group: int, seconds: float) -> float:
        """Rows a second, so many to a commit."""
        started, written = time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            written += self.commit(group)
        return written / (time.perf_counter() - started)

    def commit(self, group: int) -> int:
        """Change so many rows in one transaction; returns how many there were."""
        execute, refs = self._connection.execute, self._refs[:group]
        self._turn += 1
        execute("BEGIN IMMEDIATE")
        for ref in refs:
            execute(CHANGE, (str(self._turn), self._turn, 1, ref))
        execute("COMMIT")
        return len(refs)

    def close(self) -> None:
        self._connection.close()
