"""How bridges of Open vSwitch lie so that each leads out as it is to.

An interface, or a bond, is a port of the bridge of the network for packets without a tag; where there is none, of a
bridge that carries nothing else. The bridge of a VLAN is joined to that one by a pair of patch ports, of which the far
one has the tag.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
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
    Switch,
    Way,
)
from xapid.backends.network.ovsdb import Operation, row_id

MODES = {Spreading.active_backup: "active-backup", Spreading.by_source: "balance-slb"}
OF_LACP = {Hashing.source: "balance-slb", Hashing.ports: "balance-tcp"}


@dataclass
class Plan:
    """What is to be. What is not said of bridges, ways and bonds is as it was."""

    switch: Switch
    datapath: str
    bridges: dict[str, Bridge] = field(default_factory=dict)
    """Networks' that are to be there."""
    gone: frozenset[str] = frozenset()
    """Bridges of ours that are not to be there."""
    ways: dict[str, Way] = field(default_factory=dict)
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    bonds: dict[str, Bonding] = field(default_factory=dict)
    macs: dict[str, str] = field(default_factory=dict)
    """Of bridges; those that lead nowhere choose their own."""


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
        self._led = plan.switch.ways().keys()
        # By the names of bridges of ours: what they are called, and the ports that they are to have.
        self._called: dict[str, list[str]] = {}
        self._ports: dict[str, list[list[str]]] = {}

    def done(self) -> list[Operation]:
        homes = {way.device: name for name, way in self._plan.ways.items() if way.tag == UNTAGGED}
        for way in self._plan.ways.values():
            homes.setdefault(way.device, carrier_of(way.device))
        for found in self._switch.bridges.values():
            if found.is_ours and found.name not in self._plan.gone and (found.network or found.name in homes.values()):
                self._ports[found.name] = [row_id(each.uuid) for each in self._switch.guests_of(found)]
        for name in dict.fromkeys([*self._ports, *self._plan.bridges, *homes.values()]):
            self._ports.setdefault(name, []).append(self._local(name))
        for device, home in homes.items():
            self._ports[home].append(self._uplink(device))
        for name, way in self._plan.ways.items():
            if way.tag != UNTAGGED:
                self._patch(name, way, homes[way.device])
        for name in self._ports:
            device = next((each for each, home in homes.items() if home == name), "")
            self._bridge(name, device)
        for found in self._switch.bridges.values():
            if found.is_ours and found.name not in self._ports:
                self._change.remove_bridge(found)
        return self._change.operations

    def _bridge(self, name: str, device: str) -> None:
        """One with the ports that were found for it."""
        found, asked = self._switch.bridges.get(name), self._plan.bridges.get(name)
        network = asked.uuid if asked is not None else found.network if found is not None else ""
        marks = (
            {NETWORK: network, NETWORKS_OF_OTHERS: network, CARRIER: None}
            if network
            else {CARRIER: device, NETWORK: None, NETWORKS_OF_OTHERS: None}
        )
        # What leads nowhere any more has a MAC address of its own again.
        said = name in self._plan.macs or (name in self._led and name not in self._plan.ways)
        settings = {"hwaddr": self._plan.macs.get(name)} if said else {}
        columns = {"ports": tuple(self._ports[name]), "external_ids": marks, "other_config": settings}
        if found is not None:
            self._change.set("Bridge", found, **columns)
            return
        made = self._change.insert(
            "Bridge", name=name, datapath_type=self._plan.datapath, fail_mode="standalone", **columns
        )
        self._change.add_bridge(made)

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
            members = self._plan.members.get(device, (device,))
            return self._port(device, [self._interface(each) for each in members], external_ids=marks)
        key = {"lacp-aggregation-key": None if bonding.key is None else str(bonding.key)}
        interfaces = [self._interface(each, other_config=key) for each in bonding.members]
        return self._port(device, interfaces, external_ids=marks, **bond_columns(bonding))

    def _patch(self, name: str, way: Way, home: str) -> None:
        """Join the bridge of a VLAN to the one that has its interface."""
        # By another name on each bridge: the switch may look for one that has moved where it was.
        near, far = f"{name}-out", f"{name}-at-{home}"
        for bridge, this, other, marks, tag in (
            (name, near, far, {PATCH: "true", DEVICE: way.device, TAG: str(way.tag)}, ()),
            (home, far, near, {PATCH: "true"}, way.tag),
        ):
            interface = self._interface(this, type="patch", options={"peer": other})
            self._ports[bridge].append(self._port(this, [interface], external_ids=marks, tag=tag))

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


def released(before: Mapping[str, tuple[str, ...]], after: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Interfaces of the host that were ours and are free now."""
    still = {each for members in after.values() for each in members}
    return sorted({each for members in before.values() for each in members} - still)
