"""The SQLite writer: one thread that commits everything waiting in one go, and says what is on disk."""

from __future__ import annotations

import asyncio
import heapq
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from xapid.store.database import forget_deletions, free, has_space
from xapid.store.kill_point import KillPoint
from xapid.store.statements import Statement, statements
from xapid.store.store import Told
from xapid.store.tables import META
from xapid.store.transaction import Batch

log = logging.getLogger(__name__)

RESERVED = 1_000_000
"""Generations reserved at a time. Changes that are not written use some; after a restart counting goes on above."""

BEGIN, COMMIT = Statement("BEGIN IMMEDIATE", []), Statement("COMMIT", [])

RETRY = 1.0
"""Seconds between attempts while the disk refuses."""


@dataclass(slots=True)
class Times:
    """How long commits took, in seconds."""

    count: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def note(self, seconds: float) -> None:
        self.least = min(self.least, seconds) if self.count else seconds
        self.most = max(self.most, seconds)
        self.count += 1
        self.total += seconds


class Writer:
    """Takes batches in order from the event loop; ``durable`` follows when they are on disk."""

    def __init__(self, engine: sa.Engine, generation: int, ballast: Ballast | None = None) -> None:
        self.durable = generation
        self.trouble = ""
        self._unrecorded = ""
        """Why what waits cannot be recorded, even without the ballast; empty while all that happened is."""
        self._engine = engine
        self._connection: sa.Connection
        self._sqlite: Any
        """The same without SQLAlchemy around it. Both are the thread's own."""
        self._ballast = ballast
        self._short = False
        """The thread's own: the disk refused, and the ballast has not been taken again."""
        self._ceiling = generation
        self.reserved = generation
        """Beyond this generation a batch must be submitted, even an empty one, so that more are reserved."""
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._gathered: list[Batch] = []
        """What the event loop has not handed over yet."""
        self._handed = generation
        """Generation of the last batch that it has."""
        self._waiting: list[tuple[int, int, Told]] = []
        self._ticket = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kill_point = KillPoint.commits()
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._stopping = threading.Event()
        self.commit_times = Times()
        self.batches = 0

    @property
    def commits(self) -> int:
        return self.commit_times.count

    @property
    def records(self) -> bool:
        """Whether what happens is recorded, be it in the place of the ballast."""
        return not self._unrecorded

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        if self._ballast is not None and not self._ballast.take():
            self._short, self.trouble = True, f"the ballast cannot be made: {self._ballast.reason}"
            log.error("changes are refused: %s", self.trouble)
        self._thread.start()
        self._hand_over()

    def stop(self) -> None:
        """Write what is waiting, then end."""
        self._stopping.set()
        self._hand_over()
        self._queue.put(None)
        self._thread.join()

    # On the event loop

    def submit(self, batch: Batch) -> None:
        self._gathered.append(batch)
        if self._loop is None or len(self._gathered) > 1:
            return
        # What one turn of the loop brings forth goes to the thread together, when the loop is about to wait: until then
        # the thread, awake, would only sleep again, for the lock of the interpreter.
        self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        for batch in self._gathered:
            self._queue.put(batch)
            self._handed = batch.generation
        self._gathered.clear()

    def tell(self, generation: int, function: Told) -> None:
        """Call a function when everything up to the generation is on disk, or when nothing can be recorded."""
        if generation <= self.durable:
            function("")
        elif self._unrecorded:
            function(self._unrecorded)
        else:
            self._ticket += 1
            heapq.heappush(self._waiting, (generation, self._ticket, function))

    def _written(self, generation: int) -> None:
        self.durable = max(self.durable, generation)
        self._unrecorded = ""
        self.reserved = self._ceiling - RESERVED // 4
        while self._waiting and self._waiting[0][0] <= self.durable:
            _call(heapq.heappop(self._waiting)[2], "")

    def _in_trouble(self, reason: str) -> None:
        self.trouble = reason

    def _failed(self, reason: str) -> None:
        self.trouble = self._unrecorded = reason
        waiting, self._waiting = self._waiting, []
        for _, _, function in waiting:
            _call(function, reason)

    def _recovered(self) -> None:
        self.trouble = ""

    def _on_loop(self, function: Callable[..., None], *args: Any) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(function, *args)

    # In the thread

    def _run(self) -> None:
        with self._engine.connect() as self._connection:
            self._sqlite = self._connection.connection.driver_connection
            while True:
                if batches := self._take():
                    self._write_until_done(batches)
                if self._short and self._has_room():
                    self._short = False
                    self._on_loop(self._recovered)
                    log.info("the database can be written again")
                if self._stopping.is_set() and self._queue.empty():
                    return

    def _take(self) -> list[Batch]:
        """Everything that waits; blocks while nothing does. Empty: to end, or to look whether there is space again."""
        try:
            first = self._queue.get(timeout=RETRY if self._short else None)
        except queue.Empty:
            return []
        if first is None:
            return self._more()
        return [first] if self._kill_point.armed else [first, *self._more()]

    def _write_until_done(self, batches: list[Batch]) -> None:
        generation = batches[-1].generation
        last = False
        while True:
            began = time.perf_counter()
            try:
                self._write(batches, generation)
            except Exception as error:
                # Not only what the disk refuses: a thread that died would leave all who wait waiting for ever.
                if not self._gave_way(error):
                    if self._stopping.wait(RETRY) and last:
                        log.error("%d batches of changes were not recorded", len(batches))
                        return
                    last = self._stopping.is_set()
                batches += self._more()
                generation = batches[-1].generation
                continue
            self.commit_times.note(time.perf_counter() - began)
            self.batches += len(batches)
            self._on_loop(self._written, generation)
            return

    def _more(self) -> list[Batch]:
        """What came meanwhile; nothing is waited for."""
        return [each for _ in range(self._queue.qsize()) if (each := self._queue.get_nowait()) is not None]

    def _gave_way(self, error: Exception) -> bool:
        """The disk refused. Whether the ballast was given back, so that what already happened can be recorded."""
        reason = str(error.__cause__ or error)
        if not self._short:
            log.error("the database cannot be written: %s", reason)
        self._short = True
        given_back = self._ballast is not None and self._ballast.give_back()
        self._on_loop(self._in_trouble if given_back else self._failed, reason)
        return given_back

    def _has_room(self) -> bool:
        """After something could be written: whether there is space for the ballast, and as much again for use."""
        return self._ballast is None or (self._ballast.has_room() and self._ballast.take())

    def _write(self, batches: list[Batch], generation: int) -> None:
        sqlite = self._sqlite
        ceiling = self._ceiling
        reserving = generation > ceiling - RESERVED // 2
        # Made before the transaction, so that the log is locked for a short time.
        steps = list(statements(batches))
        # A statement by itself is a transaction. The interpreter's lock is fought for once then, and not three times.
        if len(steps) != 1 or reserving:
            steps = [BEGIN, *steps, COMMIT]
        try:
            for step in steps[:-1]:
                sqlite.execute(*step)
            if reserving:
                ceiling = self._reserve(generation)
            last = self._kill_point.before()
            sqlite.execute(*steps[-1])
            if last:
                self._kill_point.after()
        except BaseException:
            if sqlite.in_transaction:
                sqlite.execute("ROLLBACK")
            raise
        self._ceiling = ceiling

    def _reserve(self, generation: int) -> int:
        """Let a restart count on above what this life may use. Returns the new ceiling, true once it is committed."""
        ceiling = generation + RESERVED
        note = sa.insert(META).prefix_with("OR REPLACE")
        self._connection.execute(note, [{"key": "generation_ceiling", "value": str(ceiling)}])
        forget_deletions(self._connection)
        return ceiling


def _call(function: Told, reason: str) -> None:
    """Who cannot bear the news keeps it from nobody else."""
    try:
        function(reason)
    except Exception:
        log.exception("a wait for the disk ended badly")


class Ballast:
    """A file that takes space for nothing, to be given back when the disk is full."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self.reason = ""
        """Why it could not be taken last."""

    def take(self) -> bool:
        """Fill the file, unless it is there from before. False when there is no space for it beside what is needed."""
        try:
            # What a link leads to is not ours to fill, and a pipe not to be waited for.
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._size)
            finally:
                os.close(handle)
            self.reason = "" if has_space(self._path.parent) else "there is no space for it"
        except OSError as error:
            self.reason = (error.strerror or str(error)).lower()
        if self.reason:
            self.give_back()
        return not self.reason

    def has_room(self) -> bool:
        """Whether there is space for it, and as much again."""
        try:
            return free(self._path.parent) >= 2 * self._size
        except OSError:
            return False

    def give_back(self) -> bool:
        """Remove the file. False when there is none."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
