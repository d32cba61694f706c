"""Links in a network namespace, as an administrator, a container engine or a hypervisor makes them."""

from __future__ import annotations

from typing import Any

from pyroute2 import IPRoute


class Namespace:
    """The namespace that this thread is in. ``far``: the name of another one, in which the other ends are."""

    def __init__(self, far: str) -> None:
        self.far = far

    def add(self, name: str, kind: str, **settings: Any) -> None:
        with IPRoute() as netlink:
            netlink.link("add", ifname=name, kind=kind, **settings)

    def set(self, name: str, **settings: Any) -> None:
        with IPRoute() as netlink:
            netlink.link("set", index=self.index(name), **settings)

    def add_interface(self, name: str, address: str = "") -> None:
        """An interface as a container has it."""
        self.add(name, "veth", peer={"ifname": name, "net_ns_fd": self.far})
        self.set(name, state="up")
        if address:
            self.add_address(name, address)

    def add_address(self, name: str, address: str) -> None:
        host, _, length = address.partition("/")
        with IPRoute() as netlink:
            netlink.addr("add", index=self.index(name), address=host, prefixlen=int(length))

    def add_gateway(self, gateway: str, metric: int, name: str) -> None:
        with IPRoute() as netlink:
            netlink.route("add", dst="default", gateway=gateway, priority=metric, oif=self.index(name))

    def join(self, port: str, bridge: str) -> None:
        """A port on a bridge, as a hypervisor adds one for a guest."""
        self.add(port, "tuntap", mode="tap")
        self.set(port, master=self.index(bridge))

    def index(self, name: str) -> int:
        return int(self.look(name)["index"])

    def look(self, name: str) -> Any:
        """The kernel's message about a link. Raises LookupError if there is none of that name."""
        with IPRoute() as netlink:
            for each in netlink.get_links():
                if each.get_attr("IFLA_IFNAME") == name:
                    return each
        raise LookupError(name)

    def setting(self, bridge: str, name: str) -> int:
        """A setting of a bridge, by the kernel's name for it."""
        return int(self.look(bridge).get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA", name))
