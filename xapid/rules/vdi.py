"""Which operations on a VDI are allowed."""

from __future__ import annotations

from collections.abc import Callable

from xapid.datamodel import SR, VBD, VDI, VM
from xapid.datamodel.errors import (
    HA_DISABLE_IN_PROGRESS,
    HA_ENABLE_IN_PROGRESS,
    HA_IS_ENABLED,
    HANDLE_INVALID,
    NOT_SUPPORTED_DURING_UPGRADE,
    OPERATION_NOT_ALLOWED,
    REVERT_ONLY_ALLOWED_ON_SNAPSHOT,
    SR_HAS_NO_PBDS,
    SR_OPERATION_NOT_SUPPORTED,
    VDI_CBT_ENABLED,
    VDI_HAS_RRDS,
    VDI_IN_USE,
    VDI_INCOMPATIBLE_TYPE,
    VDI_IS_A_PHYSICAL_DEVICE,
    VDI_IS_SHARABLE,
    VDI_NO_CBT_METADATA,
    VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION,
    ApiError,
)
from xapid.datamodel.map_keys import ROLLING_UPGRADE
from xapid.datamodel.pool import PoolAllowedOperations
from xapid.datamodel.vbd import VbdMode
from xapid.datamodel.vdi import OnBoot, VdiType
from xapid.datamodel.vdi import VdiOperations as Op
from xapid.rules.features import the_pool
from xapid.rules.operations import NOTHING, Rule, Rules, busy, naming, others_in_progress, plain
from xapid.rules.pool import upgrading
from xapid.rules.sr import features, is_attached
from xapid.store.derive import Derivation, key
from xapid.store.store import Store

ALL = frozenset(Op)

LISTED = (
    Op.clone, Op.copy, Op.resize, Op.resize_online, Op.snapshot, Op.destroy, Op.forget, Op.update,
    Op.generate_config,
)  # fmt: skip
"""What allowed_operations tells of; the rest is checked only."""

LIVE = frozenset({
    Op.snapshot, Op.resize_online, Op.blocked, Op.clone, Op.mirror, Op.enable_cbt, Op.disable_cbt, Op.data_destroy,
    Op.revert_to,
})  # fmt: skip
"""What may be asked for while a machine has the disk open."""

REVERTING = frozenset({Op.revert_to, Op.revert_from})
TRACKING = frozenset({Op.enable_cbt, Op.disable_cbt})

FEATURES: dict[Op, str] = {
    Op.snapshot: "VDI_SNAPSHOT",
    Op.destroy: "VDI_DELETE",
    Op.resize: "VDI_RESIZE",
    Op.resize_online: "VDI_RESIZE_ONLINE",
    Op.update: "VDI_UPDATE",
    Op.clone: "VDI_CLONE",
    **dict.fromkeys(REVERTING, "VDI_CLONE"),
    Op.generate_config: "VDI_GENERATE_CONFIG",
    Op.mirror: "VDI_MIRROR",
    **dict.fromkeys((*TRACKING, Op.data_destroy, Op.list_changed_blocks), "VDI_CONFIG_CBT"),
    Op.set_on_boot: "VDI_RESET_ON_BOOT",
}
"""What the driver has to be able to do."""

NOT_FOR_METADATA = TRACKING | REVERTING | {
    Op.clone, Op.copy, Op.mirror, Op.resize, Op.resize_online, Op.snapshot, Op.set_on_boot,
}  # fmt: skip
"""What makes no sense once the data of a disk is destroyed and only the record of its changes is left."""

TYPE_WORDS: dict[VdiType, str] = {
    VdiType.system: "System",
    VdiType.user: "User",
    VdiType.ephemeral: "Ephemeral",
    VdiType.suspend: "Suspend",
    VdiType.crashdump: "Crashdump",
    VdiType.ha_statefile: "HA statefile",
    VdiType.metadata: "Metadata",
    VdiType.redo_log: "Redo log",
    VdiType.rrd: "rrd",
    VdiType.pvs_cache: "PVS cache",
    VdiType.cbt_metadata: "CBT metadata",
}
"""How errors spell the types."""

