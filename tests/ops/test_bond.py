"""Interfaces of a host are joined into one and parted again, with all that is on them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machines import NULL, Workshop
from tests.ops.test_pif_plugging import make_network, wires
from tests.xapi import Xapi
from xapid.backends.interface import Failed
from xapid.backends.network.interface import Bonding, Hashing, Spreading, Tuning, Uplink
from xapid.datamodel import PIF, VLAN, Bond, Host, Pool, Tunnel
from xapid.datamodel.errors import (
    CANNOT_ADD_VLAN_TO_BOND_SLAVE,
    CANNOT_PLUG_BOND_SLAVE,
    HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE,
    HANDLE_INVALID,
    INCOMPATIBLE_PIF_PROPERTIES,
    INVALID_VALUE,
    MAC_INVALID,
    NETWORK_ALREADY_CONNECTED,
    NETWORK_UNMANAGED,
    PIF_ALREADY_BONDED,
    PIF_BOND_MORE_THAN_ONE_IP,
    PIF_BOND_NEEDS_MORE_MEMBERS,
    PIF_CANNOT_BOND_CROSS_HOST,
    PIF_CONFIGURATION_ERROR,
    PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE,
    PIF_UNMANAGED,
    PIF_VLAN_EXISTS,
    ApiError,
)
from xapid.datamodel.pif import IpConfigurationMode, PrimaryAddressType
from xapid.ops.pif.link_state import LinkStates
from xapid.ops.pif.plugging import restore
from xapid.rules.wire_spec import wire
from xapid.runtime.context import Context

ETH1, ETH2 = "00:16:3e:00:00:01", "00:16:3e:00:00:02"
LACP = {"hashing_algorithm": "tcpudp_ports", "lacp-time": "slow", "lacp-fallback-ab": "true"}


@pytest.fixture
async def eth1(xapi: Xapi, host: str) -> str:
    return await xapi.PIF.introduce(host, "", "eth1", True)


@pytest.fixture
async def eth2(xapi: Xapi, host: str) -> str:
    return await xapi.PIF.introduce(host, "", "eth2", True)


async def make_bond(xapi: Xapi, *members: str, mode: str = "active-backup", mac: str = "", **properties: str) -> str:
    named = {name.replace("_", "-"): value for name, value in properties.items()}
    return await xapi.Bond.create(await make_network(xapi), list(members), mac, mode, named)


def master_of(workshop: Workshop, bond: str) -> PIF:
    row: PIF = workshop.row(workshop.row(bond).master)
    return row


def everything(workshop: Workshop) -> dict[str, Any]:
    """All that the records and the host have of interfaces, but for what was counted and noted."""
    store = workshop.fresh.store
    shown = [*store.all(PIF), *store.all(Bond), *store.all(VLAN)]
    return {row.ref: dict(row.__dict__) for row in shown} | {"wires": wires(workshop), "bridges": workshop.bridges()}


def true_wires(workshop: Workshop) -> dict[str, Any]:
    """What the records say of wires that are up."""
    store = workshop.fresh.store
    up = [pif for pif in store.all(PIF) if pif.currently_attached and not (pif.physical and pif.management)]
    return {workshop.row(pif.network).bridge: wire(store, pif) for pif in up}


# --- Making and parting ------------------------------------------------------------------------------


async def test_interfaces_are_joined_into_one(workshop: Workshop, xapi: Xapi, host: str, eth1: str, eth2: str) -> None:
    network = await make_network(xapi)
    bond = await xapi.Bond.create(network, [eth1, eth2], "", "active-backup", {})

    record, master = await xapi.Bond.get_record(bond), master_of(workshop, bond)
    assert {key: record[key] for key in ("mode", "properties", "primary_slave", "auto_update_mac")} == {
        "mode": "active-backup", "properties": {}, "primary_slave": eth1, "auto_update_mac": True,
    }  # fmt: skip
    assert sorted(record["slaves"]) == sorted([eth1, eth2])
    assert (master.device, master.network, master.host, master.MAC, master.MTU, master.VLAN) == (
        "bond0", network, host, ETH1, 1500, -1,
    )  # fmt: skip
    assert (master.physical, master.managed, master.currently_attached, master.management) == (False, True, True, False)
    assert master.bond_slave_of == NULL
    assert master.metrics not in {workshop.row(eth1).metrics, workshop.row(eth2).metrics}
    assert {workshop.row(pif).bond_slave_of for pif in (eth1, eth2)} == {bond}
    (laid,) = wires(workshop).values()
    assert laid.uplink == Uplink("bond0", bond=Bonding(("eth1", "eth2"), ETH1))


async def test_a_bond_comes_apart_again(workshop: Workshop, xapi: Xapi, eth1: str, eth2: str) -> None:
    before = everything(workshop)
    bond = await make_bond(xapi, eth1, eth2)
    master = workshop.row(bond).master
    await xapi.PIF.unplug(master)

    await xapi.Bond.destroy(bond)

    assert everything(workshop) == before
    for gone in (xapi.Bond.get_record(bond), xapi.PIF.get_record(master)):
        with pytest.raises(HANDLE_INVALID):
            await gone


async def test_members_of_a_bond_that_was_up_are_up(workshop: Workshop, xapi: Xapi, eth1: str, eth2: str) -> None:
    await xapi.PIF.plug(eth2)
    bond = await make_bond(xapi, eth1, eth2)
    assert [workshop.row(pif).currently_attached for pif in (eth1, eth2)] == [False, False]
    assert len(wires(workshop)) == 1

    await xapi.Bond.destroy(bond)

    assert [workshop.row(pif).currently_attached for pif in (eth1, eth2)] == [True, True]
    assert wires(workshop) == true_wires(workshop)
    assert set(wires(workshop)) == {"xenbr1", "xenbr2"}


async def test_one_interface_makes_a_bond(workshop: Workshop, xapi: Xapi, eth1: str) -> None:
    bond = await make_bond(xapi, eth1, eth1, mac="02:00:00:00:00:09")

    assert workshop.row(bond).auto_update_mac is False
    assert master_of(workshop, bond).MAC == "02:00:00:00:00:09"
    (laid,) = wires(workshop).values()
    assert laid.uplink.base == "eth1"
    await xapi.Bond.destroy(bond)
    assert set(wires(workshop)) == {"xenbr1"}


async def test_what_is_part_of_a_bond_has_no_life_of_its_own(xapi: Xapi, eth1: str, eth2: str) -> None:
    await make_bond(xapi, eth1, eth2)

    with pytest.raises(CANNOT_PLUG_BOND_SLAVE):
        await xapi.PIF.plug(eth1)
    with pytest.raises(CANNOT_ADD_VLAN_TO_BOND_SLAVE):
        await xapi.VLAN.create(eth1, 7, await make_network(xapi))
    with pytest.raises(PIF_ALREADY_BONDED):
        await xapi.PIF.forget(eth1)


async def test_a_guest_does_not_start_on_the_network_of_a_member(
    workshop: Workshop, xapi: Xapi, eth1: str, eth2: str
) -> None:
    await make_bond(xapi, eth1, eth2)
    vm = await workshop.vm()
    await workshop.nic(vm, workshop.row(eth1).network)

    with pytest.raises(CANNOT_PLUG_BOND_SLAVE) as error:
        await workshop.started(vm)

    assert error.value.args == (eth1,)


# --- What passes to it -------------------------------------------------------------------------------


async def test_addresses_pass_to_the_bond_and_back(workshop: Workshop, xapi: Xapi, eth1: str, eth2: str) -> None:
    await xapi.PIF.reconfigure_ip(eth2, "Static", "192.0.2.9", "255.255.255.0", "192.0.2.1", "192.0.2.2")
    await xapi.PIF.set_disallow_unplug(eth1, True)

    bond = await make_bond(xapi, eth1, eth2)

    master = master_of(workshop, bond)
    assert workshop.row(bond).primary_slave == eth2
    assert (master.MAC, master.IP, master.netmask, master.gateway, master.DNS, master.ip_configuration_mode) == (
        ETH2, "192.0.2.9", "255.255.255.0", "192.0.2.1", "192.0.2.2", "Static",
    )  # fmt: skip
    assert (workshop.row(eth2).ip_configuration_mode, workshop.row(eth2).IP, workshop.row(eth2).DNS) == ("None", "", "")
    assert (master.disallow_unplug, workshop.row(eth1).disallow_unplug) == (True, False)
    (laid,) = wires(workshop).values()
    assert laid.ipv4.address == "192.0.2.9/24"
    await xapi.Bond.destroy(bond)
    assert (workshop.row(eth2).ip_configuration_mode, workshop.row(eth2).IP) == ("Static", "192.0.2.9")
    assert (workshop.row(eth1).IP, workshop.row(eth2).disallow_unplug) == ("", True)


async def test_the_management_passes_to_the_bond_and_back(workshop: Workshop, xapi: Xapi, eth1: str) -> None:
    eth0 = next(pif.ref for pif in workshop.fresh.store.all(PIF) if pif.management)
    bond = await make_bond(xapi, eth1, eth0)

    master = master_of(workshop, bond)
    assert (workshop.row(bond).primary_slave, master.management, master.IP) == (eth0, True, "192.0.2.1")
    assert (workshop.row(eth0).management, workshop.row(eth0).currently_attached) == (False, False)
    (laid,) = wires(workshop).values()
    assert (laid.ipv4.address, laid.ipv4.gateway) == ("192.0.2.1/24", "192.0.2.254")
    await xapi.Bond.destroy(bond)
    assert (workshop.row(eth0).management, workshop.row(eth0).IP) == (True, "192.0.2.1")
    assert wires(workshop)["xenbr0"].ipv4.gateway == "192.0.2.254"


async def test_vlans_pass_to_the_bond_and_those_of_one_tag_become_one(
    workshop: Workshop, xapi: Xapi, eth1: str, eth2: str
) -> None:
    five, six, other_five = [await make_network(xapi) for _ in range(3)]
    old = [await xapi.VLAN.create(eth1, 5, five), await xapi.VLAN.create(eth1, 6, six)]
    old.append(await xapi.VLAN.create(eth2, 5, other_five))
    await xapi.PIF.reconfigure_ip(workshop.row(old[1]).untagged_PIF, "Static", "192.0.2.6", "255.255.255.0", "", "")
    await xapi.PIF.unplug(workshop.row(old[0]).untagged_PIF)
    vm = await workshop.vm()
    vif = await workshop.nic(vm, other_five)
    await workshop.started(vm)

    bond = await make_bond(xapi, eth1, eth2)

    master, store = master_of(workshop, bond), workshop.fresh.store
    made = {(vlan.tag, workshop.row(vlan.untagged_PIF).network) for vlan in store.where(VLAN, tagged_PIF=master.ref)}
    assert made == {(5, five), (6, six)}
    assert not any(workshop.is_there(ref) for ref in old)
    rows = {pif.VLAN: pif for pif in store.all(PIF) if pif.VLAN >= 0}
    assert (rows[6].device, rows[6].IP, rows[6].metrics) == ("bond0", "192.0.2.6", master.metrics)
    assert (rows[5].currently_attached, rows[6].currently_attached) == (True, True)
    # A guest on the network that is left without a way out follows to the one that has it.
    assert workshop.row(vif).network == five
    assert workshop.guest(vm).nics[workshop.row(vif).uuid].bridge == workshop.row(five).bridge
    assert wires(workshop) == true_wires(workshop)
    assert {each.uplink.bond for each in wires(workshop).values()} == {Bonding(("eth1", "eth2"), ETH1)}
    await xapi.Bond.destroy(bond)
    assert {(each.VLAN, each.device) for each in store.all(PIF) if each.VLAN >= 0} == {(5, "eth1"), (6, "eth1")}
    assert wires(workshop) == true_wires(workshop)


async def test_guests_follow_to_the_network_of_the_bond_and_back(
    workshop: Workshop, xapi: Xapi, eth1: str, eth2: str
) -> None:
    network = await make_network(xapi)
    vm, idle = await workshop.vm(), await workshop.vm()
    vif = await workshop.nic(vm, workshop.row(eth2).network)
    other = await workshop.nic(idle, workshop.row(eth1).network)
    await workshop.started(vm)

    bond = await xapi.Bond.create(network, [eth1, eth2], "", "active-backup", {})

    assert {workshop.row(vif).network, workshop.row(other).network} == {network}
    assert workshop.guest(vm).nics[workshop.row(vif).uuid].bridge == workshop.row(network).bridge
    assert workshop.bridges() == {workshop.row(network).bridge}
    assert workshop.row(vif).current_operations == {}
    await xapi.Bond.destroy(bond)
    assert workshop.row(vif).network == workshop.row(eth1).network
    assert workshop.guest(vm).nics[workshop.row(vif).uuid].bridge == "xenbr1"


async def test_guests_are_bounded_as_their_new_network_says(
    workshop: Workshop, xapi: Xapi, eth1: str, eth2: str
) -> None:
    network = await make_network(xapi)
    await xapi.network.set_default_locking_mode(network, "disabled")
    vm = await workshop.vm()
    vif = workshop.row(await workshop.nic(vm, workshop.row(eth1).network)).uuid
    await workshop.started(vm)
    guarded = workshop.fresh.driver("network").guarded
    assert vif not in guarded

    bond = await xapi.Bond.create(network, [eth1, eth2], "", "active-backup", {})

    assert guarded[vif].locking == "disabled"
    await xapi.Bond.destroy(bond)
    assert vif not in guarded


async def test_tunnels_go_over_the_bond(workshop: Workshop, xapi: Xapi, eth1: str, eth2: str) -> None:
    with workshop.fresh.store.write() as tx:
        access = tx.create(PIF, device="tunnel0", network=free_network(workshop), host=workshop.row(eth1).host, VLAN=-1)
        tunnel = tx.create(Tunnel, transport_PIF=eth2, access_PIF=access.ref)
        tx.set(access, currently_attached=False)

    bond = await make_bond(xapi, eth1, eth2)

    assert workshop.row(tunnel.ref).transport_PIF == workshop.row(bond).master
    await xapi.Bond.destroy(bond)
    assert workshop.row(tunnel.ref).transport_PIF == eth1


def free_network(workshop: Workshop) -> str:
    """A network that leads nowhere."""
    return next(each for each in workshop.fresh.store.tables["network"].rows if each not in used(workshop))


def used(workshop: Workshop) -> set[str]:
    return {pif.network for pif in workshop.fresh.store.all(PIF)}


async def test_networks_of_members_have_the_mtu_of_the_bond(
    workshop: Workshop, xapi: Xapi, eth1: str, eth2: str
) -> None:
    network = await make_network(xapi, MTU=9000)

    bond = await xapi.Bond.create(network, [eth1, eth2], "", "active-backup", {})

    assert {workshop.row(workshop.row(pif).network).MTU for pif in (eth1, eth2)} == {9000}
    assert master_of(workshop, bond).MTU == 9000


# --- Modes -------------------------------------------------------------------------------------------


async def test_a_mode_has_its_properties(workshop: Workshop, xapi: Xapi, eth1: str, eth2: str) -> None:
    bond = await make_bond(xapi, eth1, eth2, mode="lacp", lacp_time="fast")
    assert workshop.row(bond).properties == LACP | {"lacp-time": "fast"}
    await xapi.Bond.set_property(bond, "lacp-aggregation-key", "0x10")
    await xapi.Bond.set_property(bond, "hashing_algorithm", "src_mac")
    (laid,) = wires(workshop).values()
    assert laid.uplink.bond == Bonding(("eth1", "eth2"), ETH1, 1500, Spreading.lacp, Hashing.source, fast=True, key=16)

    await xapi.Bond.set_property(bond, "lacp-fallback-ab", "false")
    (laid,) = wires(workshop).values()
    assert laid.uplink.bond is not None
    assert not laid.uplink.bond.falls_back

    await xapi.Bond.set_mode(bond, "balance-slb")
    (laid,) = wires(workshop).values()
    assert (workshop.row(bond).mode, workshop.row(bond).properties) == ("balance-slb", {})
    assert laid.uplink.bond == Bonding(("eth1", "eth2"), ETH1, 1500, Spreading.by_source)
    await xapi.Bond.set_mode(bond, "lacp")
    assert workshop.row(bond).properties == LACP


async def test_keys_of_its_interface_go_before(workshop: Workshop, xapi: Xapi, eth1: str, eth2: str) -> None:
    bond = await make_bond(xapi, eth1, eth2)
    master = workshop.row(bond).master
    for key, value in {
        "bond-miimon": "50",
        "bond-updelay": "nonsense",
        "bond-downdelay": "0",
        "bond-mode": "lacp",
    }.items():
        await xapi.PIF.add_to_other_config(master, key, value)

    await xapi.PIF.plug(master)

    (laid,) = wires(workshop).values()
    assert (laid.uplink.bond.looked_at, laid.uplink.bond.up_delay, laid.uplink.bond.down_delay) == (50, 31_000, 0)
    assert laid.uplink.bond.spreading is Spreading.lacp


async def test_devices_of_a_bond_work_as_their_keys_say(workshop: Workshop, xapi: Xapi, eth1: str, eth2: str) -> None:
    await xapi.PIF.add_to_other_config(eth2, "ethtool-gro", "false")
    await xapi.PIF.add_to_other_config(eth2, "ethtool-speed", "1000")
    await xapi.PIF.add_to_other_config(eth2, "ethtool-duplex", "both")
    await xapi.PIF.add_to_other_config(eth2, "ethtool-advertise", "0x0F")

    bond = await make_bond(xapi, eth1, eth2)

    (laid,) = wires(workshop).values()
    assert laid.tuning == (
        Tuning("eth1", (("gro", "on"),)),
        Tuning("eth2", (("gro", "off"), ("speed", "1000"), ("advertise", "0xf"))),
    )
    await xapi.Bond.destroy(bond)
    assert {each.device for laid in wires(workshop).values() for each in laid.tuning} == {"eth1", "eth2"}


async def test_a_mode_that_cannot_be_had_leaves_the_one_that_was(
    workshop: Workshop, xapi: Xapi, eth1: str, eth2: str
) -> None:
    bond = await make_bond(xapi, eth1, eth2)
    before = everything(workshop)
    workshop.faults("network").fail("connect", Failed("no"))

    with pytest.raises(PIF_CONFIGURATION_ERROR):
        await xapi.Bond.set_mode(bond, "lacp")

    assert everything(workshop) == before


async def test_a_property_of_the_bond_is_that_of_its_members(
    workshop: Workshop, xapi: Xapi, eth1: str, eth2: str
) -> None:
    master = workshop.row(await make_bond(xapi, eth1, eth2)).master

    await xapi.PIF.set_property(master, "gro", "off")

    assert [workshop.row(pif).properties for pif in (master, eth1, eth2)] == [{"gro": "off"}] * 3


@pytest.mark.parametrize(
    ("mode", "name", "value"),
    [
        ("active-backup", "lacp-time", "slow"),
        ("balance-slb", "hashing_algorithm", "src_mac"),
        ("lacp", "hashing_algorithm", "layer2"),
        ("lacp", "lacp-time", ""),
        ("lacp", "lacp-aggregation-key", "many"),
        ("lacp", "lacp-fallback-ab", "yes"),
        ("lacp", "mtu", "9000"),
    ],
)
async def test_a_property_that_the_mode_does_not_have_is_refused(
    xapi: Xapi, eth1: str, eth2: str, mode: str, name: str, value: str
) -> None:
    network = await make_network(xapi)
    with pytest.raises(INVALID_VALUE) as error:
        await xapi.Bond.create(network, [eth1, eth2], "", mode, {name: value})
    bond = await xapi.Bond.create(network, [eth1, eth2], "", mode, {})
    with pytest.raises(INVALID_VALUE):
        await xapi.Bond.set_property(bond, name, value)

    assert error.value.args == ("properties", f"{name} = {value}")


# --- What is refused ---------------------------------------------------------------------------------


async def test_the_network_of_a_bond_is_free_and_managed(
    workshop: Workshop, xapi: Xapi, host: str, eth1: str, eth2: str
) -> None:
    taken, unmanaged = workshop.row(eth2).network, await make_network(xapi, bridge="br-own", managed=False)

    with pytest.raises(NETWORK_ALREADY_CONNECTED) as error:
        await xapi.Bond.create(taken, [eth1, eth2], "", "lacp", {})
    with pytest.raises(NETWORK_UNMANAGED):
        await xapi.Bond.create(unmanaged, [eth1, eth2], "", "lacp", {})

    assert error.value.args == (host, eth2)


async def test_what_cannot_be_a_member(workshop: Workshop, xapi: Xapi, eth1: str, eth2: str) -> None:
    vlan = workshop.row(await xapi.VLAN.create(eth1, 5, await make_network(xapi))).untagged_PIF
    master = workshop.row(await make_bond(xapi, eth2)).master
    network = await make_network(xapi)

    for members, code, args in (
        ([], PIF_BOND_NEEDS_MORE_MEMBERS, ()),
        (["OpaqueRef:ghost"], HANDLE_INVALID, ("PIF", "OpaqueRef:ghost")),
        ([eth1, "OpaqueRef:ghost"], HANDLE_INVALID, ("PIF", "OpaqueRef:ghost")),
        ([eth1, vlan], PIF_VLAN_EXISTS, ("eth1",)),
        ([eth1, eth2], PIF_ALREADY_BONDED, (eth2,)),
        ([master, eth1], PIF_ALREADY_BONDED, (master,)),
    ):
        with pytest.raises(code) as error:
            await xapi.Bond.create(network, members, "", "active-backup", {})
        assert error.value.args == args
    with pytest.raises(MAC_INVALID) as error:
        await xapi.Bond.create(network, [eth1], "02:00:00:00:00", "active-backup", {})
    assert error.value.args == ("02:00:00:00:00",)


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"managed": False}, PIF_UNMANAGED, True),
        ({"properties": {"gro": "off"}}, INCOMPATIBLE_PIF_PROPERTIES, False),
        ({"primary_address_type": PrimaryAddressType.IPv6}, PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE, True),
        ({"ip_configuration_mode": IpConfigurationMode.DHCP}, PIF_BOND_MORE_THAN_ONE_IP, False),
        ({"host": "OpaqueRef:another"}, PIF_CANNOT_BOND_CROSS_HOST, False),
    ],
)
async def test_members_that_do_not_fit_together(
    workshop: Workshop, xapi: Xapi, eth1: str, eth2: str, fields: dict[str, Any], code: type[ApiError], named: bool
) -> None:
    await xapi.PIF.reconfigure_ip(eth1, "Static", "192.0.2.9", "255.255.255.0", "", "")
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(eth2), **fields)
    before = everything(workshop)

    with pytest.raises(code) as error:
        await make_bond(xapi, eth1, eth2)

    assert error.value.args == ((eth2,) if named else ())
    assert everything(workshop) == before


async def test_high_availability_holds_the_management_where_it_is(workshop: Workshop, xapi: Xapi, eth1: str) -> None:
    eth0 = next(pif.ref for pif in workshop.fresh.store.all(PIF) if pif.management)
    bond, store = await make_bond(xapi, eth0), workshop.fresh.store
    with store.write() as tx:
        tx.set(store.one(Pool), ha_enabled=True)

    with pytest.raises(HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE):
        await xapi.Bond.destroy(bond)
    with store.write() as tx:
        tx.set(store.one(Pool), ha_enabled=False)
    await xapi.Bond.destroy(bond)
    with store.write() as tx:
        tx.set(store.one(Pool), ha_enabled=True)
    with pytest.raises(HA_CANNOT_CHANGE_BOND_STATUS_OF_MGMT_IFACE):
        await make_bond(xapi, eth1, eth0)
    assert list(store.all(Bond)) == []


# --- Faults ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "method", "skip"),
    [
        ("network", "connect", 0), ("network", "connect", 1), ("network", "disconnect", 0),
        ("network", "disconnect", 1), ("network", "remove_bridge", 0), ("domain", "move_nic", 0),
    ],
)  # fmt: skip
async def test_a_bond_that_cannot_be_made_leaves_all_as_it_was(
    workshop: Workshop, xapi: Xapi, eth1: str, eth2: str, kind: str, method: str, skip: int
) -> None:
    await xapi.PIF.plug(eth1)
    await xapi.VLAN.create(eth1, 5, await make_network(xapi))
    vm = await workshop.vm()
    vif = await workshop.nic(vm, workshop.row(eth2).network)
    await workshop.started(vm)
    network, before = await make_network(xapi), everything(workshop)
    workshop.faults(kind).fail(method, Failed("no"), skip=skip)

    with pytest.raises(ApiError):
        await xapi.Bond.create(network, [eth1, eth2], "", "active-backup", {})

    assert everything(workshop) == before
    assert workshop.guest(vm).nics[workshop.row(vif).uuid].bridge == "xenbr2"
    assert workshop.row(vif).current_operations == {}
    bond = await xapi.Bond.create(network, [eth1, eth2], "", "active-backup", {})
    workshop.faults(kind).fail(method, Failed("no"), skip=skip)
    before = everything(workshop)
    with pytest.raises(ApiError):
        await xapi.Bond.destroy(bond)
    assert everything(workshop) == before


async def test_a_bond_is_up_again_after_a_start(
    workshop: Workshop, xapi: Xapi, host: str, eth1: str, eth2: str
) -> None:
    vlan = await xapi.VLAN.create(eth1, 5, await make_network(xapi))
    await xapi.PIF.plug(eth2)
    await make_bond(xapi, eth1, eth2)
    assert not workshop.is_there(vlan)
    before = wires(workshop)
    workshop.fresh.driver("network").wires.clear()
    context = Context(workshop.fresh.runtime, workshop.fresh.runtime.tasks.dummy("restore"))

    await restore(context, workshop.fresh.store.get(Host, host))

    assert wires(workshop) == before


# --- Links -------------------------------------------------------------------------------------------


async def test_links_that_fail_and_come_back_are_noted_and_told(
    workshop: Workshop, xapi: Xapi, host: str, eth1: str, eth2: str
) -> None:
    bond = await make_bond(xapi, eth1, eth2, mode="balance-slb")
    states, network = LinkStates(), workshop.fresh.driver("network")
    context = Context(workshop.fresh.runtime, workshop.fresh.runtime.tasks.dummy("links"))
    looked = []

    for down in ((), ("eth2",), ("eth1", "eth2"), ()):
        network.unplugged = frozenset(down)
        await states.look(context, workshop.fresh.store.get(Host, host))
        metrics = workshop.row(master_of(workshop, bond).metrics)
        looked.append((workshop.row(bond).links_up, metrics.carrier, metrics.speed, metrics.duplex))

    assert looked == [(2, True, 20000, True), (1, True, 10000, True), (0, False, 0, False), (2, True, 20000, True)]
    told = [each["body"] for each in (await xapi.message.get_all_records()).values() if "bond" in each["body"]]
    assert sorted(told) == [
        "The status of the eth1+eth2 bond changed: 0/2 up (was 1/2)",
        "The status of the eth1+eth2 bond changed: 1/2 up (was 2/2)",
        "The status of the eth1+eth2 bond changed: 2/2 up (was 0/2)",
    ]
    assert workshop.row(workshop.row(eth2).metrics).carrier


async def test_a_look_at_links_that_are_as_before_writes_nothing(
    workshop: Workshop, xapi: Xapi, host: str, eth1: str, eth2: str
) -> None:
    await make_bond(xapi, eth1, eth2)
    states = LinkStates()
    context = Context(workshop.fresh.runtime, workshop.fresh.runtime.tasks.dummy("links"))
    await states.look(context, workshop.fresh.store.get(Host, host))
    before = workshop.fresh.store.generation

    await states.look(context, workshop.fresh.store.get(Host, host))

    assert workshop.fresh.store.generation == before
