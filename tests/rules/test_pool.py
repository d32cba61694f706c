"""Which operations the pool takes."""

from __future__ import annotations

import pytest

from tests.rules.rows import World
from xapid.datamodel import Cluster
from xapid.datamodel.errors import ApiError
from xapid.datamodel.pool import PoolAllowedOperations as Op
from xapid.rules.pool import check

TASK = "OpaqueRef:task"
FRESH = {*Op} - {Op.ha_disable}


def refused(world: World, operation: str) -> list[str]:
    """The error of an operation; nothing if it is allowed."""
    try:
        check(world.store, world.now(world.pool), operation)
    except ApiError as error:
        return error.description
    return []


def test_a_new_pool_takes_all_but_the_end_of_high_availability(world: World) -> None:
    assert set(world.pool.allowed_operations) == FRESH
    assert refused(world, "ha_disable") == ["HA_NOT_ENABLED"]


def test_high_availability_excludes_clusters_and_itself(world: World) -> None:
    pool = world.set(world.pool, ha_enabled=True, ha_cluster_stack="xhad")

    assert set(pool.allowed_operations) == {*Op} - {Op.ha_enable, Op.cluster_create}
    assert refused(world, "ha_enable") == ["HA_IS_ENABLED"]
    assert refused(world, "cluster_create") == ["INCOMPATIBLE_CLUSTER_STACK_ACTIVE", "xhad"]


@pytest.mark.parametrize(
    "operation",
    [
        "ha_enable", "ha_disable", "cluster_create", "designate_new_master", "tls_verification_enable",
        "configure_repositories", "sync_updates", "sync_bundle", "apply_updates",
    ],
)  # fmt: skip
def test_some_operations_make_others_fail(world: World, operation: str) -> None:
    pool = world.set(world.pool, current_operations={TASK: Op(operation)})

    assert pool.allowed_operations == ()
    assert refused(world, "eject") == [f"{operation.upper()}_IN_PROGRESS"]


@pytest.mark.parametrize(
    "operation",
    [
        "cert_refresh", "exchange_certificates_on_join", "exchange_ca_certificates_on_join", "exchange_crls_on_join",
        "copy_primary_host_certs", "eject", "get_updates",
    ],
)  # fmt: skip
def test_the_rest_makes_others_wait(world: World, operation: str) -> None:
    pool = world.set(world.pool, current_operations={TASK: Op(operation)})

    assert pool.allowed_operations == ()
    assert refused(world, "ha_enable") == ["OTHER_OPERATION_IN_PROGRESS", "pool", pool.ref, operation, TASK]


def test_there_is_one_cluster(world: World) -> None:
    world.make(Cluster)

    assert Op.cluster_create not in world.now(world.pool).allowed_operations
    assert refused(world, "cluster_create") == ["CLUSTER_ALREADY_EXISTS"]


def test_no_cluster_is_made_during_an_upgrade(world: World) -> None:
    pool = world.set(world.pool, other_config={"rolling_upgrade_in_progress": ""})

    assert set(pool.allowed_operations) == FRESH - {Op.cluster_create}
    assert refused(world, "cluster_create") == ["NOT_SUPPORTED_DURING_UPGRADE"]
