"""A daemon on the simulator as clients reach it: by bytes over its Unix socket and over TCP."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.daemon import Daemon
from tests.http.client import Client
from tests.http.dialects import Dialect

_PORT = re.compile(r"http://127\.0\.0\.1:(\d+)")


class Live:
    """The daemon, a session in it, and one object of two classes."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        port = _PORT.search(daemon.tail())
        assert port is not None, daemon.tail()
        self._http = "127.0.0.1", int(port[1])
        self.url = f"http://127.0.0.1:{port[1]}"
        client = daemon.client()
        self.session = client.session
        self.pool = client.call("pool.get_all")[0]
        self.vm = client.call("VM.get_all")[0]
        self.vm_uuid = client.call("VM.get_uuid", self.vm)
        self.network = client.call("network.get_all")[0]
        self.network_uuid = client.call("network.get_uuid", self.network)
        client.close()

    def answered(self, method: str) -> int:
        """How often a method was called so far."""
        figures = urlopen(f"{self.url}/metrics?session_id={self.session}", timeout=20).read().decode()
        counted = re.search(rf'^xapid_call_seconds_count{{method="{re.escape(method)}"}} (\S+)$', figures, re.MULTILINE)
        return int(float(counted[1])) if counted is not None else 0

    def dial(self, kind: str = "unix") -> Client:
        if kind == "tcp":
            return Client(socket.create_connection(self._http))
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.daemon.socket))
        return Client(connection)

    def call(self, client: Client, dialect: Dialect, method: str, *params: Any) -> Any:
        """One call over a connection. Raises Failure; a page instead of an answer fails the test."""
        client.send(dialect.request(method, *params))
        reply = client.response()
        assert (reply.status, reply.headers["content-type"]) == (200, dialect.content_type), reply
        assert reply.headers["connection"] == "keep-alive"
        assert b"Traceback" not in reply.body
        return dialect.result(reply.body)

    def assert_well(self, dialect: Dialect, client: Client | None = None) -> None:
        """The next call is answered as ever: on this connection, or on a new one."""
        if client is not None:
            assert self.call(client, dialect, "pool.get_all", self.session) == [self.pool]
            return
        with self.dial() as another:
            self.assert_well(dialect, another)

    def fill(self, params: tuple[Any, ...]) -> tuple[Any, ...]:
        """Parameters with what only a running daemon knows in place of ``$session``, ``$vm`` and their like."""
        return tuple(
            getattr(self, each[1:]) if isinstance(each, str) and each.startswith("$") else each for each in params
        )


@contextmanager
def live_daemon(directory: Path, **settings: object) -> Iterator[Live]:
    """A daemon for several tests, with settings of its own. No test may make it write a traceback into its log."""
    environment = {f"XAPID_{name.upper()}": str(value).lower() for name, value in settings.items()}
    with Daemon(directory, "--http", "127.0.0.1:0", environment=environment) as daemon:
        yield Live(daemon)
        assert daemon.process is not None
        assert daemon.process.poll() is None
        assert "Traceback" not in daemon.log.read_text()
