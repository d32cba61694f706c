"""A client of Open vSwitch's database: JSON-RPC over its socket (RFC 7047), one connection for each use."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from xapid.backends.interface import Failed, Unavailable

SOCKET = Path("/run/openvswitch/db.sock")
DATABASE = "Open_vSwitch"
ANSWER = 10.0
"""Seconds in which the database answers."""
DONE = 30.0
"""Seconds in which the switch has done what the database says."""

WATCHED = "watched"

Row = dict[str, Any]
Operation = dict[str, Any]


class Messages:
    """Cuts what comes over a stream into messages: objects of JSON, one behind the other, with nothing between."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._decoder = json.JSONDecoder()

    def feed(self, chunk: bytes) -> list[Any]:
        """What is whole by now. Raises ValueError for what is no message."""
        self._bytes += chunk
        if not self._bytes.startswith(b"{"):
            raise ValueError("a message begins with a brace")
        if not self._bytes.endswith(b"}"):
            return []  # Not all there, whatever braces are in it.
        found, text, start = [], self._bytes.decode(), 0
        with suppress(json.JSONDecodeError):
            while start < len(text):
                message, start = self._decoder.raw_decode(text, start)
                found.append(message)
        self._bytes = bytearray(text[start:].encode())
        return found


class Ovsdb:
    """A connection. Used by one thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._messages = Messages()
        self._waiting: list[Any] = []
        self._changes: list[Any] = []
        """What was told of rows that are watched, and not yet handed over."""
        self._asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def select(self, tables: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Row]]:
        """These columns of these tables, all of one moment: rows by their uuids, with values as Python has them."""
        operations = [
            {"op": "select", "table": table, "where": [], "columns": ["_uuid", *columns]}
            for table, columns in tables.items()
        ]
        results = self.transact(operations)
        found: dict[str, dict[str, Row]] = {}
        for table, result in zip(tables, results, strict=True):
            rows = [{name: value_of(value) for name, value in row.items()} for row in result["rows"]]
            found[table] = {row.pop("_uuid"): row for row in rows}
        return found

    def watch(self, tables: Mapping[str, Sequence[str]]) -> Any:
        """These columns of these tables as they are; from now on ``told`` says what changes about them.

        By table and uuid: ``initial`` with what a row holds beside what is so by itself.
        """
        wanted = {table: [{"columns": list(columns)}] for table, columns in tables.items()}
        return self._call("monitor_cond", [DATABASE, WATCHED, wanted])

    def told(self) -> list[Any]:
        """What has changed about rows that are watched, in order: all that was acknowledged to anybody by now.

        By table and uuid: ``insert``, ``modify`` with the difference, ``delete``.
        """
        # Changes are told before the answer to what was asked after them.
        self.transact([{"op": "select", "table": DATABASE, "where": [], "columns": ["_uuid"]}])
        changes, self._changes = self._changes, []
        return changes

    def transact(self, operations: Sequence[Operation]) -> list[Any]:
        """All of these, or none. Raises Failed if the database refuses one."""
        results: list[Any] = self._call("transact", [DATABASE, *operations])
        # One more than was asked for tells of a refusal at the end.
        for result in results:
            if result and "error" in result:
                raise Failed(f"Open vSwitch's database refuses: {result['error']}: {result.get('details', '')}")
        return results

    def commit(self, operations: Sequence[Operation], comment: str) -> list[Any]:
        """The same, and wait until the switch has done it. Raises Unavailable if it does not."""
        asked = [
            {"op": "comment", "comment": f"xapid: {comment}"},
            *operations,
            {"op": "mutate", "table": DATABASE, "where": [], "mutations": [["next_cfg", "+=", 1]]},
            {"op": "select", "table": DATABASE, "where": [], "columns": ["next_cfg"]},
        ]
        results = self.transact(asked)
        if not results[-1]["rows"]:
            raise Unavailable("Open vSwitch's database was never set up: it has no row of its own")
        self._wait_until_done(results[-1]["rows"][0]["next_cfg"])
        return results[1:-2]

    def _wait_until_done(self, number: int) -> None:
        """Wait until the switch has caught up with a change of the database."""
        deadline = time.monotonic() + DONE
        wanted = {DATABASE: [{"columns": ["cur_cfg"]}]}
        monitor = f"done {number}"
        state = self._call("monitor", [DATABASE, monitor, wanted])
        try:
            while not any(done >= number for done in _current(state)):
                state = self._next_update(monitor, deadline)
            self._call("monitor_cancel", [monitor])
        except TimeoutError as error:
            raise Unavailable("ovs-vswitchd does not do what its database says: does it run?") from error

    def _next_update(self, monitor: str, deadline: float) -> Any:
        while True:
            message = self._receive(deadline)
            if message.get("method") == "update" and message["params"][0] == monitor:
                return message["params"][1]

    def _call(self, method: str, params: Sequence[Any]) -> Any:
        self._asked += 1
        self._send({"method": method, "params": list(params), "id": self._asked})
        deadline = time.monotonic() + ANSWER
        while True:
            try:
                message = self._receive(deadline)
            except TimeoutError as error:
                raise Unavailable(f"Open vSwitch's database does not answer within {ANSWER:g} s") from error
            if message.get("method") == "update2":
                self._changes.append(message["params"][1])
            elif message.get("id") == self._asked and "method" not in message:
                if message.get("error") is not None:
                    raise Failed(f"Open vSwitch's database refuses {method}: {message['error']}")
                return message["result"]

    def _receive(self, deadline: float) -> Any:
        """The next message. Raises TimeoutError. The other side is told that we live whenever it asks."""
        while True:
            while not self._waiting:
                self._waiting += self._read(deadline)
            message = self._waiting.pop(0)
            if message.get("method") != "echo":
                return message
            self._send({"result": message["params"], "error": None, "id": message["id"]})

    def _read(self, deadline: float) -> list[Any]:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        with _reached():
            chunk = self._socket.recv(65536)
        if not chunk:
            raise Unavailable("Open vSwitch's database has hung up")
        try:
            return self._messages.feed(chunk)
        except ValueError as error:
            raise Unavailable(f"what Open vSwitch's database says is no JSON: {error}") from error

    def _send(self, message: Mapping[str, Any]) -> None:
        self._socket.settimeout(ANSWER)
        with _reached():
            self._socket.sendall(json.dumps(message, ensure_ascii=False).encode())


@contextmanager
def _reached() -> Iterator[None]:
    """Of a connection that breaks it is said whose it was. TimeoutError passes."""
    try:
        yield
    except TimeoutError:
        raise
    except OSError as error:
        raise Unavailable(f"the connection to Open vSwitch's database broke: {error.strerror}") from error


def opened(path: Path = SOCKET) -> Ovsdb:
    """A connection to the database. Raises Unavailable."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(ANSWER)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        reason = error.strerror or str(error)
        raise Unavailable(f"Open vSwitch's database cannot be reached at {path}: {reason}") from error
    return Ovsdb(connection)


