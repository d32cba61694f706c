"""What guests under Xen wrote into xenstore, read as what they say of themselves."""

from __future__ import annotations

import pytest

from xapid.backends.domain import xenstore_facts
from xapid.backends.domain.guest_report import GuestReport

LINUX = {
    "attr/PVAddons/MajorVersion": "8",
    "attr/PVAddons/MinorVersion": "4",
    "attr/PVAddons/MicroVersion": "0",
    "attr/PVAddons/BuildVersion": "1",
    "attr/PVAddons/Installed": "1",
    "attr/vif/0/ipv4/0": "192.0.2.10",
    "attr/vif/0/ipv4/1": "192.0.2.11",
    "attr/vif/0/ipv6/0": "fe80::216:3eff:fe00:1",
    "attr/vif/1/ipv6/0": "2001:db8::5",
    "attr/eth0/ip": "198.51.100.1",
    "control/feature-suspend": "1",
    "control/feature-poweroff": "1",
    "control/feature-reboot": "1",
    "control/feature-vcpu-hotplug": "1",
    "control/feature-balloon": "1",
    "control/shutdown": "",
    "data/os_name": "Debian GNU/Linux 12 (bookworm)",
    "data/os_uname": "6.1.0-18-amd64",
    "data/os_distro": "debian",
    "data/os_majorver": "12",
    "data/os_minorver": "5",
    "data/host_name_dns": "web1",
    "data/domain": "example.org",
    "data/meminfo_free": "12345",
    "data/meminfo_total": "1000000",
    "data/updated": "Sun Nov 29 00:00:00 UTC 2026",
    "device/vif/0/state": "4",
    "device/vbd/51712/state": "1",
    "device/vif/0/backend": "/local/domain/0/backend/vif/3/0",
}

WINDOWS = {
    "attr/PVAddons/MajorVersion": "9",
    "attr/PVAddons/MinorVersion": "3",
    "attr/PVAddons/BuildVersion": "107",
    "attr/os/class": "windows NT",
    "attr/os/spmajor": "0",
    "attr/os/spminor": "0",
    "attr/vif/0/ipv4/0": "192.0.2.20",
    "control/feature-shutdown": "1",
    "control/feature-suspend": "1",
    "data/cant_suspend_reason": "the disk is being checked",
    "data/ts": "1",
    "data/device_id": "0002",
    "data/os_name": "Microsoft Windows Server 2022 Standard|C:\\Windows|\\Device\\Harddisk0\\Partition2",
    "data/os_distro": "windows",
    "data/os_majorver": "10",
    "data/os_minorver": "0",
    "data/host_name_dns": "WIN-1",
    "data/service/backup/state": "running",
    "data/service/backup/last/run": "yesterday",
    "drivers/0": "XenServer XENBUS 9.1.9.105",
    "drivers/1": "XenServer xenvif 9.1.12.101 (DEBUG build)",
    "drivers/2": "alone",
    "drivers/junk": "a b c d",
    "feature/hotplug/vbd": "1",
    "feature/hotplug/vif": "0",
}


def said(tree: dict[str, str]) -> GuestReport:
    report = xenstore_facts.report(tree)
    assert report is not None
    return report


def test_a_linux_guest_says_what_it_is_and_what_it_can() -> None:
    assert xenstore_facts.report(LINUX) == GuestReport(
        os_version={
            "name": "Debian GNU/Linux 12 (bookworm)",
            "uname": "6.1.0-18-amd64",
            "distro": "debian",
            "major": "12",
            "minor": "5",
        },
        netbios_name={"host_name": "web1.example.org"},
        drivers_version={"major": "8", "minor": "4", "micro": "0", "build": "1"},
        drivers_detected=True,
        networks={
            "0/ip": "192.0.2.10",
            "0/ipv4/0": "192.0.2.10",
            "0/ipv4/1": "192.0.2.11",
            "0/ipv6/0": "fe80::216:3eff:fe00:1",
            "1/ipv6/0": "2001:db8::5",
        },
        other={
            "feature-suspend": "1",
            "feature-poweroff": "1",
            "feature-reboot": "1",
            "feature-vcpu-hotplug": "1",
            "feature-balloon": "1",
        },
    )


def test_a_windows_guest_names_each_driver_and_may_say_why_it_cannot_be_suspended() -> None:
    report = said(WINDOWS)

    assert report.drivers_version == {
        "major": "9",
        "minor": "3",
        "micro": "-1",
        "build": "107",
        "xenbus": "XenServer 9.1.9.105",
        "xenvif": "XenServer 9.1.12.101 (DEBUG build)",
    }
    assert report.other == {
        "feature-shutdown": "1",
        "data-ts": "1",
        "data-cant-suspend-reason": "the disk is being checked",
    }
    assert (report.os_version["spmajor"], report.os_version["spminor"]) == ("0", "0")
    assert report.netbios_name == {"host_name": "WIN-1"}
    assert report.services == {"backup/state": "running", "backup/last/run": "yesterday"}
    assert (report.can_use_hotplug_vbd, report.can_use_hotplug_vif) == (True, False)
    assert report.device_id == "0002"
    assert not report.drivers_detected


