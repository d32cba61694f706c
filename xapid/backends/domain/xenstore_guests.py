"""What guests under Xen say in xenstore: each is watched, read once it wrote something, then left alone for a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xapid.backends.domain import vm_data, xenstore_facts
from xapid.backends.domain.guest_report import GuestReport
from xapid.backends.domain.xenstore import Xenstore
from xapid.backends.interface import BackendError, Unavailable

log = logging.getLogger(__name__)

MEMORY_TARGET = "memory/target"
FOLDERS = (*xenstore_facts.FOLDERS, vm_data.FOLDER, MEMORY_TARGET)
"""Below a guest's own: a change there is news."""
REST = 5.0
"""Seconds after a guest wrote something in which nobody listens to it."""
RECONNECT_PAUSE = 1.0
"""Seconds between two tries to have xenstore back."""
REST_SHARE = 20
"""It is left alone for so many times as long as reading it took at least: one that says much holds up nobody."""


@dataclass(eq=False)
class _Guest:
    """What is known of one domain."""

    uuid: str
    number: int
    due: float | None = 0.0
    """When it is to be looked at; None: once it writes something."""
    watched: bool = False
    said: int | None = None
    """A hash of all that it said."""
    target: str | None = None
    settling: bool = False
    """Its memory is on the way to another size, of which nothing tells."""
    report: GuestReport | None = None

    def token(self, folder: str) -> str:
        return f"{self.number} {folder}"


class XenstoreGuests:
    """What guests say, as of the last time that they were read, on a thread of its own."""

    def __init__(self, news: Callable[[str], None], path: Path | None = None, rest: float = REST) -> None:
        """``news`` is called, on the thread, with the uuid of a machine whose guest says something else now.

        Raises Unavailable.
        """
        self._news = news
        self._rest = rest
        self._guests: dict[str, _Guest] = {}
        self._numbers: dict[int, _Guest] = {}
        self._gone: list[_Guest] = []
        """Those that are still watched."""
        self._changed = threading.Condition()
        self._stopping = False
        self._lost = False
        """Whether the connection to xenstore ended."""
        self.store = Xenstore(self._wrote, path, self._went)
        self._thread = threading.Thread(target=self._run, name="xapid-xenstore-guests", daemon=True)
        self._thread.start()

    def report(self, uuid: str) -> GuestReport | None:
        """What a guest said last; None: nothing since it booted."""
        guest = self._guests.get(uuid)
        return None if guest is None else guest.report

    def began(self, uuid: str, number: int) -> None:
        """A machine runs as the domain of a number, which may be another one than before."""
        with self._changed:
            guest = self._guests.get(uuid)
            if guest is None or guest.number != number:
                self._forget(guest)
                self._guests[uuid] = self._numbers[number] = _Guest(uuid, number)
                self._changed.notify()

    def ended(self, uuid: str) -> None:
        with self._changed:
            self._forget(self._guests.get(uuid))
            self._changed.notify()

    def close(self) -> None:
        """Listen to nobody any more."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self.store.close()
        self._thread.join()

    def _forget(self, guest: _Guest | None) -> None:
        if guest is not None:
            del self._guests[guest.uuid], self._numbers[guest.number]
            self._gone.append(guest)

    def _wrote(self, token: str) -> None:
        """On the thread of xenstore."""
        with self._changed:
            guest = self._numbers.get(int(token.partition(" ")[0]))
            if guest is not None and guest.watched and guest.due is None:
                guest.due = 0.0
                self._changed.notify()

    def _went(self) -> None:
        """On the thread of xenstore."""
        with self._changed:
            self._lost = True
            self._changed.notify()

    # The thread

    def _run(self) -> None:
        while not self._stopping:
            if self._lost:
                self._reconnect()
            elif (work := self._next()) is not None:
                self._see_to(*work)

    def _reconnect(self) -> None:
        """Have xenstore back, and read everybody anew, for nobody is watched there any more."""
        self._lost = False
        try:
            self.store.reconnect()
        except Unavailable:
            with self._changed:
                self._lost = True
                self._changed.wait_for(lambda: self._stopping, RECONNECT_PAUSE)
            return
        log.warning("xenstore is there again")
        with self._changed:
            self._gone.clear()
            for guest in self._guests.values():
                guest.watched, guest.due = False, 0.0

    def _see_to(self, guest: _Guest, here: bool) -> None:
        try:
            if here:
                self._look_at(guest)
            elif guest.watched:
                self._listen(guest, listen=False)
        except BackendError as error:
            if not self._stopping:
                log.warning("what the guest of %s says cannot be read: %s", guest.uuid, error.message)
            with self._changed:
                guest.due = time.monotonic() + self._rest
        except Exception:
            # Whatever a guest wrote, the others must still be read.
            log.exception("what the guest of %s says was not read", guest.uuid)

    def _next(self) -> tuple[_Guest, bool] | None:
        """Who is to be looked at, and whether it is still there; None: something else is to be done first."""
        with self._changed:
            while not self._stopping and not self._lost:
                if self._gone:
                    return self._gone.pop(), False
                due, guest = min(
                    ((each.due, each) for each in self._guests.values() if each.due is not None),
                    key=lambda both: both[0],
                    default=(None, None),
                )
                now = time.monotonic()
                if guest is not None and due is not None and due <= now:
                    guest.due = None
                    return guest, True
                self._changed.wait(None if due is None else due - now)
        return None

    def _look_at(self, guest: _Guest) -> None:
        began = time.monotonic()
        # Whoever wrote something rests now; who has rested is listened to again, before it is read.
        self._listen(guest, listen=not guest.watched)
        tree = self.store.tree(vm_data.home(guest.number), FOLDERS)
        said, target = hash(frozenset(tree.items())), tree.get(MEMORY_TARGET)
        with self._changed:
            new = said != guest.said or guest.settling
            guest.settling = guest.target is not None and target != guest.target
            guest.said, guest.target, guest.report = said, target, xenstore_facts.report(tree)
            if not guest.watched or guest.settling:
                took = time.monotonic() - began
                guest.due = time.monotonic() + max(self._rest, REST_SHARE * took)
            new = new and self._guests.get(guest.uuid) is guest
        if new:
            self._news(guest.uuid)

    def _listen(self, guest: _Guest, *, listen: bool) -> None:
        guest.watched = listen
        call = self.store.watch if listen else self.store.unwatch
        for folder in FOLDERS:
            call(f"{vm_data.home(guest.number)}/{folder}", guest.token(folder))
