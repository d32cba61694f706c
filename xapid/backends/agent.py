"""The agent: holds the drivers of a host and runs their calls, in the daemon itself or in a process of its own.

``python -m xapid.backends.agent FD`` is that process: it lives as long as the other end of the socket FD.
"""

from __future__ import annotations

import contextvars
import ctypes
import importlib
import inspect
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from xapid.backends import briefing, framing, process
from xapid.backends.certificates.interface import CertificateDriver
from xapid.backends.datapath.interface import DatapathDriver, OpenDiskDriver
from xapid.backends.domain.interface import DomainDriver, DomainEvent, DomainEventKind
from xapid.backends.faults import SimFaults
from xapid.backends.host.interface import HostDriver
from xapid.backends.interface import BackendError, DriverInfo, Failed, Unavailable
from xapid.backends.network.interface import NetworkDriver
from xapid.backends.process import Cancellation
from xapid.backends.programs.interface import ProgramDriver
from xapid.backends.storage.interface import StorageDriver
from xapid.backends.storage.plugin_interface import PluginDriver
from xapid.backends.threads import Threads

log = logging.getLogger(__name__)

INTERFACES: dict[str, type] = {
    "domain": DomainDriver,
    "datapath": DatapathDriver,
    "disks": OpenDiskDriver,
    "storage": StorageDriver,
    "network": NetworkDriver,
    "host": HostDriver,
    "programs": ProgramDriver,
    "plugins": PluginDriver,
    "certificates": CertificateDriver,
}
"""By the first word of the kind of a back end: ``storage:nfs`` is of the interface ``storage``."""

PR_SET_PDEATHSIG = 1
INFO = "info"
"""Stands for a method: what the driver says of itself."""


@dataclass(frozen=True)
class DriverSpec:
    """A driver and how its calls are run."""

    kind: str
    """domain, datapath, disks, network, host, programs, plugins, certificates, or storage:TYPE"""
    driver: str
    """``module:Class``"""
    args: dict[str, str | int | float | bool | list[str] | DriverInfo | None] = field(default_factory=dict)
    """Named arguments of the constructor."""
    uses: dict[str, str] = field(default_factory=dict)
    """Named arguments that are other drivers of the agent: name to kind."""
    threads: int = 8
    """How many of its calls run at the same time; of a storage driver, of those about one repository."""
    timeout: float = 300.0
    """Seconds after which a caller gives up."""
    immediate: bool = False
    """It keeps all it has in memory and never blocks, so that it needs no thread."""
    foreign: bool = False
    """It is a program of a third party: it is briefed for each call, each can be cancelled, and what failed of the
    making of a repository is left to it."""
    keeps_records: bool = False
    """It writes the records of its volumes by itself, by calling back: nothing can be asked of it before we answer."""


@dataclass(frozen=True)
class AgentConfig:
    """The drivers of an agent. Plain values, so that it can be handed to another process."""

    drivers: tuple[DriverSpec, ...]


def interface_of(kind: str) -> type:
    """The interface that drivers of a kind of back end keep."""
    return INTERFACES[kind.partition(":")[0]]


