"""The agents in the guests of QEMU, each asked now and then, on threads of their own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from xapid.backends.domain.guest_report import GuestReport
from xapid.backends.domain.interface import DomainEvent, DomainEventKind
from xapid.backends.domain.qemu_agent import Silent

log = logging.getLogger(__name__)

AT_ONCE = 4
"""How many agents are asked at the same time. One that does not answer takes a thread for seconds."""


@dataclass(frozen=True)
class Pauses:
    """Seconds from one question to the next."""

    first: float = 2.0
    """After an agent came: its guest may still be about to get addresses. Each further pause is twice as long."""
    longest: float = 60.0
    silent: float = 600.0
    """After it did not answer."""
    least: float = 5.0
    """However often an agent goes and comes back."""


@dataclass
class _Agent:
    """What is known of the agent in one guest."""

    pause: float
    due: float
    asked_at: float = float("-inf")
    being_asked: bool = False
    silent: bool = False


Ask = Callable[[str], GuestReport]
"""Asks the agent of a guest, by its uuid. Raises Silent."""


class GuestAgents:
    """What guests say through their agents, as of the last time that these were asked.

    Those that did not answer last time have a thread of their own, so that only they wait for each other.
    """

    def __init__(self, ask: Ask, news: Callable[[str], None], pauses: Pauses | None = None) -> None:
        """``news`` is called, on some thread, with the uuid of a machine whose guest says something else now."""
        self._ask = ask
        self._news = news
        self._pauses = pauses or Pauses()
        self._reports: dict[str, GuestReport] = {}
        self._agents: dict[str, _Agent] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._answering = ThreadPoolExecutor(AT_ONCE, "xapid-guest-agents")
        self._silent = ThreadPoolExecutor(1, "xapid-silent-agents")
        self._thread = threading.Thread(target=self._run, name="xapid-agents-due", daemon=True)
        self._thread.start()

    def report(self, uuid: str) -> GuestReport | None:
        """What the guest said last; None: nothing since it booted."""
        return self._reports.get(uuid)

    def came(self, uuid: str) -> None:
        """The guest has an agent that can be asked from now on."""
        self._ask_soon(uuid, came=True)

    def look(self, uuid: str) -> None:
        """The guest may have something new to say."""
        self._ask_soon(uuid, came=False)

    def heard(self, event: DomainEvent) -> None:
        """Something happened to a machine."""
        match event.kind:
            case DomainEventKind.stopped | DomainEventKind.crashed:
                with self._changed:
                    self._agents.pop(event.uuid, None)
                    self._reports.pop(event.uuid, None)
            case DomainEventKind.rebooted:
                # Its agent is still there when it came before the reboot was told, and is asked once more.
                with self._changed:
                    self._reports.pop(event.uuid, None)
                self.look(event.uuid)
            case DomainEventKind.resumed:
                self.look(event.uuid)

    def stop(self) -> None:
        """Ask nobody any more; who is being asked is not waited for."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()
        for pool in (self._answering, self._silent):
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask_soon(self, uuid: str, *, came: bool) -> None:
        now, pauses = time.monotonic(), self._pauses
        with self._changed:
            agent = self._agents.get(uuid)
            if agent is None:
                if not came:
                    return
                agent = self._agents[uuid] = _Agent(pauses.first, now)
            agent.pause = pauses.first
            agent.due = max(now, agent.asked_at + pauses.least)
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                waiting = [(uuid, agent) for uuid, agent in self._agents.items() if not agent.being_asked]
                for uuid, agent in waiting:
                    if agent.due <= now:
                        agent.being_asked, agent.asked_at = True, now
                        pool = self._silent if agent.silent else self._answering
                        pool.submit(self._look_at, uuid, agent)
                soonest = min((agent.due for _, agent in waiting if not agent.being_asked), default=None)
                self._changed.wait(None if soonest is None else max(0.0, soonest - now))

    def _look_at(self, uuid: str, agent: _Agent) -> None:
        silent, report = False, None
        began = time.monotonic()
        try:
            report = self._ask(uuid)
        except Silent as error:
            silent = True
            log.log(logging.DEBUG if agent.silent else logging.INFO, "the agent in %s is silent: %s", uuid, error)
        except Exception:
            silent = True
            log.exception("the agent in %s cannot be asked", uuid)
        with self._changed:
            agent.being_asked, agent.silent = False, silent
            now = time.monotonic()
            if agent.due <= began:  # Nobody wanted to know sooner meanwhile.
                agent.due = now + (self._pauses.silent if silent else agent.pause)
                agent.pause = min(2 * agent.pause, self._pauses.longest)
            self._changed.notify()
            new = self._agents.get(uuid) is agent and report is not None and report != self._reports.get(uuid)
            if new and report is not None:
                self._reports[uuid] = report
        if new:
            self._news(uuid)
