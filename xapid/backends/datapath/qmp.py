"""The monitor of a QEMU program: commands to it, each piece of work in a session of its own."""

from __future__ import annotations

import json
import socket
from typing import Any

from xapid.backends.interface import BackendError, Failed, NoSpace, Unavailable

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
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        line = json.dumps({"execute": command, "arguments": named}).encode()
        try:
            self._connection.sendall(line)
        except OSError as error:
            raise Unavailable(f"{command}: {error}") from error

    def _answer(self, command: str) -> Any:
        while True:
            message = self._message()
            if "event" in message:
                self._events.append(message)
            elif "error" in message:
                raise _refused(command, message["error"]["desc"])
            else:
                return message["return"]

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


def _refused(command: str, why: str) -> BackendError:
    kind = NoSpace if FULL in why else Failed
    return kind(f"{command}: {why}")
