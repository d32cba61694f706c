"""The baseline of durable writes: what SQLite itself needs for the same rows."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

CHANGE = "UPDATE VM SET name_description = ?, _modified = ?, _epoch = ? WHERE _ref = ?"


class BareSqlite:
    """The same rows of the same table in a copy of the database, page by page, changed by sqlite3 alone: WAL, fully
    synced, checkpoints as the daemon has them."""

    def __init__(self, database: Path, copy: Path, machines: Sequence[str]) -> None:
        """``machines``: references of those that change, in turn."""
        with closing(sqlite3.connect(database)) as original, closing(sqlite3.connect(copy)) as target:
            original.backup(target)
        self._connection = sqlite3.connect(copy, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._refs = itertools.cycle(machines)
        self._turn = 0

    def rate(self, group: int, seconds: float) -> float:
        """Rows a second, so many to a commit."""
        started, written = time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            self.commit(group)
            written += group
        return written / (time.perf_counter() - started)

    def commit(self, group: int) -> None:
        """Change so many rows in one transaction; a single one without saying so, which is quicker."""
        execute = self._connection.execute
        if group > 1:
            execute("BEGIN IMMEDIATE")
        for ref in itertools.islice(self._refs, group):
            self._turn += 1
            execute(CHANGE, (str(self._turn), self._turn, 1, ref))
        if group > 1:
            execute("COMMIT")

    def close(self) -> None:
        self._connection.close()
