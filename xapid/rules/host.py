"""Which operations on a host are allowed, and what a start changes of it."""

from __future__ import annotations

import re
from typing import Any

from xapid.datamodel import PBD, SR, Cluster_host, Host, HostMetrics
from xapid.datamodel.errors import (
    CLUSTERED_SR_DEGRADED,
    HOST_IS_LIVE,
    HOST_NOT_DISABLED,
    HOST_POWER_ON_MODE_DISABLED,
    NOT_SUPPORTED_DURING_UPGRADE,
    ApiError,
)
from xapid.datamodel.host import HostAllowedOperations as Op
from xapid.datamodel.host import HostDisplay
from xapid.datamodel.map_keys import AUTO_ENABLE, ROLLING_UPGRADE
from xapid.datamodel.vm import UpdateGuidances
from xapid.rules.operations import Rule, Rules, busy, naming, plain
from xapid.rules.pool import upgrading
from xapid.store.derive import Derivation, key
from xapid.store.store import Store

CONTROL_DOMAIN = "Control domain on host: "
"""How the name of a control domain begins, unless somebody gave it another."""

FILLING = frozenset({Op.provision, Op.vm_resume, Op.vm_migrate})
"""What brings VMs to a host."""
EMPTYING = frozenset({Op.evacuate, Op.reboot, Op.shutdown})
"""What takes all VMs from it. One kind excludes the other."""
STOPPING = frozenset({Op.reboot, Op.shutdown, Op.apply_updates})
"""What a host in service does not do."""

EXCLUDES: dict[Op, frozenset[Op]] = {
    Op.provision: EMPTYING | {Op.provision},
    Op.vm_resume: EMPTYING,
    Op.vm_migrate: EMPTYING,
    Op.evacuate: FILLING,
    Op.reboot: FILLING | {Op.shutdown, Op.apply_updates},
    Op.shutdown: FILLING | {Op.reboot, Op.apply_updates},
    Op.apply_updates: frozenset({Op.reboot, Op.shutdown, Op.enable}),
}
"""What may not begin while an operation goes on; everything else may."""

DURING_UPGRADE = frozenset({Op.evacuate, Op.provision})


def enabled_at_start(host: Host) -> bool:
    """Whether a host takes guests as soon as its daemon has started; not before it did what its last update asks."""
    return AUTO_ENABLE.of(host) and not host.pending_guidances


DONE_BY_BOOT = frozenset(guidance for guidance in UpdateGuidances if guidance.startswith("reboot_host"))
"""What updates ask for that a boot does; to restart the toolstack every start does."""
DISPLAY_AFTER_BOOT = {
    HostDisplay.disable_on_reboot: HostDisplay.disabled,
    HostDisplay.enable_on_reboot: HostDisplay.enabled,
}
"""What becomes of the host's own screen."""


def done_by_start(host: Host, *, booted: bool) -> dict[str, Any]:
    """The fields of a host that a start of its toolstack changes, or one that follows a boot of the machine."""
    done = {UpdateGuidances.restart_toolstack, *(DONE_BY_BOOT if booted else ())}
    fields = ("pending_guidances", "pending_guidances_recommended", "pending_guidances_full")
    left: dict[str, Any] = {
        field: tuple(guidance for guidance in getattr(host, field) if guidance not in done) for field in fields
    }
    return left | ({"display": DISPLAY_AFTER_BOOT.get(host.display, host.display)} if booted else {})


def parsed_cstate(text: str) -> tuple[int | None, int | None]:
    """State and substate of ``host.max_cstate``: ``1`` or ``1,0``; empty: as deep as processors can. Or ValueError."""
    if not text:
        return None, None
    if not re.fullmatch(r"[0-9]{1,9}(,[0-9]{1,9})?", text, re.ASCII):
        raise ValueError(text)
    state, _, substate = text.partition(",")
    return int(state), int(substate) if substate else None


def is_live(store: Store, host: Host) -> bool:
    """Whether the host was heard of lately."""
    metrics = store.find(HostMetrics, host.metrics)
    return metrics is not None and metrics.live


def _excluded(store: Store, host: Host) -> frozenset[str]:
    return frozenset().union(*(EXCLUDES.get(Op(each), ()) for each in host.current_operations.values()))


def _degraded_sr(store: Store) -> SR | None:
    """A clustered SR in use that cannot do without another host now: a member of the cluster is down already."""
    clustered = [sr for sr in store.all(SR) if sr.clustered]
    used = [sr for sr in clustered if any(pbd.currently_attached for pbd in store.where(PBD, SR=sr.ref))]
    if not used:
        return None
    members = (store.find(Host, member.host) for member in store.all(Cluster_host) if member.enabled)
    return used[0] if any(host is not None and not is_live(store, host) for host in members) else None


def _degraded(store: Store, host: Host, operation: str) -> ApiError:
    sr = _degraded_sr(store)
    return CLUSTERED_SR_DEGRADED("" if sr is None else sr.ref)


RULES: Rules[Host, Op] = Rules(
    Op,
    Rule(frozenset(Op), _excluded, busy),
    Rule(STOPPING, lambda store, host: host.enabled, plain(HOST_NOT_DISABLED)),
    Rule({Op.power_on}, is_live, naming(HOST_IS_LIVE)),
    Rule({Op.power_on}, lambda store, host: host.power_on_mode == "", plain(HOST_POWER_ON_MODE_DISABLED)),
    Rule(STOPPING, lambda store, host: _degraded_sr(store) is not None, _degraded),
    Rule(
        frozenset(Op) - DURING_UPGRADE,
        lambda store, host: upgrading(store),
        plain(NOT_SUPPORTED_DURING_UPGRADE),
        # A host that is upgraded is rebooted: clients just do not offer it.
        checked=False,
    ),
)

check = RULES.check

DERIVATION = Derivation(
    "host",
    "allowed_operations",
    RULES.allowed,
    (
        "current_operations", "enabled", "power_on_mode",
        "*SR.clustered", "*PBD.SR", "*PBD.currently_attached",
        "*Cluster_host.enabled", "*Cluster_host.host", "*host.metrics", "*host_metrics.live",
        key("*pool.other_config", ROLLING_UPGRADE.name),
    ),
)  # fmt: skip
