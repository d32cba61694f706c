"""How bridges of Open vSwitch lie so that each leads out as it is to.

An interface, or a bond, is a port of the bridge of the network for packets without a tag; where there is none, of a
bridge that carries nothing else. The bridge of a VLAN is joined to that one by a pair of patch ports, of which the far
one has the tag.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from xapid.backends.network.interface import UNTAGGED, Bonding, Bridge, Hashing, Spreading
from xapid.backends.network.links import LONGEST_NAME
from xapid.backends.network.ovs_rows import (
    CARRIER,
    DEVICE,
    NETWORK,
    NETWORKS_OF_OTHERS,
    PATCH,
    TAG,
    UPLINK,
    Change,
    Found,
    Switch,
    Way,
    far_end,
    near_end,
)
from xapid.backends.network.ovsdb import Operation, row_id

MODES = {Spreading.active_backup: "active-backup", Spreading.by_source: "balance-slb"}
OF_LACP = {Hashing.source: "balance-slb", Hashing.ports: "balance-tcp"}


@dataclass
class Plan:
    """What is to be of some bridges. What others are, and lead out by, stays as it is."""

    switch: Switch
    datapath: str
    bridges: dict[str, Bridge] = field(default_factory=dict)
    """Networks' that are to be there."""
    gone: frozenset[str] = frozenset()
    """Bridges of ours that are not to be there."""
    ways: dict[str, Way | None] = field(default_factory=dict)
    """How bridges are to lead out; None: nowhere."""
    bonds: dict[str, Bonding] = field(default_factory=dict)
    macs: dict[str, str] = field(default_factory=dict)
    """Of bridges; those that lead nowhere choose their own."""

    def way_of(self, name: str) -> Way | None:
        """How a bridge is to lead out."""
        if name in self.gone:
            return None
        found = self.switch.bridges.get(name)
        return self.ways[name] if name in self.ways else None if found is None else self.switch.way_of(found)

    def touched(self) -> list[str]:
        """The bridges that this is about."""
        return list(dict.fromkeys([*self.bridges, *self.ways, *self.gone]))

    def devices(self) -> list[str]:
        """What those lead out by, or led until now, and what bonds are made of."""
        names = self.touched()
        before = [self.switch.way_of(found) for name in names if (found := self.switch.bridges.get(name)) is not None]
        after = [self.way_of(name) for name in names]
        parts = [member for bonding in self.bonds.values() for member in bonding.members]
        return list(dict.fromkeys([*(way.device for way in (*before, *after) if way is not None), *self.bonds, *parts]))


def carrier_of(device: str) -> str:
    """The bridge that an interface is a port of while no network wants its packets without a tag."""
    name = f"xp-{device}"
    return name if len(name) <= LONGEST_NAME else f"xp-{hashlib.blake2b(device.encode(), digest_size=6).hexdigest()}"


def operations(plan: Plan) -> list[Operation]:
    """What is to be changed; nothing if all is so already."""
    return _Layout(plan).done()


