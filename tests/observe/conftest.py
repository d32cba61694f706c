"""A machine to start on, and a daemon's objects without listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import HeldClock
from xapid.backends.agent import DriverSpec
from xapid.backends.host.interface import Cpu, HostFacts
from xapid.backends.interface import DriverInfo, NoSpace
from xapid.backends.network.interface import Nic
from xapid.backends.storage.interface import Sr, SrFigures
from xapid.datamodel.errors import SR_UNKNOWN_DRIVER
from xapid.observe.machine import Machine
from xapid.runtime.config import Config
from xapid.runtime.context import Runtime
from xapid.runtime.guard import Guard
from xapid.runtime.local_settings import LocalSettings
from xapid.runtime.settings import Address
from xapid.runtime.tasks import Tasks
from xapid.store.store import Store

GIB = 1024**3
CPU = Cpu(0, "GenuineIntel", "A processor", 6, 143, "8", 2400, "fpu vmx")


@dataclass
class Repositories:
    """The agents of a host whose repositories are in memory; ``full`` ones refuse to be plugged.

    Of the types in ``unknown`` nobody knows anything.
    """

    made: list[str] = field(default_factory=list)
    plugged: list[str] = field(default_factory=list)
    full: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    answers: asyncio.Event | None = None
    """Set once those of type file answer; None: they do at once."""
    spec: DriverSpec = field(default_factory=lambda: DriverSpec("storage", "in memory"))

    def agent(self, host: str, kind: str) -> Repositories:
        if kind.removeprefix("storage:") in self.unknown:
            raise SR_UNKNOWN_DRIVER(kind.removeprefix("storage:"))
        return self

    async def call(self, method: Callable[..., Any], sr: Sr, *args: Any) -> Any:
        if method.__name__ == "create_sr":
            self.made.append(sr.type)
        elif method.__name__ == "attach_sr":
            if sr.type == "file" and self.answers is not None:
                await self.answers.wait()
            if sr.type in self.full:
                raise NoSpace("the device is full")
            self.plugged.append(sr.type)
        elif method.__name__ == "figures":
            return SrFigures(100 * GIB, 3 * GIB, 5 * GIB)
        return None


@pytest.fixture
def machine() -> Machine:
    facts = HostFacts(
        hostname="alpha",
        kernel="6.1.0",
        cpus=tuple(replace(CPU, number=number) for number in range(4)),
        sockets=2,
        memory_total=16 * GIB,
        memory_free=12 * GIB,
        boot_time=1_700_000_000.0,
        timezone="Europe/Berlin",
        bios_strings={"bios-vendor": "Maker"},
        virtualization=frozenset({"hvm"}),
    )
    eth0 = Nic("eth0", "02:00:00:00:00:01", 1500, True, 1000, True, ("fd00::7/64", "192.0.2.7/24"), "192.0.2.1")
    eth1 = Nic("eth1", "02:00:00:00:00:02", 9000, False, 0, False)
    storage = {
        "file": DriverInfo(
            "Local files", "Disks as files", frozenset({"VDI_CREATE", "VDI_RESET_ON_BOOT/2"}),
            configuration={"location": "A directory"}, formats=("qcow2", "raw"),
        ),
        "iso": DriverInfo("ISO images", "Discs as files"),
    }  # fmt: skip
    return Machine(facts, (eth0, eth1), storage)


@pytest.fixture
def repositories() -> Repositories:
    return Repositories()


@pytest.fixture
def make_runtime(tmp_path: Path, repositories: Repositories) -> Callable[..., Runtime]:
    """A daemon's objects: on an empty store unless one is given, with settings as they come unless some are."""

    def make(store: Store | None = None, **settings: Any) -> Runtime:
        addresses = {"http": (), "https": (Address("0.0.0.0", 443),)}
        config = replace(Config(), state_dir=tmp_path, **{**addresses, **settings})
        clock = HeldClock(1_700_000_100.0)
        rows = store or Store()
        made = Runtime(rows, config, clock, Tasks(rows, clock), Guard(rows, {}), repositories)  # type: ignore[arg-type]  # it is a fake
        made.services["local_settings"] = LocalSettings(config.state_dir / "local.json")
        return made

    return make