class Backend:
    """One driver, made when it is first needed, and the threads on which its calls run."""

    def __init__(self, spec: DriverSpec, others: Mapping[str, Backend], tell: Callable[[str, Any], None]) -> None:
        self.spec = spec
        self.interface = interface_of(spec.kind)
        self._threads = Threads(f"xapid-{spec.kind}", spec.threads)
        self._others = others
        self._tell = tell
        self._making = threading.Lock()
        self._driver: Any = None
        self.faults: SimFaults | None = None

    def submit(self, about: str, call: Callable[..., Any], *args: Any) -> Future[Any]:
        """Have a call made on a thread. ``about``: the uuid of a repository, a domain, ...: what it works on."""
        # One process of libvirt serves all domains, but each repository may be a server of its own.
        return self._threads.submit(about if self.interface is StorageDriver else "", call, *args)

    def driver(self) -> Any:
        """The driver. Raises Unavailable with the reason if it cannot be made now; the next call tries again."""
        if self._driver is None:
            with self._making:
                if self._driver is None:
                    self._driver = self._make()
        return self._driver

    def _make(self) -> Any:
        try:
            cls = find_class(self.spec.driver)
            used = {name: self._others[kind].driver() for name, kind in self.spec.uses.items()}
            driver = cls(**_arguments(cls, self.spec), **used)
        except BackendError:
            raise
        except Exception as error:
            # Whatever a constructor stumbles over (a library that is missing, a wrong argument) is the reason that
            # each caller hears; the other drivers of the agent go on.
            log.exception("the driver %s cannot be made", self.spec.driver)
            raise Unavailable(f"the driver {self.spec.driver} cannot be made: {error}") from error
        self.faults = getattr(driver, "faults", None)
        if hasattr(self.interface, "watch"):
            driver.watch(lambda event: self._tell(self.spec.kind, event))
            if self.interface is DomainDriver:
                # Nobody watched until now.
                self._tell(self.spec.kind, DomainEvent("", DomainEventKind.lost))
        return driver

    def close(self) -> None:
        """Let go of what a driver keeps open, if it was made; guests and volumes stay as they are."""
        self._threads.close()
        if self._driver is not None and hasattr(self.interface, "close"):
            self._driver.close()

    def work(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """As ``invoke``, with the delay that a test asked for: for a thread of the pool."""
        self.driver()
        if self.faults is not None:
            time.sleep(self.faults.delays.get(name, 0.0))
        return self.invoke(name, args, kwargs)

    def invoke(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Call a method and return its result. Raises nothing but BackendError."""
        driver = self.driver()
        try:
            if self.faults is not None:
                self.faults.strike(name)
            result = getattr(driver, name)(*args, **kwargs)
            if self.faults is not None:
                self.faults.follow(name)
            return result
        except BackendError:
            raise
        except Exception as error:
            # The boundary: a mistake in a driver fails the call that met it, and nothing else.
            log.exception("%s.%s failed", self.spec.driver, name)
            raise Failed(f"{type(error).__name__}: {error}") from error


_importing = threading.Lock()
"""Libraries whose modules import each other in a circle are seen half made by another thread that imports them too."""


def find_class(path: str) -> type:
    """The class that ``module:Class`` names."""
    module, _, name = path.partition(":")
    with _importing:
        found: type = getattr(importlib.import_module(module), name)
    return found


def _arguments(cls: type, spec: DriverSpec) -> dict[str, Any]:
    """The constructor's arguments, of the types that it declares."""
    declared = inspect.signature(cls, eval_str=True).parameters
    return {
        name: msgspec.convert(value, declared[name].annotation, dec_hook=_path) for name, value in spec.args.items()
    }


def _path(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(f"no argument of a driver can be a {kind}")


def backends(config: AgentConfig, tell: Callable[[str, Any], None]) -> dict[str, Backend]:
    """The back ends of a configuration by kind; ``tell`` gets kind and event, from any thread."""
    found: dict[str, Backend] = {}
    for spec in config.drivers:
        found[spec.kind] = Backend(spec, found, tell)
    return found


class Server:
    """The agent's side of the socket: one thread reads calls, those of the back ends answer them."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._backends: dict[str, Backend] = {}
        self._running: dict[int, Cancellation] = {}

    def serve(self) -> None:
        """Answer calls until the daemon closes its end or dies."""
        splitter = framing.Splitter()
        while data := self._receive():
            for message in splitter.feed(data):
                self._take(message)
        # Whoever asked is gone, so nobody needs what is still running; drivers bear being stopped anywhere.
        for cancellation in list(self._running.values()):
            cancellation.cancel()

    def _receive(self) -> bytes:
        try:
            return self._connection.recv(256 * 1024)
        except ConnectionError:
            # A daemon that was killed with our answers unread resets the connection rather than closing it.
            return b""

    def _take(self, message: framing.Message) -> None:
        match message:
            case framing.Start():
                self._start(msgspec.msgpack.decode(message.config, type=AgentConfig))
            case framing.Call():
                backend = self._backends[message.kind]
                context = contextvars.Context()
                if message.briefing is not None:
                    context.run(briefing.current.set, message.briefing)
                self._running[message.id] = cancellation = Cancellation()
                backend.submit(message.about, context.run, self._work, backend, message, cancellation)
            case framing.Serve():
                spec = msgspec.msgpack.decode(message.spec, type=DriverSpec)
                self._backends[spec.kind] = Backend(spec, self._backends, self._happened)
            case framing.Drop():
                self._backends.pop(message.kind).close()
            case framing.Cancel():
                cancellation = self._running.get(message.id, Cancellation())
                cancellation.cancel()

    def _start(self, config: AgentConfig) -> None:
        self._backends = backends(config, self._happened)
        for backend in self._backends.values():
            # At once, since what happens is told only by a driver that is there. A failure is told to each caller.
            backend.submit("", backend.driver)

    def _work(self, backend: Backend, call: framing.Call, cancellation: Cancellation) -> None:
        process.current.set(cancellation)
        try:
            if cancellation.cancelled or time.monotonic() > call.deadline:
                raise Unavailable(f"{call.method} was given up before it began")
            self._send(framing.Result(call.id, self._answer(backend, call)))
        except BackendError as error:
            self._send(framing.Fault(call.id, type(error).__name__, error.message, error.facts))
        except Exception as error:
            # The boundary again: what cannot be read or sent fails the call, or its caller would wait for ever.
            log.exception("the call of %s cannot be answered", call.method)
            self._send(framing.Fault(call.id, Failed.__name__, f"{type(error).__name__}: {error}", {}))
        finally:
            del self._running[call.id]

    def _answer(self, backend: Backend, call: framing.Call) -> msgspec.Raw:
        if call.method == INFO:
            return framing.pack(backend.driver().info)
        arguments = framing.signature(backend.interface, call.method).arguments(call.arguments)
        return framing.pack(backend.work(call.method, arguments, {}))

    def _happened(self, kind: str, event: Any) -> None:
        self._send(framing.Happened(kind, framing.pack(event)))

    def _send(self, message: framing.Message) -> None:
        data = framing.frame(message)
        try:
            with self._sending:
                self._connection.sendall(data)
        except OSError:
            # The daemon is gone; the reading thread learns of it too, and ends the process.
            log.debug("nobody hears %s", type(message).__name__)

    def log_to_daemon(self) -> None:
        """Send what is logged here to the daemon, so that there is one log."""
        root = logging.getLogger()
        root.addHandler(_Forward(self._send))
        root.setLevel(logging.INFO)


class _Forward(logging.Handler):
    """Hands log lines on as messages."""

    def __init__(self, send: Callable[[framing.Message], None]) -> None:
        super().__init__()
        self._forward = send

    def emit(self, record: logging.LogRecord) -> None:
        self._forward(framing.Logged(record.name, record.levelno, self.format(record)))


def read_info(raw: msgspec.Raw) -> DriverInfo:
    """The answer to INFO."""
    return msgspec.msgpack.decode(raw, type=DriverInfo)


def main() -> None:
    # Ctrl-C goes to the whole terminal; the daemon decides when its agent ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # An agent that is stopped would keep what the next one needs. Continued, it sees that the daemon is gone.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGCONT)
    fd = int(sys.argv[1])
    # Nothing that a driver starts may hold the socket, or the end of the daemon or of the agent goes unseen.
    os.set_inheritable(fd, False)
    with socket.socket(fileno=fd) as connection:
        server = Server(connection)
        server.log_to_daemon()
        server.serve()
    # Without waiting for threads: one may hang in a library for ever.
    os._exit(0)


if __name__ == "__main__":
    main()
