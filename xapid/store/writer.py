"""The SQLite writer: one thread that commits everything waiting in one go, and says what is on disk."""

from __future__ import annotations

import asyncio
import heapq
import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from xapid.store.database import forget_deletions
from xapid.store.kill_point import KillPoint
from xapid.store.statements import statements
from xapid.store.tables import META
from xapid.store.transaction import Batch

log = logging.getLogger(__name__)

RESERVED = 1_000_000
"""Generations reserved at a time. Changes that are not written use some; after a restart counting goes on above."""

RETRY = 1.0
"""Seconds between attempts while the disk refuses."""


class StoreFailed(Exception):
    """The disk refused: what was done may not have been recorded."""


class Writer:
    """Takes batches in order from the event loop; ``durable`` follows when they are on disk."""

    def __init__(self, engine: sa.Engine, generation: int, ballast: Ballast | None = None) -> None:
        self.durable = generation
        self.trouble = ""
        """Why the disk refuses; empty while all is well. Calls that would change something are refused meanwhile."""
        self._engine = engine
        self._ballast = ballast
        self._ceiling = generation
        self.reserved = generation
        """Beyond this generation a batch must be submitted, even an empty one, so that more are reserved."""
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._ticket = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kill_point = KillPoint.commits()
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._stopping = threading.Event()
        self.commits = 0
        self.batches = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread.start()

    def stop(self) -> None:
        """Write what is waiting, then end."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join()

    # On the event loop

    def submit(self, batch: Batch) -> None:
        self._queue.put(batch)

    def wait(self, generation: int) -> asyncio.Future[None]:
        """Done when everything up to the generation is on disk. Fails with StoreFailed while the disk refuses."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if generation <= self.durable:
            future.set_result(None)
        elif self.trouble:
            future.set_exception(StoreFailed(self.trouble))
        else:
            self._ticket += 1
            heapq.heappush(self._waiting, (generation, self._ticket, future))
        return future

    def _written(self, generation: int) -> None:
        self.durable = max(self.durable, generation)
        self.reserved = self._ceiling - RESERVED // 4
        while self._waiting and self._waiting[0][0] <= self.durable:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)

    def _failed(self, reason: str) -> None:
        self.trouble = reason
        waiting, self._waiting = self._waiting, []
        for _, _, future in waiting:
            if not future.done():
                future.set_exception(StoreFailed(reason))

    def _recovered(self) -> None:
        self.trouble = ""

    def _tell(self, function: Callable[..., None], *args: Any) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(function, *args)

    # In the thread

    def _run(self) -> None:
        with self._engine.connect() as connection:
            while True:
                if batches := self._take():
                    self._write_until_done(connection, batches)
                if self._stopping.is_set() and self._queue.empty():
                    return

    def _take(self) -> list[Batch]:
        """Everything that waits; blocks while nothing does. Empty: to end."""
        first = self._queue.get()
        if first is not None and self._kill_point.armed:
            return [first]
        return [*([] if first is None else [first]), *self._more()]

    def _write_until_done(self, connection: sa.Connection, batches: list[Batch]) -> None:
        generation = max(batch.generation for batch in batches)
        failing, last = False, False
        while True:
            try:
                self._write(connection, batches, generation)
            except Exception as error:
                # Not only what the disk refuses: a thread that died would leave all who wait waiting for ever.
                failing = self._refused(error, failing)
                if self._stopping.wait(RETRY) and last:
                    log.error("%d batches of changes were not recorded", len(batches))
                    return
                last = self._stopping.is_set()
                batches += self._more()
                generation = max(batch.generation for batch in batches)
                continue
            self.commits += 1
            self.batches += len(batches)
            self._tell(self._written, generation)
            if failing and self._restored():
                self._tell(self._recovered)
                log.info("the database can be written again")
            return

    def _more(self) -> list[Batch]:
        """What came meanwhile; nothing is waited for."""
        found = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        return [each for each in found if each is not None]

    def _refused(self, error: Exception, failing: bool) -> bool:
        """The disk refused: give back the ballast once, so that what already happened can be recorded."""
        reason = str(error.__cause__ or error)
        if not failing:
            log.error("the database cannot be written: %s", reason)
        given_back = self._ballast is not None and self._ballast.give_back()
        if not given_back:
            self._tell(self._failed, reason)
        else:
            self._tell(setattr, self, "trouble", reason)
        return True

    def _restored(self) -> bool:
        return self._ballast is None or self._ballast.take()

    def watch_ballast(self) -> None:
        """Called now and then on the loop: when space is back, take the ballast again and be well."""
        if self.trouble and self._ballast is not None and self._ballast.take():
            self._recovered()

    def _write(self, connection: sa.Connection, batches: list[Batch], generation: int) -> None:
        sqlite: Any = connection.connection.driver_connection
        # Made before the transaction, so that the log is locked for a short time.
        work = list(statements(batches))
        sqlite.execute("BEGIN IMMEDIATE")
        try:
            for statement in work:
                sqlite.execute(*statement)
            ceiling = self._ceiling
            if generation > ceiling - RESERVED // 2:
                ceiling = self._reserve(connection, generation)
            last = self._kill_point.before()
            sqlite.execute("COMMIT")
            if last:
                self._kill_point.after()
        except BaseException:
            if sqlite.in_transaction:
                sqlite.execute("ROLLBACK")
            raise
        self._ceiling = ceiling

    def _reserve(self, connection: sa.Connection, generation: int) -> int:
        """Let a restart count on above what this life may use. Returns the new ceiling, true once it is committed."""
        ceiling = generation + RESERVED
        note = sa.insert(META).prefix_with("OR REPLACE")
        connection.execute(note, [{"key": "generation_ceiling", "value": str(ceiling)}])
        forget_deletions(connection)
        return ceiling


class Ballast:
    """A file that takes space for nothing, to be given back when the disk is full."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    def take(self) -> bool:
        """Fill the file. False when there is no space for it."""
        try:
            with self._path.open("wb") as file:
                for _ in range(self._size // 65536):
                    file.write(b"\0" * 65536)
                file.flush()
        except OSError:
            self._path.unlink(missing_ok=True)
            return False
        return True

    def give_back(self) -> bool:
        """Remove the file. False when there is none."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
