"""A kernel with bonds and VLANs, as far as our driver asks it: most machines that tests run on have neither.

Messages are encoded and decoded as they are for the true one, and it refuses what that refuses.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from pyroute2 import NetlinkError
from pyroute2.iproute.linux import get_arguments_processor
from pyroute2.netlink.rtnl import RTM_GETADDR, RTM_GETLINK, RTM_GETROUTE
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

UP = 1
LACP = 4
ONLY_LACP = ("IFLA_BOND_AD_LACP_RATE", "IFLA_BOND_AD_USER_PORT_KEY")
OF_BRIDGES = {"IFLA_BR_FORWARD_DELAY": 1500, "IFLA_BR_MCAST_SNOOPING": 1}
OF_BONDS = {"IFLA_BOND_MODE": 0, "IFLA_BOND_MIIMON": 0, "IFLA_BOND_UPDELAY": 0, "IFLA_BOND_DOWNDELAY": 0,
            "IFLA_BOND_USE_CARRIER": 1, "IFLA_BOND_XMIT_HASH_POLICY": 0}  # fmt: skip


@dataclass
class FakeLink:
    index: int
    name: str
    kind: str
    mac: str
    own_mac: str
    mtu: int = 1500
    master: int = 0
    parent: int = 0
    group: int = 0
    alias: str = ""
    up: bool = False
    settings: dict[str, int] = field(default_factory=dict)


class Said(dict[str, Any]):
    """A message of the kernel about an address or a route."""

    def get_attr(self, name: str) -> Any:
        return self.get(name)


class FakeKernel:
    """``asked``: what was asked for that changes something."""

    def __init__(self, *interfaces: str) -> None:
        self.links: dict[int, FakeLink] = {}
        self.addresses: list[Said] = []
        self.routes: list[Said] = []
        self.asked: list[str] = []
        self._steps: int | None = None
        for name in interfaces:
            self._add(name, "")

    def __call__(self) -> Self:
        """A connection to it."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        pass

    def fail_after(self, steps: int | None) -> None:
        """Refuse everything after so many changes from now on; None: nothing any more."""
        self._steps = steps

    def _step(self, what: str) -> None:
        if self._steps is not None:
            if not self._steps:
                raise NetlinkError(errno.EIO)
            self._steps -= 1
        self.asked.append(what)

    def named(self, name: str) -> FakeLink:
        return next(link for link in self.links.values() if link.name == name)

    def names(self) -> set[str]:
        return {link.name for link in self.links.values()}

    def _add(self, name: str, kind: str) -> FakeLink:
        index = max(self.links, default=1) + 1
        mac = f"02:00:00:00:00:{index:02x}"
        settings = OF_BRIDGES if kind == "bridge" else OF_BONDS if kind == "bond" else {}
        self.links[index] = FakeLink(index, name, kind, mac, mac, settings=dict(settings))
        return self.links[index]

    # Links

    def get_links(self) -> list[Any]:
        return [self._told(link) for link in self.links.values()]

    def _told(self, link: FakeLink) -> Any:
        message = ifinfmsg()
        message["index"], message["ifi_type"], message["flags"] = link.index, 1, UP * link.up
        info: list[Any] = [("IFLA_INFO_KIND", link.kind)] if link.kind else []
        if link.settings:
            info.append(("IFLA_INFO_DATA", {"attrs": list(link.settings.items())}))
        master = self.links.get(link.master)
        if master is not None:
            info.append(("IFLA_INFO_SLAVE_KIND", master.kind))
            if master.kind == "bond":
                info.append(("IFLA_INFO_SLAVE_DATA", {"attrs": [("IFLA_BOND_SLAVE_PERM_HWADDR", link.own_mac)]}))
        attributes = {
            "IFLA_IFNAME": link.name, "IFLA_ADDRESS": link.mac, "IFLA_MTU": link.mtu, "IFLA_GROUP": link.group,
            "IFLA_CARRIER": int(link.up), "IFLA_MASTER": link.master, "IFLA_LINK": link.parent,
            "IFLA_IFALIAS": link.alias,
        }  # fmt: skip
        message["attrs"] = [(name, value) for name, value in attributes.items() if value not in (0, "")]
        if info:
            message["attrs"].append(("IFLA_LINKINFO", {"attrs": info}))
        return _over_the_wire(message)

    def link(self, command: str, **arguments: Any) -> list[Any]:
        if command == "get":
            found = [
                link for link in self.links.values() if arguments in ({"index": link.index}, {"ifname": link.name})
            ]
            if not found:
                raise NetlinkError(errno.ENODEV)
            return [self._told(link) for link in found]
        self._step(f"link {command} {arguments}")
        message = _asked("link", command, arguments)
        if command == "del":
            self._remove(self._found(message["index"]))
        elif command == "add":
            self._make(message)
        else:
            self._set(self._found(message["index"]), message)
        return []

    def nlm_request(self, message: Any, msg_type: int, msg_flags: int) -> list[Any]:
        """All of a kind that fits what is asked for."""
        if msg_type == RTM_GETLINK:
            master = message.get_attr("IFLA_MASTER")
            return [self._told(link) for link in self.links.values() if link.master == master]
        if msg_type == RTM_GETADDR:
            return [each for each in self.addresses if each["index"] == message["index"]]
        assert msg_type == RTM_GETROUTE
        index, family = message.get_attr("RTA_OIF"), message["family"]
        return [each for each in self.routes if (each["family"], each["RTA_OIF"]) == (family, index)]

    def _found(self, index: int) -> FakeLink:
        if index not in self.links:
            raise NetlinkError(errno.ENODEV)
        return self.links[index]

    def _make(self, message: Any) -> None:
        name, kind = message.get_attr("IFLA_IFNAME"), message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND")
        if name in self.names():
            raise NetlinkError(errno.EEXIST)
        assert kind in ("bond", "bridge", "vlan")
        assert len(name) <= 15
        link = self._add(name, kind)
        link.group, link.parent = message.get_attr("IFLA_GROUP") or 0, message.get_attr("IFLA_LINK") or 0
        if kind == "vlan":
            link.settings = {"IFLA_VLAN_ID": message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA", "IFLA_VLAN_ID")}
            link.mac, link.mtu = self._found(link.parent).mac, self._found(link.parent).mtu
        else:
            self._set_kind(link, message)
        # As the true one: an alias is not looked at here.
        link.mac = message.get_attr("IFLA_ADDRESS") or link.mac

    def _set(self, link: FakeLink, message: Any) -> None:
        master, mtu = message.get_attr("IFLA_MASTER"), message.get_attr("IFLA_MTU")
        if message.get_attr("IFLA_LINKINFO") is not None:
            self._set_kind(link, message)
        if mtu is not None:
            if link.kind == "vlan" and mtu > self.links[link.parent].mtu:
                raise NetlinkError(errno.ERANGE)
            for each in (link, *self._members(link)):
                each.mtu = mtu
        if (mac := message.get_attr("IFLA_ADDRESS")) is not None:
            for each in (link, *self._members(link)):
                each.mac = mac
        link.alias = message.get_attr("IFLA_IFALIAS") or link.alias
        if master is not None:
            self._join(link, master)
        if message["change"] & UP:
            link.up = bool(message["flags"] & UP)

    def _members(self, link: FakeLink) -> list[FakeLink]:
        return [each for each in self.links.values() if each.master == link.index and link.kind == "bond"]

    def _set_kind(self, link: FakeLink, message: Any) -> None:
        data = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")
        wanted = dict(data["attrs"]) if data is not None else {}
        if link.kind == "bond":
            mode = wanted.get("IFLA_BOND_MODE", link.settings["IFLA_BOND_MODE"])
            if mode != link.settings["IFLA_BOND_MODE"] and (link.up or self._members(link)):
                raise NetlinkError(errno.EBUSY)
            if mode != LACP and any(name in wanted for name in ONLY_LACP):
                raise NetlinkError(errno.EACCES)
            if any(wanted.get(name) != link.settings.get(name) for name in ONLY_LACP if name in wanted) and link.up:
                raise NetlinkError(errno.EBUSY)
            looked_at = wanted.get("IFLA_BOND_MIIMON", link.settings["IFLA_BOND_MIIMON"])
            for name in ("IFLA_BOND_UPDELAY", "IFLA_BOND_DOWNDELAY"):
                if wanted.get(name):
                    if not looked_at:
                        raise NetlinkError(errno.EINVAL)
                    wanted[name] -= wanted[name] % looked_at
        link.settings |= wanted

    def _join(self, link: FakeLink, index: int) -> None:
        if index == link.master:
            return
        before, after = self.links.get(link.master), self.links.get(index)
        if before is not None and before.kind == "bond":
            link.mac, link.up, link.mtu = link.own_mac, False, 1500
        if after is not None and after.kind == "bond":
            if link.up:
                link.master = 0
                raise NetlinkError(errno.EPERM)
            link.mac, link.mtu, link.up = after.mac, after.mtu, True
        link.master = index

    def _remove(self, link: FakeLink) -> None:
        for each in list(self.links.values()):
            if each.master == link.index:
                self._join(each, 0)
            if each.parent == link.index:
                self._remove(each)
        self.addresses = [each for each in self.addresses if each["index"] != link.index]
        self.routes = [each for each in self.routes if each["RTA_OIF"] != link.index]
        del self.links[link.index]

    # Addresses and routes

    def get_addr(self) -> Iterable[Said]:
        return list(self.addresses)

    def addr(self, command: str, index: int, address: str, prefixlen: int) -> None:
        self._step(f"addr {command} {address}")
        family = 10 if ":" in address else 2
        said = Said(family=family, index=index, scope=0, prefixlen=prefixlen, IFA_ADDRESS=address)
        if command == "add":
            self.addresses.append(said)
        else:
            self.addresses.remove(said)

    def get_default_routes(self, family: int) -> list[Said]:
        return [each for each in self.routes if each["family"] == family]

    def route(self, command: str, family: int, dst: str, gateway: str, oif: int) -> None:
        self._step(f"route {command} {gateway}")
        assert dst == "default"
        if command == "replace":
            self.routes = [each for each in self.routes if each["family"] != family]
            self.routes.append(Said(family=family, proto=4, dst_len=0, RTA_GATEWAY=gateway, RTA_OIF=oif))
        else:
            self.routes.remove(Said(family=family, proto=4, dst_len=0, RTA_GATEWAY=gateway, RTA_OIF=oif))


def _asked(mode: str, command: str, arguments: dict[str, Any]) -> Any:
    """A message as pyroute2 makes it of arguments, and as the kernel gets it."""
    processor = get_arguments_processor(mode, command, dict(arguments))
    message = ifinfmsg()
    for name, *_ in ifinfmsg.fields:
        message[name] = processor.get_value(name, default=0, mode="field")
    for key, value in processor.items():
        name = ifinfmsg.name2nla(key)
        if message.valid_nla(name) and value is not None:
            message["attrs"].append([name, value])
    return _over_the_wire(message)


def _over_the_wire(message: Any) -> Any:
    message.encode()
    read = ifinfmsg(message.data)
    read.decode()
    return read
