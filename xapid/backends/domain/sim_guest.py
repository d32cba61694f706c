"""A machine of the simulated hypervisor, and what its guest does all the time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from xapid.backends.domain.interface import (
    DomainKind,
    DomainSpec,
    DomainState,
    GuestReport,
    NicSpec,
    UsbSpec,
)
from xapid.backends.interface import DomainUsage, Traffic
from xapid.backends.storage.interface import Disk

GUEST_KEY = "sim-guest"
"""Of VM.platform: what kind of guest is simulated."""
FULL = "full"
"""With drivers: it can be suspended, asked to end, plugged into, and has consoles."""
DEAF = "deaf"
"""The same, but it takes no notice when it is asked to end or to reboot."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a guest does with its machine all the time."""

    busy: float = 0.25
    """Part of each processor that it uses."""
    disk: Traffic = field(default_factory=lambda: Traffic(64 * 1024, 32 * 1024))
    """Bytes a second with each disk."""
    nic: Traffic = field(default_factory=lambda: Traffic(16 * 1024, 8 * 1024))
    """The same with each interface."""


@dataclass(slots=True)
class Guest:
    """A machine that runs."""

    spec: DomainSpec
    id: int
    state: DomainState
    memory: int
    vcpus: int
    start_time: float
    disks: dict[str, Disk | None] = field(default_factory=dict)
    """What is in the drives, by the uuid of the VBD."""
    nics: dict[str, NicSpec] = field(default_factory=dict)
    usbs: dict[str, UsbSpec] = field(default_factory=dict)
    report: GuestReport | None = None
    balloons: bool = True
    """Whether it gives memory back, and takes it, when it is told to."""

    scripts: list[str] = field(default_factory=list)
    """That it ran; each does nothing, and succeeds."""
    asleep: bool = False
    stalled: tuple[str, ...] = ()
    """VBDs for whose writes there was no space, while it is paused for that."""
    open_to_users: bool = False
    """Whether it lets users in by its remote desktop."""
    load: Load = field(default_factory=Load)
    _ran: float = 0.0
    """Seconds for which it ran, up to when it last began to run."""
    _runs_since: float = field(default_factory=time.monotonic)

    @property
    def ran(self) -> float:
        """Seconds for which it ran since it started."""
        paused = self.state is DomainState.paused
        return self._ran + (0.0 if paused else time.monotonic() - self._runs_since)

    def run(self, seconds: float) -> None:
        """Let it have run for so much longer."""
        self._ran += seconds

    def set_state(self, state: DomainState) -> None:
        self._ran, self._runs_since = self.ran, time.monotonic()
        self.state = state

    @property
    def with_drivers(self) -> bool:
        return self.spec.platform.get(GUEST_KEY) in (FULL, DEAF)

    @property
    def is_deaf(self) -> bool:
        return self.spec.platform.get(GUEST_KEY) == DEAF

    @property
    def answers(self) -> bool:
        """Whether it can be asked for anything; the kernel of a paravirtual guest is all it needs."""
        return self.spec.kind is not DomainKind.hvm or self.with_drivers

    def usage(self) -> DomainUsage:
        """What it used since it started."""
        load, ran = self.load, self.ran
        return DomainUsage(
            self.spec.uuid,
            self.id,
            dict.fromkeys(range(self.vcpus), load.busy * ran),
            dict.fromkeys((vbd for vbd, disk in self.disks.items() if disk is not None), _grown(load.disk, ran)),
            dict.fromkeys(self.nics, _grown(load.nic, ran)),
        )


def _grown(rate: Traffic, seconds: float) -> Traffic:
    return Traffic(int(rate.into * seconds), int(rate.out * seconds))
