"""The interface by which a host is managed: moved, given up, and taken back where a change cuts clients off."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.machines import Workshop
from tests.xapi import REMOTE, Xapi
from xapid.backends.network.interface import Naming
from xapid.datamodel import Host, Pool
from xapid.datamodel.errors import (
    CANNOT_PLUG_BOND_SLAVE,
    HA_IS_ENABLED,
    INTERNAL_ERROR,
    PIF_HAS_NO_NETWORK_CONFIGURATION,
    PIF_HAS_NO_V6_NETWORK_CONFIGURATION,
    PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE,
    PIF_IS_MANAGEMENT_INTERFACE,
    PIF_NOT_PRESENT,
    SLAVE_REQUIRES_MANAGEMENT_INTERFACE,
    ApiError,
)
from xapid.datamodel.pif import PrimaryAddressType
from xapid.ops.management import LABEL, Trials, reached_at
from xapid.runtime.local_settings import MANAGEMENT_TRIAL, LocalSettings
from xapid.runtime.reach import Reach
from xapid.runtime.settings import Address

ADDRESS = "198.51.100.7"
DEADLINE = 60.0


@pytest.fixture
def reach(fresh: FreshHost) -> Reach:
    found: Reach = fresh.runtime.services["reach"]
    return found


@pytest.fixture
def heard(reach: Reach) -> list[str | None]:
    """Where the listeners were told to be heard."""
    told: list[str | None] = []

    async def follow(address: str | None) -> None:
        told.append(address)

    reach.listeners = [follow]
    return told


@pytest.fixture
async def old(xapi: Xapi, host: str) -> str:
    return await xapi.host.get_management_interface(host)


@pytest.fixture
async def pif(xapi: Xapi, host: str) -> str:
    """Another interface, with an address."""
    found = await xapi.PIF.introduce(host, "", "eth1", True)
    await xapi.PIF.reconfigure_ip(found, "Static", ADDRESS, "255.255.255.0", "198.51.100.1", "")
    return found


def change(workshop: Workshop, ref: str, **fields: Any) -> None:
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(ref), **fields)


# --- Moved -------------------------------------------------------------------------------------------


async def test_it_moves_with_all_that_leads_to_it(
    workshop: Workshop, xapi: Xapi, host: str, old: str, pif: str, heard: list[str | None]
) -> None:
    vm = await workshop.vm_in("Running")

    await xapi.host.management_reconfigure(pif)

    assert await xapi.host.get_management_interface(host) == pif
    assert (workshop.row(old).management, workshop.row(pif).management) == (False, True)
    assert workshop.row(pif).currently_attached
    assert workshop.row(host).address == ADDRESS
    for machine in (vm, workshop.row(host).control_domain):
        consoles = [await xapi.console.get_location(each) for each in await xapi.VM.get_consoles(machine)]
        assert consoles
        assert all(f"://{ADDRESS}" in each for each in consoles)
    assert heard == [ADDRESS]
    with pytest.raises(PIF_IS_MANAGEMENT_INTERFACE):
        await xapi.PIF.unplug(pif)
    await xapi.PIF.unplug(old)


async def test_the_way_out_and_the_name_servers_move_with_it(
    workshop: Workshop, xapi: Xapi, host: str, old: str, pif: str, heard: list[str | None]
) -> None:
    await xapi.PIF.reconfigure_ip(pif, "Static", ADDRESS, "255.255.255.0", "198.51.100.1", "198.51.100.2")
    wires = workshop.fresh.driver("network").wires
    await xapi.PIF.plug(pif)
    before = wires["xenbr1"]

    await xapi.host.management_reconfigure(pif)
    moved = wires["xenbr1"]
    # Its own bridge is there once somebody has it up.
    await xapi.PIF.reconfigure_ip(old, "Static", "192.0.2.1", "255.255.255.0", "192.0.2.254", "")
    await xapi.host.management_reconfigure(old)

    assert (before.ipv4.gateway, before.naming.first) == ("", False)
    assert (moved.ipv4.gateway, moved.naming) == ("198.51.100.1", Naming(("198.51.100.2",), first=True))
    assert wires["xenbr1"] == before
    assert wires[workshop.row(workshop.row(old).network).bridge].ipv4.gateway == "192.0.2.254"


async def test_to_where_it_is_it_does_not_move(xapi: Xapi, old: str, heard: list[str | None]) -> None:
    await xapi.host.management_reconfigure(old)

    assert heard == []


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"bond_slave_of": "OpaqueRef:a-bond"}, CANNOT_PLUG_BOND_SLAVE),
        ({"ip_configuration_mode": "None"}, PIF_HAS_NO_NETWORK_CONFIGURATION),
        ({"primary_address_type": PrimaryAddressType.IPv6}, PIF_HAS_NO_V6_NETWORK_CONFIGURATION),
    ],
)
async def test_an_interface_that_leads_nowhere_is_refused(
    workshop: Workshop, xapi: Xapi, pif: str, fields: dict[str, Any], error: type[ApiError]
) -> None:
    if "ip_configuration_mode" in fields:
        await xapi.PIF.reconfigure_ip(pif, "None", "", "", "", "")
    else:
        change(workshop, pif, **fields)

    with pytest.raises(error) as refused:
        await xapi.host.management_reconfigure(pif)

    assert refused.value.args == (pif,)
    assert not workshop.row(pif).management


async def test_high_availability_keeps_it_where_it_is(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    change(workshop, workshop.fresh.store.one(Pool).ref, ha_enabled=True)
    network = workshop.row(pif).network

    for call in (
        xapi.host.management_reconfigure(pif),
        xapi.host.management_disable(),
        xapi.pool.management_reconfigure(network),
    ):
        with pytest.raises(HA_IS_ENABLED):
            await call


async def test_where_nobody_can_be_heard_the_caller_is_told(xapi: Xapi, pif: str, reach: Reach) -> None:
    async def follow(address: str | None) -> None:
        raise OSError("cannot assign requested address")

    reach.listeners = [follow]

    with pytest.raises(INTERNAL_ERROR, match="cannot assign requested address"):
        await xapi.host.management_reconfigure(pif)


async def test_it_passes_to_a_bond_and_back(workshop: Workshop, xapi: Xapi, host: str, old: str) -> None:
    pif = await xapi.PIF.introduce(host, "", "eth1", True)
    network = await workshop.network()
    address = workshop.row(host).address
    bond = await xapi.Bond.create(network, [old, pif], "", "balance-slb", {})
    master = await xapi.Bond.get_master(bond)

    joined = await xapi.host.get_management_interface(host), reached_at(workshop.fresh.runtime)
    await xapi.Bond.destroy(bond)
    parted = await xapi.host.get_management_interface(host), reached_at(workshop.fresh.runtime)

    assert joined == (master, address)
    assert parted == (old, address)


# --- Of the pool -------------------------------------------------------------------------------------


async def test_the_hosts_of_a_pool_are_managed_by_one_network(
    workshop: Workshop, xapi: Xapi, host: str, pif: str
) -> None:
    await xapi.pool.management_reconfigure(workshop.row(pif).network)

    assert await xapi.host.get_management_interface(host) == pif


async def test_a_network_that_a_host_does_not_see_is_refused(workshop: Workshop, xapi: Xapi, host: str) -> None:
    network = await workshop.network()

    with pytest.raises(PIF_NOT_PRESENT) as error:
        await xapi.pool.management_reconfigure(network)

    assert error.value.args == (host, network)


async def test_all_are_reached_by_one_version_of_ip(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    change(workshop, pif, primary_address_type=PrimaryAddressType.IPv6)

    with pytest.raises(PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE) as error:
        await xapi.pool.management_reconfigure(workshop.row(pif).network)

    assert error.value.args == (pif,)


# --- Given up ----------------------------------------------------------------------------------------


async def test_a_host_is_managed_from_itself_alone(
    workshop: Workshop, xapi: Xapi, host: str, old: str, heard: list[str | None]
) -> None:
    await xapi.host.management_disable()

    with pytest.raises(INTERNAL_ERROR):
        await xapi.host.get_management_interface(host)
    alone = reached_at(workshop.fresh.runtime)
    await xapi.host.management_reconfigure(old)

    address = workshop.row(host).address
    assert heard == [None, address]
    assert (alone, reached_at(workshop.fresh.runtime)) == (None, address)


async def test_a_member_is_always_reached(workshop: Workshop, xapi: Xapi) -> None:
    change(workshop, workshop.fresh.store.one(Pool).ref, master="OpaqueRef:another")

    with pytest.raises(SLAVE_REQUIRES_MANAGEMENT_INTERFACE):
        await xapi.host.management_disable()


# --- On trial ----------------------------------------------------------------------------------------


@pytest.fixture
async def far(xapi: Xapi, workshop: Workshop, host: str, heard: list[str | None]) -> Xapi:
    """A client of another machine, who came to the address of the host."""
    client = xapi.beside(REMOTE._replace(here=workshop.row(host).address))
    client.session = xapi.session
    return client


@pytest.fixture
async def readdressed(far: Xapi, workshop: Workshop, host: str, old: str) -> dict[str, Any]:
    """The management's interface, as it was before that client gave it another address."""
    row = workshop.row(old)
    before = {name: getattr(row, name) for name in ("ip_configuration_mode", "IP", "netmask", "gateway", "DNS")}
    await far.PIF.reconfigure_ip(old, "Static", ADDRESS, "255.255.255.0", "", "")
    assert workshop.row(host).address == ADDRESS
    return before


