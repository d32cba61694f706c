"""A daemon of its own for a test: started, asked for readiness, killed, started again."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import xmlrpc.client
from pathlib import Path
from typing import Any, Protocol, Self

ROOT = Path(__file__).resolve().parents[1]
"""Where the code under test is, wherever the daemon finds itself."""
START_LIMIT = 60.0
"""Seconds for a start: the first one makes a database and a certificate."""


OWN = {"XAPID_NETWORK_NAMES": "never"}
"""A network of a test's own has no /etc/resolv.conf of its own."""
PATIENCE = 60.0
"""Seconds that an answer may take."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, patience: float = PATIENCE) -> None:
        super().__init__("localhost", timeout=patience)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket."""

    def __init__(self, path: str, patience: float = PATIENCE) -> None:
        """``patience``: seconds that each answer may take."""
        super().__init__()
        self._path = path
        self._patience = patience

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        if self._connection[1] is None:
            self._connection = host, UnixConnection(self._path, self._patience)
        connection: http.client.HTTPConnection = self._connection[1]
        return connection


class Failure(Exception):
    """An answer with Status Failure: code and parameters."""


class Client:
    """Calls over the Unix socket: ``client.call("VM.start", vm, False, False)`` with the session put in."""

    def __init__(self, path: Path, patience: float = PATIENCE) -> None:
        """``patience``: seconds that each answer may take."""
        self._proxy = xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=UnixTransport(str(path), patience))
        self.session = self.raw("session.login_with_password", "root", "")

    def raw(self, method: str, *params: Any) -> Any:
        answer = getattr(self._proxy, method)(*params)
        if answer["Status"] != "Success":
            raise Failure(*answer["ErrorDescription"])
        return answer["Value"]

    def call(self, method: str, *params: Any) -> Any:
        return self.raw(method, self.session, *params)

    def close(self) -> None:
        self._proxy("close")()


class Process(Protocol):
    """What is asked of a daemon's process: what ``subprocess.Popen`` offers."""

    pid: int

    @property
    def returncode(self) -> int | Any: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: int, /) -> None: ...
    def kill(self) -> None: ...


class Daemon:
    """``xapid serve`` in a process, with everything of it below one directory."""

    module = "xapid"
    """What Python runs."""

    def __init__(
        self,
        directory: Path,
        *options: str,
        environment: dict[str, str] | None = None,
        within: tuple[str, ...] = (),
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        """``within``: words before the command, which become the process that they name; it inherits ``pass_fds``."""
        self.directory = directory
        self.socket = directory / "xapi.sock"
        self.log = directory / "log"
        self._options = options
        self._environment = environment or {}
        self._within = within
        self._pass_fds = pass_fds
        self.process: Process | None = None

    def __enter__(self) -> Self:
        """Start it for a block; what is left of it then is stopped."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *options: str, environment: dict[str, str] | None = None) -> None:
        """Start, and return when it answers. Raises RuntimeError with the end of its log."""
        command = [*self._within, sys.executable, "-m", self.module, *self.arguments(*options)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self._pass_fds,
                env={**os.environ, **OWN, "PYTHONPATH": str(ROOT), **self._environment, **(environment or {})},
            )
        self.wait_ready()

    def arguments(self, *options: str) -> list[str]:
        """Of the command."""
        return [
            "serve", "--state-dir", str(self.directory / "state"), "--unix", str(self.socket), "--http", "",
            "--https", "", "--drivers", "sim", *self._options, *options,
        ]  # fmt: skip

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError(f"the daemon ended with {self.process.returncode}:\n{self.tail()}")
            if self._answers():
                return
            time.sleep(0.02)
        raise RuntimeError(f"the daemon does not answer:\n{self.tail()}")

    def _answers(self) -> bool:
        connection = UnixConnection(str(self.socket))
        try:
            connection.request("POST", "/jsonrpc", '{"method":"system.listMethods","params":[],"id":1}')
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    def client(self) -> Client:
        return Client(self.socket)

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and wait until it did."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None
