"""What a test of domain drivers has in hand: a driver, its events, and machines to start."""

from __future__ import annotations

import itertools
import json
import pwd
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.bootable_disk import Bootable
from xapid.backends.datapath.interface import DatapathDriver
from xapid.backends.datapath.open_disks import OpenDisks
from xapid.backends.datapath.sim import SimDatapath
from xapid.backends.domain.interface import (
    DiskSpec,
    Domain,
    DomainDriver,
    DomainEvent,
    DomainEventKind,
    DomainKind,
    DomainSpec,
    Endpoint,
    NicSpec,
)
from xapid.backends.storage.interface import Disk, VolumeFormat
from xapid.demo.build import KERNEL_ARGS, READY, DemoGuest

MIB = 1 << 20
PATIENCE = 180.0
"""Seconds after which a test gives up: an emulated guest boots slowly on a busy machine, or on a Xen that is."""

_macs = itertools.count(1)


class Events:
    """What a driver told, in order; a test waits for what it needs, each event once."""

    def __init__(self) -> None:
        self._events: list[DomainEvent] = []
        self._changed = threading.Condition()

    def __call__(self, event: DomainEvent) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def wait(self, uuid: str, kind: DomainEventKind, timeout: float = PATIENCE) -> DomainEvent:
        """Take the first event of that kind, with what came before it of that machine."""

        def found() -> DomainEvent | None:
            return next((each for each in self._events if each.uuid == uuid and each.kind is kind), None)

        with self._changed:
            if not self._changed.wait_for(lambda: found() is not None, timeout):
                raise AssertionError(f"no {kind} of {uuid} within {timeout:g} s, but {self._events}")
            event = found()
            assert event is not None
            until = self._events.index(event)
            self._events = [each for i, each in enumerate(self._events) if i > until or each.uuid != uuid]
            return event

    def of(self, uuid: str) -> list[DomainEvent]:
        """Those of a machine that nobody waited for."""
        with self._changed:
            return [each for each in self._events if each.uuid == uuid]


