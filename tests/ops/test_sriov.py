"""Networks that consist of the virtual functions of cards (SR-IOV)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machines import Workshop
from tests.ops.test_pif_plugging import make_network, wires
from tests.xapi import Xapi
from xapid.backends.interface import Failed, InUse, NotFound
from xapid.datamodel import PIF, VLAN, Host, Network, NetworkSriov, PIF_metrics
from xapid.datamodel.errors import (
    CANNOT_FORGET_SRIOV_LOGICAL,
    HANDLE_INVALID,
    NETWORK_ALREADY_CONNECTED,
    NETWORK_HAS_INCOMPATIBLE_SRIOV_PIFS,
    NETWORK_HAS_INCOMPATIBLE_VLAN_ON_SRIOV_PIFS,
    NETWORK_INCOMPATIBLE_WITH_SRIOV,
    NETWORK_INCOMPATIBLE_WITH_VLAN_ON_BRIDGE,
    NETWORK_INCOMPATIBLE_WITH_VLAN_ON_SRIOV,
    NETWORK_SRIOV_ALREADY_ENABLED,
    NETWORK_SRIOV_DISABLE_FAILED,
    NETWORK_SRIOV_ENABLE_FAILED,
    NETWORK_UNMANAGED,
    NOT_IMPLEMENTED,
    PIF_DOES_NOT_ALLOW_UNPLUG,
    PIF_IS_NOT_PHYSICAL,
    PIF_IS_NOT_SRIOV_CAPABLE,
    PIF_SRIOV_STILL_EXISTS,
    PIF_UNMANAGED,
    PIF_VLAN_STILL_EXISTS,
    ApiError,
)
from xapid.ops.pif import rewiring
from xapid.ops.pif.plugging import restore
from xapid.runtime.context import Context

MOST = 8


@pytest.fixture
async def card(workshop: Workshop, xapi: Xapi, host: str) -> str:
    """An interface that can have virtual functions."""
    workshop.fresh.driver("network").capable["eth1"] = MOST
    return str(await xapi.PIF.introduce(host, "", "eth1", True))


def made(workshop: Workshop) -> dict[str, int]:
    """How many virtual functions the interfaces of the host have."""
    return dict(workshop.fresh.driver("network").made)


async def make_sriov(workshop: Workshop, card: str) -> NetworkSriov:
    ref = await workshop.xapi.network_sriov.create(card, await make_network(workshop.xapi))
    row: NetworkSriov = workshop.row(ref)
    return row


async def test_a_scan_finds_what_cards_can_do(workshop: Workshop, xapi: Xapi, host: str, card: str) -> None:
    at_first = await xapi.PIF.get_capabilities(card)
    workshop.fresh.driver("network").capable.clear()

    await xapi.PIF.scan(host)

    assert (at_first, await xapi.PIF.get_capabilities(card)) == (["sriov"], [])


async def test_the_functions_of_a_card_are_a_network(workshop: Workshop, xapi: Xapi, host: str, card: str) -> None:
    network = await make_network(xapi)

    ref = await xapi.network_sriov.create(card, network)

    record = await xapi.network_sriov.get_record(ref)
    assert (record["physical_PIF"], record["requires_reboot"], record["configuration_mode"]) == (card, False, "sysfs")
    physical, logical = workshop.row(card), workshop.row(record["logical_PIF"])
    assert (logical.device, logical.network, logical.host, logical.MAC) == ("eth1", network, host, "fe:ff:ff:ff:ff:ff")
    assert (logical.MTU, logical.VLAN, logical.metrics) == (physical.MTU, -1, physical.metrics)
    assert (logical.physical, logical.managed, logical.currently_attached) == (False, True, True)
    assert made(workshop) == {"eth1": MOST}
    assert await xapi.PIF.get_sriov_physical_PIF_of(card) == [ref]
    assert await xapi.PIF.get_sriov_logical_PIF_of(logical.ref) == [ref]


async def test_the_card_comes_up_and_no_bridge_for_its_functions(workshop: Workshop, card: str) -> None:
    sriov = await make_sriov(workshop, card)

    assert workshop.row(card).currently_attached
    assert set(wires(workshop)) == {"xenbr1"}
    network, host = (workshop.row(ref) for ref in (workshop.row(sriov.logical_PIF).network, workshop.row(card).host))
    assert network.bridge not in rewiring.wires(workshop.fresh.store, host)


async def test_they_go_and_the_card_stays(workshop: Workshop, xapi: Xapi, card: str) -> None:
    sriov = await make_sriov(workshop, card)
    metrics = workshop.row(card).metrics

    await xapi.network_sriov.destroy(sriov.ref)

    for gone in (xapi.network_sriov.get_record(sriov.ref), xapi.PIF.get_record(sriov.logical_PIF)):
        with pytest.raises(HANDLE_INVALID):
            await gone
    assert made(workshop) == {}
    assert workshop.row(metrics) and workshop.row(card).currently_attached
    assert set(wires(workshop)) == {"xenbr1"}


async def test_free_ones_are_counted(workshop: Workshop, xapi: Xapi, card: str) -> None:
    sriov = await make_sriov(workshop, card)
    before = await xapi.network_sriov.get_remaining_capacity(sriov.ref)

    workshop.fresh.driver("network").held["eth1"] = 3

    assert (before, await xapi.network_sriov.get_remaining_capacity(sriov.ref)) == ("8", "5")


async def test_those_that_somebody_made_are_taken_and_left(workshop: Workshop, xapi: Xapi, card: str) -> None:
    workshop.fresh.driver("network").made["eth1"] = 2

    sriov = await make_sriov(workshop, card)

    assert workshop.row(sriov.ref).configuration_mode == "manual"
    assert await xapi.network_sriov.get_remaining_capacity(sriov.ref) == "2"
    await xapi.network_sriov.destroy(sriov.ref)
    assert made(workshop) == {"eth1": 2}


async def test_they_go_down_and_come_up(workshop: Workshop, xapi: Xapi, card: str) -> None:
    sriov = await make_sriov(workshop, card)

    await xapi.PIF.unplug(sriov.logical_PIF)
    down = made(workshop), workshop.row(sriov.logical_PIF).currently_attached
    await xapi.PIF.plug(sriov.logical_PIF)
    await xapi.PIF.plug(sriov.logical_PIF)

    assert down == ({}, False)
    assert (made(workshop), workshop.row(sriov.logical_PIF).currently_attached) == ({"eth1": MOST}, True)
    assert workshop.row(sriov.ref).configuration_mode == "sysfs"


async def test_they_go_down_with_their_card(workshop: Workshop, xapi: Xapi, card: str) -> None:
    sriov = await make_sriov(workshop, card)
    vlan = workshop.row(await xapi.VLAN.create(sriov.logical_PIF, 7, await make_network(xapi)))

    await xapi.PIF.unplug(card)

    all_three = (card, sriov.logical_PIF, vlan.untagged_PIF)
    assert [workshop.row(pif).currently_attached for pif in all_three] == [False] * 3
    assert (made(workshop), wires(workshop)) == ({}, {})
    await xapi.PIF.plug(vlan.untagged_PIF)
    assert [workshop.row(pif).currently_attached for pif in all_three] == [True] * 3
    assert (made(workshop), set(wires(workshop))) == ({"eth1": MOST}, {"xenbr1"})


async def test_those_that_must_stay_keep_their_card_up(workshop: Workshop, xapi: Xapi, card: str) -> None:
    sriov = await make_sriov(workshop, card)
    await xapi.PIF.set_disallow_unplug(sriov.logical_PIF, True)

    for refused in (xapi.PIF.unplug(card), xapi.network_sriov.destroy(sriov.ref)):
        with pytest.raises(PIF_DOES_NOT_ALLOW_UNPLUG) as error:
            await refused
        assert error.value.args == (sriov.logical_PIF,)

    assert made(workshop) == {"eth1": MOST}


async def test_they_are_there_again_after_a_start(workshop: Workshop, card: str) -> None:
    await make_sriov(workshop, card)
    before, runtime, driver = wires(workshop), workshop.fresh.runtime, workshop.fresh.driver("network")
    driver.wires.clear()
    driver.made.clear()

    await restore(Context(runtime, runtime.tasks.dummy("start")), workshop.fresh.store.get(Host, runtime.localhost))

    assert (made(workshop), wires(workshop)) == ({"eth1": MOST}, before)


async def test_a_card_in_a_bond_keeps_its_functions(workshop: Workshop, xapi: Xapi, host: str, card: str) -> None:
    sriov = await make_sriov(workshop, card)
    other = await xapi.PIF.introduce(host, "", "eth2", True)

    await xapi.Bond.create(await make_network(xapi), [card, other], "", "active-backup", {})
    await xapi.PIF.plug(sriov.logical_PIF)

    assert made(workshop) == {"eth1": MOST}
    assert [each.uplink.device for each in wires(workshop).values()] == ["bond0"]


async def test_neither_is_forgotten(workshop: Workshop, xapi: Xapi, card: str) -> None:
    sriov = await make_sriov(workshop, card)

    with pytest.raises(PIF_SRIOV_STILL_EXISTS):
        await xapi.PIF.forget(card)
    with pytest.raises(CANNOT_FORGET_SRIOV_LOGICAL):
        await xapi.PIF.forget(sriov.logical_PIF)


async def test_a_network_of_functions_is_attached_and_machines_get_none(
    workshop: Workshop, xapi: Xapi, host: str, card: str
) -> None:
    sriov = await make_sriov(workshop, card)
    network = workshop.row(sriov.logical_PIF).network
    await xapi.PIF.unplug(sriov.logical_PIF)
    vm = await workshop.vm()
    await workshop.nic(vm, network)

    await xapi.network.attach(network, host)
    with pytest.raises(NOT_IMPLEMENTED):
        await workshop.started(vm)

    assert made(workshop) == {"eth1": MOST}
    assert workshop.row(network).bridge not in workshop.bridges()
    assert workshop.row(vm).power_state == "Halted"


# --- What fails --------------------------------------------------------------------------------------


async def test_what_cannot_be_had_is_not_made(workshop: Workshop, xapi: Xapi, card: str) -> None:
    workshop.faults("network").fail("make_functions", Failed("no room"))

    with pytest.raises(NETWORK_SRIOV_ENABLE_FAILED) as error:
        await make_sriov(workshop, card)

    assert error.value.args[1] == "no room"
    assert list(workshop.fresh.store.all(NetworkSriov)) == []
    assert [pif.ref for pif in workshop.fresh.store.all(PIF) if pif.device == "eth1"] == [card]


async def test_what_cannot_come_up_is_down(workshop: Workshop, xapi: Xapi, card: str) -> None:
    sriov = await make_sriov(workshop, card)
    workshop.faults("network").fail("make_functions", Failed("no room"))

    with pytest.raises(NETWORK_SRIOV_ENABLE_FAILED) as error:
        await xapi.PIF.plug(sriov.logical_PIF)

    assert error.value.args == (sriov.logical_PIF, "no room")
    assert not workshop.row(sriov.logical_PIF).currently_attached


@pytest.mark.parametrize("fault", [InUse("held for guests"), Failed("held for guests")])
async def test_what_cannot_be_taken_away_stays(workshop: Workshop, xapi: Xapi, card: str, fault: Exception) -> None:
    sriov = await make_sriov(workshop, card)
    for call in (xapi.network_sriov.destroy(sriov.ref), xapi.PIF.unplug(sriov.logical_PIF)):
        workshop.faults("network").fail("remove_functions", fault)

        with pytest.raises(NETWORK_SRIOV_DISABLE_FAILED) as error:
            await call

        assert error.value.args == (sriov.logical_PIF, "held for guests")

    assert workshop.row(sriov.logical_PIF).currently_attached
    await xapi.network_sriov.destroy(sriov.ref)


async def test_those_of_a_card_that_is_gone_went_with_it(workshop: Workshop, xapi: Xapi, card: str) -> None:
    sriov = await make_sriov(workshop, card)
    workshop.faults("network").fail("remove_functions", NotFound("there is no interface eth1"))

    await xapi.network_sriov.destroy(sriov.ref)

    assert list(workshop.fresh.store.all(NetworkSriov)) == []


async def test_what_a_daemon_left_that_was_killed_goes(workshop: Workshop, xapi: Xapi, card: str) -> None:
    sriov = await make_sriov(workshop, card)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(sriov.logical_PIF), currently_attached=False)

    await xapi.network_sriov.destroy(sriov.ref)

    assert made(workshop) == {}


async def test_a_vlan_keeps_them(workshop: Workshop, xapi: Xapi, card: str) -> None:
    sriov = await make_sriov(workshop, card)
    vlan = await xapi.VLAN.create(sriov.logical_PIF, 7, await make_network(xapi))

    with pytest.raises(PIF_VLAN_STILL_EXISTS) as error:
        await xapi.network_sriov.destroy(sriov.ref)

    assert error.value.args == (sriov.logical_PIF,)
    await xapi.VLAN.destroy(vlan)
    assert made(workshop) == {"eth1": MOST}
    await xapi.network_sriov.destroy(sriov.ref)


# --- Refused -----------------------------------------------------------------------------------------


async def refused(call: Any) -> list[str]:
    with pytest.raises(ApiError) as error:
        await call
    return error.value.description


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"managed": False}, PIF_UNMANAGED),
        ({"physical": False}, PIF_IS_NOT_PHYSICAL),
        ({"capabilities": ()}, PIF_IS_NOT_SRIOV_CAPABLE),
    ],
)
async def test_interfaces_that_have_no_functions(
    workshop: Workshop, xapi: Xapi, card: str, fields: dict[str, Any], code: type[ApiError]
) -> None:
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(card), **fields)

    assert await refused(make_sriov(workshop, card)) == [code.__name__, card]
    assert made(workshop) == {}


async def test_a_card_has_them_once(workshop: Workshop, card: str) -> None:
    await make_sriov(workshop, card)

    assert await refused(make_sriov(workshop, card)) == [NETWORK_SRIOV_ALREADY_ENABLED.__name__, card]


async def test_networks_that_take_none(workshop: Workshop, xapi: Xapi, host: str, card: str) -> None:
    own, unmanaged = workshop.row(card).network, await make_network(xapi, managed=False)

    assert await refused(xapi.network_sriov.create(card, unmanaged)) == [NETWORK_UNMANAGED.__name__, unmanaged]
    assert await refused(xapi.network_sriov.create(card, own)) == [NETWORK_ALREADY_CONNECTED.__name__, host, card]


def elsewhere(workshop: Workshop, network: str, *, sriov: bool, product: str = "", tag: int = -1) -> None:
    """A network as it is on another host: with an ordinary interface, or with functions of some kind of card."""
    with workshop.fresh.store.write() as tx:
        host = tx.create(Host).ref
        metrics = tx.create(PIF_metrics, device_id=product).ref
        card = tx.create(PIF, device="eth1", host=host, metrics=metrics, network=tx.create(Network).ref, VLAN=-1)
        below = card
        if sriov:
            below = tx.create(PIF, host=host, network=network if tag < 0 else tx.create(Network).ref, VLAN=-1)
            tx.create(NetworkSriov, physical_PIF=card.ref, logical_PIF=below.ref)
        elif tag < 0:
            tx.set(card, network=network)
        if tag >= 0:
            vlan = tx.create(VLAN, tagged_PIF=below.ref, tag=tag)
            tx.create(PIF, host=host, network=network, VLAN=tag, VLAN_master_of=vlan.ref)


@pytest.mark.parametrize(
    ("there", "answer"),
    [
        ({"sriov": False}, [NETWORK_INCOMPATIBLE_WITH_SRIOV.__name__, "network"]),
        ({"sriov": True, "product": "1572"}, [NETWORK_HAS_INCOMPATIBLE_SRIOV_PIFS.__name__, "pif", "network"]),
        ({"sriov": True}, []),
    ],
)
async def test_a_network_has_functions_of_one_kind_of_card(
    workshop: Workshop, xapi: Xapi, card: str, there: dict[str, Any], answer: list[str]
) -> None:
    network = await make_network(xapi)
    elsewhere(workshop, network, **there)

    if answer:
        named = {"pif": card, "network": network}
        assert await refused(xapi.network_sriov.create(card, network)) == [named.get(each, each) for each in answer]
    else:
        assert await xapi.network_sriov.create(card, network)


@pytest.mark.parametrize(
    ("there", "answer"),
    [
        ({"sriov": False}, [NETWORK_INCOMPATIBLE_WITH_VLAN_ON_SRIOV.__name__, "network"]),
        ({"sriov": True, "product": "9"}, [NETWORK_HAS_INCOMPATIBLE_VLAN_ON_SRIOV_PIFS.__name__, "pif", "network"]),
        ({"sriov": True}, []),
    ],
)
async def test_so_has_a_network_of_vlans_on_them(
    workshop: Workshop, xapi: Xapi, card: str, there: dict[str, Any], answer: list[str]
) -> None:
    logical = (await make_sriov(workshop, card)).logical_PIF
    network = await make_network(xapi)
    elsewhere(workshop, network, tag=7, **there)

    if answer:
        named = {"pif": logical, "network": network}
        assert await refused(xapi.VLAN.create(logical, 7, network)) == [named.get(each, each) for each in answer]
    else:
        assert await xapi.VLAN.create(logical, 7, network)


async def test_no_vlan_of_a_bridge_in_a_network_of_functions(workshop: Workshop, xapi: Xapi, card: str) -> None:
    network = await make_network(xapi)
    elsewhere(workshop, network, sriov=True)

    assert await refused(xapi.VLAN.create(card, 7, network)) == [
        NETWORK_INCOMPATIBLE_WITH_VLAN_ON_BRIDGE.__name__, network,
    ]  # fmt: skip
