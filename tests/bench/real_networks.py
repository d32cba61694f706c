"""Bridges of the kernel, made by the driver and bare. To be run in a network of its own, as root."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pyroute2 import IPRoute

from tests.bench.report import at_most, quick, say
from xapid.backends.network.bridge import OURS, SETTINGS, Bridges
from xapid.backends.network.interface import Bridge

NETWORKS = 100 if quick() else 800


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def bare(bridges: list[Bridge]) -> None:
    """The same in as few messages as there can be, over one connection: make it, find it, mark it."""
    with IPRoute() as netlink:
        for each in bridges:
            netlink.link("add", ifname=each.name, kind="bridge", **SETTINGS)
            (index,) = netlink.link_lookup(ifname=each.name)
            alias = f"{OURS}{each.uuid}"
            netlink.link("set", index=index, kind="bridge", ifalias=alias, mtu=each.mtu, state="up", **SETTINGS)


def named(prefix: str) -> list[Bridge]:
    return [Bridge(f"{prefix}{number}", f"00000000-0000-4000-8000-{number:012}") for number in range(NETWORKS)]


def main() -> None:
    bridges = named("xapi")
    with tempfile.TemporaryDirectory(prefix="xapid-bench-") as folder:
        driver = Bridges(leases=Path(folder))

        def ensure(some: list[Bridge]) -> float:
            return seconds(lambda: [driver.ensure_bridge(each) for each in some])

        # The kernel takes 35 ms to remove one: they stay until their network goes.
        alone = seconds(lambda: bare(named("bare")))
        first, last = ensure(bridges[: NETWORKS // 2]), ensure(bridges[NETWORKS // 2 :])
        again = ensure(bridges)
    ours = first + last
    beside = f"{ours / NETWORKS * 1e6:,.0f} us a network against {alone / NETWORKS * 1e6:,.0f}"
    say(f"{NETWORKS} bridges, over the same calls bare", ours / alone, "x", at_most(2), beside)
    say("the second half of them, over the first", last / first, "x", at_most(1.5))
    say(f"a start that finds all {NETWORKS}, over their making", again / ours, "x", at_most(1))


if __name__ == "__main__":
    main()
