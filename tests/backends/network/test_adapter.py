"""What is known of the device behind an interface."""

from __future__ import annotations

from pathlib import Path

import pytest

from xapid.backends.network.adapter import Adapter, read_adapter

PCI_IDS = """\
# Vendors, and their devices
1af3  Before
\t1041  A device of another vendor
1af4  Red Hat, Inc.
\t1000  Virtio network device
\t1041  Virtio 1.0 network device
\t\t1af4 1100  A board with it
8086  Intel Corporation
\t1041  A device of a third vendor
"""


@pytest.fixture
def interface(tmp_path: Path) -> Path:
    """/sys/class/net/eth0 of a virtio interface, which is not a PCI device but below one."""
    pci = tmp_path / "devices" / "pci0000:00" / "0000:00:03.0"
    virtio = pci / "virtio2"
    directory = virtio / "net" / "eth0"
    directory.mkdir(parents=True)
    for device, bus, vendor, number in ((pci, "pci", "0x1af4", "0x1041"), (virtio, "virtio", "0x1af4", "0x0001")):
        (tmp_path / "bus" / bus).mkdir(parents=True)
        (device / "subsystem").symlink_to(tmp_path / "bus" / bus)
        (device / "vendor").write_text(f"{vendor}\n")
        (device / "device").write_text(f"{number}\n")
    (directory / "device").symlink_to(virtio)
    return directory


def test_the_pci_device_is_named_as_the_list_names_it(interface: Path, tmp_path: Path) -> None:
    (tmp_path / "pci.ids").write_text(PCI_IDS)

    adapter = read_adapter(interface, (tmp_path / "absent", tmp_path / "pci.ids"))

    assert adapter == Adapter(
        vendor_id="1af4",
        vendor_name="Red Hat, Inc.",
        device_id="1041",
        device_name="Virtio 1.0 network device",
        pci_bus_path="0000:00:03.0",
    )


def test_without_a_list_the_numbers_are_known(interface: Path) -> None:
    adapter = read_adapter(interface, ())

    assert (adapter.vendor_id, adapter.device_id) == ("1af4", "1041")
    assert (adapter.vendor_name, adapter.device_name) == ("", "")


def test_a_device_that_the_list_does_not_have_is_not_taken_for_that_of_the_next_vendor(
    interface: Path, tmp_path: Path
) -> None:
    (tmp_path / "pci.ids").write_text(PCI_IDS.replace("\t1041  Virtio 1.0 network device\n", ""))

    adapter = read_adapter(interface, (tmp_path / "pci.ids",))

    assert (adapter.vendor_name, adapter.device_name) == ("Red Hat, Inc.", "")


@pytest.mark.parametrize(("said", "speed"), [("10000", 10000), ("-1", 0), ("4294967295", 0), ("", 0)])
def test_a_speed_that_is_not_known_is_zero(interface: Path, said: str, speed: int) -> None:
    (interface / "speed").write_text(f"{said}\n")

    assert read_adapter(interface, ()).speed == speed


def test_an_interface_without_a_device_has_nothing_to_tell(tmp_path: Path) -> None:
    assert read_adapter(tmp_path / "eth0", ()) == Adapter()