FOR_HA = frozenset({VdiType.ha_statefile, VdiType.redo_log})
UNATTACHABLE = FOR_HA | {VdiType.cbt_metadata}
"""Types that no VBD may have."""
TRACKED = frozenset({VdiType.system, VdiType.user})
"""Types whose changes can be tracked."""


def _sr(store: Store, vdi: VDI) -> SR:
    return store.get(SR, vdi.SR)


def _excluded(store: Store, vdi: VDI) -> frozenset[str]:
    """Operations that may not begin beside those that go on."""
    current = set(vdi.current_operations.values())
    if not current:
        return NOTHING
    if current == {Op.copy}:
        return ALL - {Op.copy}
    return ALL - {Op.destroy} if current == {Op.mirror} else ALL


def _attached(store: Store, vdi: VDI) -> list[VBD]:
    return [vbd for vbd in store.rows_of(vdi, "VBDs") if vbd.currently_attached]


def _in_use(store: Store, vdi: VDI) -> bool:
    return bool(_attached(store, vdi))


def _written(store: Store, vdi: VDI) -> bool:
    return any(vbd.mode == VbdMode.RW for vbd in _attached(store, vdi))


def _in_use_outside_snapshots(store: Store, vdi: VDI) -> bool:
    vms = (store.find(VM, vbd.VM) for vbd in _attached(store, vdi))
    return any(vm is None or not vm.is_a_snapshot for vm in vms)


def _in_use_error(store: Store, vdi: VDI, operation: str) -> ApiError:
    return VDI_IN_USE(vdi.ref, operation)


def _busy_vbd(store: Store, vdi: VDI) -> VBD | None:
    return next((vbd for vbd in store.rows_of(vdi, "VBDs") if vbd.current_operations), None)


def _drive_is_busy(store: Store, vdi: VDI, operation: str) -> ApiError:
    vbd = _busy_vbd(store, vdi)
    return others_in_progress("VDI", vdi.ref, {} if vbd is None else vbd.current_operations)


def _unsupported(store: Store, vdi: VDI) -> set[Op]:
    there = features(store, _sr(store, vdi))
    return {each for each, feature in FEATURES.items() if feature not in there}


def _unsupported_error(store: Store, vdi: VDI, operation: str) -> ApiError:
    return SR_OPERATION_NOT_SUPPORTED(vdi.SR)


def _bad_type(store: Store, vdi: VDI, operation: str) -> ApiError:
    return VDI_INCOMPATIBLE_TYPE(vdi.ref, TYPE_WORDS[vdi.type])


def _rolled_back(store: Store, vdi: VDI) -> bool:
    return vdi.on_boot == OnBoot.reset


def _for_ha(operation: PoolAllowedOperations) -> Callable[[Store, VDI], bool]:
    def goes_on(store: Store, vdi: VDI) -> bool:
        pool = the_pool(store)
        return vdi.type in FOR_HA and pool is not None and operation in pool.current_operations.values()

    return goes_on


def _ha_needs(store: Store, vdi: VDI) -> bool:
    pool = the_pool(store)
    return vdi.type in FOR_HA and pool is not None and pool.ha_enabled