def _current(state: Mapping[str, Any]) -> Iterator[int]:
    """The numbers that a monitor tells of."""
    for row in state.get(DATABASE, {}).values():
        if "new" in row:
            yield row["new"]["cur_cfg"]


# --- Values --------------------------------------------------------------------------------------------


def value_of(value: Any) -> Any:
    """A value of the database as Python has it: tuple for a set, dict for a map, text for a uuid."""
    match value:
        case ["uuid", str(text)]:
            return text
        case ["set", list(members)]:
            return tuple(value_of(each) for each in members)
        case ["map", list(pairs)]:
            return {value_of(key): value_of(each) for key, each in pairs}
    return value


def many(value: Any) -> tuple[Any, ...]:
    """A set as ``value_of`` gives it: one with a single member comes as that."""
    return value if isinstance(value, tuple) else (value,)


def one(value: Any) -> Any:
    """A value that may be missing."""
    return None if value == () else value


def row_id(uuid: str) -> list[str]:
    return ["uuid", uuid]


def new_id(name: str) -> list[str]:
    """A row that another operation of the same transaction inserts with ``uuid-name``."""
    return ["named-uuid", name]


def set_of(members: Iterable[Any]) -> list[Any]:
    return ["set", list(members)]


def map_of(pairs: Mapping[str, str]) -> list[Any]:
    return ["map", [[key, value] for key, value in sorted(pairs.items())]]


def where(uuid: str) -> list[Any]:
    return [["_uuid", "==", row_id(uuid)]]


def insert(table: str, name: str, row: Mapping[str, Any]) -> Operation:
    return {"op": "insert", "table": table, "row": dict(row), "uuid-name": name}


def update(table: str, uuid: str, row: Mapping[str, Any]) -> Operation:
    return {"op": "update", "table": table, "where": where(uuid), "row": dict(row)}


def mutate(table: str, uuid: str, *mutations: Sequence[Any]) -> Operation:
    return {"op": "mutate", "table": table, "where": where(uuid), "mutations": list(mutations)}
