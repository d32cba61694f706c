"""The client of Open vSwitch's database: against one of paper, and against the true one where it is installed."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.backends.network.namespace import Namespace
from tests.backends.network.own_switch import SWITCH_INSTALLED, OwnSwitch
from xapid.backends.interface import Failed, Unavailable
from xapid.backends.network import ovsdb
from xapid.backends.network.ovsdb import Messages, map_of, new_id, opened, set_of, value_of

# --- What comes over the stream ------------------------------------------------------------------------


HARD = [
    {"id": 1, "result": [{"rows": [{"name": 'a "brace} in {text\\', "é": "\\\\"}]}], "error": None},
    {},
    {"method": "echo", "params": [], "id": "echo"},
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_messages_are_cut_out_of_what_comes_wherever_it_is_cut(size: int) -> None:
    stream = b"".join(json.dumps(each, ensure_ascii=False).encode() for each in HARD)
    messages = Messages()

    found = [each for start in range(0, len(stream), size) for each in messages.feed(stream[start : start + size])]

    assert found == HARD


def test_values_are_read_as_python_has_them() -> None:
    assert value_of(["uuid", "b1"]) == "b1"
    assert value_of(["set", []]) == ()
    assert value_of(["set", [["uuid", "b1"], ["uuid", "b2"]]]) == ("b1", "b2")
    assert value_of(["map", [["key", "value"]]]) == {"key": "value"}
    assert value_of(5) == 5
    assert value_of("text") == "text"


# --- A database of paper -------------------------------------------------------------------------------


Answer = Callable[[dict[str, Any]], list[Any]]


@contextmanager
def played(answer: Answer) -> Iterator[Path]:
    """A database that answers as told: to each message with a list of messages; with none it hangs up."""
    with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "db.sock"
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            messages = Messages()
            with connection:
                while chunk := connection.recv(65536):
                    for message in messages.feed(chunk):
                        said = answer(message)
                        if not said:
                            return
                        for each in said:
                            connection.sendall(each if isinstance(each, bytes) else json.dumps(each).encode())

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        yield path
        server.join(5)


def test_who_asks_whether_we_live_is_told_before_we_go_on() -> None:
    heard: list[Any] = []

    def answer(message: dict[str, Any]) -> list[Any]:
        heard.append(message)
        if message.get("method") == "transact":
            return [{"method": "echo", "params": ["there?"], "id": "e"}]
        return [{"id": 1, "error": None, "result": [{"rows": []}]}]

    with played(answer) as path, opened(path) as database:
        assert database.select({"Bridge": ["name"]}) == {"Bridge": {}}

    assert heard[1] == {"result": ["there?"], "error": None, "id": "e"}


@pytest.mark.parametrize(
    ("said", "error", "text"),
    [
        ([], Unavailable, "hung up"),
        ([b"}{"], Unavailable, "no JSON"),
        ([{"id": 1, "error": "unknown database", "result": None}], Failed, "unknown database"),
        ([{"id": 1, "error": None, "result": [{}, {"error": "E", "details": "why"}]}], Failed, "E: why"),
        ([{"id": 1, "error": None, "result": [{}, None, {"error": "E"}]}], Failed, "E"),
    ],
)
def test_what_goes_wrong_is_told(said: list[Any], error: type[Exception], text: str) -> None:
    with played(lambda _: said) as path, opened(path) as database, pytest.raises(error, match=text):
        database.transact([{"op": "comment", "comment": "hello"}])


def test_a_database_that_says_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ovsdb, "ANSWER", 0.1)

    said = [{"method": "update", "params": [None, {}], "id": None}]
    with (
        played(lambda _: said) as path,
        opened(path) as database,
        pytest.raises(Unavailable, match="does not answer within"),
    ):
        database.transact([])


def test_where_there_is_none_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"cannot be reached at .*db\.sock: No such file"):
        opened(tmp_path / "db.sock")


def test_a_change_is_done_once_the_switch_has_caught_up() -> None:
    told = []

    def answer(message: dict[str, Any]) -> list[Any]:
        if message["method"] == "transact":
            rows = [{"next_cfg": 7}]
            return [{"id": message["id"], "error": None, "result": [{}, {"count": 1}, {"count": 1}, {"rows": rows}]}]
        if message["method"] == "monitor_cancel":
            return [{"id": message["id"], "error": None, "result": {}}]
        name = message["params"][1]
        first = {"id": message["id"], "error": None, "result": {"Open_vSwitch": {"r": {"new": {"cur_cfg": 5}}}}}
        for number in (6, 8):
            told.append(number)
        updates = [
            {"method": "update", "id": None, "params": [name, {"Open_vSwitch": {"r": {"new": {"cur_cfg": number}}}}]}
            for number in told
        ]
        return [first, *updates]

    with played(answer) as path, opened(path) as database:
        assert database.commit([{"op": "comment", "comment": "hello"}], "try") == [{"count": 1}]

    assert told == [6, 8]


# --- The true one --------------------------------------------------------------------------------------


def a_bridge(name: str) -> list[dict[str, Any]]:
    return [
        ovsdb.insert("Interface", "link", {"name": name, "type": "internal"}),
        ovsdb.insert("Port", "port", {"name": name, "interfaces": new_id("link")}),
        ovsdb.insert(
            "Bridge",
            "bridge",
            {
                "name": name,
                "datapath_type": "netdev",
                "ports": new_id("port"),
                "external_ids": map_of({"b": "2", "a": "1"}),
            },
        ),
        {
            "op": "mutate",
            "table": "Open_vSwitch",
            "where": [],
            "mutations": [["bridges", "insert", set_of([new_id("bridge")])]],
        },
    ]


@pytest.mark.root
@SWITCH_INSTALLED
def test_a_bridge_is_there_as_soon_as_it_was_acknowledged(switch: OwnSwitch, namespace: Namespace) -> None:
    with opened(switch.socket) as database:
        for name in ("first", "second"):
            database.commit(a_bridge(name), "a bridge")
            # Without a wait it would come some milliseconds later.
            assert namespace.look(name)
        rows = database.select({"Bridge": ["name", "external_ids", "ports"], "Port": ["name"]})

    assert {row["name"] for row in rows["Bridge"].values()} == {"first", "second"}
    for row in rows["Bridge"].values():
        assert row["external_ids"] == {"a": "1", "b": "2"}
        assert rows["Port"][row["ports"]]["name"] == row["name"]


@pytest.mark.root
@SWITCH_INSTALLED
def test_what_the_database_refuses_is_not_done_at_all(switch: OwnSwitch) -> None:
    with opened(switch.socket) as database:
        with pytest.raises(Failed, match="refuses"):
            database.commit([*a_bridge("first"), ovsdb.insert("Bridge", "twice", {"name": 5})], "nonsense")

        assert database.select({"Bridge": ["name"]}) == {"Bridge": {}}


@pytest.mark.root
@SWITCH_INSTALLED
def test_a_switch_that_does_not_run_is_told_of(switch: OwnSwitch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ovsdb, "DONE", 0.3)
    switch.stop("ovs-vswitchd")

    with opened(switch.socket) as database, pytest.raises(Unavailable, match="ovs-vswitchd"):
        database.commit(a_bridge("first"), "a bridge")


@pytest.mark.root
@SWITCH_INSTALLED
def test_a_reply_of_a_megabyte_is_read_whole(switch: OwnSwitch) -> None:
    with opened(switch.socket) as database:
        long = map_of({f"key{each}": "x" * 1000 for each in range(1000)})
        database.transact([{"op": "update", "table": "Open_vSwitch", "where": [], "row": {"external_ids": long}}])
        (row,) = database.select({"Open_vSwitch": ["external_ids"]})["Open_vSwitch"].values()

    assert len(row["external_ids"]) == 1000