RULES: Rules[VDI, Op] = Rules(
    LISTED,
    Rule(
        ALL,
        lambda store, vdi: store.find(SR, vdi.SR) is None,
        lambda store, vdi, operation: HANDLE_INVALID("SR", vdi.SR),
    ),
    Rule(ALL, lambda store, vdi: upgrading(store), plain(NOT_SUPPORTED_DURING_UPGRADE)),
    Rule(ALL, _excluded, busy),
    Rule(
        {Op.resize},
        lambda store, vdi: not is_attached(store, _sr(store, vdi)),
        lambda store, vdi, operation: SR_HAS_NO_PBDS(vdi.SR),
    ),
    Rule(ALL - LIVE - {Op.copy, Op.list_changed_blocks}, _in_use, _in_use_error),
    Rule({Op.copy}, _written, _in_use_error),
    Rule({Op.list_changed_blocks}, _in_use_outside_snapshots, _in_use_error),
    # VDI.data_destroy waits for the drives itself.
    Rule(ALL - {Op.data_destroy}, lambda store, vdi: _busy_vbd(store, vdi) is not None, _drive_is_busy),
    Rule(FEATURES.keys(), _unsupported, _unsupported_error),
    Rule(NOT_FOR_METADATA, lambda store, vdi: vdi.type == VdiType.cbt_metadata, _bad_type),
    Rule({Op.mirror, Op.set_on_boot}, lambda store, vdi: vdi.cbt_enabled, naming(VDI_CBT_ENABLED)),
    Rule({Op.destroy}, lambda store, vdi: _sr(store, vdi).type == "udev", naming(VDI_IS_A_PHYSICAL_DEVICE)),
    Rule({Op.destroy}, lambda store, vdi: _sr(store, vdi).is_tools_sr, _unsupported_error),
    Rule({Op.destroy, Op.forget}, lambda store, vdi: vdi.type == VdiType.rrd, naming(VDI_HAS_RRDS)),
    Rule({Op.destroy, Op.forget}, _ha_needs, plain(HA_IS_ENABLED)),
    # Not listed: every VDI would be looked at whenever something goes on with the pool.
    Rule(
        {Op.destroy, Op.forget},
        _for_ha(PoolAllowedOperations.ha_enable),
        plain(HA_ENABLE_IN_PROGRESS),
        listed=False,
    ),
    Rule(
        {Op.destroy, Op.forget},
        _for_ha(PoolAllowedOperations.ha_disable),
        plain(HA_DISABLE_IN_PROGRESS),
        listed=False,
    ),
    Rule(
        {Op.data_destroy},
        lambda store, vdi: not vdi.is_a_snapshot,
        lambda store, vdi, operation: OPERATION_NOT_ALLOWED("Only a snapshot can lose its data and keep its record"),
    ),
    Rule({Op.data_destroy}, lambda store, vdi: not vdi.cbt_enabled, naming(VDI_NO_CBT_METADATA)),
    # Not listed: the original fills the list before it knows that a new disk is sharable, and leaves it so.
    Rule({Op.snapshot}, lambda store, vdi: vdi.sharable, naming(VDI_IS_SHARABLE), listed=False),
    Rule({Op.snapshot, Op.copy}, _rolled_back, plain(VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION)),
    Rule(
        {Op.copy},
        lambda store, vdi: vdi.type in FOR_HA,
        lambda store, vdi, operation: OPERATION_NOT_ALLOWED("A disk that high availability works with is not copied"),
    ),
    Rule(
        TRACKING,
        lambda store, vdi: vdi.is_a_snapshot,
        lambda store, vdi, operation: OPERATION_NOT_ALLOWED("A snapshot does not change: there is nothing to track"),
    ),
    Rule(TRACKING, lambda store, vdi: vdi.type not in TRACKED, _bad_type),
    Rule(TRACKING, _rolled_back, plain(VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION)),
    Rule({Op.revert_from}, lambda store, vdi: not vdi.is_a_snapshot, plain(REVERT_ONLY_ALLOWED_ON_SNAPSHOT)),
)

check = RULES.check

DERIVATION = Derivation(
    "VDI",
    "allowed_operations",
    RULES.allowed,
    (
        "current_operations", "type", "on_boot",
        "VBDs.currently_attached", "VBDs.mode", "VBDs.current_operations",
        "SR.type", "SR.is_tools_sr", "SR.PBDs.currently_attached",
        "*SM.features", "*SM.type", "*pool.ha_enabled", key("*pool.other_config", ROLLING_UPGRADE.name),
    ),
)  # fmt: skip
