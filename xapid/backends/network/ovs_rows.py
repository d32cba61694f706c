"""What Open vSwitch's database holds, which of it is ours, and changes of it that say only what is not so already.

Bridges of ours say in ``external_ids`` of which network they are, or that they only carry VLANs; so do ports that we
made. Every other port of a bridge of ours is a guest's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xapid.backends.interface import Unavailable
from xapid.backends.network import ovsdb
from xapid.backends.network.interface import UNTAGGED
from xapid.backends.network.ovsdb import Operation, Row, many, map_of, new_id, row_id, set_of, value_of

NETWORK, NETWORKS_OF_OTHERS = "xapid-network", "xs-network-uuids"
"""The uuid of a bridge's network: for us, and as tools of such hosts look for it."""
CARRIER = "xapid-carrier"
"""Of a bridge that belongs to no network: the interface or bond whose VLANs it carries."""
UPLINK = "xapid-uplink"
"""Of a port: it is an interface of the host, or a bond."""
DEVICE, TAG = "xapid-device", "xapid-tag"
"""Of the port by which a bridge leads out by a VLAN: over what, and which."""
PATCH = "xapid-patch"
"""Of both ports between the bridge of a network and the one that has its interface."""
ROOT = "Open_vSwitch"
"""The table whose one row names the bridges."""
HELD = {"Bridge": "ports", "Port": "interfaces"}
"""The column of a table that says which rows of the next belong to a row."""
COLUMNS = {
    ROOT: ("db_version",),
    "Bridge": ("name", "ports", "external_ids", "other_config", "datapath_type", "fail_mode"),
    "Port": (
        "name",
        "interfaces",
        "tag",
        "external_ids",
        "other_config",
        "bond_mode",
        "lacp",
        "bond_updelay",
        "bond_downdelay",
    ),
    "Interface": ("name", "type", "options", "other_config", "mtu_request", "error"),
}


def near_end(bridge: str) -> str:
    """The port by which the bridge of a VLAN leads out."""
    return f"{bridge}-out"


def far_end(bridge: str, home: str) -> str:
    """The port on another bridge that the bridge of a VLAN leads to.

    By another name on each: the switch may look for one that has moved where it was.
    """
    return f"{bridge}-at-{home}"


@dataclass(frozen=True)
class Way:
    """How a bridge leads out: the interface or bond, and the VLAN of it."""

    device: str
    tag: int = UNTAGGED


@dataclass(frozen=True)
class Found:
    """A row, and the uuid by which it is called."""

    uuid: str
    row: Row

    @property
    def name(self) -> str:
        return str(self.row["name"])

    @property
    def marks(self) -> Mapping[str, str]:
        marks: Mapping[str, str] = self.row["external_ids"]
        return marks

    @property
    def network(self) -> str:
        """uuid of the network whose bridge it is; empty: of none, or not ours."""
        return self.marks.get(NETWORK, "")

    @property
    def is_ours(self) -> bool:
        """Whether we made this bridge."""
        return NETWORK in self.marks or CARRIER in self.marks


