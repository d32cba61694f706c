"""A server in a thread of its own, on either event loop, and clients over each kind of connection."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import pytest
import uvloop

from tests.daemon import Client as ApiClient
from tests.daemon import Daemon
from tests.http.client import PATIENCE, Client
from tests.http.live import Live, live_daemon
from tests.http.service import echo_service
from xapid.auth.certificate import ensure_certificate
from xapid.http.listeners import ListenerConfig, Listeners
from xapid.http.service import Service
from xapid.runtime.settings import Address

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LOCAL = (Address("127.0.0.1", 0),)


@dataclass(frozen=True)
class Running:
    """A server that runs, and how to reach it."""

    http: Address
    https: Address
    unix: Path
    certificate: Path

    def tcp(self) -> Client:
        return Client(socket.create_connection((self.http.host, self.http.port)))

    def tls(self, server_name: str | None = "localhost") -> Client:
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.check_hostname = server_name is not None
        plain = socket.create_connection((self.https.host, self.https.port))
        return Client(context.wrap_socket(plain, server_hostname=server_name))

    def local(self) -> Client:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self.unix))
        except OSError:
            connection.close()
            raise
        return Client(connection)

    def dial(self, kind: str) -> Client:
        return {"tcp": self.tcp, "tls": self.tls, "unix": self.local}[kind]()


class ServerThread:
    """Runs listeners in a thread while the test speaks to them. ``stop`` returns when they are closed."""

    def __init__(self, factory: LoopFactory, config: ListenerConfig, service: Service) -> None:
        self._factory = factory
        self._config = config
        self._service = service
        self._started: Future[Listeners] = Future()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        self.listeners = self._started.result(PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop, and wait until it is done. Once more is harmless."""
        self.begin_to_stop()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def begin_to_stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)

    def call(self, function: Callable[[], object]) -> None:
        """Run something on the server's loop."""
        self._loop.call_soon_threadsafe(function)

    def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run something on the server's loop, to its end. Raises what it raises."""
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(PATIENCE)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._factory) as runner:
            self._loop = runner.get_loop()
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            async with Listeners(self._config, self._service) as listeners:
                self._started.set_result(listeners)
                await self._stop.wait()
        except Exception as error:
            if self._started.done():
                raise
            self._started.set_exception(error)


@pytest.fixture(scope="session", params=[pytest.param("asyncio", marks=pytest.mark.slow), "uvloop"])
def loop_factory(request: pytest.FixtureRequest) -> LoopFactory:
    """The loop that the daemon runs on, and the one that others may prefer."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[request.param]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    ensure_certificate(path, ["localhost"], ["127.0.0.1"])
    return path


class Serve(Protocol):
    """Starts a server of its own for one test, on all three kinds of listener."""

    def __call__(self, service: Service, grace: int = 5) -> AbstractContextManager[tuple[ServerThread, Running]]: ...


@pytest.fixture(scope="session")
def serve(loop_factory: LoopFactory, certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    @contextmanager
    def serve(service: Service, grace: int = 5) -> Iterator[tuple[ServerThread, Running]]:
        unix = tmp_path_factory.mktemp("s") / "socket"
        config = ListenerConfig(LOCAL, LOCAL, certificate, unix, grace=grace)
        with ServerThread(loop_factory, config, service) as thread:
            listeners = thread.listeners
            yield thread, Running(listeners.http[0], listeners.https[0], unix, certificate)

    return serve


@pytest.fixture(scope="session")
def server(serve: Serve) -> Iterator[Running]:
    """One server for all tests that need nothing special."""
    with serve(echo_service()) as (_, running):
        yield running


@pytest.fixture(params=["tcp", "tls", "unix"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of connection in turn."""
    return str(request.param)


@pytest.fixture
def client(server: Running, kind: str) -> Iterator[Client]:
    """A connection to it, of each kind."""
    with server.dial(kind) as client:
        yield client


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A whole daemon, for all tests of what only a whole daemon does."""
    with live_daemon(tmp_path_factory.mktemp("d")) as live:
        yield live


@pytest.fixture
def api(daemon: Daemon) -> Iterator[ApiClient]:
    """A client of the API, of the daemon that the tests of a module have."""
    with closing(daemon.client()) as client:
        yield client


@pytest.fixture
def screened(api: ApiClient) -> str:
    """A machine that runs, with a screen."""
    (template,) = api.call("VM.get_by_name_label", "Other install media")
    vm = str(api.call("VM.clone", template, "screened"))
    api.call("VM.provision", vm)
    api.call("VM.add_to_platform", vm, "sim-guest", "full")
    api.call("VM.start", vm, False, False)
    return vm
