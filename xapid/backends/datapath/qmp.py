"""The monitor of a QEMU program: commands to it, each piece of work in a session of its own."""

from __future__ import annotations

import json
import socket
from typing import Any

from xapid.backends.interface import Failed, NoSpace, Unavailable

FULL = "No space left on device"


class Qmp:
    """One session. Commands raise Failed, or NoSpace, with what the program says; Unavailable if it does not answer."""

    def __init__(self, connection: socket.socket, patience: float) -> None:
        connection.settimeout(patience)
        self._connection = connection
        self._read = b""
        self._events: list[dict[str, Any]] = []
        while "QMP" not in self._message():
            """Events may come before the greeting."""
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run a command and return its result; ``_`` in the names of its arguments stands for ``-``."""
        self._send(command, arguments)
        return self._answer(command)

    def wait_for(self, event: str, **data: Any) -> None:
        """Wait until it has happened, in this session, with these data."""
        while not any(each["event"] == event and data.items() <= each["data"].items() for each in self._events):
            message = self._message()
            if "event" in message:
                self._events.append(message)

    def _send(self, command: str, arguments: dict[str, Any]) -> None:
        line = json.dumps(request(command, arguments)).encode()
        try:
            self._connection.sendall(line)
        except OSError as error:
            raise Unavailable(f"{command}: {error}") from error

    def _answer(self, command: str) -> Any:
        while True:
            message = self._message()
            if "event" in message:
                self._events.append(message)
            else:
                return result(command, message)

    def _message(self) -> dict[str, Any]:
        while b"\n" not in self._read:
            try:
                data = self._connection.recv(65536)
            except OSError as error:
                raise Unavailable(f"the monitor does not answer: {error}") from error
            if not data:
                raise Unavailable("the monitor was closed")
            self._read += data
        line, _, self._read = self._read.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found


def request(command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A command as it is sent; ``_`` in the names of its arguments stands for ``-``."""
    return {"execute": command, "arguments": {name.replace("_", "-"): value for name, value in arguments.items()}}


def result(command: str, answer: dict[str, Any]) -> Any:
    """What a command returned. Raises Failed, or NoSpace, with what the program says."""
    if "error" in answer:
        why = answer["error"]["desc"]
        raise (NoSpace if FULL in why else Failed)(f"{command}: {why}")
    return answer["return"]
