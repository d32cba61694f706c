"""Interfaces of a host: made known, looked at, forgotten."""

from __future__ import annotations

import pytest

from tests.conftest import FreshHost
from tests.xapi import Xapi
from xapid.datamodel import PIF, VLAN, PIF_metrics
from xapid.datamodel.errors import (
    COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS as NO_SUCH_INTERFACE,
)
from xapid.datamodel.errors import (
    DUPLICATE_PIF_DEVICE_NAME,
    HANDLE_INVALID,
    INVALID_VALUE,
    MAC_INVALID,
    PIF_BOND_NEEDS_MORE_MEMBERS,
    PIF_IS_MANAGEMENT_INTERFACE,
    PIF_VLAN_STILL_EXISTS,
    OtherError,
)


async def test_an_interface_becomes_known_with_a_network(xapi: Xapi, host: str) -> None:
    pif = await xapi.PIF.introduce(host, "", "eth1", True)

    record = await xapi.PIF.get_record(pif)
    network = await xapi.network.get_record(record["network"])
    assert (record["device"], record["VLAN"], record["physical"], record["currently_attached"]) == (
        "eth1", "-1", True, False,
    )  # fmt: skip
    assert (network["name_label"], network["bridge"], network["PIFs"]) == (
        "Pool-wide network associated with eth1", "xenbr1", [pif],
    )  # fmt: skip
    assert (await xapi.PIF_metrics.get_record(record["metrics"]))["carrier"] is True


async def test_an_interface_is_known_once(xapi: Xapi, host: str) -> None:
    with pytest.raises(DUPLICATE_PIF_DEVICE_NAME) as error:
        await xapi.PIF.introduce(host, "", "eth0")

    assert error.value.args == ("eth0",)


@pytest.mark.parametrize("mac", ["nonsense", "00:16:3e:00:00", ""])
async def test_a_mac_looks_like_one(xapi: Xapi, host: str, mac: str) -> None:
    with pytest.raises(MAC_INVALID) as error:
        await xapi.PIF.introduce(host, mac, "eth99")

    assert error.value.args == (mac,)


async def test_device_and_mac_belong_together(xapi: Xapi, host: str) -> None:
    with pytest.raises(NO_SUCH_INTERFACE) as error:
        await xapi.PIF.introduce(host, "02:00:00:00:00:AA", "eth1")

    assert error.value.args == ("eth1", "02:00:00:00:00:aa")


async def test_a_scan_finds_what_is_there(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.PIF.scan(host)
    await fresh.xapi.PIF.scan(host)

    assert sorted(pif.device for pif in fresh.store.all(PIF)) == ["eth0", "eth1", "eth2"]


async def test_an_interface_is_forgotten_with_its_metrics(fresh: FreshHost, host: str) -> None:
    pif = await fresh.xapi.PIF.introduce(host, "", "eth1")
    metrics = await fresh.xapi.PIF.get_metrics(pif)

    await fresh.xapi.PIF.forget(pif)

    assert fresh.store.find(PIF, pif) is None
    assert fresh.store.find(PIF_metrics, metrics) is None


async def test_only_the_object_of_an_interface_is_forgotten(fresh: FreshHost, host: str) -> None:
    pif = await fresh.xapi.PIF.introduce(host, "", "eth1")

    await fresh.xapi.PIF.db_forget(pif)

    assert fresh.store.find(PIF, pif) is None
    assert await fresh.xapi.PIF.introduce(host, "", "eth1") != pif


async def test_the_interface_of_the_management_stays(fresh: FreshHost) -> None:
    pif = await fresh.the("PIF")

    with pytest.raises(PIF_IS_MANAGEMENT_INTERFACE) as error:
        await fresh.xapi.PIF.forget(pif)

    assert error.value.args == (pif,)


async def test_an_interface_with_vlans_stays(fresh: FreshHost, host: str) -> None:
    pif = await fresh.xapi.PIF.introduce(host, "", "eth1")
    with fresh.store.write() as tx:
        tx.create(VLAN, tagged_PIF=pif, tag=42)

    with pytest.raises(PIF_VLAN_STILL_EXISTS) as error:
        await fresh.xapi.PIF.forget(pif)

    assert error.value.args == (pif,)


async def test_a_physical_interface_is_not_destroyed(fresh: FreshHost) -> None:
    pif = await fresh.the("PIF")

    with pytest.raises(OtherError) as error:
        await fresh.xapi.PIF.destroy(pif)

    assert error.value.description == ["PIF_IS_PHYSICAL"]


async def test_unplugging_can_be_forbidden(fresh: FreshHost) -> None:
    pif = await fresh.the("PIF")

    await fresh.xapi.PIF.set_disallow_unplug(pif, True)

    assert await fresh.xapi.PIF.get_disallow_unplug(pif) is True


async def test_a_vlan_needs_an_interface_and_a_bond_needs_two(xapi: Xapi, host: str) -> None:
    with pytest.raises(INVALID_VALUE):
        await xapi.PIF.create_VLAN("eth99", "OpaqueRef:ghost", host, 5)
    with pytest.raises(PIF_BOND_NEEDS_MORE_MEMBERS):
        await xapi.Bond.create("OpaqueRef:ghost", [], "")
    with pytest.raises(HANDLE_INVALID):
        await xapi.Bond.create("OpaqueRef:ghost", ["OpaqueRef:ghost"], "")
