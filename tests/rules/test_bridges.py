"""What the bridge of a network may be called."""

from __future__ import annotations

import pytest

from xapid.datamodel import Network
from xapid.datamodel.errors import BRIDGE_NAME_EXISTS, INVALID_VALUE
from xapid.rules.bridges import check_name, free_name
from xapid.store.store import Store


def store_with(*bridges: str) -> Store:
    store = Store()
    with store.write() as tx:
        for bridge in bridges:
            tx.create(Network, bridge=bridge)
    return store


@pytest.mark.parametrize("name", ["mybr0", "nosuchbridge", "a", "fifteen-letters"])
def test_a_client_may_name_a_bridge(name: str) -> None:
    check_name(store_with("other"), name)


@pytest.mark.parametrize(
    "name", ["xenbr0", "xapi99", "vif1.0", "tap3", "eth0", "a-very-long-bridge-name", "..", "a/b", "a b"]
)
def test_names_of_hosts_and_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(INVALID_VALUE) as error:
        check_name(store_with(), name)

    assert error.value.args == ("bridge", name)


def test_a_bridge_belongs_to_one_network() -> None:
    with pytest.raises(BRIDGE_NAME_EXISTS) as error:
        check_name(store_with("mybr0"), "mybr0")

    assert error.value.args == ("mybr0",)


def test_a_network_without_a_name_for_its_bridge_gets_the_first_free_one() -> None:
    assert free_name(store_with()) == "xapi0"
    assert free_name(store_with("xapi0", "xapi1", "xapi3")) == "xapi2"
