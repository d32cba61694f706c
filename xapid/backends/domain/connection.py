"""The connection to libvirt: the thread that serves its events, and the way back when its daemon was restarted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import libvirt

from xapid.backends.domain import embed
from xapid.backends.domain.libvirt_errors import told
from xapid.backends.domain.orphans import Orphans
from xapid.backends.interface import BackendError, InUse, Unavailable

log = logging.getLogger(__name__)

KEEPALIVE_SECONDS = 5
KEEPALIVE_MISSED = 3
"""A libvirtd that is silent for so many times so long counts as gone."""
RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses between attempts to connect again; the last one for ever after."""


class Listener(Protocol):
    """Hears what libvirt tells, on libvirt's own thread, so it must not block nor call back."""

    def lifecycle(self, uuid: str, id: int, event: int, detail: int) -> None: ...
    def rebooted(self, uuid: str, id: int) -> None: ...
    def clock_set(self, uuid: str, offset: int) -> None: ...
    def device_gone(self, uuid: str, alias: str) -> None: ...
    def device_kept(self, uuid: str, alias: str) -> None: ...
    def memory_changed(self, uuid: str) -> None: ...
    def agent_came(self, uuid: str) -> None: ...


class _EventLoop:
    """libvirt's own event loop, one a process; it must run before the first connection is opened."""

    _starting = threading.Lock()
    _started = False

    @classmethod
    def ensure(cls) -> None:
        with cls._starting:
            if cls._started:
                return
            libvirt.virEventRegisterDefaultImpl()
            # Errors arrive as exceptions; libvirt would print them too.
            libvirt.registerErrorHandler(lambda _context, _error: None, None)
            threading.Thread(target=cls._run, name="libvirt-events", daemon=True).start()
            cls._started = True

    @staticmethod
    def _run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()


class _Roots:
    """The root folders that this process had to do with."""

    _lock = threading.Lock()
    _known: set[Path] = set()

    @classmethod
    def take(cls, root: Path) -> None:
        """Make a root folder ready for libvirt, which this process may have open already."""
        embed.prepare(root)
        with cls._lock:
            if root not in cls._known:
                embed.clear_wreckage(root)
                cls._known.add(root)


class Connection:
    """One libvirt, for as long as this process lives: when its daemon goes, it is looked for until it is back."""

    def __init__(
        self, uri: str, listener: Listener, returned: Callable[[], None], keepalive_missed: int = KEEPALIVE_MISSED
    ) -> None:
        """``returned`` is called when libvirt answers again: events may have been missed.

        Raises Unavailable, InUse (another process has that root folder), BadConfig.
        """
        self.uri = uri
        self.root = embed.root_of(uri)
        """Of an embedded libvirt."""
        self._keepalive_missed = keepalive_missed
        self._listener = listener
        self._returned = returned
        self._lost = threading.Event()
        self._ending = threading.Event()
        if self.root is not None:
            _Roots.take(self.root)
            Orphans.adopt()
        _EventLoop.ensure()
        self._live: libvirt.virConnect | None = self._open()
        if self.root is None:
            threading.Thread(target=self._keep, args=(self._live,), name="libvirt-keep", daemon=True).start()

    def get(self) -> libvirt.virConnect:
        """The open connection. Raises Unavailable."""
        live = self._live
        if live is None:
            raise Unavailable(f"{self.uri} does not answer")
        return live

    def close(self) -> None:
        """Let go; guests run on."""
        self._ending.set()
        self._lost.set()
        live, self._live = self._live, None
        if live is not None:
            self._let_go(live)

    def _open(self) -> libvirt.virConnect:
        try:
            with told(f"opening {self.uri}"):
                connection = libvirt.open(self.uri)
                if self.root is None:
                    connection.registerCloseCallback(self._closed, None)
                    connection.setKeepAlive(KEEPALIVE_SECONDS, self._keepalive_missed)
                self._register(connection)
        except InUse as error:
            raise InUse(f"{self.root} belongs to another process as long as that runs", path=str(self.root)) from error
        return connection

    def _register(self, connection: libvirt.virConnect) -> None:
        def lifecycle(_: Any, domain: libvirt.virDomain, event: int, detail: int, __: Any) -> None:
            self._listener.lifecycle(domain.UUIDString(), domain.ID(), event, detail)

        def rebooted(_: Any, domain: libvirt.virDomain, __: Any) -> None:
            self._listener.rebooted(domain.UUIDString(), domain.ID())

        def clock_set(_: Any, domain: libvirt.virDomain, offset: int, __: Any) -> None:
            self._listener.clock_set(domain.UUIDString(), offset)

        def gone(_: Any, domain: libvirt.virDomain, alias: str, __: Any) -> None:
            self._listener.device_gone(domain.UUIDString(), alias)

        def kept(_: Any, domain: libvirt.virDomain, alias: str, __: Any) -> None:
            self._listener.device_kept(domain.UUIDString(), alias)

        def memory(_: Any, domain: libvirt.virDomain, kib: int, __: Any) -> None:
            self._listener.memory_changed(domain.UUIDString())

        def agent(_: Any, domain: libvirt.virDomain, state: int, reason: int, __: Any) -> None:
            if state == libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED:
                self._listener.agent_came(domain.UUIDString())

        for event, callback in (
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lifecycle),
            (libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, rebooted),
            (libvirt.VIR_DOMAIN_EVENT_ID_RTC_CHANGE, clock_set),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, gone),
            (libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, kept),
            (libvirt.VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, memory),
            (libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, agent),
        ):
            connection.domainEventRegisterAny(None, event, callback, None)

    def _closed(self, connection: libvirt.virConnect, reason: int, _: Any) -> None:
        self._live = None
        self._lost.set()

    def _keep(self, connection: libvirt.virConnect) -> None:
        """Connect anew whenever the daemon went, however long it takes."""
        while True:
            self._lost.wait()
            if self._ending.is_set():
                return
            self._lost.clear()
            log.warning("%s does not answer any more", self.uri)
            self._let_go(connection)
            attempt = 0
            while not self._ending.wait(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]):
                attempt += 1
                try:
                    self._live = connection = self._open()
                except BackendError as error:
                    log.info("still without libvirt: %s", error.message)
                    continue
                log.info("%s answers again", self.uri)
                self._returned()
                break

    def _let_go(self, connection: libvirt.virConnect) -> None:
        try:
            if self.root is None:
                connection.unregisterCloseCallback()
            connection.close()
        except libvirt.libvirtError as error:
            # It is given up either way; a daemon that is gone cannot be told.
            log.debug("closing %s: %s", self.uri, error)