class SerialLine:
    """A guest's serial line, read from the moment of connecting: one that nobody reads holds up its guest."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(endpoint.path)
        self._read = b""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read_on, daemon=True)
        self._reader.start()

    def wait_for(self, words: str, seconds: float = PATIENCE) -> str:
        """Wait until these words came; returns the rest of their line, and forgets what came so far."""
        wanted = words.encode()
        with self._changed:
            if not self._changed.wait_for(lambda: b"\n" in self._read.partition(wanted)[2], seconds):
                raise AssertionError(f"the guest does not say {words!r}, but {self._read[-500:]!r}")
            rest, _, self._read = self._read.partition(wanted)[2].partition(b"\n")
        return rest.decode().strip()

    def send(self, keys: str) -> None:
        self._socket.sendall(keys.encode())

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._socket.close()

    def _read_on(self) -> None:
        while data := self._socket.recv(4096):
            with self._changed:
                self._read += data
                self._changed.notify_all()


@dataclass
class Hypervisor:
    """A driver and what its machines are made of."""

    driver: DomainDriver
    datapath: DatapathDriver
    folder: Path
    events: Events
    demo: DemoGuest | None = None
    """What real machines boot; None: they are simulated."""
    bridge: str = "xenbr0"
    kind: DomainKind | None = None
    """Of all its machines; None: each does."""
    vcpus: int = 2
    """That a machine may have. libvirt gives one of Xen that runs no more than the host has itself."""
    open_disks: OpenDisks | None = None
    """Where those of its machines are open, under Xen."""
    bootable: Bootable | None = None
    """What its machines boot, beside their disks; None: they are handed their kernel."""
    patience: float = PATIENCE
    """Seconds that a guest may take to boot."""
    started: list[str] = field(default_factory=list)
    lines: list[SerialLine] = field(default_factory=list)

    @property
    def screens(self) -> bool:
        """Whether its machines have a screen."""
        return self.kind in (None, DomainKind.hvm)

    @property
    def has_drives(self) -> bool:
        """Whether its machines have drives while these are empty."""
        return self.screens

    @property
    def simulated(self) -> bool:
        return self.demo is None

    def spec(self, **changes: Any) -> DomainSpec:
        """A small machine of the kind that can do everything."""
        values: dict[str, Any] = {
            "uuid": str(uuid4()),
            "name": "one of the tests",
            "kind": self.kind or DomainKind.hvm,
            "memory_static_max": 128 * MIB,
            "memory_target": 128 * MIB,
            "vcpus_max": 2,
            "vcpus": 1,
            "platform": {"sim-guest": "full"},
        }
        if self.demo is not None and self.bootable is None:
            values |= {
                "kernel": str(self.demo.kernel),
                "ramdisk": str(self.demo.initrd),
                "kernel_args": f"{KERNEL_ARGS} demo.tick=0",
            }
        spec = DomainSpec(**values | changes)
        self.started.append(spec.uuid)
        return spec

    def booted(self, spec: DomainSpec, seconds: float = 0.0) -> SerialLine | None:
        """Start a machine and wait until its guest is up. Returns its serial line, if it is real."""
        domain = self.driver.start(spec, paused=True)
        line = None if self.simulated else SerialLine(serial(domain))
        self.driver.unpause(spec.uuid)
        if line is not None:
            self.lines.append(line)
            line.wait_for(READY, seconds or self.patience)
        return line

    def drive(self, position: int = 0, **changes: Any) -> DiskSpec:
        """A disk of a machine."""
        values: dict[str, Any] = {"vbd": str(uuid4()), "position": position, "device": "disk"}
        if "disk" not in changes:
            values["disk"] = self.disk()
        return DiskSpec(**values | changes)

    def disk(self, size: int = 16 * MIB, backing: Disk | None = None) -> Disk:
        """A fresh qcow2 file, maybe on top of another."""
        path = self.folder / f"{uuid4()}.qcow2"
        if not self.simulated:
            above = ["-b", Path(backing.path).name, "-F", backing.format.value] if backing else []
            whole = [] if backing else [str(size)]
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *above, str(path), *whole], check=True)
        return Disk(str(path), VolumeFormat.qcow2)

    def size(self, drive: DiskSpec) -> int:
        """Bytes that a guest sees of a disk that it has open."""
        if isinstance(self.datapath, SimDatapath):
            return self.datapath.sizes[drive.vbd]
        assert drive.disk is not None
        # QEMU holds the lock.
        command = ["qemu-img", "info", "-U", "-f", "qcow2", "--output=json", drive.disk.path]
        said = subprocess.run(command, capture_output=True, check=True).stdout
        return int(json.loads(said)["virtual-size"])

    def medium(self) -> Disk:
        """A CD."""
        path = self.folder / f"{uuid4()}.iso"
        path.write_bytes(bytes(MIB))
        return Disk(str(path), VolumeFormat.raw, read_only=True)

    def image(self, size: int = 200 * MIB) -> Disk:
        """A volume for the memory of a suspended machine."""
        path = self.folder / f"{uuid4()}.raw"
        with path.open("wb") as file:
            file.truncate(size)
        return Disk(str(path), VolumeFormat.raw)

    def nic(self, **changes: Any) -> NicSpec:
        vif = str(uuid4())
        values: dict[str, Any] = {
            "vif": vif,
            "position": 0,
            "mac": f"02:00:00:00:00:{next(_macs):02x}",
            "bridge": self.bridge,
            "link": f"guest{vif[:8]}",
        }
        return NicSpec(**values | changes)

    def tidy(self) -> None:
        """End what the test started."""
        for line in self.lines:
            line.close()
        self.lines.clear()
        for uuid in self.started:
            self.driver.destroy(uuid)
        self.started.clear()


def serial(domain: Domain) -> Endpoint:
    return next(each for each in domain.consoles if each.protocol == "vt100")


def screen(domain: Domain) -> Endpoint:
    return next(each for each in domain.consoles if each.protocol == "rfb")


def within(seconds: float, true: Callable[[], bool]) -> bool:
    """Whether something becomes true, of which nothing tells. Looks again and again."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not true():
        if time.monotonic() > end:
            return False
        pause.wait(0.02)
    return True


def process_of(root: Path, uuid: str) -> int:
    """The pid of a machine's QEMU, under an embedded libvirt."""
    return int((root / "run" / "qemu" / f"{uuid}.pid").read_text())


def user_of(pid: int) -> str:
    """Name of the user that a process runs as."""
    return pwd.getpwuid(Path(f"/proc/{pid}").stat().st_uid).pw_name


def links(bridge: str) -> set[str]:
    """Names of the network interfaces on a bridge. Those of other tests that run meanwhile are not among them."""
    return {path.name for path in Path("/sys/class/net", bridge, "brif").iterdir()}