@pytest.mark.parametrize("tree", [{}, {"control/shutdown": "", "control/feature-suspend": "", "data": "", "attr": ""}])
def test_a_guest_without_agent_and_drivers_says_nothing(tree: dict[str, str]) -> None:
    assert xenstore_facts.report(tree) is None


@pytest.mark.parametrize(
    "tree, networks",
    [
        (
            {"attr/eth0/ip": "192.0.2.1", "attr/eth0/ipv6/0/addr": "fe80::1", "attr/eth0/ipv6/1/addr": "fe80::2"},
            {"0/ip": "192.0.2.1", "0/ipv4/0": "192.0.2.1", "0/ipv6/0": "fe80::1", "0/ipv6/1": "fe80::2"},
        ),
        ({"attr/ens3/ip": "192.0.2.1"}, {"3/ip": "192.0.2.1", "3/ipv4/0": "192.0.2.1"}),
        (
            {"attr/enx7/ip": "192.0.2.1 192.0.2.2"},
            {"7/ip": "192.0.2.1", "7/ipv4/0": "192.0.2.1", "7/ipv4/1": "192.0.2.2"},
        ),
        ({"attr/wlan0/ip": "192.0.2.1", "attr/eth/ip": "192.0.2.1", "attr/eth0/mac": "02:00:00:00:00:01"}, {}),
        ({"attr/vif/2/ipv4/10": "b", "attr/vif/2/ipv4/9": "a"}, {"2/ip": "a", "2/ipv4/9": "a", "2/ipv4/10": "b"}),
        ({"attr/vif/x/ipv4/0": "a", "attr/vif/0/ipv5/0": "a", "attr/vif/0/ipv4/0/deeper": "a"}, {}),
        (
            {"xenserver/attr/net-sriov-vf/4/ipv4/0": "192.0.2.9", "attr/vif/0/ipv6/0": "fe80::1"},
            {"4/ip": "192.0.2.9", "4/ipv4/0": "192.0.2.9", "0/ipv6/0": "fe80::1"},
        ),
    ],
    ids=["old", "by its name", "several", "none of those", "lowest first", "malformed", "SR-IOV"],
)
def test_addresses_are_known_by_the_position_of_their_interface(tree: dict[str, str], networks: dict[str, str]) -> None:
    found = xenstore_facts.report({**tree, "data/os_name": "a"})

    assert found is not None
    assert found.networks == networks


# --- Guests that mean harm ---------------------------------------------------------------------------


def test_of_thousands_of_keys_and_of_long_values_a_bounded_part_is_taken() -> None:
    report = said(
        {f"control/feature-{number}": "x" * 65536 for number in range(8000)}
        | {f"attr/vif/{number}/ipv4/0": "y" * 65536 for number in range(8000)}
        | {f"data/service/{number}/{'k' * 300}": "z" for number in range(8000)}
        | {"data/os_name": "o" * 65536}
    )

    for taken in (report.other, report.networks, report.services, report.os_version):
        assert len(taken) <= 256
        assert sum(len(key) + len(value) for key, value in taken.items()) <= 32 * 1024
    assert report.other["feature-0"] == "x" * 1024
    assert report.networks["0/ip"] == "y" * 1024
    assert report.services == {}


def test_what_is_taken_of_too_much_does_not_depend_on_the_order_in_which_it_was_written() -> None:
    keys = {f"control/feature-{number}": str(number) for number in range(1000)}

    assert said(keys) == said(dict(reversed(keys.items())))


def test_no_control_characters_reach_a_client() -> None:
    report = said({"control/feature-\x00a": "1\x1b[31m", "data/os_name": "a\r\nb\ud800\uffff\x9b", "data/ts": "\x01"})

    assert report.other == {"feature-a": "1[31m", "data-ts": ""}
    assert report.os_version == {"name": "ab"}


def test_a_number_without_end_in_a_key_is_read_at_once() -> None:
    digits = "9" * 5000
    report = said({f"attr/vif/{digits}/ipv4/0": "a", f"attr/vif/{'9' * 60}/ipv4/{'8' * 60}": "b", "data/os_name": "c"})

    assert set(report.networks) == {f"{'9' * 60}/ip", f"{'9' * 60}/ipv4/{'8' * 60}"}