class Switch:
    """All of it, as it was in one moment, found by name. ``ovs_copy`` keeps it true: what is asked here costs the
    same however many networks there are, unless it says otherwise.
    """

    def __init__(self) -> None:
        self.root = ""
        """The uuid of the row that names the bridges; empty: it is not there."""
        self.bridges: dict[str, Found] = {}
        self.ports: dict[str, Found] = {}
        self.interfaces: dict[str, Found] = {}
        self._rows: dict[str, Found] = {}
        self._holders: dict[str, str] = {}
        """The bridge of each port, and the port of each interface, by uuids."""
        self._uplinks: dict[str, Found] = {}
        self._tagged: dict[str, set[str]] = {}
        """Ports by which bridges of VLANs lead out, by what they lead over."""

    # What lies where

    def ports_of(self, bridge: Found) -> list[Found]:
        """As many as it has."""
        return [self._rows[each] for each in many(bridge.row["ports"])]

    def interfaces_of(self, port: Found) -> list[Found]:
        return [self._rows[each] for each in many(port.row["interfaces"])]

    def bridge_of(self, port: Found) -> Found | None:
        return self._rows.get(self._holders.get(port.uuid, ""))

    def port_with(self, interface: str) -> Found | None:
        """The port that an interface is, or is part of."""
        found = self.interfaces.get(interface)
        return None if found is None else self._rows.get(self._holders.get(found.uuid, ""))

    def guests_of(self, bridge: Found) -> list[Found]:
        """Ports of a bridge of ours that we did not make. Looks at as many as it has."""
        return [
            port
            for port in self.ports_of(bridge)
            if port.name != bridge.name and UPLINK not in port.marks and PATCH not in port.marks
        ]

    def way_of(self, bridge: Found) -> Way | None:
        """How the bridge of a network leads out; None: nowhere, or it is that of none."""
        if not bridge.network:
            return None
        for port in self._uplinks.values():
            if self._holders.get(port.uuid) == bridge.uuid:
                return Way(port.name)
        near = self.ports.get(near_end(bridge.name))
        if near is None or self._holders.get(near.uuid) != bridge.uuid:
            return None
        device, tag = near.marks.get(DEVICE, ""), near.marks.get(TAG, "")
        return Way(device, int(tag)) if device and tag.isdecimal() else None

    def home_of(self, device: str) -> Found | None:
        """The bridge that has an interface, or a bond, as the port by which others lead out."""
        port = self._uplinks.get(device)
        return None if port is None else self.bridge_of(port)

    def tagged_over(self, device: str) -> Iterator[str]:
        """The bridges that lead out by VLANs of an interface or a bond, one by one."""
        for name in self._tagged.get(device, ()):
            home = self.bridge_of(self.ports[name])
            if home is not None and (way := self.way_of(home)) and way.device == device and way.tag != UNTAGGED:
                yield home.name

    def members_of(self, device: str) -> tuple[str, ...]:
        """The interfaces of which an uplink consists; empty: there is none of that name."""
        port = self._uplinks.get(device)
        return () if port is None else tuple(sorted(each.name for each in self.interfaces_of(port)))

    # What is heard of it

    def put(self, table: str, uuid: str, row: Row) -> None:
        """A row is there, or is another now."""
        self.drop(table, uuid, row)
        found = self._rows[uuid] = Found(uuid, row)
        if table == ROOT:
            self.root = uuid
            return
        self._named(table)[found.name] = found
        for held in many(row[HELD[table]]) if table in HELD else ():
            self._holders[held] = uuid
        if table == "Port":
            if UPLINK in found.marks:
                self._uplinks[found.name] = found
            if DEVICE in found.marks:
                self._tagged.setdefault(found.marks[DEVICE], set()).add(found.name)

    def drop(self, table: str, uuid: str, successor: Row | None = None) -> None:
        """A row is gone, or becomes another one."""
        found = self._rows.pop(uuid, None)
        if table == ROOT:
            self.root = ""
        if found is None or table == ROOT:
            return
        # Another row may have its name, and what it held, by now.
        if (named := self._named(table)).get(found.name) is found:
            del named[found.name]
        kept = frozenset(many(successor[HELD[table]])) if successor is not None and table in HELD else frozenset()
        for held in many(found.row[HELD[table]]) if table in HELD else ():
            if held not in kept and self._holders.get(held) == uuid:
                del self._holders[held]
        if table == "Port":
            if self._uplinks.get(found.name) is found:
                del self._uplinks[found.name]
            if DEVICE in found.marks and found.name not in self.ports:
                self._tagged[found.marks[DEVICE]].discard(found.name)

    def row(self, uuid: str) -> Row:
        """Raises KeyError for one that is not there."""
        return self._rows[uuid].row

    def _named(self, table: str) -> dict[str, Found]:
        return {"Bridge": self.bridges, "Port": self.ports, "Interface": self.interfaces}[table]


@dataclass
class Change:
    """Operations that make rows what they are to be; none where they are that already."""

    switch: Switch
    operations: list[Operation] = field(default_factory=list)

    def insert(self, table: str, **columns: Any) -> list[str]:
        """A row that is not there; returns by what it is called within this change."""
        name = f"row{len(self.operations)}"
        self.operations.append(ovsdb.insert(table, name, {key: _encoded(each) for key, each in columns.items()}))
        return new_id(name)

    def set(self, table: str, found: Found, **columns: Any) -> list[str]:
        """Let columns of a row be so. Of a map these keys alone; None takes one away."""
        wanted = {}
        for name, value in columns.items():
            now = found.row[name]
            if isinstance(value, dict):
                value = {key: each for key, each in {**now, **value}.items() if each is not None}
            if _plain(_encoded(value)) != _plain(now):
                wanted[name] = _encoded(value)
        if wanted:
            self.operations.append(ovsdb.update(table, found.uuid, wanted))
        return row_id(found.uuid)

    def add_bridge(self, bridge: list[str]) -> None:
        self._root("insert", bridge)

    def remove_bridge(self, bridge: Found) -> None:
        self._root("delete", row_id(bridge.uuid))

    def move_ports(self, bridge: Found, added: Sequence[list[str]], removed: Sequence[list[str]]) -> None:
        """Let a bridge have some ports, and others no more; of the rest nothing is said."""
        has = frozenset(many(bridge.row["ports"]))
        wanted = [each for each in added if each[0] != "uuid" or each[1] not in has]
        mutations = [["ports", how, set_of(each)] for how, each in (("insert", wanted), ("delete", removed)) if each]
        if mutations:
            self.operations.append(ovsdb.mutate("Bridge", bridge.uuid, *mutations))

    def _root(self, how: str, bridge: list[str]) -> None:
        if not self.switch.root:
            raise Unavailable("Open vSwitch's database was never set up: it has no row of its own")
        mutation = ["bridges", how, set_of([bridge])]
        self.operations.append(ovsdb.mutate(ROOT, self.switch.root, mutation))


def _encoded(value: Any) -> Any:
    """A value as the database takes it: a dict is a map, a tuple a set, and a list is encoded already."""
    if isinstance(value, dict):
        return map_of({key: each for key, each in value.items() if each is not None})
    return set_of(value) if isinstance(value, tuple) else value


def _plain(value: Any) -> Any:
    """What can be compared: a set of one is that one to the database."""
    read = value_of(value) if isinstance(value, list) else value
    if isinstance(read, dict):
        return read
    return frozenset(_hashable(many(read)))


def _hashable(values: Iterable[Any]) -> Iterable[Any]:
    """References to rows that are yet to be inserted are lists still."""
    return (tuple(each) if isinstance(each, list) else each for each in values)