def on_trial(workshop: Workshop) -> bool:
    settings: LocalSettings = workshop.fresh.runtime.services["local_settings"]
    return bool(settings.get(MANAGEMENT_TRIAL))


async def decided(workshop: Workshop) -> None:
    async with asyncio.timeout(5):
        await asyncio.to_thread(_until_decided, workshop)


def _until_decided(workshop: Workshop) -> None:
    while on_trial(workshop):
        time.sleep(0.01)


async def test_who_is_cut_off_gets_the_old_address_back(
    workshop: Workshop, readdressed: dict[str, Any], host: str, old: str, heard: list[str | None]
) -> None:
    first = workshop.row(host).address
    await workshop.fresh.clock.asleep()
    await workshop.fresh.clock.let_pass(DEADLINE + 1)

    await workshop.until(lambda: workshop.row(host).address == readdressed["IP"])

    await decided(workshop)
    row = workshop.row(old)
    assert {name: getattr(row, name) for name in readdressed} == readdressed
    assert row.management
    assert row.currently_attached
    assert heard == [first, readdressed["IP"]]
    tasks = await workshop.xapi.task.get_all_records()
    assert [each["status"] for each in tasks.values() if each["name_label"] == LABEL] == ["success"]


async def test_it_stays_once_somebody_has_come(
    workshop: Workshop, readdressed: dict[str, Any], host: str, reach: Reach
) -> None:
    await workshop.fresh.clock.asleep()
    reach.came(ADDRESS, True)
    reach.came("192.0.2.99", False)
    undecided = on_trial(workshop)
    reach.came(ADDRESS, False)

    await decided(workshop)

    await workshop.fresh.clock.let_pass(2 * DEADLINE)
    assert undecided
    assert workshop.row(host).address == ADDRESS


