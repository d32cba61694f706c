"""Networks: made, used for a purpose, and removed when nobody needs them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.xapi import Xapi
from xapid.datamodel import VIF, VM, Network
from xapid.datamodel.errors import (
    BRIDGE_NAME_EXISTS,
    CANNOT_DESTROY_SYSTEM_NETWORK,
    HANDLE_INVALID,
    INVALID_VALUE,
    MAP_DUPLICATE_KEY,
    NETWORK_CONTAINS_PIF,
    NETWORK_CONTAINS_VIF,
    NETWORK_INCOMPATIBLE_PURPOSES,
    NETWORK_UNMANAGED,
    VIF_IN_USE,
)


def asked_for(**fields: Any) -> dict[str, Any]:
    return {"name_label": "a network", "name_description": "", "other_config": {}, **fields}


def join(fresh: FreshHost, network: str, *, plugged: bool) -> str:
    """Give a guest an interface on a network."""
    with fresh.store.write() as tx:
        vm = tx.create(VM, name_label="guest")
        return tx.create(VIF, VM=vm.ref, network=network, device="0", currently_attached=plugged).ref


async def test_a_network_without_a_bridge_gets_one_of_its_own(xapi: Xapi) -> None:
    first = await xapi.network.create(asked_for())
    second = await xapi.network.create(asked_for())

    assert await xapi.network.get_bridge(first) == "xapi0"
    assert await xapi.network.get_bridge(second) == "xapi1"


@pytest.mark.parametrize("given, kept", [(9000, "9000"), (0, "1500"), (-1, "1500")])
async def test_an_mtu_that_makes_no_sense_is_the_usual_one(xapi: Xapi, given: int, kept: str) -> None:
    network = await xapi.network.create(asked_for(MTU=given))

    assert await xapi.network.get_MTU(network) == kept


@pytest.mark.parametrize("bridge", ["xenbr7", "xapi7", "vif1", "tap1", "eth1", "a-name-that-is-too-long"])
async def test_a_bridge_is_not_called_like_those_of_the_host(xapi: Xapi, bridge: str) -> None:
    with pytest.raises(INVALID_VALUE) as error:
        await xapi.network.create(asked_for(bridge=bridge))

    assert error.value.args == ("bridge", bridge)


async def test_two_networks_have_two_bridges(xapi: Xapi) -> None:
    await xapi.network.create(asked_for(bridge="mine"))

    with pytest.raises(BRIDGE_NAME_EXISTS):
        await xapi.network.create(asked_for(bridge="mine"))


async def test_a_text_ends_where_no_answer_could_carry_it(fresh: FreshHost) -> None:
    body = (
        '{"jsonrpc": "2.0", "id": 1, "method": "network.create", "params":'
        f' ["{fresh.xapi.session}", {{"name_label": "seen\\u0001unseen", "other_config": {{}}}}]}}'
    )

    await fresh.xapi.post("/jsonrpc", body.encode())

    assert [network.name_label for network in fresh.store.where(Network, name_label="seen")] == ["seen"]


async def test_an_unused_network_goes_with_the_idle_interfaces_on_it(fresh: FreshHost) -> None:
    network = await fresh.xapi.network.create(asked_for())
    vif = join(fresh, network, plugged=False)

    await fresh.xapi.network.destroy(network)

    for cls, ref in (("network", network), ("VIF", vif)):
        with pytest.raises(HANDLE_INVALID) as error:
            await fresh.xapi.call(f"{cls}.get_record", ref)
        assert error.value.args == (cls, ref)


async def test_a_network_that_a_guest_uses_stays(fresh: FreshHost) -> None:
    network = await fresh.xapi.network.create(asked_for())
    vif = join(fresh, network, plugged=True)

    with pytest.raises(NETWORK_CONTAINS_VIF) as error:
        await fresh.xapi.network.destroy(network)

    assert error.value.args == (vif,)


async def test_a_network_that_leads_out_of_the_host_stays(fresh: FreshHost) -> None:
    pif = await fresh.the("PIF")
    network = await fresh.xapi.PIF.get_network(pif)

    with pytest.raises(NETWORK_CONTAINS_PIF) as error:
        await fresh.xapi.network.destroy(network)

    assert error.value.args == (pif,)


async def test_the_network_of_the_toolstack_stays(xapi: Xapi) -> None:
    (network,) = await xapi.network.get_by_name_label("Host internal management network")

    with pytest.raises(CANNOT_DESTROY_SYSTEM_NETWORK):
        await xapi.network.destroy(network)


async def test_what_guests_may_send_is_not_changed_under_one_that_is_plugged_in(fresh: FreshHost) -> None:
    network = await fresh.xapi.network.create(asked_for())
    vif = join(fresh, network, plugged=True)

    with pytest.raises(VIF_IN_USE) as error:
        await fresh.xapi.network.set_default_locking_mode(network, "disabled")

    assert error.value.args == (network, vif)


async def test_what_guests_may_send_can_be_changed(xapi: Xapi) -> None:
    network = await xapi.network.create(asked_for())

    await xapi.network.set_default_locking_mode(network, "disabled")

    assert await xapi.network.get_default_locking_mode(network) == "disabled"


async def test_a_purpose_is_there_once_and_goes(xapi: Xapi) -> None:
    network = await xapi.network.create(asked_for())
    await xapi.network.add_purpose(network, "nbd")
    await xapi.network.add_purpose(network, "nbd")
    during = await xapi.network.get_purpose(network)

    await xapi.network.remove_purpose(network, "nbd")
    await xapi.network.remove_purpose(network, "nbd")

    assert (during, await xapi.network.get_purpose(network)) == (["nbd"], [])


async def test_disks_are_not_offered_with_and_without_tls_at_once(xapi: Xapi) -> None:
    one, other = await xapi.network.create(asked_for()), await xapi.network.create(asked_for())
    await xapi.network.add_purpose(one, "nbd")

    with pytest.raises(NETWORK_INCOMPATIBLE_PURPOSES) as error:
        await xapi.network.add_purpose(other, "insecure_nbd")

    assert error.value.args == ("insecure_nbd", "nbd")


async def test_a_network_of_others_has_no_purpose_of_ours(xapi: Xapi) -> None:
    network = await xapi.network.create(asked_for(managed=False))

    with pytest.raises(NETWORK_UNMANAGED):
        await xapi.network.add_purpose(network, "nbd")


async def test_a_blob_is_entered_by_its_name_once(xapi: Xapi) -> None:
    network = await xapi.network.create(asked_for())

    blob = await xapi.network.create_new_blob(network, "b", "text/plain", False)

    assert await xapi.network.get_blobs(network) == {"b": blob}
    assert await xapi.blob.get_mime_type(blob) == "text/plain"
    with pytest.raises(MAP_DUPLICATE_KEY) as error:
        await xapi.network.create_new_blob(network, "b", "text/plain", True)
    assert error.value.args == ("network", "blobs", network, "b")
