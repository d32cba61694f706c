"""What Open vSwitch's database holds, which of it is ours, and changes of it that say only what is not so already.

Bridges of ours say in ``external_ids`` of which network they are, or that they only carry VLANs; so do ports that we
made. Every other port of a bridge of ours is a guest's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xapid.backends.interface import Unavailable
from xapid.backends.network import ovsdb
from xapid.backends.network.interface import UNTAGGED
from xapid.backends.network.ovsdb import Operation, Ovsdb, Row, many, map_of, new_id, row_id, set_of, value_of

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
COLUMNS = {
    "Open_vSwitch": ("bridges",),
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
    """All of it, as it was in one moment."""

    def __init__(self, rows: Mapping[str, Mapping[str, Row]]) -> None:
        self.root = next(iter(rows["Open_vSwitch"]), "")
        if not self.root:
            raise Unavailable("Open vSwitch's database was never set up: it has no row of its own")
        self._rows = rows
        self.bridges = {row["name"]: Found(uuid, row) for uuid, row in rows["Bridge"].items()}
        self.ports = {row["name"]: Found(uuid, row) for uuid, row in rows["Port"].items()}
        self.interfaces = {row["name"]: Found(uuid, row) for uuid, row in rows["Interface"].items()}
        self._bridge_of = {port: each for each in self.bridges.values() for port in many(each.row["ports"])}
        self._port_with = {part: each for each in self.ports.values() for part in many(each.row["interfaces"])}

    @classmethod
    def read(cls, database: Ovsdb) -> Switch:
        return cls(database.select(COLUMNS))

    def ports_of(self, bridge: Found) -> list[Found]:
        return [Found(each, self._rows["Port"][each]) for each in many(bridge.row["ports"])]

    def interfaces_of(self, port: Found) -> list[Found]:
        return [Found(each, self._rows["Interface"][each]) for each in many(port.row["interfaces"])]

    def bridge_of(self, port: Found) -> Found | None:
        return self._bridge_of.get(port.uuid)

    def port_with(self, interface: str) -> Found | None:
        """The port that an interface is, or is part of."""
        found = self.interfaces.get(interface)
        return None if found is None else self._port_with.get(found.uuid)

    def guests_of(self, bridge: Found) -> list[Found]:
        """Ports of a bridge of ours that we did not make."""
        return [
            port
            for port in self.ports_of(bridge)
            if port.name != bridge.name and UPLINK not in port.marks and PATCH not in port.marks
        ]

    def ways(self) -> dict[str, Way]:
        """How bridges of networks lead out, by their names."""
        found = {}
        for bridge in self.bridges.values():
            for port in self.ports_of(bridge) if bridge.network else ():
                if UPLINK in port.marks:
                    found[bridge.name] = Way(port.name)
                elif DEVICE in port.marks:
                    found[bridge.name] = Way(port.marks[DEVICE], int(port.marks[TAG]))
        return found

    def members(self) -> dict[str, tuple[str, ...]]:
        """The interfaces of which uplinks consist, by the names of the uplinks."""
        return {
            port.name: tuple(sorted(each.name for each in self.interfaces_of(port)))
            for port in self.ports.values()
            if UPLINK in port.marks
        }


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

    def _root(self, how: str, bridge: list[str]) -> None:
        mutation = ["bridges", how, set_of([bridge])]
        self.operations.append(ovsdb.mutate("Open_vSwitch", self.switch.root, mutation))


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
