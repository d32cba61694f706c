"""The simulated network: three interfaces, and bridges in memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from xapid.backends.faults import SimFaults
from xapid.backends.interface import AlreadyExists, DriverInfo, InUse, NotFound, NotSupported, Traffic
from xapid.backends.network.interface import (
    Addressing,
    AddressMode,
    Bridge,
    Connected,
    Functions,
    GuestPort,
    Lease,
    Locking,
    Nic,
    Reason,
    Uplink,
    Wire,
)

NICS = tuple(
    Nic(
        device=f"eth{number}",
        mac=f"00:16:3e:00:00:0{number}",
        mtu=1500,
        carrier=True,
        speed=10000,
        duplex=True,
        addresses=("192.0.2.1/24",) if number == 0 else (),
        gateway="192.0.2.254" if number == 0 else "",
        vendor_name="Simulated",
        device_name="Simulated interface",
        pci_bus_path=f"0000:00:0{number + 3}.0",
    )
    for number in range(3)
)

ANNOUNCED = "2001:db8::77/64"
"""What routers there would give."""


class Sim:
    """Networks of a host that is not there. Never blocks."""

    info = DriverInfo("sim", "Bridges in memory")

    def __init__(self) -> None:
        self.faults = SimFaults()
        self.load = Traffic(4096, 2048)
        """Bytes a second through each interface."""
        self._began = time.monotonic()
        self.taps: set[str] = set()
        """Devices for guests that no process has open."""
        self._bridges: dict[str, Bridge] = {}
        self.missing: set[str] = set()
        """Bridges of others that are not there; all that is asked for are, but for these."""
        self.unplugged: frozenset[str] = frozenset()
        """Interfaces without a link."""
        self.wires: dict[str, Wire] = {}
        """What leads out, by the name of the bridge."""
        self.guarded: dict[str, GuestPort] = {}
        """Ports with bounds, by the uuid of their VIF."""
        self.lease = Lease("198.51.100.77/24", "198.51.100.1", seconds=3600)
        """What a server there would give."""
        self.capable: dict[str, int] = {}
        """How many virtual functions interfaces can have; others none."""
        self.made: dict[str, int] = {}
        """How many they have."""
        self.held: Counter[str] = Counter()
        """How many of them are held for guests."""
        self._dropped: Counter[tuple[str, Reason]] = Counter()

    def nics(self) -> list[Nic]:
        return [
            replace(nic, carrier=nic.device not in self.unplugged, functions=self.capable.get(nic.device, 0))
            for nic in NICS
        ]

    def traffic(self) -> dict[str, Traffic]:
        seconds = time.monotonic() - self._began
        gone = Traffic(int(self.load.into * seconds), int(self.load.out * seconds))
        return {nic.device: gone for nic in NICS}

    def let_pass(self, seconds: float) -> None:
        """Let traffic have gone on for so much longer."""
        self._began -= seconds

    def bridges(self) -> list[Bridge]:
        return list(self._bridges.values())

    def ensure_bridge(self, bridge: Bridge) -> None:
        if any(nic.device == bridge.name for nic in NICS):
            raise AlreadyExists(f"{bridge.name} is an interface of the host", bridge=bridge.name)
        self._bridges[bridge.name] = replace(bridge, ports=())

    def check_bridge(self, name: str) -> None:
        if name in self.missing:
            raise NotFound(f"there is no bridge {name}", bridge=name)

    def unopened_taps(self) -> list[str]:
        return sorted(self.taps)

    def remove_tap(self, name: str) -> None:
        self.taps.discard(name)

    def remove_bridge(self, name: str) -> None:
        self._bridges.pop(name, None)

    def connect(self, wire: Wire) -> Connected:
        uplink = wire.uplink
        if uplink is not None:
            self._check_uplink(wire.bridge.name, uplink)
        self.ensure_bridge(wire.bridge)
        self.wires[wire.bridge.name] = wire
        if uplink is not None and uplink.bond is not None:
            for name, other in self.wires.items():
                if other.uplink is not None and other.uplink.device == uplink.device:
                    self.wires[name] = replace(other, uplink=replace(other.uplink, bond=uplink.bond))
        addresses = (_given(wire.ipv4, self.lease.address), _given(wire.ipv6, ANNOUNCED))
        gateway = self.lease.gateway if wire.ipv4.mode is AddressMode.dhcp else wire.ipv4.gateway
        return Connected(_mac(wire), wire.bridge.mtu, tuple(each for each in addresses if each), gateway)

    def _check_uplink(self, bridge: str, uplink: Uplink) -> None:
        """Whether a bridge can lead out so, beside the others."""
        there = {nic.device for nic in NICS}
        for device in uplink.interfaces:
            if device not in there:
                raise NotFound(f"there is no interface {device}", device=device)
        if uplink.bond is not None and uplink.device in there:
            raise InUse(f"{uplink.device} is not ours", device=uplink.device)
        for name, other in self.wires.items():
            if name != bridge and other.uplink is not None:
                _check_apart(uplink, name, other.uplink)

    def disconnect(self, bridge: str) -> None:
        if self.wires.pop(bridge, None) is not None:
            self.remove_bridge(bridge)

    def leases(self) -> dict[str, Lease]:
        asked = [name for name, wire in self.wires.items() if wire.ipv4.mode is AddressMode.dhcp]
        return dict.fromkeys(asked, self.lease)

    def functions(self, device: str) -> Functions:
        if all(nic.device != device for nic in NICS):
            raise NotFound(f"there is no interface {device}", device=device)
        count = self.made.get(device, 0)
        return Functions(count, count - self.held[device])

    def make_functions(self, device: str) -> None:
        there = self.functions(device)
        if not self.capable.get(device):
            raise NotSupported(f"{device} can have no virtual functions", device=device)
        if not there.count:
            self.made[device] = self.capable[device]

    def remove_functions(self, device: str) -> None:
        self.functions(device)
        if self.held[device]:
            raise InUse(f"virtual functions of {device} are held for guests", device=device)
        self.made.pop(device, None)

    def guard(self, ports: Sequence[GuestPort]) -> None:
        for port in ports:
            if port.kbps or port.locking is not Locking.unlocked:
                self.guarded[port.vif] = port
            else:
                self.guarded.pop(port.vif, None)

    def unguard(self, vifs: Sequence[str]) -> None:
        for vif in vifs:
            self.guarded.pop(vif, None)
            for reason in Reason:
                del self._dropped[vif, reason]

    def dropped(self) -> dict[str, dict[Reason, int]]:
        return {vif: {reason: self._dropped[vif, reason] for reason in Reason} for vif in self.guarded}

    def drop(self, vif: str, reason: Reason) -> None:
        """Let a port have tried to send what it may not."""
        self._dropped[vif, reason] += 1


def _mac(wire: Wire) -> str:
    """That the bridge has once the wire lies."""
    if wire.uplink is None:
        return wire.mac
    if wire.uplink.bond is not None:
        return wire.uplink.bond.mac
    return next(nic.mac for nic in NICS if nic.device == wire.uplink.device)


def _check_apart(uplink: Uplink, name: str, other: Uplink) -> None:
    """Whether a way out can be had beside that of a bridge of this name."""
    if (other.device, other.tag) == (uplink.device, uplink.tag):
        raise AlreadyExists(f"{name} leads out by {uplink.device} already", device=uplink.device, tag=str(uplink.tag))
    shared = set(uplink.interfaces).intersection(other.interfaces)
    if other.device != uplink.device and shared:
        device = min(shared)
        raise InUse(f"{name} leads out by {device} already", device=device)


def _given(addressing: Addressing, by_others: str) -> str:
    """The address that comes of a configuration."""
    match addressing.mode:
        case AddressMode.none:
            return ""
        case AddressMode.static:
            return addressing.address
    return by_others
