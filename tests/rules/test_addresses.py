"""MAC addresses made from seeds, and IP addresses that clients give."""

from __future__ import annotations

import pytest

from xapid.datamodel import VIF, VM
from xapid.datamodel.errors import (
    ADDRESS_VIOLATES_LOCKING_CONSTRAINT,
    INVALID_CIDR_ADDRESS_SPECIFIED,
    INVALID_IP_ADDRESS_SPECIFIED,
    MAC_INVALID,
)
from xapid.datamodel.vif import VifLockingMode
from xapid.rules.addresses import Version, check_allowed_addresses, check_static_address, seeded_mac, vif_mac
from xapid.store.store import Store

SEED = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.mark.parametrize("device, mac", [(0, "9e:89:c8:4a:62:ba"), (1, "26:d1:6c:c5:93:ac"), (2, "6a:17:50:56:f3:26")])
def test_a_seed_gives_each_interface_its_mac(device: int, mac: str) -> None:
    assert seeded_mac(SEED, device) == mac


def test_an_empty_mac_is_made_from_the_seed(store: Store) -> None:
    with store.write() as tx:
        vm = tx.create(VM, other_config={"mac_seed": SEED})

    assert vif_mac(vm, "", "1") == ("26:d1:6c:c5:93:ac", True)


@pytest.mark.parametrize("mac", ["02:11:22:33:44:55", "02:AA:BB:CC:DD:EE", "01:00:00:00:00:01", "00:00:00:00:00:00"])
def test_a_given_mac_is_kept_as_typed(store: Store, mac: str) -> None:
    with store.write() as tx:
        vm = tx.create(VM, other_config={"mac_seed": SEED})

    assert vif_mac(vm, mac, "0") == (mac, False)


@pytest.mark.parametrize("mac", ["garbage", "02-00-00-00-00-01", "02:00:00:00:00", "02:00:00:00:00:0g"])
def test_what_is_no_mac_is_refused(store: Store, mac: str) -> None:
    with store.write() as tx:
        vm = tx.create(VM, other_config={"mac_seed": SEED})

    with pytest.raises(MAC_INVALID) as error:
        vif_mac(vm, mac, "0")

    assert error.value.args == (mac,)


def test_without_a_seed_a_mac_has_to_be_given(store: Store) -> None:
    with store.write() as tx:
        vm = tx.create(VM, other_config={})

    with pytest.raises(MAC_INVALID) as error:
        vif_mac(vm, "", "0")

    assert error.value.args == ("",)


@pytest.mark.parametrize(
    "entry, version, good",
    [
        ("192.0.2.1", 4, True),
        ("192.0.2.0/24", 4, True),
        ("192.0.2.1/33", 4, False),
        ("garbage", 4, False),
        ("2001:db8::1", 4, False),
        ("2001:db8::1", 6, True),
        ("2001:db8::/64", 6, True),
        ("192.0.2.1", 6, False),
        ("zz", 6, False),
        ("fe80::1%eth0", 6, False),
    ],
)
def test_a_vif_is_locked_to_addresses_and_networks(entry: str, version: Version, good: bool) -> None:
    if good:
        check_allowed_addresses([entry], version)
        return
    with pytest.raises(INVALID_IP_ADDRESS_SPECIFIED) as error:
        check_allowed_addresses(["2001:db8::2" if version == 6 else "192.0.2.2", entry], version)
    assert error.value.args == (f"ipv{version}_allowed",)


@pytest.mark.parametrize("address", ["garbage", "192.0.2.5", "", "192.0.2.5/255.255.255.0", "2001:db8::5/64"])
def test_a_static_address_has_the_length_of_its_prefix(store: Store, address: str) -> None:
    with store.write() as tx:
        vif = tx.create(VIF)

    with pytest.raises(INVALID_CIDR_ADDRESS_SPECIFIED) as error:
        check_static_address(vif, address, "nonsense", 4)

    assert error.value.args == ("address",)


def test_a_gateway_is_an_address_or_nothing(store: Store) -> None:
    with store.write() as tx:
        vif = tx.create(VIF)

    check_static_address(vif, "192.0.2.5/24", "", 4)
    check_static_address(vif, "2001:db8::5/64", "2001:db8::1", 6)
    with pytest.raises(INVALID_IP_ADDRESS_SPECIFIED) as error:
        check_static_address(vif, "192.0.2.5/24", "nonsense", 4)
    assert error.value.args == ("gateway",)


def test_a_locked_interface_gets_only_the_addresses_it_is_locked_to(store: Store) -> None:
    with store.write() as tx:
        vif = tx.create(VIF, locking_mode=VifLockingMode.locked, ipv4_allowed=("nonsense", "192.0.2.0/28"))

    check_static_address(vif, "192.0.2.5/24", "", 4)
    with pytest.raises(ADDRESS_VIOLATES_LOCKING_CONSTRAINT) as error:
        check_static_address(vif, "192.0.2.99/24", "", 4)
    assert error.value.args == ("192.0.2.99/24",)
