"""How the Java samples of the SDK log in and out, and what their records look like."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.clients.bindings import Binding, Connection, Date
from tests.clients.conftest import PASSWORD, USER
from tests.clients.typed import CLASSES
from tests.http.live import Live

PROGRAM = "1.0", "RunTests"
UNSET = {"string": "", "bool": False, "int": "0", "float": 0.0, "datetime": Date("19700101T00:00:00Z")}
"""What a field of a record is sent as that a Java program has not set."""


@contextmanager
def connected(live: Live, binding: Binding) -> Iterator[Connection]:
    with live.dial("tcp") as client:
        yield Connection(client, binding)


@contextmanager
def logged_in(live: Live, binding: Binding) -> Iterator[tuple[Connection, str]]:
    """A connection and its session, which ends as the samples end it."""
    with connected(live, binding) as connection:
        session = connection.call("session.login_with_password", USER, PASSWORD, *PROGRAM)
        yield connection, session
        assert connection.call("session.logout", session) == ""


def record(cls: str, **given: Any) -> dict[str, Any]:
    """A record with every field there is, as Record.toMap() writes it."""
    return {name: given.get(name, unset(field["type"])) for name, field in CLASSES[cls]["fields"].items()}


def unset(kind: str) -> Any:
    """What a field of a type is sent as that the program has not set."""
    if kind.endswith(" set"):
        return []
    if kind.endswith(" map"):
        return {}
    if kind.endswith(" ref"):
        return "OpaqueRef:NULL"
    return "UNRECOGNIZED" if kind.startswith("enum ") else UNSET[kind]
