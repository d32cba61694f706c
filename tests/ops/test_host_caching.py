"""The repository that a host chooses for copies of shared disks."""

from __future__ import annotations

import pytest

from tests.conftest import FreshHost
from tests.machines import Workshop
from xapid.datamodel import PBD, SR, VBD, VM, Host
from xapid.datamodel.errors import (
    HOST_IN_USE,
    HOST_NOT_DISABLED,
    HOSTS_FAILED_TO_ENABLE_CACHING,
    SR_IS_CACHE_SR,
    OtherError,
)
from xapid.datamodel.types import NULL
from xapid.datamodel.vm import VmPowerState


async def test_a_host_chooses_a_local_repository_and_another(fresh: FreshHost, host: str, workshop: Workshop) -> None:
    first, second = await workshop.sr("ext"), await workshop.sr("ext")
    await fresh.xapi.host.disable(host)
    await fresh.xapi.host.enable_local_storage_caching(host, first)
    before = [await fresh.xapi.SR.get_local_cache_enabled(sr) for sr in (first, second)]

    await fresh.xapi.host.enable_local_storage_caching(host, second)

    assert before == [True, False]
    assert [await fresh.xapi.SR.get_local_cache_enabled(sr) for sr in (first, second)] == [False, True]
    assert await fresh.xapi.host.get_local_cache_sr(host) == second


async def test_a_repository_that_was_chosen_is_not_destroyed(fresh: FreshHost, host: str, workshop: Workshop) -> None:
    sr = await workshop.sr("ext")
    await fresh.xapi.host.disable(host)
    await fresh.xapi.host.enable_local_storage_caching(host, sr)
    for pbd in await fresh.xapi.SR.get_PBDs(sr):
        await fresh.xapi.PBD.unplug(pbd)

    with pytest.raises(SR_IS_CACHE_SR):
        await fresh.xapi.SR.destroy(sr)
    await fresh.xapi.host.disable_local_storage_caching(host)

    assert await fresh.xapi.host.get_local_cache_sr(host) == NULL
    assert await fresh.xapi.SR.get_local_cache_enabled(sr) is False
    await fresh.xapi.SR.destroy(sr)


async def test_a_host_that_takes_guests_chooses_nothing(fresh: FreshHost, host: str, workshop: Workshop) -> None:
    sr = await workshop.sr("ext")

    with pytest.raises(HOST_NOT_DISABLED):
        await fresh.xapi.host.enable_local_storage_caching(host, sr)
    with pytest.raises(HOST_NOT_DISABLED):
        await fresh.xapi.host.disable_local_storage_caching(host)


async def test_a_guest_that_runs_stands_in_the_way(fresh: FreshHost, host: str, workshop: Workshop) -> None:
    sr = await workshop.sr("ext")
    await fresh.xapi.host.disable(host)
    with fresh.store.write() as tx:
        vm = tx.create(VM, name_label="guest", power_state=VmPowerState.Running, resident_on=host)

    with pytest.raises(HOST_IN_USE) as error:
        await fresh.xapi.host.enable_local_storage_caching(host, sr)

    assert error.value.args == (host, "vm", vm.ref)


async def test_a_disk_of_the_control_domain_stands_in_the_way(fresh: FreshHost, host: str, workshop: Workshop) -> None:
    sr = await workshop.sr("ext")
    await fresh.xapi.host.disable(host)
    domain = await fresh.xapi.host.get_control_domain(host)
    with fresh.store.write() as tx:
        vbd = tx.create(VBD, VM=domain, empty=True, currently_attached=True)

    with pytest.raises(HOST_IN_USE) as error:
        await fresh.xapi.host.enable_local_storage_caching(host, sr)

    assert error.value.args == (host, "vbd", vbd.ref)


@pytest.mark.parametrize("kind", ["nfs", "lvm"])
async def test_not_every_repository_is_made_for_it(fresh: FreshHost, host: str, workshop: Workshop, kind: str) -> None:
    sr = await workshop.sr(kind, server="192.0.2.1", serverpath="/export")
    await fresh.xapi.host.disable(host)

    with pytest.raises(OtherError) as error:
        await fresh.xapi.host.enable_local_storage_caching(host, sr)

    assert error.value.description == ["SR_OPERATION_NOT_SUPPORTED"]


async def test_a_repository_of_another_host_is_out_of_reach(fresh: FreshHost, host: str, workshop: Workshop) -> None:
    sr = await workshop.sr("ext")
    await fresh.xapi.host.disable(host)
    with fresh.store.write() as tx:
        other = tx.create(Host, hostname="other", name_label="other")
        (pbd,) = fresh.store.where(PBD, SR=sr)
        tx.set(pbd, host=other.ref)

    with pytest.raises(OtherError) as error:
        await fresh.xapi.host.enable_local_storage_caching(host, sr)

    assert error.value.description == ["HOST_CANNOT_SEE_SR", host, sr]


# --- A whole pool ------------------------------------------------------------------------------------


async def test_every_host_of_a_pool_chooses(fresh: FreshHost, pool: str, host: str, workshop: Workshop) -> None:
    await workshop.sr("lvm")
    sr = await workshop.sr("ext")
    await fresh.xapi.host.disable(host)

    await fresh.xapi.pool.enable_local_storage_caching(pool)
    chosen = await fresh.xapi.host.get_local_cache_sr(host)
    await fresh.xapi.pool.disable_local_storage_caching(pool)

    assert chosen == sr
    assert not any(row.local_cache_enabled for row in fresh.store.all(SR))


async def test_hosts_that_cannot_are_named(fresh: FreshHost, pool: str, host: str, workshop: Workshop) -> None:
    with pytest.raises(HOSTS_FAILED_TO_ENABLE_CACHING) as without:
        await fresh.xapi.pool.enable_local_storage_caching(pool)
    await workshop.sr("ext")
    with pytest.raises(HOSTS_FAILED_TO_ENABLE_CACHING) as enabled:
        await fresh.xapi.pool.enable_local_storage_caching(pool)
    with pytest.raises(OtherError) as error:
        await fresh.xapi.pool.disable_local_storage_caching(pool)

    assert without.value.args == enabled.value.args == (host,)
    assert error.value.description == ["HOSTS_FAILED_TO_DISABLE_CACHING", host]
