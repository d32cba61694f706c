"""Interfaces of a host come up and go down, with addresses, and VLANs on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.machines import Workshop
from tests.xapi import Xapi
from xapid.backends.interface import AlreadyExists, Failed
from xapid.backends.network.interface import Addressing, AddressMode, Lease, Naming, Route, Uplink
from xapid.datamodel import PIF, VLAN, Host
from xapid.datamodel.errors import (
    CANNOT_CHANGE_PIF_PROPERTIES,
    CANNOT_PLUG_BOND_SLAVE,
    HANDLE_INVALID,
    INVALID_CIDR_ADDRESS_SPECIFIED,
    INVALID_IP_ADDRESS_SPECIFIED,
    INVALID_VALUE,
    NETWORK_ALREADY_CONNECTED,
    NETWORK_UNMANAGED,
    OPENVSWITCH_NOT_ACTIVE,
    PIF_CONFIGURATION_ERROR,
    PIF_IS_MANAGEMENT_INTERFACE,
    PIF_UNMANAGED,
    PIF_VLAN_EXISTS,
    VIF_IN_USE,
    VLAN_IN_USE,
    ApiError,
    OtherError,
)
from xapid.ops.pif.link_state import LinkStates
from xapid.ops.pif.plugging import restore
from xapid.runtime.context import Context


@pytest.fixture
async def pif(xapi: Xapi, host: str) -> str:
    return await xapi.PIF.introduce(host, "", "eth1", True)


async def make_network(xapi: Xapi, **fields: Any) -> str:
    return await xapi.network.create({"name_label": "n", "name_description": "", "other_config": {}} | fields)


def wires(workshop: Workshop) -> dict[str, Any]:
    return dict(workshop.fresh.driver("network").wires)


async def test_another_lease_is_noted(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    await xapi.PIF.reconfigure_ip(pif, "DHCP", "", "", "", "")
    await xapi.PIF.plug(pif)
    first = workshop.row(pif).IP
    network, runtime = workshop.fresh.driver("network"), workshop.fresh.runtime
    network.lease = Lease("198.51.100.99/25", "198.51.100.2")

    await LinkStates().look(
        Context(runtime, runtime.tasks.dummy("links")), workshop.fresh.store.get(Host, runtime.localhost)
    )

    row = workshop.row(pif)
    assert first == "198.51.100.77"
    assert (row.IP, row.netmask, row.gateway) == ("198.51.100.99", "255.255.255.128", "198.51.100.2")


async def test_routes_of_a_network_come_with_its_interface(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    network = workshop.row(pif).network
    await xapi.network.add_to_other_config(
        network, "static-routes", "192.0.2.7/24/198.51.100.1, 203.0.113.0/25/198.51.100.2"
    )

    await xapi.PIF.plug(pif)
    laid = wires(workshop)["xenbr1"].routes
    await xapi.network.remove_from_other_config(network, "static-routes")
    await xapi.network.add_to_other_config(network, "static-routes", "over there")
    await xapi.PIF.plug(pif)

    assert laid == (Route("192.0.2.0/24", "198.51.100.1"), Route("203.0.113.0/25", "198.51.100.2"))
    assert wires(workshop)["xenbr1"].routes == ()


async def test_a_bridge_works_as_keys_of_its_network_say(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    network = workshop.row(pif).network
    for name, value in {"gso": "false", "rx": "on", "tx": "sometimes"}.items():
        await xapi.network.add_to_other_config(network, f"ethtool-{name}", value)

    await xapi.PIF.plug(pif)

    tuned = {each.device: dict(each.settings) for each in wires(workshop)["xenbr1"].tuning}
    assert tuned == {"eth1": {"gro": "on"}, "xenbr1": {"rx": "on", "gso": "off"}}


# --- Up and down -------------------------------------------------------------------------------------


async def test_an_interface_comes_up_and_goes_down(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    await xapi.PIF.plug(pif)
    up, laid = workshop.row(pif).currently_attached, wires(workshop)
    await xapi.PIF.plug(pif)

    await xapi.PIF.unplug(pif)

    assert (up, workshop.row(pif).currently_attached) == (True, False)
    assert laid["xenbr1"].uplink == Uplink("eth1")
    assert wires(workshop) == {}
    await xapi.PIF.unplug(pif)


async def test_one_that_cannot_come_up_is_down(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    workshop.faults("network").fail("connect", Failed("no"))

    with pytest.raises(PIF_CONFIGURATION_ERROR) as error:
        await xapi.PIF.plug(pif)

    assert error.value.args == (pif, "no")
    assert not workshop.row(pif).currently_attached


async def test_a_guest_brings_the_interface_of_its_network_up_and_keeps_it(
    workshop: Workshop, xapi: Xapi, pif: str
) -> None:
    network = workshop.row(pif).network
    vm = await workshop.vm()
    vif = await workshop.nic(vm, network)
    await workshop.started(vm)

    with pytest.raises(VIF_IN_USE) as error:
        await xapi.PIF.unplug(pif)

    assert error.value.args == (network, vif)
    assert "xenbr1" in wires(workshop)
    await xapi.VM.hard_shutdown(vm)
    await xapi.PIF.unplug(pif)
    assert wires(workshop) == {}


async def test_the_management_stays_up(xapi: Xapi, workshop: Workshop, host: str) -> None:
    eth0 = next(pif for pif in await xapi.PIF.get_all() if workshop.row(pif).management)

    for refused in (
        xapi.PIF.unplug(eth0),
        xapi.PIF.forget(eth0),
        xapi.PIF.reconfigure_ip(eth0, "None", "", "", "", ""),
        xapi.PIF.set_primary_address_type(eth0, "IPv6"),
    ):
        with pytest.raises(PIF_IS_MANAGEMENT_INTERFACE):
            await refused


async def test_what_is_not_managed_is_not_touched(workshop: Workshop, xapi: Xapi, host: str) -> None:
    pif = await xapi.PIF.introduce(host, "", "eth1", False)

    for refused in (
        xapi.PIF.plug(pif),
        xapi.PIF.unplug(pif),
        xapi.PIF.reconfigure_ip(pif, "DHCP", "", "", "", ""),
        xapi.PIF.reconfigure_ipv6(pif, "DHCP", "", "", ""),
        xapi.VLAN.create(pif, 1, await make_network(xapi)),
    ):
        with pytest.raises(PIF_UNMANAGED):
            await refused
    assert wires(workshop) == {}


async def test_what_was_up_is_up_again_after_a_start(workshop: Workshop, xapi: Xapi, host: str, pif: str) -> None:
    await xapi.PIF.reconfigure_ip(pif, "Static", "192.0.2.9", "255.255.255.0", "", "")
    await xapi.PIF.plug(pif)
    vlan = workshop.row(await xapi.VLAN.create(pif, 5, await make_network(xapi))).untagged_PIF
    before = wires(workshop)
    workshop.fresh.driver("network").wires.clear()
    context = Context(workshop.fresh.runtime, workshop.fresh.runtime.tasks.dummy("restore"))

    await restore(context, workshop.fresh.store.get(Host, host))

    assert wires(workshop) == before
    workshop.faults("network").fail("connect", Failed("no"))
    await restore(context, workshop.fresh.store.get(Host, host))
    assert {workshop.row(pif).currently_attached, workshop.row(vlan).currently_attached} == {True, False}


# --- Addresses ---------------------------------------------------------------------------------------


async def test_addresses_change_at_once_where_an_interface_is_up(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    await xapi.PIF.plug(pif)
    await xapi.PIF.reconfigure_ip(pif, "Static", "192.0.2.9", "255.255.255.128", "192.0.2.1", "192.0.2.2")
    await xapi.PIF.reconfigure_ipv6(pif, "Static", "2001:db8::9/64", "", "2001:db8::1")

    row, laid = workshop.row(pif), wires(workshop)["xenbr1"]
    assert (row.IP, row.netmask, row.DNS, row.IPv6) == (
        "192.0.2.9", "255.255.255.128", "192.0.2.2,2001:db8::1", ("2001:db8::9/64",),
    )  # fmt: skip
    # The way out leads over the management.
    assert laid.ipv4 == Addressing(AddressMode.static, "192.0.2.9/25")
    assert laid.ipv6 == Addressing(AddressMode.static, "2001:db8::9/64")
    assert laid.naming.servers == ("192.0.2.2", "2001:db8::1")
    await xapi.PIF.add_to_other_config(pif, "defaultroute", "true")
    await xapi.PIF.plug(pif)
    assert wires(workshop)["xenbr1"].ipv4.gateway == "192.0.2.1"


async def test_the_host_asks_one_interface_first_for_names(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    await xapi.PIF.add_to_other_config(pif, "domain", "a.example, b.example")
    await xapi.PIF.reconfigure_ip(pif, "Static", "192.0.2.9", "255.255.255.0", "", "192.0.2.2")
    await xapi.PIF.plug(pif)
    before = wires(workshop)["xenbr1"].naming

    await xapi.PIF.add_to_other_config(pif, "peerdns", "true")
    await xapi.PIF.plug(pif)

    assert before == Naming(("192.0.2.2",), ("a.example", "b.example"), first=False)
    assert wires(workshop)["xenbr1"].naming == replace(before, first=True)


async def test_what_a_server_gives_is_noted(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    await xapi.PIF.plug(pif)
    await xapi.PIF.reconfigure_ip(pif, "DHCP", "", "", "", "")
    await xapi.PIF.reconfigure_ipv6(pif, "Autoconf", "", "", "")

    row = workshop.row(pif)
    assert (row.IP, row.netmask, row.gateway) == ("198.51.100.77", "255.255.255.0", "198.51.100.1")
    assert row.IPv6 == ("2001:db8::77/64",)


async def test_addresses_that_cannot_be_had_leave_those_that_were(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    await xapi.PIF.plug(pif)
    await xapi.PIF.reconfigure_ip(pif, "Static", "192.0.2.9", "255.255.255.0", "", "")
    before = wires(workshop)
    workshop.faults("network").fail("connect", Failed("no"))

    with pytest.raises(PIF_CONFIGURATION_ERROR):
        await xapi.PIF.reconfigure_ip(pif, "Static", "192.0.2.10", "255.255.255.0", "", "")
    with pytest.raises(PIF_CONFIGURATION_ERROR) as error:
        await xapi.PIF.reconfigure_ip(pif, "Static", "192.0.2.11", "255.0.255.0", "", "")

    assert error.value.args == (pif, "")
    assert (workshop.row(pif).IP, workshop.row(pif).currently_attached) == ("192.0.2.9", True)
    assert wires(workshop) == before


@pytest.mark.parametrize(
    ("values", "error", "named"),
    [
        (("Static", "", "255.255.255.0", "", ""), INVALID_IP_ADDRESS_SPECIFIED, "IP"),
        (("Static", "192.0.2.300", "255.255.255.0", "", ""), INVALID_IP_ADDRESS_SPECIFIED, "IP"),
        (("Static", "192.0.2.3", "", "", ""), INVALID_IP_ADDRESS_SPECIFIED, "netmask"),
        (("DHCP", "", "mask", "", ""), INVALID_IP_ADDRESS_SPECIFIED, "netmask"),
        (("Static", "192.0.2.3", "255.255.255.0", "::1", ""), INVALID_IP_ADDRESS_SPECIFIED, "gateway"),
        (("Static", "192.0.2.3", "255.255.255.0", "", "x"), INVALID_IP_ADDRESS_SPECIFIED, "DNS"),
        (("Static", "192.0.2.3\n", "255.255.255.0", "", ""), INVALID_IP_ADDRESS_SPECIFIED, "IP"),
    ],
)
async def test_what_is_no_address_is_refused(
    workshop: Workshop, xapi: Xapi, pif: str, values: tuple[str, ...], error: type[ApiError], named: str
) -> None:
    with pytest.raises(error) as raised:
        await xapi.PIF.reconfigure_ip(pif, *values)

    assert raised.value.args == (named,)
    assert workshop.row(pif).ip_configuration_mode == "None"


@pytest.mark.parametrize("address", ["2001:db8::1", "fe80::1%eth0/64", "192.0.2.1/24", "::/129", ""])
async def test_what_is_no_address_of_version_6_is_refused(xapi: Xapi, pif: str, address: str) -> None:
    with pytest.raises(INVALID_CIDR_ADDRESS_SPECIFIED) as raised:
        await xapi.PIF.reconfigure_ipv6(pif, "Static", address, "", "")

    assert raised.value.args == ("IPv6",)


# --- Properties --------------------------------------------------------------------------------------


async def test_a_property_is_set_of_what_stands_by_itself(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    await xapi.PIF.set_property(pif, "gro", "off")
    assert workshop.row(pif).properties == {"gro": "off"}
    vlan = workshop.row(await xapi.VLAN.create(pif, 5, await make_network(xapi))).untagged_PIF

    with pytest.raises(INVALID_VALUE):
        await xapi.PIF.set_property(pif, "gro", "maybe")
    with pytest.raises(CANNOT_CHANGE_PIF_PROPERTIES):
        await xapi.PIF.set_property(vlan, "gro", "on")


# --- VLANs -------------------------------------------------------------------------------------------


async def test_a_vlan_comes_and_goes(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    network = await make_network(xapi)
    vlan = await xapi.VLAN.create(pif, 42, network)
    untagged = workshop.row(vlan).untagged_PIF
    row, laid = workshop.row(untagged), wires(workshop)

    await xapi.PIF.destroy(untagged)

    assert (row.VLAN, row.MAC, row.metrics, row.physical, row.currently_attached) == (
        42, "fe:ff:ff:ff:ff:ff", workshop.row(pif).metrics, False, True,
    )  # fmt: skip
    assert [each.uplink for each in laid.values()] == [Uplink("eth1", 42)]
    assert wires(workshop) == {}
    with pytest.raises(HANDLE_INVALID):
        await xapi.VLAN.get_record(vlan)
    assert workshop.row(pif).metrics == row.metrics
    assert (await xapi.PIF_metrics.get_record(row.metrics))["carrier"]


@pytest.mark.parametrize("error", [Failed("no"), AlreadyExists("eth1.42 is not ours", device="eth1", tag="42")])
async def test_a_vlan_that_cannot_come_up_is_not_made(
    workshop: Workshop, xapi: Xapi, pif: str, error: Exception
) -> None:
    workshop.faults("network").fail("connect", error)

    with pytest.raises(VLAN_IN_USE if isinstance(error, AlreadyExists) else PIF_CONFIGURATION_ERROR):
        await xapi.VLAN.create(pif, 42, await make_network(xapi))

    assert list(workshop.fresh.store.all(VLAN)) == []
    assert all(each.physical for each in workshop.fresh.store.all(PIF))


async def test_a_network_leads_one_way_out_of_a_host(xapi: Xapi, pif: str) -> None:
    first, second = await make_network(xapi), await make_network(xapi)
    await xapi.VLAN.create(pif, 42, first)

    with pytest.raises(NETWORK_ALREADY_CONNECTED):
        await xapi.VLAN.create(pif, 43, first)
    with pytest.raises(PIF_VLAN_EXISTS):
        await xapi.VLAN.create(pif, 42, second)
    with pytest.raises(NETWORK_UNMANAGED):
        await xapi.VLAN.create(pif, 43, await make_network(xapi, bridge="br-own", managed=False))


async def test_vlans_of_a_pool_are_made_on_all_hosts_or_none(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    network = await make_network(xapi)
    (made,) = await xapi.pool.create_VLAN("eth1", network, 77)
    assert workshop.row(made).VLAN == 77
    await xapi.VLAN.destroy(workshop.row(made).VLAN_master_of)
    (again,) = await xapi.pool.create_VLAN_from_PIF(pif, network, 78)
    await xapi.PIF.destroy(again)

    with pytest.raises(INVALID_VALUE):
        await xapi.pool.create_VLAN("eth7", network, 77)
    with pytest.raises(OtherError) as error:
        await xapi.PIF.destroy(pif)
    assert error.value.description == ["PIF_IS_PHYSICAL"]


async def test_a_vlan_is_made_by_the_name_of_a_device(workshop: Workshop, xapi: Xapi, host: str, pif: str) -> None:
    made = await xapi.PIF.create_VLAN("eth1", await make_network(xapi), host, 9)

    assert (workshop.row(made).VLAN, workshop.row(made).currently_attached) == (9, True)
    with pytest.raises(INVALID_VALUE):
        await xapi.PIF.create_VLAN("eth8", await make_network(xapi), host, 9)


async def test_a_record_is_made_by_hand_and_nothing_is_done_to_the_device(
    workshop: Workshop, xapi: Xapi, host: str
) -> None:
    network, null = await make_network(xapi), "OpaqueRef:NULL"
    made = await xapi.PIF.db_introduce(
        "eth2", network, host, "02:00:00:00:00:02", 1500, -1, True, "Static", "192.0.2.9", "255.255.255.0", "", "",
        null, null, False, {"k": "v"}, False, "None", [], "", "IPv4", True, {"gro": "on"},
    )  # fmt: skip

    record = await xapi.PIF.get_record(made)
    assert (record["device"], record["network"], record["IP"], record["currently_attached"]) == (
        "eth2", network, "192.0.2.9", False,
    )  # fmt: skip
    assert wires(workshop) == {}
    await xapi.PIF.plug(made)
    assert [each.uplink.device for each in wires(workshop).values()] == ["eth2"]


async def test_tunnels_need_open_vswitch(xapi: Xapi, pif: str) -> None:
    with pytest.raises(OPENVSWITCH_NOT_ACTIVE):
        await xapi.tunnel.create(pif, await make_network(xapi), "vxlan")


async def test_what_is_part_of_a_bond_is_never_plugged_by_itself(workshop: Workshop, xapi: Xapi, pif: str) -> None:
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(pif), bond_slave_of="OpaqueRef:a-bond")

    with pytest.raises(CANNOT_PLUG_BOND_SLAVE):
        await xapi.PIF.plug(pif)
