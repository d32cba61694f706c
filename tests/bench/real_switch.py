"""VLANs of Open vSwitch, joined by the driver and bare, where many are already. In a network of its own, as root."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from pyroute2 import IPRoute

from tests.backends.network.own_switch import own_switch
from tests.bench.report import at_most, quick, say
from xapid.backends.network import ovsdb
from xapid.backends.network.interface import Bridge, Uplink, Wire
from xapid.backends.network.openvswitch import OpenVSwitch
from xapid.backends.network.ovs_layout import carrier_of
from xapid.backends.network.ovs_rows import DEVICE, NETWORK, PATCH, TAG, far_end, near_end
from xapid.backends.network.ovsdb import Operation, Ovsdb, insert, map_of, mutate, new_id, set_of

NETWORKS = 100 if quick() else 800
"""That are there when it is measured."""
MEASURED = 20
DEVICE_NAME = "eth1"
CARRIER = carrier_of(DEVICE_NAME)


@contextmanager
def interface() -> Iterator[None]:
    """An interface of the host that leads to another network."""
    with subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE) as far:
        try:
            assert far.stdout
            far.stdout.readline()
            with IPRoute() as netlink:
                netlink.link("add", ifname=DEVICE_NAME, kind="veth", peer={"ifname": "far", "net_ns_pid": far.pid})
                netlink.link("set", index=netlink.link_lookup(ifname=DEVICE_NAME)[0], state="up")
            yield
        finally:
            far.kill()


def named(number: int) -> Bridge:
    return Bridge(f"xapi{number}", f"00000000-0000-4000-8000-{number:012}")


def joined(number: int, carrier: str) -> list[Operation]:
    """The rows of a VLAN, as the driver lays them; ``carrier``: the uuid of the bridge that has the interface."""
    name = named(number).name
    near, far = near_end(name), far_end(name, CARRIER)

    def port(ours: str, columns: dict[str, object], **others: object) -> list[Operation]:
        link = insert("Interface", f"link{ours}{number}", columns)
        row = {"name": columns["name"], "interfaces": new_id(f"link{ours}{number}"), **others}
        return [link, insert("Port", f"{ours}{number}", row)]

    marks = {PATCH: "true", DEVICE: DEVICE_NAME, TAG: str(number)}
    return [
        *port("local", {"name": name, "type": "internal", "mtu_request": 1500}),
        *port("near", {"name": near, "type": "patch", "options": map_of({"peer": far})}, external_ids=map_of(marks)),
        *port(
            "far",
            {"name": far, "type": "patch", "options": map_of({"peer": near})},
            tag=number,
            external_ids=map_of({PATCH: "true"}),
        ),
        insert(
            "Bridge",
            f"bridge{number}",
            {
                "name": name,
                "datapath_type": "netdev",
                "fail_mode": "standalone",
                "ports": set_of([new_id(f"local{number}"), new_id(f"near{number}")]),
                "external_ids": map_of({NETWORK: named(number).uuid}),
            },
        ),
        mutate("Bridge", carrier, ["ports", "insert", set_of([new_id(f"far{number}")])]),
        {
            "op": "mutate",
            "table": ovsdb.DATABASE,
            "where": [],
            "mutations": [["bridges", "insert", set_of([new_id(f"bridge{number}")])]],
        },
    ]


def bare(database: Ovsdb, netlink: IPRoute, number: int, carrier: str) -> None:
    """The same in one transaction and one message of netlink, over connections that are open already."""
    database.commit(joined(number, carrier), "bare")
    netlink.link("set", index=netlink.link_lookup(ifname=named(number).name)[0], state="up")


def plug(driver: OpenVSwitch, number: int) -> None:
    driver.connect(Wire(named(number), Uplink(DEVICE_NAME, number)))


def taken(clock: Callable[[], float], work: Callable[[], None]) -> float:
    began = clock()
    work()
    return clock() - began


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="xapid-bench-") as folder, interface(), own_switch() as switch:
        places = {"leases": Path(folder), "resolv_conf": Path(folder, "resolv.conf")}
        driver = OpenVSwitch(switch.socket, "netdev", **places)
        with closing(driver), ovsdb.opened(switch.socket) as database, IPRoute() as netlink:
            few = [taken(time.process_time, partial(plug, driver, number)) for number in range(1, 21)]
            bridges = database.select({"Bridge": ["name"]})["Bridge"]
            (carrier,) = (uuid for uuid, row in bridges.items() if row["name"] == CARRIER)
            rest = range(len(few) + 1, NETWORKS + 1)
            database.commit([each for number in rest for each in joined(number, carrier)], "many")
            driver.bridges()
            alone, ours, many = [], [], []
            for number in range(NETWORKS + 1, NETWORKS + 2 * MEASURED + 1, 2):
                # By turns: the switch takes longer the more there are.
                alone.append(taken(time.perf_counter, partial(bare, database, netlink, number, carrier)))
                began = time.process_time()
                ours.append(taken(time.perf_counter, partial(plug, driver, number + 1)))
                many.append(time.process_time() - began)
    beside = f"{sum(ours) / MEASURED * 1e3:,.0f} ms a network against {sum(alone) / MEASURED * 1e3:,.0f}"
    say(
        f"a VLAN of Open vSwitch beside {NETWORKS}, over the same bare", sum(ours) / sum(alone), "x", at_most(2), beside
    )
    grown = sum(many) / len(many) / (sum(few[1:]) / len(few[1:]))
    say(f"the driver's own time beside {NETWORKS}, over that beside 20", grown, "x", at_most(1.5))


if __name__ == "__main__":
    main()
