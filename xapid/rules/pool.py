"""Which operations on the pool are allowed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from xapid.datamodel import Cluster, Pool
from xapid.datamodel.errors import (
    APPLY_UPDATES_IN_PROGRESS,
    CLUSTER_ALREADY_EXISTS,
    CLUSTER_CREATE_IN_PROGRESS,
    CONFIGURE_REPOSITORIES_IN_PROGRESS,
    HA_DISABLE_IN_PROGRESS,
    HA_ENABLE_IN_PROGRESS,
    HA_IS_ENABLED,
    HA_NOT_ENABLED,
    INCOMPATIBLE_CLUSTER_STACK_ACTIVE,
    NOT_SUPPORTED_DURING_UPGRADE,
    SYNC_BUNDLE_IN_PROGRESS,
    SYNC_UPDATES_IN_PROGRESS,
    ApiError,
    OtherError,
)
from xapid.datamodel.map_keys import ROLLING_UPGRADE
from xapid.datamodel.pool import PoolAllowedOperations as Op
from xapid.rules.features import the_pool
from xapid.rules.operations import Rule, Rules, busy, plain
from xapid.store.derive import Derivation, key
from xapid.store.store import Store

ALL = frozenset(Op)

BLOCKING: dict[Op, Callable[[], ApiError]] = {
    Op.ha_enable: HA_ENABLE_IN_PROGRESS,
    Op.ha_disable: HA_DISABLE_IN_PROGRESS,
    Op.cluster_create: CLUSTER_CREATE_IN_PROGRESS,
    Op.designate_new_master: partial(OtherError, "DESIGNATE_NEW_MASTER_IN_PROGRESS"),
    Op.tls_verification_enable: partial(OtherError, "TLS_VERIFICATION_ENABLE_IN_PROGRESS"),
    Op.configure_repositories: CONFIGURE_REPOSITORIES_IN_PROGRESS,
    Op.sync_updates: SYNC_UPDATES_IN_PROGRESS,
    Op.sync_bundle: SYNC_BUNDLE_IN_PROGRESS,
    Op.apply_updates: APPLY_UPDATES_IN_PROGRESS,
}
"""While one of these goes on every operation fails; while another goes on, it waits."""


def upgrading(store: Store) -> bool:
    """Whether a rolling upgrade of the pool is under way."""
    pool = the_pool(store)
    return pool is not None and ROLLING_UPGRADE.of(pool)


def _blocking(store: Store, pool: Pool, operation: str) -> ApiError:
    return next(error() for each, error in BLOCKING.items() if each in pool.current_operations.values())


RULES: Rules[Pool, Op] = Rules(
    Op,
    Rule(ALL, lambda store, pool: not BLOCKING.keys().isdisjoint(pool.current_operations.values()), _blocking),
    Rule(ALL, lambda store, pool: bool(pool.current_operations), busy),
    Rule({Op.ha_enable}, lambda store, pool: pool.ha_enabled, plain(HA_IS_ENABLED)),
    Rule({Op.ha_disable}, lambda store, pool: not pool.ha_enabled, plain(HA_NOT_ENABLED)),
    Rule({Op.cluster_create}, lambda store, pool: upgrading(store), plain(NOT_SUPPORTED_DURING_UPGRADE)),
    Rule({Op.cluster_create}, lambda store, pool: bool(store.all(Cluster)), plain(CLUSTER_ALREADY_EXISTS)),
    Rule(
        {Op.cluster_create},
        lambda store, pool: pool.ha_enabled,
        lambda store, pool, operation: INCOMPATIBLE_CLUSTER_STACK_ACTIVE(pool.ha_cluster_stack),
    ),
)

check = RULES.check

DERIVATION = Derivation(
    "pool",
    "allowed_operations",
    RULES.allowed,
    ("current_operations", "ha_enabled", key("other_config", ROLLING_UPGRADE.name), "*Cluster.uuid"),
)
