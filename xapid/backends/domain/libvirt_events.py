"""What libvirt's events mean to those who watch a driver."""

from __future__ import annotations

import libvirt

from xapid.backends.domain.interface import DomainEventKind

STOPPED_REASONS = ("shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from_snapshot")
PAUSED_REASONS = (
    "paused",
    "migrated",
    "ioerror",
    "watchdog",
    "restored",
    "from_snapshot",
    "api_error",
    "postcopy",
    "postcopy_failed",
)
STARTED_REASONS = ("booted", "migrated", "restored", "from_snapshot", "wakeup")
RESUMED_REASONS = ("unpaused", "migrated", "from_snapshot", "postcopy", "postcopy_failed")

_KINDS: dict[int, tuple[DomainEventKind, tuple[str, ...]]] = {
    libvirt.VIR_DOMAIN_EVENT_STARTED: (DomainEventKind.started, STARTED_REASONS),
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED: (DomainEventKind.paused, PAUSED_REASONS),
    libvirt.VIR_DOMAIN_EVENT_RESUMED: (DomainEventKind.resumed, RESUMED_REASONS),
    libvirt.VIR_DOMAIN_EVENT_STOPPED: (DomainEventKind.stopped, STOPPED_REASONS),
    # The guest said that it crashed; what follows (stopped, rebooted) has its own event, unless it is to be preserved.
    libvirt.VIR_DOMAIN_EVENT_CRASHED: (DomainEventKind.paused, ("panicked", "crashloaded")),
}
_NOT_MEANT = {libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED, libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED}
"""Ways to stop that nobody asked for; a QEMU that was killed counts as failed."""


def lifecycle(event: int, detail: int) -> tuple[DomainEventKind, str] | None:
    """Kind and reason of a lifecycle event; None: it does not matter."""
    if event not in _KINDS:
        return None
    kind, reasons = _KINDS[event]
    if kind is DomainEventKind.stopped and detail in _NOT_MEANT:
        kind = DomainEventKind.crashed
    return kind, reasons[detail] if detail < len(reasons) else str(detail)
