"""Which operations on an SR are allowed."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from xapid.datamodel import PBD, SM, SR, VDI
from xapid.datamodel.errors import (
    INCOMPATIBLE_CLUSTER_STACK_ACTIVE,
    NOT_SUPPORTED_DURING_UPGRADE,
    SR_HAS_NO_PBDS,
    SR_HAS_PBD,
    SR_NOT_EMPTY,
    SR_OPERATION_NOT_SUPPORTED,
    ApiError,
)
from xapid.datamodel.map_keys import ROLLING_UPGRADE
from xapid.datamodel.sr import StorageOperations as Op
from xapid.datamodel.vdi import VdiType
from xapid.rules.features import the_pool
from xapid.rules.operations import NOTHING, Rule, Rules, busy, naming, plain
from xapid.rules.pool import upgrading
from xapid.store.derive import Derivation, key
from xapid.store.store import Store

ALL = frozenset(Op)

LISTED = (
    Op.scan, Op.destroy, Op.forget, Op.plug, Op.unplug, Op.update, Op.vdi_create, Op.vdi_introduce, Op.vdi_destroy,
    Op.vdi_resize, Op.vdi_clone, Op.vdi_snapshot, Op.vdi_mirror, Op.vdi_enable_cbt, Op.vdi_disable_cbt,
    Op.vdi_data_destroy, Op.vdi_list_changed_blocks, Op.vdi_set_on_boot, Op.vdi_revert, Op.pbd_create,
    Op.pbd_destroy,
)  # fmt: skip
"""What allowed_operations tells of; the rest is checked only."""

DURING_UPGRADE = frozenset({
    Op.scan, Op.destroy, Op.forget, Op.plug, Op.unplug, Op.update, Op.vdi_create, Op.vdi_destroy, Op.vdi_resize,
    Op.vdi_clone, Op.vdi_snapshot, Op.vdi_introduce, Op.pbd_create, Op.pbd_destroy,
})  # fmt: skip

FEATURES: dict[Op, str] = {
    Op.vdi_create: "VDI_CREATE",
    Op.vdi_destroy: "VDI_DELETE",
    Op.vdi_resize: "VDI_RESIZE",
    Op.vdi_introduce: "VDI_INTRODUCE",
    Op.vdi_mirror: "VDI_MIRROR",
    Op.vdi_snapshot: "VDI_SNAPSHOT",
    Op.vdi_revert: "VDI_REVERT",
    **dict.fromkeys(
        (Op.vdi_enable_cbt, Op.vdi_disable_cbt, Op.vdi_data_destroy, Op.vdi_list_changed_blocks), "VDI_CONFIG_CBT"
    ),
    Op.vdi_set_on_boot: "VDI_RESET_ON_BOOT",
    Op.update: "SR_UPDATE",
}
"""What the driver has to be able to do. A clone can be made of a new disk and a copy."""

TOOLS_LACK = frozenset({"VDI_CREATE", "VDI_DELETE"})
"""What nobody does to the SR of the guest tools."""


def driver(store: Store, sr: SR) -> SM | None:
    """The driver of an SR; none for a type that nobody serves."""
    return next(iter(store.where(SM, type=sr.type)), None)


def features(store: Store, sr: SR) -> AbstractSet[str]:
    """What can be done with an SR."""
    served = driver(store, sr)
    if served is None:
        return frozenset()
    return served.features.keys() - TOOLS_LACK if sr.is_tools_sr else served.features.keys()


def is_attached(store: Store, sr: SR) -> bool:
    """Whether a host has the SR plugged in."""
    return any(pbd.currently_attached for pbd in store.rows_of(sr, "PBDs"))


def is_attached_to(store: Store, sr: str, host: str) -> bool:
    """Whether this host has the SR plugged in; both by their references."""
    return any(pbd.currently_attached for pbd in store.where(PBD, SR=sr, host=host))


def _unsupported(store: Store, sr: SR) -> set[Op]:
    there = features(store, sr)
    return {each for each, feature in FEATURES.items() if feature not in there}


def _excluded(store: Store, sr: SR) -> frozenset[str]:
    """Operations that may not begin beside those that go on. Hosts may be plugged in all at once."""
    current = set(sr.current_operations.values())
    if not current:
        return NOTHING
    return ALL - {Op.plug} if current == {Op.plug} else ALL


def _holds_disks(store: Store, sr: SR) -> bool:
    return any(_counts(vdi) for vdi in store.rows_of(sr, "VDIs"))


def _counts(vdi: VDI) -> bool:
    """Whether a disk is somebody's: statistics go with their SR."""
    return vdi.managed and vdi.type != VdiType.rrd


def _wrong_stack(store: Store, sr: SR) -> bool:
    """Whether the driver needs another cluster stack than the one that keeps the pool highly available."""
    pool, served = the_pool(store), driver(store, sr)
    if pool is None or served is None or not pool.ha_enabled or not served.required_cluster_stack:
        return False
    return pool.ha_cluster_stack not in served.required_cluster_stack


def _active_stack(store: Store, sr: SR, operation: str) -> ApiError:
    pool = the_pool(store)
    return INCOMPATIBLE_CLUSTER_STACK_ACTIVE("" if pool is None else pool.ha_cluster_stack)


RULES: Rules[SR, Op] = Rules(
    LISTED,
    Rule(ALL - DURING_UPGRADE, lambda store, sr: upgrading(store), plain(NOT_SUPPORTED_DURING_UPGRADE)),
    Rule(FEATURES.keys(), _unsupported, naming(SR_OPERATION_NOT_SUPPORTED)),
    Rule({Op.destroy, Op.forget}, is_attached, naming(SR_HAS_PBD)),
    Rule({Op.destroy}, lambda store, sr: not store.has_any(sr, "PBDs"), naming(SR_HAS_NO_PBDS)),
    Rule({Op.destroy}, _holds_disks, plain(SR_NOT_EMPTY)),
    Rule(ALL, _excluded, busy),
    Rule({Op.plug}, _wrong_stack, _active_stack),
)

check = RULES.check

DERIVATION = Derivation(
    "SR",
    "allowed_operations",
    RULES.allowed,
    (
        "current_operations", "type", "is_tools_sr", "PBDs.currently_attached", "VDIs.managed", "VDIs.type",
        "*SM.features", "*SM.type", "*SM.required_cluster_stack", "*pool.ha_enabled", "*pool.ha_cluster_stack",
        key("*pool.other_config", ROLLING_UPGRADE.name),
    ),
)  # fmt: skip
