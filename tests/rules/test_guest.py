"""What is recorded of a guest, by what the hypervisor can do with it and what it says itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.rows import World
from xapid.backends.domain.interface import Feature, GuestReport
from xapid.datamodel import VIF, VM
from xapid.datamodel.vm_guest_metrics import TristateType
from xapid.rules.guest import STAND_IN, known_of, platform_for

SERVED = frozenset({Feature.clean_shutdown, Feature.suspend, Feature.hotplug_disk})
"""Of a hypervisor that needs no drivers of ours in its guests."""
NONE: frozenset[str] = frozenset()


def known(features: frozenset[str], report: GuestReport | None) -> dict[str, Any]:
    fields = known_of(features, report)
    assert fields is not None
    return fields


def test_of_a_guest_that_says_nothing_where_the_hypervisor_needs_it_nothing_is_known() -> None:
    assert known_of(NONE, None) is None


def test_where_the_hypervisor_serves_instead_a_silent_guest_counts_as_one_with_drivers() -> None:
    fields = known(SERVED, None)

    assert (fields["PV_drivers_version"], fields["PV_drivers_detected"]) == (STAND_IN, True)
    assert set(fields["other"]) == {"feature-shutdown", "feature-poweroff", "feature-reboot", "feature-suspend"}
    assert (fields["can_use_hotplug_vbd"], fields["can_use_hotplug_vif"]) == (TristateType.yes, TristateType.no)


def test_a_guest_cannot_deny_what_the_hypervisor_does_without_it() -> None:
    report = GuestReport(other={"feature-suspend": "0", "feature-x": "1"}, can_use_hotplug_vbd=False)

    fields = known(SERVED, report)

    assert (fields["other"]["feature-suspend"], fields["other"]["feature-x"]) == ("1", "1")
    assert fields["can_use_hotplug_vbd"] == TristateType.yes


def test_what_a_guest_says_is_recorded_field_by_field() -> None:
    report = GuestReport(
        {"name": "a"},
        {"host_name": "b"},
        {"major": "8"},
        True,
        {"0/ip": "c"},
        {},
        {"d": "1"},
        {"s/k": "e"},
        None,
        False,
    )

    assert known(NONE, report) == {
        "os_version": {"name": "a"},
        "netbios_name": {"host_name": "b"},
        "PV_drivers_version": {"major": "8"},
        "PV_drivers_detected": True,
        "PV_drivers_up_to_date": True,
        "networks": {"0/ip": "c"},
        "other": {"d": "1"},
        "services": {"s/k": "e"},
        "can_use_hotplug_vbd": TristateType.unspecified,
        "can_use_hotplug_vif": TristateType.no,
    }


def test_addresses_of_its_own_interfaces_are_known_by_their_positions(world: World) -> None:
    vifs = [world.make(VIF, MAC=f"02:00:00:00:00:A{number}", device=str(number + 3)) for number in range(2)]
    report = GuestReport(
        addresses={
            "02:00:00:00:00:a0/ipv4/0": "192.0.2.1",
            "02:00:00:00:00:a0/ipv6/0": "fe80::1",
            "02:00:00:00:00:a1/ipv4/1": "192.0.2.3",
            "02:00:00:00:00:a1/ipv4/0": "192.0.2.2",
            "52:54:00:00:00:01/ipv4/0": "172.17.0.1",
        }
    )

    fields = known_of(SERVED, report, vifs)

    assert fields is not None
    assert fields["networks"] == {
        "3/ip": "192.0.2.1",
        "3/ipv4/0": "192.0.2.1",
        "3/ipv6/0": "fe80::1",
        "4/ip": "192.0.2.2",
        "4/ipv4/0": "192.0.2.2",
        "4/ipv4/1": "192.0.2.3",
    }


@pytest.mark.parametrize(
    "report, before, after",
    [
        (GuestReport(device_id="0002"), {"device_id": "0001"}, {"device_id": "0002"}),
        (GuestReport(device_id="../../etc"), {}, {}),
        (GuestReport(device_id="00020"), {}, {}),
        (GuestReport({"distro": "windows"}, drivers_version={"major": "9"}), {}, {"viridian": "true"}),
        (
            GuestReport({"distro": "windows"}, drivers_version={"major": "9"}),
            {"viridian": "false"},
            {"viridian": "false"},
        ),
        (GuestReport({"distro": "windows"}), {}, {}),
        (GuestReport({"distro": "debian"}, drivers_version={"major": "9"}), {"a": "b"}, {"a": "b"}),
    ],
    ids=["its device", "no number", "too long", "Windows", "Windows as told", "without drivers", "Linux"],
)
def test_drivers_find_the_hardware_that_they_want_at_the_next_start(
    world: World, report: GuestReport, before: dict[str, str], after: dict[str, str]
) -> None:
    vm = world.make(VM, platform=before)

    assert platform_for(vm, report) == after
