"""A thousand viewers of one console: what they cost a bridge and the daemon, and how long others wait."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

from tests.bench.bench_memory import MIB, resident
from tests.bench.report import at_most, cpu_seconds, load_average, middle, quick, say
from tests.bench.servers import daemon
from tests.console_client import connect, console
from tests.rfb_client import RfbClient, bridge_at
from xapid.backends.terminal.bridges import Bridges, Line
from xapid.wire.rfb import HEXTILE

VIEWERS = 200 if quick() else 1000
ROUNDS = 5 if quick() else 20
ASKS = 3
"""Times that each asks for the whole screen and does not read it."""


def of_a_bridge(directory: Path) -> None:
    """Viewers of a guest's line as a screen."""
    guest, ours = socket.socketpair()
    bridges = Bridges(directory / "tty")
    with ExitStack() as stack:
        stack.callback(bridges.close)
        stack.callback(bridges.kill, "guest")
        stack.enter_context(guest)
        bridges.begin("guest", lambda: Line(ours.detach(), "guest"))
        path = bridges.rfb("guest")
        watcher = stack.enter_context(closing(RfbClient.at(path)))
        watcher.encodings(HEXTILE)
        alone = middle(_seen_after(guest, watcher, f"alone {number}") for number in range(ROUNDS))
        before, worked = resident(bridge_at(path)), cpu_seconds(bridge_at(path))
        for _ in range(VIEWERS):
            viewer = stack.enter_context(closing(RfbClient.at(path)))
            for _ in range(ASKS):
                viewer.ask(anew=True)
        crowded = middle(_seen_after(guest, watcher, f"crowd {number}") for number in range(ROUNDS))
        grown = (resident(bridge_at(path)) - before) / MIB
        worked = cpu_seconds(bridge_at(path)) - worked
    say(f"{VIEWERS} viewers of a line who do not read", grown, "MiB", at_most(64), f"{worked:.1f} s of a processor")
    beside = f"{1000 * crowded:.0f} ms, alone {1000 * alone:.0f} ms"
    say("a change seen beside them", 1000 * crowded, "ms", at_most(500), beside)


def _seen_after(guest: socket.socket, watcher: RfbClient, text: str) -> float:
    """Seconds until what a guest prints can be read."""
    began = time.perf_counter()
    guest.sendall(f"\x1b[2J\x1b[H{text}".encode())
    watcher.until(text, 0)
    return time.perf_counter() - began


def of_the_daemon(directory: Path) -> None:
    """Viewers of a simulated screen, who ask for it and do not read."""
    with daemon(directory / "viewers", 0) as (started, _), closing(started.client()) as client, ExitStack() as stack:
        (template,) = client.call("VM.get_by_name_label", "Other install media")
        vm = client.call("VM.clone", template, "watched")
        client.call("VM.provision", vm)
        client.call("VM.add_to_platform", vm, "sim-guest", "full")
        client.call("VM.start", vm, False, False)
        screen = console(client, vm, "rfb")
        assert started.process is not None
        before = resident(started.process.pid)
        for _ in range(VIEWERS):
            viewer = RfbClient(stack.enter_context(connect(started.socket, client, screen)))
            for _ in range(ASKS):
                viewer.ask(anew=True)
        began = time.perf_counter()
        client.call("VM.get_all_records")
        answered = time.perf_counter() - began
        grown = (resident(started.process.pid) - before) / VIEWERS / 1024
    say(f"{VIEWERS} viewers by way of the daemon", grown, "KiB each", at_most(640))
    say("a call beside them", 1000 * answered, "ms", at_most(500))


if __name__ == "__main__":
    print(f"consoles; load {load_average()}, {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory(prefix="xb-") as name:
        of_a_bridge(Path(name))
        of_the_daemon(Path(name))
