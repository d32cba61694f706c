"""Linux bridges, by netlink. Ours carry the uuid of their network in the link's alias."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute, NetlinkError

from xapid.backends.interface import AlreadyExists, DriverInfo, Failed, InUse
from xapid.backends.network.interface import Bridge, Nic

OURS = "xapid:"
SYSFS = Path("/sys/class/net")
VIRTUAL_KINDS = frozenset({"bridge", "tun", "dummy", "macvtap", "macvlan", "vxlan", "ifb", "vlan", "bond", "ipvlan"})
"""Kinds of link that are no interface of the host; a veth counts as one, so that containers have some."""


class Bridges:
    """Networks of this host. Each call opens netlink anew: calls come from several threads."""

    info = DriverInfo("bridge", "Linux bridges")

    def nics(self) -> list[Nic]:
        with _netlink() as netlink:
            links = netlink.get_links()
            names = {link["index"]: link.get("ifname") for link in links}
            addresses, gateways = _addresses(netlink), _gateways(netlink)
        return [
            _nic(link, names, addresses.get(link["index"], ()), gateways.get(link["index"], ""))
            for link in links
            if _is_interface(link)
        ]

    def bridges(self) -> list[Bridge]:
        with _netlink() as netlink:
            links = netlink.get_links()
        return [_bridge(link, links) for link in links if _network_of(link)]

    def ensure_bridge(self, bridge: Bridge) -> None:
        with _netlink() as netlink:
            found = _find(netlink, bridge.name)
            if found is None:
                netlink.link("add", ifname=bridge.name, kind="bridge", br_forward_delay=0, br_mcast_snooping=0)
                found = _find(netlink, bridge.name)
            elif _network_of(found) != bridge.uuid and not _is_half_made(found):
                raise AlreadyExists(f"there is a link {bridge.name} that is not of network {bridge.uuid}")
            if found is None:
                raise Failed(f"the bridge {bridge.name} went as soon as it was made")
            index = found["index"]
            netlink.link("set", index=index, ifalias=f"{OURS}{bridge.uuid}")
            netlink.link("set", index=index, mtu=bridge.mtu, state="up")

    def remove_bridge(self, name: str) -> None:
        with _netlink() as netlink:
            found = _find(netlink, name)
            if found is None or not _network_of(found):
                return
            ports = _ports(found, netlink.get_links())
            if ports:
                raise InUse(f"{', '.join(ports)} still joined to {name}")
            netlink.link("del", index=found["index"])


@contextmanager
def _netlink() -> Iterator[Any]:
    with IPRoute() as netlink:
        try:
            yield netlink
        except NetlinkError as error:
            raise Failed(f"the kernel refuses: {error.args[-1]}") from error


def _find(netlink: Any, name: str) -> Any | None:
    return next(iter(netlink.link_lookup(ifname=name)), None) and next(
        (link for link in netlink.get_links() if link.get("ifname") == name), None
    )


def _kind(link: Any) -> str:
    info = link.get("linkinfo")
    return str(info.get("kind") or "") if info else ""


def _network_of(link: Any) -> str:
    """uuid of the network whose bridge a link is; empty: it is none of ours."""
    alias = str(link.get("ifalias") or "")
    return alias.removeprefix(OURS) if alias.startswith(OURS) else ""


def _is_half_made(link: Any) -> bool:
    """A bridge that we died over before it had its alias: without alias, address or port."""
    return _kind(link) == "bridge" and not link.get("ifalias") and link.get("operstate") == "DOWN"


def _ports(bridge: Any, links: Any) -> list[str]:
    return [str(link.get("ifname")) for link in links if link.get("master") == bridge["index"]]


def _bridge(link: Any, links: Any) -> Bridge:
    return Bridge(str(link.get("ifname")), _network_of(link), int(link.get("mtu")), tuple(_ports(link, links)))


def _is_interface(link: Any) -> bool:
    name = str(link.get("ifname"))
    return name != "lo" and _kind(link) not in VIRTUAL_KINDS and not name.startswith(("vif", "vnet", "tap"))


def _addresses(netlink: Any) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for each in netlink.get_addr():
        address = f"{each.get('address')}/{each['prefixlen']}"
        found[each["index"]] = (*found.get(each["index"], ()), address)
    return found


def _gateways(netlink: Any) -> dict[int, str]:
    routes = netlink.get_default_routes(family=2)
    return {route.get("oif"): str(route.get("gateway")) for route in routes if route.get("gateway")}


def _nic(link: Any, names: dict[int, str], addresses: tuple[str, ...], gateway: str) -> Nic:
    name = str(link.get("ifname"))
    device = SYSFS / name / "device"
    speed = _number(SYSFS / name / "speed")
    return Nic(
        device=name,
        mac=str(link.get("address") or ""),
        mtu=int(link.get("mtu")),
        carrier=bool(link.get("carrier")),
        speed=max(speed, 0),
        duplex=_text(SYSFS / name / "duplex") == "full",
        addresses=addresses,
        gateway=gateway,
        vendor_id=_text(device / "vendor"),
        device_id=_text(device / "device"),
        pci_bus_path=device.resolve().name if device.exists() else "",
        bridge=names.get(link.get("master"), "") or "",
    )


def _text(path: Path) -> str:
    """What a file of the kernel says; empty where it has none or refuses, as `speed` does for a link that is down."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _number(path: Path) -> int:
    text = _text(path)
    return int(text) if text.lstrip("-").isdecimal() else 0
