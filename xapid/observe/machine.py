"""What a start is given: this machine as its drivers describe it, and what lies ready for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from xapid.backends.host.interface import HostFacts
from xapid.backends.interface import DriverInfo
from xapid.backends.network.interface import Nic

if TYPE_CHECKING:
    from xapid.demo.build import DemoGuest


@dataclass(frozen=True)
class Machine:
    """The machine that the daemon runs on, or the one that it pretends to run on."""

    facts: HostFacts
    nics: tuple[Nic, ...] = ()
    storage: Mapping[str, DriverInfo] = field(default_factory=dict)
    """The storage drivers by the type of their repositories."""
    certificate: Path | None = None
    """PEM file of the certificate that HTTPS shows; None: there is none."""
    demo: DemoGuest | None = None
    """The guest of the template ``xapid demo guest``; None: it could not be had."""
    simulated: bool = False
    """Nothing of it is real: no repositories unless asked for, and spare interfaces to try things with."""
