"""Tunnels over interfaces of hosts: made where all hosts work with Open vSwitch, up with what they go over."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machines import NULL, Workshop
from tests.ops.test_pif_plugging import make_network, wires
from tests.xapi import Xapi
from xapid.backends.interface import Failed
from xapid.datamodel import PIF, Bond, Host, Network, NetworkSriov, Pool, Tunnel
from xapid.datamodel.errors import (
    CANNOT_ADD_TUNNEL_TO_BOND_SLAVE,
    CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL,
    CANNOT_ADD_TUNNEL_TO_VLAN_ON_SRIOV_LOGICAL,
    HANDLE_INVALID,
    IS_TUNNEL_ACCESS_PIF,
    NETWORK_ALREADY_CONNECTED,
    NETWORK_INCOMPATIBLE_WITH_TUNNEL,
    NETWORK_UNMANAGED,
    OPENVSWITCH_NOT_ACTIVE,
    PIF_CONFIGURATION_ERROR,
    PIF_DOES_NOT_ALLOW_UNPLUG,
    PIF_TUNNEL_STILL_EXISTS,
    PIF_UNMANAGED,
    TRANSPORT_PIF_NOT_CONFIGURED,
    VIF_IN_USE,
    ApiError,
)
from xapid.ops.pif.plugging import restore
from xapid.runtime.context import Context


def works_with(workshop: Workshop, host: str, back_end: str) -> None:
    with workshop.fresh.store.write() as tx:
        row = workshop.row(host)
        tx.set(row, software_version={**row.software_version, "network_backend": back_end})


@pytest.fixture
async def transport(workshop: Workshop, xapi: Xapi, host: str) -> str:
    """An interface with an address, of a host that can have tunnels."""
    works_with(workshop, host, "openvswitch")
    pif = await xapi.PIF.introduce(host, "", "eth1", True)
    await xapi.PIF.reconfigure_ip(pif, "Static", "198.51.100.5", "255.255.255.0", "", "")
    return str(pif)


async def make_tunnel(workshop: Workshop, transport: str) -> Tunnel:
    made = await workshop.xapi.tunnel.create(transport, await make_network(workshop.xapi), "gre")
    row: Tunnel = workshop.row(made)
    return row


async def test_a_tunnel_is_made_and_is_up(workshop: Workshop, xapi: Xapi, host: str, transport: str) -> None:
    network = await make_network(xapi)

    made = await xapi.tunnel.create(transport, network, "vxlan")

    record = await xapi.tunnel.get_record(made)
    assert {key: record[key] for key in ("transport_PIF", "status", "other_config", "protocol")} == {
        "transport_PIF": transport, "status": {"active": "false"}, "other_config": {}, "protocol": "vxlan",
    }  # fmt: skip
    access = workshop.row(record["access_PIF"])
    assert (access.device, access.network, access.host, access.VLAN, access.MTU) == ("tunnel0", network, host, -1, 1500)
    assert (access.physical, access.managed, access.currently_attached) == (False, True, True)
    assert access.metrics == workshop.row(transport).metrics
    assert access.MAC not in (workshop.row(transport).MAC, "") and int(access.MAC[:2], 16) & 3 == 2
    laid = wires(workshop)[workshop.row(network).bridge]
    assert (laid.uplink, laid.mac) == (None, access.MAC)


async def test_what_a_tunnel_goes_over_comes_up_with_it(workshop: Workshop, transport: str) -> None:
    assert not workshop.row(transport).currently_attached

    await make_tunnel(workshop, transport)

    assert workshop.row(transport).currently_attached
    assert "xenbr1" in wires(workshop)


async def test_tunnels_are_numbered(workshop: Workshop, xapi: Xapi, transport: str) -> None:
    first, second = [await make_tunnel(workshop, transport) for _ in range(2)]
    await xapi.tunnel.destroy(first.ref)
    third = await make_tunnel(workshop, transport)

    names = [workshop.row(each.access_PIF).device for each in (second, third)]

    assert names == ["tunnel1", "tunnel0"]
    assert workshop.row(second.access_PIF).MAC != workshop.row(third.access_PIF).MAC


async def test_a_tunnel_goes_and_leaves_what_it_went_over(workshop: Workshop, xapi: Xapi, transport: str) -> None:
    tunnel = await make_tunnel(workshop, transport)
    metrics = workshop.row(transport).metrics

    await xapi.tunnel.destroy(tunnel.ref)

    for gone in (xapi.tunnel.get_record(tunnel.ref), xapi.PIF.get_record(tunnel.access_PIF)):
        with pytest.raises(HANDLE_INVALID):
            await gone
    assert set(wires(workshop)) == {"xenbr1"}
    assert workshop.row(metrics) and workshop.row(transport).currently_attached


async def test_one_that_a_guest_uses_stays(workshop: Workshop, xapi: Xapi, transport: str) -> None:
    tunnel = await make_tunnel(workshop, transport)
    network = workshop.row(tunnel.access_PIF).network
    vm = await workshop.vm()
    vif = await workshop.nic(vm, network)
    await workshop.started(vm)

    for refused in (xapi.tunnel.destroy(tunnel.ref), xapi.PIF.unplug(tunnel.access_PIF), xapi.PIF.unplug(transport)):
        with pytest.raises(VIF_IN_USE) as error:
            await refused
        assert error.value.args == (network, vif)

    assert workshop.row(tunnel.ref) and len(wires(workshop)) == 2


async def test_a_guest_brings_a_tunnel_up(workshop: Workshop, xapi: Xapi, transport: str) -> None:
    tunnel = await make_tunnel(workshop, transport)
    await xapi.PIF.unplug(transport)
    assert wires(workshop) == {}
    vm = await workshop.vm()
    await workshop.nic(vm, workshop.row(tunnel.access_PIF).network)

    await workshop.started(vm)

    assert [workshop.row(pif).currently_attached for pif in (transport, tunnel.access_PIF)] == [True, True]
    assert len(wires(workshop)) == 2


async def test_a_tunnel_goes_down_with_what_it_goes_over(workshop: Workshop, xapi: Xapi, transport: str) -> None:
    tunnel = await make_tunnel(workshop, transport)

    await xapi.PIF.unplug(transport)

    assert [workshop.row(pif).currently_attached for pif in (transport, tunnel.access_PIF)] == [False, False]
    assert wires(workshop) == {}
    await xapi.PIF.plug(tunnel.access_PIF)
    assert [workshop.row(pif).currently_attached for pif in (transport, tunnel.access_PIF)] == [True, True]


async def test_one_that_must_stay_up_keeps_what_it_goes_over_up(workshop: Workshop, xapi: Xapi, transport: str) -> None:
    tunnel = await make_tunnel(workshop, transport)
    await xapi.PIF.set_disallow_unplug(tunnel.access_PIF, True)

    with pytest.raises(PIF_DOES_NOT_ALLOW_UNPLUG) as error:
        await xapi.PIF.unplug(transport)

    assert error.value.args == (tunnel.access_PIF,)
    assert len(wires(workshop)) == 2


async def test_a_tunnel_has_an_address_of_the_host(workshop: Workshop, xapi: Xapi, transport: str) -> None:
    tunnel = await make_tunnel(workshop, transport)
    access = workshop.row(tunnel.access_PIF)

    await xapi.PIF.reconfigure_ip(access.ref, "Static", "203.0.113.5", "255.255.255.0", "", "")

    laid = wires(workshop)[workshop.row(access.network).bridge]
    assert (laid.uplink, laid.ipv4.address) == (None, "203.0.113.5/24")


async def test_neither_end_of_a_tunnel_is_forgotten(workshop: Workshop, xapi: Xapi, transport: str) -> None:
    tunnel = await make_tunnel(workshop, transport)

    for pif in (transport, tunnel.access_PIF):
        with pytest.raises(PIF_TUNNEL_STILL_EXISTS) as error:
            await xapi.PIF.forget(pif)
        assert error.value.args == (pif,)


async def test_one_that_cannot_come_up_is_not_made(workshop: Workshop, xapi: Xapi, transport: str) -> None:
    await xapi.PIF.plug(transport)
    workshop.faults("network").fail("connect", Failed("no"))

    with pytest.raises(PIF_CONFIGURATION_ERROR):
        await make_tunnel(workshop, transport)

    assert list(workshop.fresh.store.all(Tunnel)) == []
    assert not [pif for pif in workshop.fresh.store.all(PIF) if pif.device.startswith("tunnel")]


async def test_tunnels_are_up_again_after_a_start(workshop: Workshop, transport: str) -> None:
    await make_tunnel(workshop, transport)
    before, runtime = wires(workshop), workshop.fresh.runtime
    workshop.fresh.driver("network").wires.clear()

    await restore(Context(runtime, runtime.tasks.dummy("start")), workshop.fresh.store.get(Host, runtime.localhost))

    assert wires(workshop) == before


async def test_a_bond_takes_the_tunnels_of_its_members(
    workshop: Workshop, xapi: Xapi, host: str, transport: str
) -> None:
    tunnel = await make_tunnel(workshop, transport)
    other = await xapi.PIF.introduce(host, "", "eth2", True)

    bond = await xapi.Bond.create(await make_network(xapi), [transport, other], "", "active-backup", {})

    assert workshop.row(tunnel.ref).transport_PIF == workshop.row(bond).master
    assert workshop.row(workshop.row(tunnel.access_PIF).network).bridge in wires(workshop)


# --- Refused -----------------------------------------------------------------------------------------


async def refused(xapi: Xapi, transport: str, network: str) -> list[str]:
    with pytest.raises(ApiError) as error:
        await xapi.tunnel.create(transport, network, "gre")
    return error.value.description


async def test_one_host_without_open_vswitch_forbids_tunnels(
    workshop: Workshop, xapi: Xapi, host: str, transport: str
) -> None:
    network = await make_network(xapi)
    with workshop.fresh.store.write() as tx:
        other = tx.create(Host, software_version={"network_backend": "bridge"})

    assert await refused(xapi, transport, network) == [OPENVSWITCH_NOT_ACTIVE.__name__]

    works_with(workshop, other.ref, "openvswitch")
    assert await xapi.tunnel.create(transport, network, "gre")


async def test_a_tunnel_wants_an_address_beneath(workshop: Workshop, xapi: Xapi, transport: str) -> None:
    tunnel = await make_tunnel(workshop, transport)
    await xapi.PIF.unplug(tunnel.access_PIF)
    await xapi.PIF.reconfigure_ip(transport, "None", "", "", "", "")

    assert await refused(xapi, transport, await make_network(xapi)) == [
        TRANSPORT_PIF_NOT_CONFIGURED.__name__,
        transport,
    ]
    with pytest.raises(TRANSPORT_PIF_NOT_CONFIGURED) as error:
        await xapi.PIF.plug(tunnel.access_PIF)

    assert error.value.args == (transport,)
    assert len(list(workshop.fresh.store.all(Tunnel))) == 1


def make_part_of_a_bond(workshop: Workshop, pif: PIF, network: Network) -> None:
    with workshop.fresh.store.write() as tx:
        tx.set(pif, bond_slave_of=tx.create(Bond).ref)


def make_unmanaged(workshop: Workshop, pif: PIF, network: Network) -> None:
    with workshop.fresh.store.write() as tx:
        tx.set(pif, managed=False)


def make_near_end(workshop: Workshop, pif: PIF, network: Network) -> None:
    with workshop.fresh.store.write() as tx:
        tx.create(Tunnel, access_PIF=pif.ref, transport_PIF=NULL)


def make_functions(workshop: Workshop, pif: PIF, network: Network) -> None:
    with workshop.fresh.store.write() as tx:
        tx.create(NetworkSriov, logical_PIF=pif.ref)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (make_unmanaged, PIF_UNMANAGED),
        (make_part_of_a_bond, CANNOT_ADD_TUNNEL_TO_BOND_SLAVE),
        (make_near_end, IS_TUNNEL_ACCESS_PIF),
        (make_functions, CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL),
    ],
)
async def test_interfaces_that_carry_no_tunnel(
    workshop: Workshop, xapi: Xapi, transport: str, given: Any, code: type[ApiError]
) -> None:
    network = await make_network(xapi)
    given(workshop, workshop.row(transport), workshop.row(network))

    assert await refused(xapi, transport, network) == [code.__name__, transport]


async def test_no_tunnel_over_a_vlan_of_virtual_functions(
    workshop: Workshop, xapi: Xapi, host: str, transport: str
) -> None:
    vlan = workshop.row(await xapi.VLAN.create(transport, 7, await make_network(xapi)))
    make_functions(workshop, workshop.row(transport), workshop.row(workshop.row(transport).network))

    assert await refused(xapi, vlan.untagged_PIF, await make_network(xapi)) == [
        CANNOT_ADD_TUNNEL_TO_VLAN_ON_SRIOV_LOGICAL.__name__, vlan.untagged_PIF,
    ]  # fmt: skip


async def test_networks_that_lead_through_no_tunnel(workshop: Workshop, xapi: Xapi, host: str, transport: str) -> None:
    own, unmanaged = workshop.row(transport).network, await make_network(xapi, managed=False)
    functions = await make_network(xapi)
    with workshop.fresh.store.write() as tx:
        elsewhere = tx.create(PIF, device="eth1", host=tx.create(Host).ref, network=functions)
        tx.create(NetworkSriov, logical_PIF=elsewhere.ref)

    answers = [await refused(xapi, transport, network) for network in (own, unmanaged, functions)]

    assert answers == [
        [NETWORK_ALREADY_CONNECTED.__name__, host, transport],
        [NETWORK_UNMANAGED.__name__, unmanaged],
        [NETWORK_INCOMPATIBLE_WITH_TUNNEL.__name__, functions],
    ]


# --- A pool ------------------------------------------------------------------------------------------


async def test_a_member_gets_the_tunnels_of_its_coordinator(
    workshop: Workshop, xapi: Xapi, host: str, transport: str
) -> None:
    store, network = workshop.fresh.store, await make_network(xapi)
    with store.write() as tx:
        coordinator = tx.create(Host, software_version={"network_backend": "openvswitch"})
        below = tx.create(PIF, device="eth9", host=coordinator.ref, network=workshop.row(transport).network)
        access = tx.create(PIF, device="tunnel0", host=coordinator.ref, network=network)
        tx.create(Tunnel, access_PIF=access.ref, transport_PIF=below.ref, protocol="vxlan")
        tx.set(store.one(Pool), master=coordinator.ref)

    for _ in range(2):
        await xapi.host.sync_tunnels(host)

    (made,) = store.where(Tunnel, transport_PIF=transport)
    assert (made.protocol, workshop.row(made.access_PIF).network) == ("vxlan", network)
