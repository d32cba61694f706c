"""The copy of Open vSwitch's database: it says what the database says, whoever changed that, and whatever happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.backends.network.own_switch import SWITCH_INSTALLED, OwnSwitch
from xapid.backends.interface import Unavailable
from xapid.backends.network.ovs_copy import Copy, modified
from xapid.backends.network.ovs_rows import Switch

ROW = {"ports": "p1", "external_ids": {"a": "1", "b": "2"}, "tag": 5, "name": "xapi0"}


@pytest.mark.parametrize(
    ("difference", "changed"),
    [
        ({"ports": "p2"}, {"ports": ("p1", "p2")}),
        ({"ports": ("p1", "p2")}, {"ports": ("p2",)}),
        ({"ports": "p1"}, {"ports": ()}),
        ({"external_ids": {"c": "3"}}, {"external_ids": {"a": "1", "b": "2", "c": "3"}}),
        ({"external_ids": {"a": "9"}}, {"external_ids": {"a": "9", "b": "2"}}),
        ({"external_ids": {"a": "1"}}, {"external_ids": {"b": "2"}}),
        ({"tag": ()}, {"tag": ()}),
        ({"tag": 7, "name": "xapi1"}, {"tag": 7, "name": "xapi1"}),
    ],
)
def test_a_difference_makes_of_a_row_the_next_one(difference: dict[str, Any], changed: dict[str, Any]) -> None:
    assert modified(ROW, difference) == ROW | changed


# --- The true database ----------------------------------------------------------------------------------


@pytest.fixture
def copy(switch: OwnSwitch) -> Iterator[Copy]:
    with closing(Copy(switch.socket)) as copy:
        yield copy


def told(copy: Copy) -> dict[str, Any]:
    """All that a copy can be asked for."""
    with copy.look() as switch:
        return {
            "bridges": {name: lying(switch, name) for name in switch.bridges},
            "uplinks": {name: (switch.members_of(name), home(switch, name)) for name in switch.ports},
            "tagged": {name: sorted(switch.tagged_over(name)) for name in switch.ports},
            "rows": [{name: each.row for name, each in rows.items()} for rows in (switch.ports, switch.interfaces)],
        }


def lying(switch: Switch, name: str) -> object:
    bridge = switch.bridges[name]
    ports = {each.name: sorted(part.name for part in switch.interfaces_of(each)) for each in switch.ports_of(bridge)}
    assert all(switch.bridge_of(switch.ports[port]) is bridge for port in ports)
    assert all(switch.port_with(part) is switch.ports[port] for port, parts in ports.items() for part in parts)
    return ports, {key: value for key, value in bridge.row.items() if key != "ports"}, switch.way_of(bridge)


def home(switch: Switch, device: str) -> str:
    return "" if (found := switch.home_of(device)) is None else found.name


BRIDGE = ["--", "set", "bridge", "one", "datapath_type=netdev", "external_ids:xapid-network=n1"]
CHANGES = [
    ["add-br", "one", *BRIDGE],
    ["add-br", "two", "--", "set", "bridge", "two", "datapath_type=netdev", "external_ids:xapid-carrier=eth1"],
    ["add-port", "one", "g1", "--", "set", "interface", "g1", "type=internal"],
    ["add-bond", "two", "eth1", "m1", "m2", "--", "set", "port", "eth1", "external_ids:xapid-uplink=true"],
    ["add-port", "one", "one-out", "tag=5", "--", "set", "port", "one-out", "external_ids:xapid-device=eth1"],
    ["set", "port", "one-out", "external_ids:xapid-tag=5"],
    ["del-port", "g1", "--", "add-port", "two", "g1", "--", "set", "interface", "g1", "type=internal"],
    ["clear", "port", "one-out", "tag"],
    ["set", "port", "one-out", "external_ids:xapid-device=other"],
    ["remove", "bridge", "one", "external_ids", "xapid-network"],
    ["del-port", "one-out"],
    ["del-br", "two"],
    ["del-br", "one"],
]


@pytest.mark.root
@SWITCH_INSTALLED
def test_it_says_at_once_what_somebody_else_has_changed(switch: OwnSwitch, copy: Copy) -> None:
    for change in CHANGES:
        switch.vsctl("--no-wait", *change)

        followed = told(copy)

        with closing(Copy(switch.socket)) as fresh:
            assert followed == told(fresh), change


@pytest.mark.root
@SWITCH_INSTALLED
def test_it_is_read_anew_after_the_database_was_started_anew(switch: OwnSwitch, copy: Copy) -> None:
    switch.vsctl("--no-wait", "add-br", "one")
    told(copy)
    switch.stop("ovsdb-server")
    with pytest.raises(Unavailable):
        told(copy)
    switch.start_database()
    switch.vsctl("--no-wait", "add-br", "two")

    assert set(told(copy)["bridges"]) == {"one", "two"}


@pytest.mark.root
@SWITCH_INSTALLED
def test_one_that_was_replaced_between_two_looks_is_seen(switch: OwnSwitch, copy: Copy, tmp_path: Path) -> None:
    switch.vsctl("--no-wait", "add-br", "one")
    told(copy)
    switch.stop_all()
    switch.file.unlink()
    switch.start()

    assert told(copy)["bridges"] == {}
