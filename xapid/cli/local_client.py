"""A client of the daemon on this host, over its Unix socket, which trusts root and the daemon's own user."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ANSWER = 60.0
"""Seconds within which a daemon that lives answers a call that waits for nothing."""


class NoDaemonError(Exception):
    """Nobody answers; the text says where, in one line."""


class RefusedError(Exception):
    """The daemon answered with an error of the API: its code and parameters."""


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, seconds: float | None) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class LocalClient:
    """A session."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.session: str = self._send("session.login_with_password", ["root", "", "1.0", "xapid"], ANSWER)

    def call(self, method: str, *params: Any, seconds: float | None = ANSWER) -> Any:
        """The result. Raises RefusedError, NoDaemonError. ``seconds``: for which it may take to answer, None: any."""
        return self._send(method, [self.session, *params], seconds)

    def _send(self, method: str, params: list[Any], seconds: float | None) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": 1})
        connection = _Connection(self._path, seconds)
        try:
            connection.request("POST", "/jsonrpc", body, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NoDaemonError(f"the daemon does not answer on {self._path}: {error}") from error
        finally:
            connection.close()
        if "error" in answer:
            raise RefusedError(answer["error"]["message"], *answer["error"]["data"])
        return answer["result"]

    def close(self) -> None:
        self.call("session.logout")


def first_that_answers(paths: Iterable[Path]) -> LocalClient:
    """A session with the daemon behind one of these sockets. Raises NoDaemonError."""
    failure = NoDaemonError("the daemon has no Unix socket: the setting unix is empty")
    for path in paths:
        try:
            return LocalClient(path)
        except NoDaemonError as error:
            failure = error
    raise failure