async def test_a_daemon_that_dies_meanwhile_goes_on_with_it(
    workshop: Workshop, readdressed: dict[str, Any], host: str
) -> None:
    trials: Trials = workshop.fresh.runtime.services["management_trials"]
    await trials.close()

    trials.resume(workshop.fresh.runtime)
    await workshop.fresh.clock.asleep()
    await workshop.fresh.clock.let_pass(DEADLINE + 1)

    await workshop.until(lambda: workshop.row(host).address == readdressed["IP"])


async def test_two_changes_lead_back_to_what_was_before_both(
    workshop: Workshop, far: Xapi, readdressed: dict[str, Any], host: str, old: str
) -> None:
    far.peer = far.peer._replace(here=ADDRESS)
    await far.PIF.reconfigure_ip(old, "Static", "203.0.113.9", "255.255.255.0", "", "")
    await workshop.fresh.clock.asleep()
    await workshop.fresh.clock.let_pass(DEADLINE + 1)

    await workshop.until(lambda: workshop.row(host).address == readdressed["IP"])


async def test_who_sits_at_the_host_knows_what_he_does(
    workshop: Workshop, readdressed: dict[str, Any], xapi: Xapi, host: str, old: str
) -> None:
    await xapi.PIF.reconfigure_ip(old, "Static", "203.0.113.9", "255.255.255.0", "", "")

    await workshop.fresh.clock.let_pass(2 * DEADLINE)

    assert not on_trial(workshop)
    assert workshop.row(host).address == "203.0.113.9"


async def test_nothing_is_on_trial_where_the_old_address_stays(
    workshop: Workshop, far: Xapi, pif: str, host: str
) -> None:
    await far.host.management_reconfigure(pif)

    assert not on_trial(workshop)
    assert workshop.row(host).address == ADDRESS


async def test_listeners_of_one_address_put_a_move_on_trial(workshop: Workshop, far: Xapi, pif: str, host: str) -> None:
    runtime = workshop.fresh.runtime
    first = workshop.row(host).address
    runtime.config = replace(runtime.config, https=(Address(first, 443),), http=())
    await far.host.management_reconfigure(pif)
    await workshop.fresh.clock.asleep()
    await workshop.fresh.clock.let_pass(DEADLINE + 1)

    await workshop.until(lambda: workshop.row(host).address == first)

    assert await workshop.xapi.host.get_management_interface(host) != pif


async def test_a_deadline_of_nought_switches_it_off(workshop: Workshop, far: Xapi, host: str, old: str) -> None:
    runtime = workshop.fresh.runtime
    runtime.config = replace(runtime.config, network=replace(runtime.config.network, management_deadline=0.0))

    await far.PIF.reconfigure_ip(old, "Static", ADDRESS, "255.255.255.0", "", "")
    await asyncio.sleep(0)

    assert not on_trial(workshop)
    assert workshop.fresh.store.get(Host, host).address == ADDRESS
