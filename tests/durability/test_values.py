"""Whatever a client may write is found again after kill -9, and none of it holds up the next start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon, Failure, UnixConnection
from tests.http.dialects import JSON_RPC_2
from xapid.datamodel import SR, VM, Network, Pool
from xapid.datamodel.types import (
    BOOL,
    DATETIME,
    FLOAT,
    INT,
    STRING,
    EnumType,
    Field,
    Kind,
    MapType,
    Object,
    SetType,
    Type,
)
from xapid.store.rows import columns_of

pytestmark = pytest.mark.slow

NULL = "OpaqueRef:NULL"
SIMPLE: dict[Type, tuple[Any, ...]] = {
    STRING: (
        "", " ", "\n", "\t x ", "<a>&amp;\"'", "é中😀", "\u2028\x85\x7f", "\ufffe", "null", "0", "'; DROP TABLE VM; --",
        "x" * 10_000,
    ),
    INT: (0, 2**63 - 1, -(2**63)),
    FLOAT: ("0", "1e308", "-5e-324", "0.3333333333333333", "inf", "-inf", "nan"),
    BOOL: (True, False),
    DATETIME: ("99991231T23:59:59Z", "00010101T00:00:00Z"),
}  # fmt: skip
OBJECTS = 12
"""Objects of a class: the first has the first value of each field, and so on."""


def values(kind: Type) -> tuple[Any, ...]:
    """What may be written to a field, as it goes over the wire; nothing for references."""
    if isinstance(kind, EnumType):
        return tuple(member.value for member in kind.python)
    if isinstance(kind, SetType):
        return [], [*values(kind.item)]
    if isinstance(kind, MapType):
        items = values(kind.value)
        return {}, {key: items[number % len(items)] for number, key in enumerate(values(kind.key)) if key != ""}
    return SIMPLE.get(kind, ())


class Client:
    """One connection, of JSON: XML cannot carry all these texts."""

    def __init__(self, daemon: Daemon) -> None:
        self._connection = UnixConnection(str(daemon.socket))
        self._session = self._send("session.login_with_password", "root", "")

    def call(self, method: str, *params: Any) -> Any:
        return self._send(method, self._session, *params)

    def _send(self, method: str, *params: Any) -> Any:
        self._connection.request("POST", JSON_RPC_2.path, JSON_RPC_2.body(method, *params))
        return JSON_RPC_2.result(self._connection.getresponse().read())

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as daemon:
        yield daemon


def make(client: Client, cls: type[Object]) -> list[str]:
    """Some objects of a class."""
    if cls is VM:
        template = client.call("VM.get_by_name_label", "Other install media")[0]
        return [client.call("VM.clone", template, "vm") for _ in range(OBJECTS)]
    if cls is Network:
        wanted = {"name_label": "n", "name_description": "", "other_config": {}}
        return [client.call("network.create", wanted) for _ in range(OBJECTS)]
    if cls is SR:
        return [introduced(client, "nosuch") for _ in range(OBJECTS)]
    return list(client.call(f"{cls.spec.name}.get_all"))


def introduced(client: Client, kind: str) -> str:
    """A repository that is only a record, since nobody looked whether it is there."""
    uuid = f"00000000-0000-0000-0000-{len(client.call('SR.get_all')):012d}"
    return str(client.call("SR.introduce", uuid, "sr", "", kind, "user", False, {}))


def settable(cls: type[Object]) -> list[Field]:
    return [field for field in columns_of(cls) if field.kind is Kind.RW and values(field.type)]


def write(client: Client, cls: type[Object], refs: list[str]) -> int:
    """Give each object its own value of each field; how many were taken. Some classes refuse some."""
    taken = 0
    for number, ref in enumerate(refs):
        for field in settable(cls):
            wanted = values(field.type)
            try:
                client.call(f"{cls.spec.name}.set_{field.name}", ref, wanted[number % len(wanted)])
                taken += 1
            except Failure as error:
                assert error.args[0] not in ("INTERNAL_ERROR", "MESSAGE_METHOD_UNKNOWN"), (field.name, error.args)
    return taken


def read(client: Client, cls: type[Object], refs: list[str]) -> dict[tuple[str, str], str]:
    """The fields that are on disk, as texts: a number that is none is not even equal to itself."""
    records = client.call(f"{cls.spec.name}.get_all_records")
    return {(ref, field.name): repr(records[ref][field.name]) for ref in refs for field in settable(cls)}


def test_every_value_that_was_taken_is_found_again(daemon: Daemon) -> None:
    with closing(Client(daemon)) as client:
        refs = {cls: make(client, cls) for cls in (VM, Network, SR, Pool)}
        taken = {cls: write(client, cls, refs[cls]) for cls in refs}
        before = {cls: read(client, cls, refs[cls]) for cls in refs}

    daemon.kill()
    daemon.start()

    with closing(Client(daemon)) as client:
        assert {cls: read(client, cls, refs[cls]) for cls in refs} == before
    assert all(2 * taken[cls] > len(refs[cls]) * len(settable(cls)) for cls in refs)


def test_a_repository_of_a_type_that_nobody_knows_holds_up_no_start(daemon: Daemon) -> None:
    with closing(Client(daemon)) as client:
        host, sr = client.call("host.get_all")[0], introduced(client, "made up")
        pbd = client.call("PBD.create", {"host": host, "SR": sr, "device_config": {}, "other_config": {}})

    daemon.kill()
    daemon.start()

    with closing(Client(daemon)) as client:
        assert client.call("PBD.get_currently_attached", pbd) is False
        assert client.call("host.get_enabled", host) is True
