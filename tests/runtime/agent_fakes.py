"""A domain driver of a few lines, to see what the boundary does with its calls."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xapid.backends.agent import AgentConfig, DriverSpec
from xapid.backends.domain.interface import Domain, DomainEvent, DomainEventKind, DomainSpec, DomainState
from xapid.backends.faults import SimFaults
from xapid.backends.interface import DriverInfo, NoSpace
from xapid.backends.storage.interface import Progress, Sr


def config(folder: Path, driver: str = "FakeDomains", **changes: Any) -> AgentConfig:
    """An agent that holds one of the drivers below."""
    args: dict[str, Any] = {"folder": str(folder)} if driver == "FakeDomains" else {}
    return AgentConfig((DriverSpec("domain", f"{__name__}:{driver}", args, **changes),))


class FakeDomains:
    """Its domains are what is asked of them; what it was called for it writes into files of ``folder``."""

    info = DriverInfo("fake", "A driver for tests", frozenset({"suspend"}))

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.faults = SimFaults()

    def watch(self, tell: Callable[[DomainEvent], None]) -> None:
        self._tell = tell

    def close(self) -> None:
        """There is nothing to let go of."""

    def start(self, spec: DomainSpec, paused: bool) -> Domain:
        state = DomainState.paused if paused else DomainState.running
        return Domain(spec.uuid, 7, state, spec.kind, spec.name, disks=tuple(disk.vbd for disk in spec.disks))

    def find(self, uuid: str) -> Domain | None:
        """The process it runs in has its pid as the domain's number."""
        return Domain(uuid, os.getpid(), DomainState.running) if uuid else None

    def pause(self, uuid: str) -> None:
        """Hang until somebody writes into the pipe of that name."""
        with (self._folder / uuid).open("rb") as pipe:
            pipe.read()

    def unpause(self, uuid: str) -> None:
        raise NoSpace("the device is full", device=uuid)

    def request_shutdown(self, uuid: str) -> None:
        self._tell(DomainEvent(uuid, DomainEventKind.stopped, "shutdown", 7))

    def request_reboot(self, uuid: str) -> None:
        """Leave a trace."""
        (self._folder / f"{uuid}.rebooted").touch()

    def set_memory(self, uuid: str, target: int) -> None:
        raise ZeroDivisionError("a mistake")

    def destroy(self, uuid: str) -> None:
        """Die, with last words of a library and of its own."""
        os.write(2, b"2026-11-28 11:11:18.626+0000: 1: warning : virX:1 : hm\n" + b"x" * 100_000 + b"\nFatal: oh\n")
        os.kill(os.getpid(), signal.SIGKILL)


class Broken:
    """A driver that cannot be made."""

    def __init__(self) -> None:
        raise RuntimeError("no hypervisor here")


class HangingRepositories:
    """Storage of which ``attach_sr`` hangs until somebody writes into the pipe that is named."""

    info = DriverInfo("slow", "A driver for tests")

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def watch(self, tell: Callable[[Progress], None]) -> None:
        """Nothing is told."""

    def attach_sr(self, sr: Sr) -> None:
        with (self._folder / sr.device_config["pipe"]).open("rb") as pipe:
            pipe.read()

    def detach_sr(self, sr: Sr) -> None:
        """At once."""