class _Layout:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._switch = plan.switch
        self._change = Change(plan.switch)
        self._scope = dict.fromkeys(each for each in plan.touched() if each not in plan.gone)
        """Bridges of networks of which all is laid."""
        self._homes: dict[str, str] = {}
        """The bridges that are to have an interface or a bond."""
        self._wanted: dict[str, dict[str, list[str]]] = {}
        """By the names of bridges: ports that they are to have, by their names."""
        self._stale: dict[str, None] = {}
        """Ports that belong where they are wanted, and nowhere else."""

    def done(self) -> list[Operation]:
        for device in self._plan.devices():
            self._find_home(device)
        for name in self._scope:
            self._want(name, name, self._local(name))
        for device, home in self._homes.items():
            if home not in self._scope:
                self._want(home, home, self._local(home))
            self._want(home, device, self._uplink(device))
        for name in self._scope:
            self._stale[near_end(name)] = None
            way = self._plan.way_of(name)
            if way is not None and way.tag != UNTAGGED:
                self._patch(name, way, self._homes[way.device])
        carried = {home: device for device, home in self._homes.items()}
        removed = {name: found for name in self._unwanted() if (found := self._switch.bridges.get(name)) is not None}
        self._take_away(removed)
        for name in self._wanted:
            self._bridge(name, carried.get(name, ""))
        for found in removed.values():
            self._change.remove_bridge(found)
        return self._change.operations

    def _find_home(self, device: str) -> None:
        """See which bridge is to have an interface. If that is another than before, all that lead over it are laid."""
        plan, before = self._plan, self._switch.home_of(device)
        self._stale[device] = None
        bare = [name for name in plan.ways if plan.way_of(name) == Way(device)]
        if before is not None and plan.way_of(before.name) == Way(device):
            bare.append(before.name)
        ways = {name: plan.way_of(name) for name in plan.ways}
        tagged = [name for name, way in ways.items() if way is not None and way.device == device and name not in bare]
        if not bare and not tagged and next(self._others_over(device), None) is None:
            return
        home = self._homes[device] = bare[0] if bare else carrier_of(device)
        if before is None or before.name != home:
            tagged += sorted(self._others_over(device))
            self._scope.update(dict.fromkeys(tagged))
            if before is not None:
                self._stale.update(dict.fromkeys(far_end(name, before.name) for name in tagged))

    def _others_over(self, device: str) -> Iterator[str]:
        """Bridges of VLANs of an interface that this is not about."""
        plan = self._plan
        return (name for name in self._switch.tagged_over(device) if name not in plan.ways and name not in plan.gone)

    def _unwanted(self) -> list[str]:
        """Bridges of ours that are to go, if they are there."""
        carriers = [carrier_of(device) for device in self._plan.devices()]
        idle = [name for name in carriers if name not in self._homes.values() and self._is_carrier(name)]
        return [*(name for name in self._plan.gone if self._is_ours(name)), *idle]

    def _take_away(self, removed: Mapping[str, Found]) -> None:
        """Take ports of ours from bridges that stay and are not to have them."""
        for name in self._scope | dict.fromkeys(self._plan.gone):
            near = self._switch.interfaces.get(near_end(name))
            if near is not None and (peer := near.row["options"].get("peer")):
                self._stale[peer] = None
        away: dict[str, list[list[str]]] = {}
        for name in self._stale:
            port = self._switch.ports.get(name)
            bridge = None if port is None else self._switch.bridge_of(port)
            if port is None or bridge is None or bridge.name in removed or not bridge.is_ours:
                continue
            if name not in self._wanted.get(bridge.name, {}):
                away.setdefault(bridge.name, []).append(row_id(port.uuid))
        for name in dict.fromkeys([*away, *self._wanted]):
            found = self._switch.bridges.get(name)
            if found is not None:
                self._change.move_ports(found, list(self._wanted.get(name, {}).values()), away.get(name, []))

    def _bridge(self, name: str, device: str) -> None:
        """One with the ports that are wanted of it."""
        found, asked = self._switch.bridges.get(name), self._plan.bridges.get(name)
        network = asked.uuid if asked is not None else found.network if found is not None else ""
        marks = (
            {NETWORK: network, NETWORKS_OF_OTHERS: network, CARRIER: None}
            if network
            else {CARRIER: device, NETWORK: None, NETWORKS_OF_OTHERS: None}
        )
        # What leads nowhere any more has a MAC address of its own again.
        led = found is not None and self._switch.way_of(found) is not None
        said = name in self._plan.macs or (led and self._plan.way_of(name) is None)
        settings = {"hwaddr": self._plan.macs.get(name)} if said else {}
        columns = {"external_ids": marks, "other_config": settings}
        if found is not None:
            self._change.set("Bridge", found, **columns)
            return
        ports = tuple(self._wanted[name].values())
        made = self._change.insert(
            "Bridge", name=name, datapath_type=self._plan.datapath, fail_mode="standalone", ports=ports, **columns
        )
        self._change.add_bridge(made)

    def _want(self, bridge: str, name: str, port: list[str]) -> None:
        self._wanted.setdefault(bridge, {})[name] = port

    def _is_ours(self, name: str) -> bool:
        return (found := self._switch.bridges.get(name)) is not None and found.is_ours

    def _is_carrier(self, name: str) -> bool:
        return (found := self._switch.bridges.get(name)) is not None and CARRIER in found.marks

    def _local(self, name: str) -> list[str]:
        """The port of a bridge by which the host itself is joined to it."""
        asked = self._plan.bridges.get(name)
        settings = {} if asked is None else {"mtu_request": asked.mtu}
        interface = self._interface(name, type="internal", **settings)
        return self._port(name, [interface])

    def _uplink(self, device: str) -> list[str]:
        bonding = self._plan.bonds.get(device)
        marks = {UPLINK: "true"}
        if bonding is None:
            members = self._switch.members_of(device) or (device,)
            return self._port(device, [self._interface(each) for each in members], external_ids=marks)
        key = {"lacp-aggregation-key": None if bonding.key is None else str(bonding.key)}
        interfaces = [self._interface(each, other_config=key) for each in bonding.members]
        return self._port(device, interfaces, external_ids=marks, **bond_columns(bonding))

    def _patch(self, name: str, way: Way, home: str) -> None:
        """Join the bridge of a VLAN to the one that has its interface."""
        near, far = near_end(name), far_end(name, home)
        for bridge, this, other, marks, tag in (
            (name, near, far, {PATCH: "true", DEVICE: way.device, TAG: str(way.tag)}, ()),
            (home, far, near, {PATCH: "true"}, way.tag),
        ):
            interface = self._interface(this, type="patch", options={"peer": other})
            self._want(bridge, this, self._port(this, [interface], external_ids=marks, tag=tag))

    def _port(self, name: str, interfaces: list[list[str]], **columns: Any) -> list[str]:
        found = self._switch.ports.get(name)
        if found is None:
            return self._change.insert("Port", name=name, interfaces=tuple(interfaces), **columns)
        return self._change.set("Port", found, interfaces=tuple(interfaces), **columns)

    def _interface(self, name: str, **columns: Any) -> list[str]:
        found = self._switch.interfaces.get(name)
        if found is None:
            return self._change.insert("Interface", name=name, **columns)
        return self._change.set("Interface", found, **columns)


def bond_columns(bonding: Bonding) -> dict[str, Any]:
    """What a bond's port says of how it works. Of one member alone nothing of this counts."""
    lacp = bonding.spreading is Spreading.lacp
    mode = OF_LACP[bonding.hashing] if lacp else MODES[bonding.spreading]
    settings: dict[str, str | None] = {
        "bond-detect-mode": "carrier" if bonding.by_carrier else "miimon",
        "bond-miimon-interval": str(bonding.looked_at),
        "bond-rebalance-interval": None if lacp else str(bonding.rebalanced),
        "lacp-time": ("fast" if bonding.fast else "slow") if lacp else None,
        "lacp-fallback-ab": ("true" if bonding.falls_back else "false") if lacp else None,
    }
    return {
        "bond_mode": mode,
        "lacp": "active" if lacp else "off",
        "bond_updelay": bonding.up_delay,
        "bond_downdelay": bonding.down_delay,
        "other_config": settings,
    }
