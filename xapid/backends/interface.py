"""What every driver has: facts about itself, the few errors that callers act on, and counters of what is used."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DriverInfo:
    """Facts of a driver about itself. Callers ask these, never the driver's name."""

    name: str
    description: str
    features: frozenset[str] = frozenset()
    """What it can do; what is absent it cannot."""
    shared: bool = False
    """Whether several hosts see the same objects through it."""
    version: str = "1.0"
    configuration: dict[str, str] = field(default_factory=dict)
    """What can be configured, each key with a line that explains it: keys of a PBD's device_config."""
    formats: tuple[str, ...] = ()
    """Image formats it can make: raw, qcow2."""
    vendor: str = "xapid"
    copyright: str = ""
    api_version: str = "1.1"
    """Of the interface that it speaks."""
    program: str = ""
    """The program, or folder of programs, that it is; empty: a part of the toolstack."""
    cluster_stacks: tuple[str, ...] = ()
    """Those of which one must run on every host; none: it needs none."""


class BackendError(Exception):
    """Something that a driver could not do. ``message`` says what and why, for the log and for people."""

    def __init__(self, message: str = "", **facts: str) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts
        """Named details, texts only, that the caller may need for its own error."""


class NoSpace(BackendError):
    """The device is full, or the quota reached."""


class InUse(BackendError):
    """Somebody else has the object open or needs it."""


class NotFound(BackendError):
    """There is no such object."""


class AlreadyExists(BackendError):
    """There is such an object already."""


class NotSupported(BackendError):
    """This driver, or this object, cannot do that."""


class Busy(BackendError):
    """Not now: try again."""


class BadConfig(BackendError):
    """The configuration given is wrong; the fact ``key`` names what."""


GONE = "gone"
"""The fact ``agent`` of Unavailable when the agent died before it answered."""


class Unavailable(BackendError):
    """The system behind the driver does not answer, or the agent that talks to it is gone."""


class Failed(BackendError):
    """Anything else that the system behind the driver refused."""


ERRORS: dict[str, type[BackendError]] = {
    each.__name__: each
    for each in (NoSpace, InUse, NotFound, AlreadyExists, NotSupported, Busy, BadConfig, Unavailable, Failed)
}
"""By name, for the way over a process boundary."""


# Counters, which only grow; rates are made of them


@dataclass(frozen=True)
class Traffic:
    """Bytes that went each way through a device."""

    into: int
    """Those that its user read, or received."""
    out: int
    """Those that its user wrote, or sent."""


@dataclass(frozen=True)
class DomainUsage:
    """What a running machine has used since it started."""

    uuid: str
    id: int
    """The number of its domain: under another one all counts from 0 again."""
    vcpus: dict[int, float] = field(default_factory=dict)
    """Seconds for which each virtual processor ran."""
    disks: dict[str, Traffic] = field(default_factory=dict)
    """By the uuid of the VBD."""
    nics: dict[str, Traffic] = field(default_factory=dict)
    """By the uuid of the VIF."""


@dataclass(frozen=True)
class CpuTime:
    """Seconds of a processor of the host."""

    busy: float
    all: float
