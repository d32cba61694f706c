"""Figures that the older classes of metrics hold where a host takes them, and the rates that these are."""

from __future__ import annotations

from collections.abc import Mapping

from xapid.backends.interface import CpuTime, Traffic
from xapid.datamodel import Host
from xapid.datamodel.map_keys import RRD_UPDATE_INTERVAL
from xapid.datamodel.types import CLASSES, MessageSpec, State

KIB = 1024
SECONDS = {"1": 5.0, "2": 60.0}
"""Between two looks, by the value of ``host.other_config:rrd_update_interval``."""

FIGURES = {
    "VM_metrics": frozenset({"VCPUs_utilisation"}),
    "VBD_metrics": frozenset({"io_read_kbs", "io_write_kbs"}),
    "VIF_metrics": frozenset({"io_read_kbs", "io_write_kbs"}),
    "PIF_metrics": frozenset({"io_read_kbs", "io_write_kbs"}),
    "host_metrics": frozenset({"memory_free"}),
}
"""Fields that were removed, by their class."""


def interval(host: Host) -> float | None:
    """Seconds between two looks at what is used; None: nobody looks."""
    return SECONDS.get(RRD_UPDATE_INTERVAL.of(host))


def reads_figures(spec: MessageSpec) -> bool:
    """Whether a message that was removed is answered where figures are taken, for the clients who asked for them."""
    if spec.owner not in FIGURES:
        return False
    wholly = CLASSES[spec.owner].spec.life.state is State.removed
    return spec.name.startswith("get_") and (wholly or spec.name.removeprefix("get_") in FIGURES[spec.owner])


def parts(before: Mapping[int, float], now: Mapping[int, float], elapsed: float) -> dict[int, float]:
    """Which part of the time each processor ran, from 0 to 1; 0 for one that is new."""
    if elapsed <= 0:
        return dict.fromkeys(now, 0.0)
    return {number: _part((ran - before.get(number, ran)) / elapsed) for number, ran in now.items()}


def busy(before: CpuTime | None, now: CpuTime) -> float:
    """Which part of the time a processor of the host was busy, from 0 to 1."""
    elapsed = 0.0 if before is None else now.all - before.all
    return 0.0 if before is None or elapsed <= 0 else _part((now.busy - before.busy) / elapsed)


def rates(before: Traffic | None, now: Traffic, elapsed: float) -> dict[str, float]:
    """The two fields for what went through a device, in KiB/s; 0 where its counters began anew."""
    if before is None or elapsed <= 0:
        return {"io_read_kbs": 0.0, "io_write_kbs": 0.0}
    read, written = now.into - before.into, now.out - before.out
    return {"io_read_kbs": max(0, read) / KIB / elapsed, "io_write_kbs": max(0, written) / KIB / elapsed}


def _part(share: float) -> float:
    return min(max(share, 0.0), 1.0)
