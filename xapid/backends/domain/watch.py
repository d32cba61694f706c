"""The thread between libvirt's events and those who watch the driver."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

from xapid.backends.domain import libvirt_events
from xapid.backends.domain.interface import DomainEvent, DomainEventKind

log = logging.getLogger(__name__)

TIDY_SECONDS = 10.0
ONE_REBOOT_SECONDS = 2.0
"""The firmware of a machine that is reset may reset it once more; for those who watch that is one reboot."""

ENDED = (DomainEventKind.stopped, DomainEventKind.crashed)

Tell = Callable[[DomainEvent], None]
P = ParamSpec("P")


class Watch:
    """Hears libvirt, and tells of our own machines, in order, on a thread of its own, where telling may take time."""

    def __init__(
        self, stopped: Callable[[str], None], tidy: Callable[[], None], agent_came: Callable[[str], None] | None = None
    ) -> None:
        """``stopped`` is called with the uuid of a machine that is gone, ``tidy`` now and then, both on the thread.

        ``agent_came``, on libvirt's thread, with that of one whose guest has an agent that can be asked from now on.
        """
        self._agent_came = agent_came
        self._stopped = stopped
        self._tidy = tidy
        self._ours: set[str] = set()
        self._watchers: list[Tell] = []
        self._events: queue.SimpleQueue[DomainEvent | None] = queue.SimpleQueue()
        self._removals: dict[tuple[str, str], queue.SimpleQueue[bool]] = {}
        self._rebooted: dict[str, float] = {}
        self.clocks: dict[str, int] = {}
        """Seconds before UTC to which guests set their clocks, by the uuids of their machines."""
        self._thread = threading.Thread(target=self._run, name="xapid-domain-events", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def add(self, tell: Tell) -> None:
        """Tell of everything from now on."""
        self._watchers.append(tell)

    def own(self, uuid: str) -> None:
        """A machine is ours; before that, nothing of it is told."""
        self._ours.add(uuid)

    def changed(self, uuid: str) -> None:
        """Say that a machine is to be looked at anew."""
        if uuid in self._ours:
            self._events.put(DomainEvent(uuid, DomainEventKind.changed))

    def lost(self) -> None:
        """Say that events may have been missed."""
        self._events.put(DomainEvent("", DomainEventKind.lost))

    def stop(self) -> None:
        """Tell nothing more; to be called from another thread."""
        self._events.put(None)
        self._thread.join()

    @contextmanager
    def removal(self, uuid: str, alias: str) -> Iterator[queue.SimpleQueue[bool]]:
        """A queue that gets one answer: whether the device went when the guest was asked to let go of it."""
        answer: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._removals[uuid, alias] = answer
        try:
            yield answer
        finally:
            self._removals.pop((uuid, alias), None)

    # What libvirt tells, on its own thread

    def lifecycle(self, uuid: str, id: int, event: int, detail: int) -> None:
        meaning = libvirt_events.lifecycle(event, detail)
        if meaning is None or uuid not in self._ours:
            return
        kind, reason = meaning
        if kind in ENDED:
            for (domain, _), answer in list(self._removals.items()):
                if domain == uuid:
                    answer.put(True)
        self._events.put(DomainEvent(uuid, kind, reason, id))

    def rebooted(self, uuid: str, id: int) -> None:
        now = time.monotonic()
        if uuid not in self._ours or now - self._rebooted.get(uuid, float("-inf")) < ONE_REBOOT_SECONDS:
            return
        self._rebooted[uuid] = now
        self._events.put(DomainEvent(uuid, DomainEventKind.rebooted, "", id))

    def clock_set(self, uuid: str, offset: int) -> None:
        if uuid in self._ours:
            self.clocks[uuid] = offset

    def memory_changed(self, uuid: str) -> None:
        self.changed(uuid)

    def agent_came(self, uuid: str) -> None:
        if self._agent_came is not None and uuid in self._ours:
            self._agent_came(uuid)

    def device_gone(self, uuid: str, alias: str) -> None:
        self._answer(uuid, alias, True)

    def device_kept(self, uuid: str, alias: str) -> None:
        self._answer(uuid, alias, False)

    def _answer(self, uuid: str, alias: str, gone: bool) -> None:
        answer = self._removals.get((uuid, alias))
        if answer is not None:
            answer.put(gone)

    # The thread

    def _run(self) -> None:
        tidy_at = time.monotonic() + TIDY_SECONDS
        while True:
            try:
                event = self._events.get(timeout=max(0.0, tidy_at - time.monotonic()))
            except queue.Empty:
                self._safely(self._tidy)
                tidy_at = time.monotonic() + TIDY_SECONDS
                continue
            if event is None:
                return
            self._before_telling(event)
            for tell in self._watchers:
                self._safely(tell, event)

    def _before_telling(self, event: DomainEvent) -> None:
        if event.kind in ENDED:
            self._safely(self._stopped, event.uuid)

    @staticmethod
    def _safely(call: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            call(*args, **kwargs)
        except Exception:
            # Whatever goes wrong with one event, the next ones must still be told.
            log.exception("an event of a domain was not dealt with")
