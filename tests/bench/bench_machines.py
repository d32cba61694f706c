"""Lives of machines: what the daemon adds to libvirt's own time, whether that grows with their number, and whether a
crowd of clients loses anything."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.bench_api import make_source
from tests.bench.report import at_most, load_average, middle, quick, say
from tests.bench.servers import Server, daemon
from tests.bench.walk import Steps, walk
from tests.daemon import Client
from tests.demo_guest import demo_guest
from tests.own_network import own_network
from xapid.backends.domain.sim import FULL

FEW, MANY = 10, 1000
ROUNDS = 5 if quick() else 15
AT_ONCE = 20
"""Starts and shutdowns of a round."""
FLAT = 5.0
"""Milliseconds: QEMU and libvirt take some hundred for the same."""
CLIENTS, LIVES = 100, 1000
SIZE = 4 << 20
CLASSES = ("VM", "VBD", "VIF", "VM_metrics", "console", "VM_guest_metrics")


def make_small_source(client: Client) -> str:
    """A machine to clone, of as little memory as lets all find room, whose guest hears when it is to shut down."""
    make_source(client)
    source = str(client.call("VM.get_by_name_label", "source of lives")[0])
    client.call("VM.set_memory_limits", source, *(str(SIZE) for _ in range(4)))
    client.call("VM.set_platform", source, {**client.call("VM.get_platform", source), "sim-guest": FULL})
    return source


def make_running(client: Client, server: Server, source: str, count: int) -> None:
    def steps(number: int) -> Steps:
        vm = yield "VM.clone", source, f"runs {number}"
        yield "VM.start", vm, False, False

    walk(server.address, client.session, (steps(number) for number in range(count)))


def cycle(client: Client, server: Server, vms: list[str]) -> tuple[float, float]:
    """Seconds that a start and a clean shutdown take, one after the other, by one client."""
    took = []
    for message, *arguments in (("VM.start", False, False), ("VM.clean_shutdown",)):

        def steps(message: str = message, arguments: tuple[bool, ...] = tuple(arguments)) -> Steps:
            for vm in vms:
                yield message, vm, *arguments

        began = time.perf_counter()
        walk(server.address, client.session, [steps()])
        took.append((time.perf_counter() - began) / len(vms))
    return took[0], took[1]


def growth(directory: Path) -> None:
    """Starts and shutdowns where few machines run, and where many do."""
    with daemon(directory / "few") as (small, few), daemon(directory / "many") as (large, many):
        sides = []
        for server, address, count in ((small, few, FEW), (large, many, MANY)):
            client = server.client()
            source = make_small_source(client)
            make_running(client, address, source, count)
            vms = [client.call("VM.clone", source, "turns") for _ in range(AT_ONCE)]
            sides.append((client, address, vms))
        rounds = [[cycle(*side) for side in sides] for _ in range(ROUNDS)]
    for number, what in enumerate(("VM.start", "VM.clean_shutdown")):
        among_few, among_many = (middle(each[side][number] for each in rounds) for side in range(2))
        more = middle(each[1][number] - each[0][number] for each in rounds)
        beside = f"{among_many * 1000:.2f} ms against {among_few * 1000:.2f}"
        say(f"{what} while {MANY:,} machines run", more * 1000, f"ms more than with {FEW}", at_most(FLAT), beside)


def crowd(directory: Path) -> None:
    """So many clients clone, start, shut down and destroy: each call succeeds, nothing is left."""
    with daemon(directory / "crowd") as (started, server):
        client = started.client()
        source = make_small_source(client)
        before = {cls: len(client.call(f"{cls}.get_all")) for cls in CLASSES}
        born: list[str] = []

        def steps(number: int) -> Steps:
            for turn in range(LIVES // CLIENTS):
                vm = yield "VM.clone", source, f"life {number}.{turn}"
                born.append(vm)
                yield "VM.start", vm, False, False
                yield "VM.hard_shutdown", vm
                yield "VM.destroy", vm

        began = time.perf_counter()
        walk(server.address, client.session, (steps(number) for number in range(CLIENTS)))
        took = time.perf_counter() - began
        left = sum(abs(len(client.call(f"{cls}.get_all")) - count) for cls, count in before.items())
        # Of calls that fail `walk` tells.
        lost = LIVES - len(set(born)) + left
    say(f"{CLIENTS} clients, {LIVES:,} lives: lost or left behind", lost, "", at_most(0), f"in {took:.1f} s")


def on_qemu() -> None:
    """In a process and a network of its own."""
    if os.geteuid() != 0 or importlib.util.find_spec("libvirt") is None:
        print("VM.start, VM.clean_shutdown and events on QEMU: not measured, for want of root or of libvirt-python")
        return
    # Its packages come from a mirror, which is out of reach there.
    demo_guest()
    with own_network() as within:
        subprocess.run([*within, sys.executable, "-m", "tests.bench.real_machines", *sys.argv[1:]], check=True)


def main() -> None:
    print(f"Machines ({load_average()})")
    with tempfile.TemporaryDirectory(prefix="xapid-bench-") as name:
        growth(Path(name))
        crowd(Path(name))
    on_qemu()


if __name__ == "__main__":
    main()
