"""A daemon of a test's own on QEMU: in a network of its own, with the demo guest, and no guest is left at the end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from tests import known_qemu
from tests.console_client import LIMIT, serial_line
from tests.daemon import Client, Daemon
from tests.demo_guest import CACHE, demo_guest
from tests.own_network import own_network
from tests.told import ended
from xapid.backends.domain import embed
from xapid.demo.build import READY


class QemuDaemon(Daemon):
    """``xapid serve --drivers libvirt``, and its guests."""

    def booted(self, name: str) -> str:
        """A new demo guest, whose serial line says that it is up."""
        with closing(self.client()) as client:
            vm = new_guest(client, name)
            client.call("VM.start", vm, False, False)
            with serial_line(self.socket, client, vm) as line:
                line.wait_for(READY)
        return vm

    def run(self, *command: str) -> str:
        """What a command prints that sees the files and the network that the daemon sees."""
        return subprocess.run([*self._within, *command], stdout=subprocess.PIPE, text=True, check=True).stdout

    @property
    def links(self) -> list[str]:
        """The network interfaces that it sees, without what tells those of a kind apart."""
        names = [line.split(": ")[1] for line in self.run("ip", "-o", "link").splitlines()]
        return [re.sub(r"(?<=^guest)[0-9a-f]+$|[0-9]+$", "", name) for name in names]

    @property
    def bounds(self) -> int:
        """How many interfaces of guests have rules on what they may send."""
        return self.run("nft", "list", "ruleset").count(" : jump vif-")

    @property
    def guests(self) -> list[int]:
        """The processes of the guests; not those that libvirt asks what QEMU can do."""
        return processes(b"guest=", self._emulators())

    def _emulators(self) -> list[int]:
        return emulators(self.directory)

    def end_guests(self) -> None:
        """And whoever libvirt was asking when it was stopped."""
        end_emulators(self.directory)


def emulators(folder: Path) -> list[int]:
    """The processes of QEMU with files below a folder."""
    everybody = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return processes(f"{folder}/".encode(), processes(b"qemu-system", everybody))


def end_emulators(folder: Path) -> None:
    """End guests, and what a libvirt that is no more still asks what QEMU can do."""
    for pid in emulators(folder):
        with suppress(ProcessLookupError):
            end(pid, signal.SIGKILL)


def agent_of(daemon: Daemon) -> int:
    """The process of a daemon's agent."""
    assert daemon.process is not None
    tasks = Path(f"/proc/{daemon.process.pid}/task").iterdir()
    (agent,) = processes(b"xapid.backends.agent", [int(pid) for task in tasks for pid in children(task)])
    return agent


def children(task: Path) -> list[str]:
    return (task / "children").read_text().split()


def processes(words: bytes, among: list[int]) -> list[int]:
    """Those whose command line has these words in it."""
    found = []
    for pid in among:
        try:
            if words in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
        except OSError:
            # It ended meanwhile.
            continue
    return found


def new_guest(client: Client, name: str) -> str:
    """A guest that is off, the demo guest where there is one. When it crashes it stays off."""
    found = client.call("VM.get_by_name_label", "xapid demo guest")
    template = found or client.call("VM.get_by_name_label", "Other install media")
    vm = str(client.call("VM.clone", template[0], name))
    client.call("VM.provision", vm)
    client.call("VM.set_actions_after_crash", vm, "destroy")
    return vm


def end(pid: int, number: signal.Signals) -> None:
    """Send a process a signal that ends it, and wait until it did."""
    os.kill(pid, number)
    assert ended(pid, LIMIT), f"process {pid} does not end"


@contextmanager
def qemu_daemon() -> Iterator[QemuDaemon]:
    """The daemon, started, in a network of its own."""
    with own_network() as within, qemu_daemon_within(within) as daemon:
        yield daemon


@contextmanager
def qemu_daemon_within(network: tuple[str, ...]) -> Iterator[QemuDaemon]:
    """The daemon, started in a network."""
    with started_on_qemu(QemuDaemon, network) as daemon:
        yield daemon


D = TypeVar("D", bound=QemuDaemon)


@contextmanager
def started_on_qemu(kind: type[D], network: tuple[str, ...]) -> Iterator[D]:
    """A daemon of some class, started in a network. The path of its folder is short: there are sockets below it."""
    demo_guest()
    folder = Path(tempfile.mkdtemp(prefix="xq-", dir="/tmp"))
    (folder / "state").mkdir(mode=0o700)
    (folder / "state" / "demo").symlink_to(CACHE)
    known_qemu.hand_over(embed.root_below(folder / "state"))
    daemon = kind(folder, "--drivers", "libvirt", within=network)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.stop()
        daemon.end_guests()
    shutil.rmtree(folder)
