"""Which repositories a pool takes updates from, what they bear beside them, and what stands in the way of an update."""

from __future__ import annotations

from xmlrpc.client import DateTime

import pytest

from tests.conftest import FreshHost
from xapid.datamodel import VM, Host, HostMetrics, Pool, Repository
from xapid.datamodel import types as datatypes
from xapid.datamodel.errors import (
    CAN_NOT_PERIODIC_SYNC_UPDATES,
    CAN_NOT_SYNC_UPDATES,
    CONFIGURE_REPOSITORIES_IN_PROGRESS,
    HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY,
    REPO_SHOULD_BE_SINGLE_ONE_ENABLED,
)
from xapid.datamodel.host import LatestSyncedUpdatesAppliedState
from xapid.datamodel.pool import PoolAllowedOperations
from xapid.datamodel.repository import Origin
from xapid.datamodel.vm import UpdateGuidances, VmPowerState
from xapid.rules.host import enabled_at_start

NEVER = DateTime("19700101T00:00:00Z")


def repository(fresh: FreshHost, name: str, origin: Origin = Origin.remote) -> str:
    with fresh.store.write() as tx:
        return tx.create(Repository, name_label=name, origin=origin, hash="known").ref


def looked(fresh: FreshHost, pool: str) -> None:
    """Updates were looked for, and are looked for by the calendar."""
    with fresh.store.write() as tx:
        tx.set(
            fresh.store.get(Pool, pool),
            last_update_sync=datatypes.DateTime("20260101T00:00:00Z"),
            update_sync_enabled=True,
        )
        for host in fresh.store.all(Host):
            tx.set(host, latest_synced_updates_applied=LatestSyncedUpdatesAppliedState.yes)


@pytest.mark.parametrize("origin", [Origin.bundle, Origin.remote_pool])
async def test_a_bundle_or_another_pool_bears_nothing_beside_it(fresh: FreshHost, pool: str, origin: Origin) -> None:
    plain, other = repository(fresh, "plain"), repository(fresh, "other", origin)

    with pytest.raises(REPO_SHOULD_BE_SINGLE_ONE_ENABLED):
        await fresh.xapi.pool.set_repositories(pool, [plain, other])
    await fresh.xapi.pool.set_repositories(pool, [other])
    with pytest.raises(REPO_SHOULD_BE_SINGLE_ONE_ENABLED):
        await fresh.xapi.pool.add_repository(pool, plain)

    assert await fresh.xapi.pool.get_repositories(pool) == [other]


async def test_what_was_found_before_says_nothing_of_a_new_repository(fresh: FreshHost, pool: str) -> None:
    first, second, third = (repository(fresh, name) for name in ("first", "second", "third"))
    await fresh.xapi.pool.set_repositories(pool, [first])
    looked(fresh, pool)
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(Repository, first), hash="known")

    await fresh.xapi.pool.set_repositories(pool, [first, second])
    added = [await fresh.xapi.pool.get_last_update_sync(pool)]
    looked(fresh, pool)
    await fresh.xapi.pool.add_repository(pool, third)
    added.append(await fresh.xapi.pool.get_last_update_sync(pool))

    assert added == [NEVER, NEVER]
    hashes = [await fresh.xapi.Repository.get_hash(each) for each in (first, second, third)]
    assert hashes == ["known", "", ""]
    assert await fresh.xapi.pool.get_update_sync_enabled(pool) is True


async def test_without_a_repository_nobody_knows_of_updates(fresh: FreshHost, pool: str, host: str) -> None:
    only = repository(fresh, "only")
    await fresh.xapi.pool.set_repositories(pool, [only])
    looked(fresh, pool)

    await fresh.xapi.pool.set_repositories(pool, [])

    assert await fresh.xapi.pool.get_last_update_sync(pool) == NEVER
    assert await fresh.xapi.host.get_latest_synced_updates_applied(host) == "unknown"


async def test_the_last_repository_takes_the_date_with_it(fresh: FreshHost, pool: str) -> None:
    first, second = repository(fresh, "first"), repository(fresh, "second")
    await fresh.xapi.pool.set_repositories(pool, [first, second])
    looked(fresh, pool)
    dates = []

    for each in (first, second):
        await fresh.xapi.pool.remove_repository(pool, each)
        dates.append(await fresh.xapi.pool.get_last_update_sync(pool))

    assert dates == [DateTime("20260101T00:00:00Z"), NEVER]


@pytest.mark.parametrize("origin", [Origin.bundle, Origin.remote_pool])
async def test_not_everything_is_looked_at_by_the_calendar(fresh: FreshHost, pool: str, origin: Origin) -> None:
    looked(fresh, pool)
    await fresh.xapi.pool.set_repositories(pool, [repository(fresh, "one", origin)])
    stopped = await fresh.xapi.pool.get_update_sync_enabled(pool)

    with pytest.raises(CAN_NOT_PERIODIC_SYNC_UPDATES):
        await fresh.xapi.pool.set_update_sync_enabled(pool, True)

    assert stopped is False
    assert await fresh.xapi.pool.get_update_sync_enabled(pool) is False


async def test_a_bundle_is_not_synchronised(fresh: FreshHost, pool: str) -> None:
    await fresh.xapi.pool.set_repositories(pool, [repository(fresh, "bundle", Origin.bundle)])

    with pytest.raises(CAN_NOT_SYNC_UPDATES):
        await fresh.xapi.pool.sync_updates(pool, False)


async def test_while_repositories_are_chosen_nobody_else_chooses(fresh: FreshHost, pool: str) -> None:
    one = repository(fresh, "one")
    with fresh.store.write() as tx:
        marks = {"OpaqueRef:task": PoolAllowedOperations.configure_repositories}
        tx.set(fresh.store.get(Pool, pool), current_operations=marks)

    for message, params in (("set_repositories", [[one]]), ("add_repository", [one]), ("remove_repository", [one])):
        with pytest.raises(CONFIGURE_REPOSITORIES_IN_PROGRESS):
            await fresh.xapi.call(f"pool.{message}", pool, *params)


# --- What stands in the way --------------------------------------------------------------------------


async def test_guests_that_cannot_leave_count_where_hosts_are_restarted(fresh: FreshHost, pool: str, host: str) -> None:
    with fresh.store.write() as tx:
        vm = tx.create(VM, name_label="guest", power_state=VmPowerState.Running, resident_on=host).ref

    assert await fresh.xapi.pool.check_update_readiness(pool, False) == []
    assert await fresh.xapi.pool.check_update_readiness(pool, True) == [["NO_HOSTS_AVAILABLE", vm]]


async def test_a_host_that_is_down_and_high_availability_count(fresh: FreshHost, pool: str, host: str) -> None:
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(HostMetrics, fresh.store.get(Host, host).metrics), live=False)
        tx.set(fresh.store.get(Pool, pool), ha_enabled=True)

    assert await fresh.xapi.pool.check_update_readiness(pool, True) == [["HA_IS_ENABLED"], ["HOST_OFFLINE", host]]


async def test_a_host_does_what_its_update_asks_before_it_takes_guests(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.host.disable(host)
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(Host, host), pending_guidances=(UpdateGuidances.reboot_host,))

    with pytest.raises(HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY) as error:
        await fresh.xapi.host.enable(host)
    at_start = enabled_at_start(fresh.store.get(Host, host))
    await fresh.xapi.host.emergency_clear_mandatory_guidance()
    await fresh.xapi.host.enable(host)

    assert error.value.args == (host,)
    assert (at_start, enabled_at_start(fresh.store.get(Host, host))) == (False, True)
