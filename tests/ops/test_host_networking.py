"""What is said of the interfaces of a host at once, and networks that are attached before anybody needs them."""

from __future__ import annotations

import pytest

from tests.machines import Workshop
from tests.xapi import Xapi
from xapid.datamodel import PIF, VLAN, Bond, Host, PIF_metrics, Pool


@pytest.fixture
async def pif(xapi: Xapi, host: str) -> str:
    return await xapi.PIF.introduce(host, "", "eth1", True)


async def test_an_internal_network_is_there_once_it_is_attached(workshop: Workshop, xapi: Xapi, host: str) -> None:
    network = await workshop.network()

    await xapi.network.attach(network, host)

    assert workshop.row(network).bridge in workshop.bridges()


async def test_the_interface_of_a_network_comes_up_with_it(workshop: Workshop, xapi: Xapi, host: str, pif: str) -> None:
    network = workshop.row(pif).network

    await xapi.network.attach(network, host)

    assert workshop.row(pif).currently_attached


async def test_the_networks_of_a_machine_are_attached_and_let_go(workshop: Workshop, xapi: Xapi, host: str) -> None:
    network = await workshop.network()
    vm = await workshop.vm()
    await workshop.nic(vm, network)
    bridge = workshop.row(network).bridge

    await xapi.network.attach_for_vm(host, vm)
    during = bridge in workshop.bridges()
    await xapi.network.detach_for_vm(host, vm)

    assert during
    assert bridge not in workshop.bridges()


async def test_all_records_of_interfaces_go(workshop: Workshop, xapi: Xapi, host: str, pif: str) -> None:
    await xapi.VLAN.create(pif, "7", await workshop.network())
    other = await xapi.PIF.introduce(host, "", "eth2", True)
    await xapi.Bond.create(await workshop.network(), [pif, other], "", "balance-slb", {})

    await xapi.host.reset_networking(host)

    for cls in (PIF, PIF_metrics, VLAN, Bond):
        assert list(workshop.fresh.store.all(cls)) == []


async def test_what_is_up_is_said_by_bridges(workshop: Workshop, xapi: Xapi, host: str, pif: str) -> None:
    bridge = workshop.row(workshop.row(pif).network).bridge

    await xapi.host.sync_pif_currently_attached(host, [bridge])

    assert [each.ref for each in workshop.fresh.store.all(PIF) if each.currently_attached] == [pif]


async def test_a_member_gets_the_vlans_of_its_coordinator(workshop: Workshop, xapi: Xapi, host: str, pif: str) -> None:
    store = workshop.fresh.store
    network, place = await workshop.network(), workshop.row(pif).network
    with store.write() as tx:
        coordinator = tx.create(Host, name_label="coordinator")
        below = tx.create(PIF, device="eth1", host=coordinator.ref, network=place, physical=True, VLAN=-1)
        tagged = tx.create(PIF, device="eth1", host=coordinator.ref, network=network, VLAN=7)
        tx.create(VLAN, tagged_PIF=below.ref, untagged_PIF=tagged.ref, tag=7)
        tx.set(store.one(Pool), master=coordinator.ref)

    for _ in range(2):
        await xapi.host.sync_vlans(host)

    (made,) = store.where(VLAN, tagged_PIF=pif)
    assert made.tag == 7
    assert workshop.row(made.untagged_PIF).network == network


async def test_another_address_is_told_of(workshop: Workshop, xapi: Xapi, host: str) -> None:
    pif = workshop.row(await xapi.host.get_management_interface(host))
    with workshop.fresh.store.write() as tx:
        tx.set(pif, IP="198.51.100.44", ip_configuration_mode="DHCP")
        tx.set(workshop.row(host), address="198.51.100.44")
    (nic,) = [each for each in workshop.fresh.driver("network").nics() if each.device == pif.device]

    await xapi.host.signal_networking_change()

    assert workshop.row(host).address == nic.addresses[0].partition("/")[0]


async def test_a_host_brings_its_networks_and_vlans_along(workshop: Workshop, xapi: Xapi, host: str, pif: str) -> None:
    before = workshop.bridges()
    network = await xapi.network.pool_introduce("n", "d", 9000, {"k": "v"}, "xenbr7", False, ["nbd"])
    tagged = await xapi.PIF.pool_introduce(
        "eth1", network, host, "fe:ff:ff:ff:ff:ff", 1500, 7, False, "None", "", "", "", "",
        "OpaqueRef:NULL", "OpaqueRef:a-vlan", False, {},
    )  # fmt: skip

    vlan = await xapi.VLAN.pool_introduce(pif, tagged, 7, {"a": "b"})

    record = await xapi.network.get_record(network)
    assert {key: record[key] for key in ("name_label", "name_description", "MTU", "other_config", "bridge")} == {
        "name_label": "n", "name_description": "d", "MTU": "9000", "other_config": {"k": "v"}, "bridge": "xenbr7",
    }  # fmt: skip
    assert (record["managed"], record["purpose"], record["PIFs"]) == (False, ["nbd"], [tagged])
    shown = await xapi.VLAN.get_record(vlan)
    assert (shown["tagged_PIF"], shown["untagged_PIF"], shown["tag"], shown["other_config"]) == (
        pif, tagged, "7", {"a": "b"},
    )  # fmt: skip
    assert (await xapi.PIF.get_VLAN_master_of(tagged), workshop.bridges()) == ("OpaqueRef:a-vlan", before)
