"""The event feed: for each class, which objects changed since when, and which are gone."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

DELETIONS_KEPT = 8192
"""Per class. Who asks for older ones is told that events were lost."""


class Deletion(NamedTuple):
    """An object that is gone."""

    generation: int
    created: int
    ref: str


class ClassFeed:
    """Changes of the objects of one class. Each object stands once, under its latest generation, newest last."""

    def __init__(self) -> None:
        self.changed: OrderedDict[str, int] = OrderedDict()
        self.deleted: deque[Deletion] = deque()
        self.forgotten = 0
        """Deletions up to this generation are no longer known."""

    def change(self, ref: str, generation: int) -> None:
        self.changed[ref] = generation
        self.changed.move_to_end(ref)

    def delete(self, ref: str, generation: int, created: int) -> None:
        self.changed.pop(ref, None)
        self.deleted.append(Deletion(generation, created, ref))
        if len(self.deleted) > DELETIONS_KEPT:
            self.forgotten = self.deleted.popleft().generation

    def changed_since(self, generation: int) -> Iterator[str]:
        """References of the objects that changed after a generation, newest first."""
        for ref in reversed(self.changed):
            if self.changed[ref] <= generation:
                return
            yield ref

    def deleted_since(self, generation: int) -> Iterator[Deletion]:
        """Objects that are gone, and were there at that generation, newest first."""
        for each in reversed(self.deleted):
            if each.generation <= generation:
                return
            if each.created <= generation:
                yield each

    def gone_since(self, generation: int) -> Iterator[str]:
        """References of all objects that were deleted after a generation, newest first."""
        for each in reversed(self.deleted):
            if each.generation <= generation:
                return
            yield each.ref

    def newest(self) -> int:
        """The generation of the latest change or deletion."""
        changed = self.changed[next(reversed(self.changed))] if self.changed else 0
        return max(changed, self.deleted[-1].generation if self.deleted else 0)


class Change(NamedTuple):
    """One notification in the order things happened, for event.next."""

    generation: int
    cls: str
    operation: str
    ref: str
    row: Any
    """The photograph after the change; of a deletion, the last one."""


class Feed:
    """All classes' feeds, the stream of notifications, and those who wait for them."""

    def __init__(self, classes: Iterable[str]) -> None:
        self.classes = {name: ClassFeed() for name in classes}
        self._waiters: dict[str, set[asyncio.Future[bool]]] = {}
        self._any: set[asyncio.Future[bool]] = set()
        self.stream: StreamSink | None = None
        self.streamed: Callable[[str], bool] = lambda name: False
        """Whether the stream heeds what happens to objects of a class."""

    def published(self, changes: list[Change], when: Callable[[Callable[[str], None]], None] | None = None) -> None:
        """Have changes noted by the stream, and wake everybody who waits for one of these classes.

        ``when`` calls a function when it is time to do so, which is at once without it.
        """
        if self.stream is not None:
            self.stream(changes)
        # Most of the time nobody waits.
        if changes and (self._waiters or self._any):
            wake = partial(self._wake_soon, frozenset([change.cls for change in changes]))
            if when is None:
                wake()
            else:
                when(wake)

    def _wake_soon(self, names: frozenset[str], reason: str = "") -> None:
        """Wake those who wait for a class of these; ``reason``: why the disk has no such change.

        In the next turn of the loop: a call changes more than its task, and what it does at once is told with that.
        """
        asyncio.get_running_loop().call_soon(self._wake, names)

    def _wake(self, names: frozenset[str]) -> None:
        for name in names:
            _wake(self._waiters.pop(name, ()))
        woken, self._any = self._any, set()
        _wake(woken)

    def watched(self, name: str) -> bool:
        """Whether somebody waits for changes of a class just now, or has every one of them noted."""
        return bool(self._any or self._waiters.get(name)) or self.streamed(name)

    def waiting(self) -> int:
        """How many wait for something to be published."""
        waiting: set[asyncio.Future[bool]] = self._any.union(*self._waiters.values())
        return len(waiting)

    def watch(self, names: frozenset[str] | None) -> Watch:
        """A future that is done, and true, once something of these classes (None: of any) is published from now on, and
        the disk has it. It is watched for within the block."""
        return Watch([self._any] if names is None else [self._waiters.setdefault(name, set()) for name in names])

    async def wait(self, names: frozenset[str] | None, seconds: float | None) -> bool:
        """Wait until something of these classes (None: of any) is published. False when the time is over."""
        try:
            with self.watch(names) as news:
                async with asyncio.timeout(seconds):
                    await news
        except TimeoutError:
            return False
        return True


class Watch:
    """A future that stands in sets for the length of a block. (A generator in its place costs 4 us more.)"""

    __slots__ = ("_future", "_sets")

    def __init__(self, sets: Iterable[set[asyncio.Future[bool]]]) -> None:
        self._sets = sets
        self._future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def __enter__(self) -> asyncio.Future[bool]:
        for each in self._sets:
            each.add(self._future)
        return self._future

    def __exit__(self, *error: object) -> None:
        self._future.cancel()
        for each in self._sets:
            each.discard(self._future)


def _wake(futures: Iterable[asyncio.Future[bool]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(True)


StreamSink = Callable[[list[Change]], None]
"""Whoever wants every notification in order: the queue of event.next."""
