"""Machines on QEMU through the daemon, against bare libvirt calls for the same machine, in turns; by root, in a network
of its own (``bench_machines`` starts it so).

Both speak with one libvirtd, so that the bare calls can also change a machine behind the daemon's back.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
import uuid
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import libvirt

from tests.backends.domain.libvirtd import Libvirtd
from tests.bench.report import at_most, middle, quick, say
from tests.daemon import Client
from tests.demo_guest import CACHE, demo_guest
from tests.qemu_daemon import QemuDaemon, new_guest
from xapid.demo.build import READY

ROUNDS = 3 if quick() else 9
DISK_ROUNDS = 5 if quick() else 15
CHANGES = 100 if quick() else 400
PATIENCE = 120.0
MIB = 1 << 20


class Bare:
    """libvirt as who calls it without anything between."""

    def __init__(self, uri: str) -> None:
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=self._run, daemon=True).start()
        self.connection = libvirt.open(uri)
        self._gone = threading.Semaphore(0)
        self._uuid = ""
        self.connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._heard, None)

    @staticmethod
    def _run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    def _heard(self, _: Any, domain: libvirt.virDomain, event: int, *rest: Any) -> None:
        if event == libvirt.VIR_DOMAIN_EVENT_STOPPED and domain.UUIDString() == self._uuid:
            self._gone.release()

    def start(self, xml: str) -> libvirt.virDomain:
        domain = self.connection.createXML(xml, 0)
        self._uuid = domain.UUIDString()
        return domain

    def clean_shutdown(self, domain: libvirt.virDomain) -> None:
        domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
        assert self._gone.acquire(timeout=PATIENCE)


class Twin:
    """A machine of the daemon that is off, and one like it that the daemon does not know. Only one of them runs."""

    def __init__(self, client: Client, bare: Bare) -> None:
        self._client, self._bare = client, bare
        self.vm = new_guest(client, "twin")
        # It keeps the bridge there when the other one is off.
        client.call("VM.start", new_guest(client, "keeper"), True, False)
        own = str(client.call("VM.get_uuid", self.vm))
        other = str(uuid.uuid4())
        self._own = own
        client.call("VM.start", self.vm, False, False)
        xml = bare.connection.lookupByUUIDString(own).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        client.call("VM.hard_shutdown", self.vm)
        self._xml = xml.replace(own, other)
        self._folders = {
            path.parent for path in map(Path, _paths(ElementTree.fromstring(self._xml))) if other in str(path.parent)
        }

    def as_ours(self) -> tuple[float, float]:
        """Seconds of a start and of a clean shutdown through the daemon."""
        start = timed(lambda: self._client.call("VM.start", self.vm, False, False))
        wait_until_up(self._bare.connection.lookupByUUIDString(self._own))
        return start, timed(lambda: self._client.call("VM.clean_shutdown", self.vm))

    def as_bare(self) -> tuple[float, float]:
        """The same with bare calls."""
        for folder in self._folders:
            folder.mkdir(parents=True)
        began = time.perf_counter()
        domain = self._bare.start(self._xml)
        start = time.perf_counter() - began
        wait_until_up(domain)
        end = timed(lambda: self._bare.clean_shutdown(domain))
        for folder in self._folders:
            shutil.rmtree(folder)
        return start, end


def _paths(xml: ElementTree.Element) -> Iterator[str]:
    """All that a machine has of files and sockets."""
    for element in xml.iter():
        yield from (value for value in element.attrib.values() if value.startswith("/"))


def wait_until_up(domain: libvirt.virDomain) -> None:
    """Return once the log of its serial line says that the guest has booted."""
    element = ElementTree.fromstring(domain.XMLDesc()).find("devices/serial/log")
    assert element is not None
    log = Path(element.get("file", ""))
    deadline = time.monotonic() + PATIENCE
    while READY not in log.read_text(errors="replace"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def starts_and_shutdowns(client: Client, bare: Bare) -> None:
    twin = Twin(client, bare)
    twin.as_bare()
    rounds = [(twin.as_ours(), twin.as_bare()) for _ in range(ROUNDS)]
    for number, what in enumerate(("VM.start", "VM.clean_shutdown")):
        ours, theirs = (middle(each[side][number] for each in rounds) for side in range(2))
        more = middle(each[0][number] - each[1][number] for each in rounds)
        allowed = max(0.03, 0.1 * theirs)
        beside = f"{ours * 1000:.0f} ms against {theirs * 1000:.0f}"
        say(f"{what}, over bare libvirt", more * 1000, "ms", at_most(round(allowed * 1000)), beside)


def with_disks(client: Client, count: int) -> str:
    """A machine that is off with so many disks."""
    vm = new_guest(client, f"{count} disks")
    (pool,) = client.call("pool.get_all")
    sr = client.call("pool.get_default_SR", pool)
    for position in range(1, count):
        vdi = client.call("VDI.create", {
            "name_label": "a disk", "name_description": "", "SR": sr, "virtual_size": str(16 * MIB), "type": "user",
            "sharable": False, "read_only": False, "other_config": {},
        })  # fmt: skip
        client.call("VBD.create", {
            "VM": vm, "VDI": vdi, "userdevice": str(position), "bootable": False, "mode": "RW", "type": "Disk",
            "unpluggable": True, "empty": False, "other_config": {}, "qos_algorithm_type": "",
            "qos_algorithm_params": {},
        })  # fmt: skip
    return vm


def many_disks(client: Client) -> None:
    few, many = with_disks(client, 1), with_disks(client, 10)

    def start(vm: str) -> float:
        took = timed(lambda: client.call("VM.start", vm, True, False))
        client.call("VM.hard_shutdown", vm)
        return took

    rounds = [(start(few), start(many)) for _ in range(DISK_ROUNDS)]
    one, ten = (middle(each[number] for each in rounds) for number in range(2))
    beside = f"{ten * 1000:.0f} ms against {one * 1000:.0f}"
    say("VM.start with 10 disks", middle(b / a for a, b in rounds), "x that with one", at_most(1.5), beside)


def changes_behind_the_back(daemon: QemuDaemon, client: Client, bare: Bare) -> None:
    """From a change that somebody else makes in libvirt to the event at a client that waits for it."""
    vm = new_guest(client, "changed")
    client.call("VM.start", vm, False, False)
    domain = bare.connection.lookupByUUIDString(client.call("VM.get_uuid", vm))
    began, delays = 0.0, []
    told = threading.Semaphore(0)
    waiting = threading.Semaphore(0)

    def wait(state: str, token: str) -> str:
        while True:
            batch = watcher.call("event.from", [f"VM/{vm}"], token, 30.0)
            token = str(batch["token"])
            if any(event["snapshot"]["power_state"] == state for event in batch["events"]):
                return token

    def watch() -> None:
        token = str(watcher.call("event.from", [f"VM/{vm}"], "", 0.0)["token"])
        for number in range(CHANGES):
            waiting.release()
            token = wait("Running" if number % 2 else "Paused", token)
            delays.append(time.perf_counter() - began)
            told.release()

    with closing(daemon.client()) as watcher:
        thread = threading.Thread(target=watch)
        thread.start()
        for number in range(CHANGES):
            waiting.acquire()
            time.sleep(0.02)  # So that it really waits.
            began = time.perf_counter()
            (domain.resume if number % 2 else domain.suspend)()
            assert told.acquire(timeout=PATIENCE)
        thread.join()
    client.call("VM.hard_shutdown", vm)
    late = sorted(delays)[int(len(delays) * 0.99) - 1]
    beside = f"half within {middle(delays) * 1000:.0f} ms"
    say("a change in libvirt, to the event, p99", late * 1000, "ms", at_most(100), beside)


@contextmanager
def daemon_on_libvirtd() -> Iterator[tuple[QemuDaemon, Bare]]:
    demo_guest()
    # The path is short: there are sockets below it.
    folder = Path(tempfile.mkdtemp(prefix="xb-", dir="/tmp"))
    (folder / "state").mkdir(mode=0o700)
    (folder / "state" / "demo").symlink_to(CACHE)
    for name in ("libvirtd", "cache"):
        (folder / name).mkdir()
    libvirtd = Libvirtd(folder / "libvirtd", folder / "cache")
    daemon = QemuDaemon(folder, "--drivers", "libvirt", environment={"XAPID_LIBVIRT_URI": libvirtd.uri})
    try:
        daemon.start()
        yield daemon, Bare(libvirtd.uri)
    finally:
        daemon.stop()
        daemon.end_guests()
        libvirtd.remove()
        shutil.rmtree(folder)


def main() -> None:
    with daemon_on_libvirtd() as (daemon, bare), closing(daemon.client()) as client:
        starts_and_shutdowns(client, bare)
        many_disks(client)
        changes_behind_the_back(daemon, client, bare)


if __name__ == "__main__":
    main()
