"""The XML that QEMU's machines are made of, and what of it follows from what."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from tests.backends.domain.golden_files import looked_at
from tests.backends.domain.machines import (
    CD,
    DEMO,
    DEVICES,
    DOMAINS,
    GIVEN,
    INSTALLED,
    SEALED,
    SYSTEM_DISK,
    TUNED,
    hosting,
)
from xapid.backends.domain import qemu_board, qemu_xml
from xapid.backends.domain.domain_facts import Description, source_of, target_of
from xapid.backends.domain.interface import DiskSpec, Endpoint
from xapid.backends.interface import NotSupported
from xapid.backends.storage.interface import Disk, VolumeFormat

if TYPE_CHECKING:
    from libvirt import virConnect

KVM = Path("/dev/kvm")
GOLDEN = Path(__file__).parent / "golden"
XML = (
    DOMAINS
    | DEVICES
    | {
        "resumed": qemu_xml.resumed(Description(DOMAINS["installed"]), INSTALLED, hosting(INSTALLED)),
    }
)


@pytest.mark.parametrize("name", XML)
def test_xml_is_as_it_was_looked_at(name: str) -> None:
    assert XML[name] == looked_at(GOLDEN, name, XML[name])


def test_there_is_no_golden_file_without_a_test() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == XML.keys()


@pytest.mark.libvirt
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.skipif(not KVM.exists(), reason=f"libvirt looks for {KVM}"))
        if name.endswith("-kvm")
        else name
        for name in DOMAINS
    ],
)
def test_libvirt_accepts_each_machine(libvirt_connection: virConnect, name: str) -> None:
    import libvirt

    domain = libvirt_connection.defineXMLFlags(DOMAINS[name], libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    understood = Description(domain.XMLDesc())
    domain.undefine()

    given = Description(DOMAINS[name])
    assert understood.label == given.label
    assert understood.consoles == given.consoles
    assert understood.disks.keys() == given.disks.keys()
    assert understood.interfaces.keys() == given.interfaces.keys()
    assert (understood.usbs.keys(), understood.pcis) == (given.usbs.keys(), given.pcis)


def test_what_is_written_can_be_read_back() -> None:
    description = Description(DOMAINS["installed"])

    label = description.label
    assert label is not None
    assert (label.vm, label.kind, label.started) == (INSTALLED.uuid, INSTALLED.kind, 1_700_000_000)
    assert description.title == 'Quotes " & <brackets>, lines and bells'
    assert description.consoles == (
        Endpoint("rfb", f"/run/xapid/guests/{INSTALLED.uuid}/vnc"),
        Endpoint(
            "vt100",
            f"/run/xapid/guests/{INSTALLED.uuid}/serial",
            f"/run/xapid/guests/{INSTALLED.uuid}/serial.log",
        ),
    )
    assert {vbd: source_of(disk) for vbd, disk in description.disks.items()} == {
        each.vbd: each.disk.path if each.disk else "" for each in INSTALLED.disks
    }
    assert description.interfaces.keys() == {nic.vif for nic in INSTALLED.nics}


def test_devices_of_the_host_are_known_by_what_they_are_on_the_host() -> None:
    description = Description(DOMAINS["given"])

    assert list(description.usbs) == [each.vusb for each in GIVEN.usbs]
    assert description.pcis == tuple(each.address for each in GIVEN.pcis)


def test_a_machine_without_our_mark_is_not_ours() -> None:
    xml = "<domain type='qemu'><metadata><other xmlns='urn:other'/></metadata></domain>"

    assert Description(xml).label is None


@pytest.mark.parametrize(
    "order, names",
    [
        ("cd", ["vda", "vdb", "vdae", "hdd", "sda"]),
        ("DCN", ["hdd", "sda", "vda", "vdb", "vdae", "second", "first"]),
        ("n", ["second", "first"]),
        ("ccx", ["vda", "vdb", "vdae"]),
        ("", []),
    ],
)
def test_the_boot_order_names_kinds_of_devices_in_either_case(order: str, names: list[str]) -> None:
    nics = {INSTALLED.nics[0].mac: "first", INSTALLED.nics[1].mac: "second"}

    root = ElementTree.fromstring(qemu_xml.domain(replace(INSTALLED, boot_order=order), hosting(INSTALLED)))

    found: dict[int, str] = {}
    for device in [*root.iterfind("devices/disk"), *root.iterfind("devices/interface")]:
        boot, target, mac = device.find("boot"), device.find("target"), device.find("mac")
        if boot is not None:
            name = target.get("dev") if target is not None else nics[mac.get("address", "") if mac is not None else ""]
            found[int(boot.get("order", ""))] = name or ""
    assert [found[place] for place in sorted(found)] == names


@pytest.mark.parametrize(
    "device, position, place",
    [
        ("disk", 0, ("vda", "virtio")),
        ("disk", 25, ("vdz", "virtio")),
        ("disk", 26, ("vdaa", "virtio")),
        ("disk", 254, ("vdiu", "virtio")),
        ("cdrom", 3, ("hdd", "ide")),
        ("cdrom", 4, ("sda", "sata")),
        ("floppy", 1, ("fdb", "fdc")),
    ],
)
def test_each_position_has_a_place(device: str, position: int, place: tuple[str, str]) -> None:
    assert qemu_xml.target(DiskSpec("v", position, device, None)) == place


def test_a_board_without_ide_has_its_discs_elsewhere() -> None:
    assert qemu_xml.target(DiskSpec("v", 3, "cdrom", None), sata=True) == ("sdd", "sata")
    assert qemu_xml.target(DiskSpec("v", 3, "disk", None), sata=True) == ("vdd", "virtio")


def test_a_board_without_slots_has_ports_for_what_it_has_and_gets() -> None:
    root = ElementTree.fromstring(DOMAINS["modern"])

    ports = root.findall("devices/controller[@model='pcie-root-port']")
    assert len(ports) == 2 + 4 + 8
    given = ElementTree.fromstring(DOMAINS["given-modern"])
    assert len(given.findall("devices/controller[@model='pcie-root-port']")) == len(ports) + 2


def test_a_resumed_machine_has_its_variables_where_they_are_now() -> None:
    moved = replace(hosting(SEALED), flash=Path("/elsewhere/flash"))

    resumed = Description(qemu_xml.resumed(Description(DOMAINS["sealed"]), SEALED, moved))

    assert resumed.root.findtext("os/nvram") == "/elsewhere/flash"


@pytest.mark.parametrize("device, position", [("floppy", 2), ("tape", 0)])
def test_what_has_no_place_is_refused(device: str, position: int) -> None:
    with pytest.raises(NotSupported):
        qemu_xml.target(DiskSpec("v", position, device, None))


def test_the_guest_is_told_its_data_whole_in_one_file_and_what_fits_in_its_firmware() -> None:
    many = {f"vm-data/{number:04}": "x" * 20 for number in range(8000)}
    spec = replace(INSTALLED, xenstore_data={"vm-data/long": "y" * 65536, "elsewhere": "hidden"} | many)

    root = ElementTree.fromstring(qemu_xml.domain(spec, hosting(spec)))

    strings = [entry.text or "" for entry in root.iterfind("sysinfo/oemStrings/entry")]
    assert strings[:2] == ["Xen", f"vm-data/0000={'x' * 20}"]
    assert sum(map(len, strings)) <= 8192 + len("Xen")
    assert json.loads(qemu_board.data(spec)) == {"vm-data/long": "y" * 65536} | many


def test_a_machine_that_is_told_nothing_has_no_file_for_it() -> None:
    root = ElementTree.fromstring(DOMAINS["demo"])

    assert root.find("sysinfo") is None
    assert qemu_board.data(DEMO) == ""


def test_a_host_that_cannot_give_parts_of_its_processors_is_asked_for_none() -> None:
    plain = replace(hosting(TUNED), ordinary_shares=0)

    root = ElementTree.fromstring(qemu_xml.domain(TUNED, plain))

    assert {element.tag for element in root.iterfind("cputune/*")} == {"vcpupin"}


def test_a_resumed_machine_keeps_its_hardware_and_takes_the_files_of_now() -> None:
    saved = Description(DOMAINS["installed"])
    moved = Disk("/srv/elsewhere.qcow2", VolumeFormat.qcow2)
    now = replace(
        INSTALLED,
        name="renamed",
        disks=(replace(INSTALLED.disks[0], disk=moved), *INSTALLED.disks[1:3]),
        nics=tuple(replace(nic, bridge="xapi7") for nic in INSTALLED.nics),
    )

    resumed = Description(qemu_xml.resumed(saved, now, hosting(now)))

    assert resumed.title == "renamed"
    assert resumed.disks.keys() == {each.vbd for each in INSTALLED.disks}
    assert source_of(resumed.disks[INSTALLED.disks[0].vbd]) == moved.path
    assert source_of(resumed.disks[INSTALLED.disks[3].vbd]) == CD.path
    bridges = {element.get("bridge") for element in resumed.root.iterfind("devices/interface/source")}
    assert bridges == {"xapi7"}


def test_the_devices_of_a_resumed_copy_get_its_names_by_their_places() -> None:
    saved = Description(DOMAINS["demo"])
    copy = replace(
        DEMO,
        disks=(replace(DEMO.disks[0], vbd="5d1f9a3e-0000-4000-8000-00000000c0d0"),),
        nics=(replace(DEMO.nics[0], vif="5d1f9a3e-0000-4000-8000-00000000c0f0", link="guest5d1f9a3e"),),
    )

    resumed = Description(qemu_xml.resumed(saved, copy, hosting(copy)))

    assert resumed.disks.keys() == {copy.disks[0].vbd}
    assert {vif: target_of(each) for vif, each in resumed.interfaces.items()} == {copy.nics[0].vif: "guest5d1f9a3e"}


def test_an_emptied_drive_forgets_what_was_in_it() -> None:
    drive = Description(DOMAINS["installed"]).disks[INSTALLED.disks[3].vbd]
    ElementTree.SubElement(drive, "backingStore")

    qemu_xml.put_medium(drive, None)

    assert source_of(drive) == ""
    assert drive.find("backingStore") is None


def test_a_snapshot_into_a_network_disk_is_refused() -> None:
    with pytest.raises(NotSupported):
        qemu_xml.snapshot({"vda": replace(SYSTEM_DISK, kind="nbd")}, [])


@pytest.mark.libvirt
def test_guests_are_joined_to_bridges_of_open_vswitch_by_its_own_kind_of_ports() -> None:
    import libvirt

    switched = replace(hosting(DEMO), switched=frozenset({DEMO.nics[0].bridge}))
    connection = libvirt.open("test:///default")
    try:
        xml = qemu_xml.domain(DEMO, switched)
        understood = connection.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE).XMLDesc()
    finally:
        connection.close()

    for said in (xml, understood):
        (port,) = ElementTree.fromstring(said).iterfind("devices/interface/virtualport")
        assert port.get("type") == "openvswitch"
    assert "openvswitch" in qemu_xml.interface(DEMO.nics[0], switched.switched)
    assert "openvswitch" not in qemu_xml.interface(replace(DEMO.nics[0], bridge="other"), switched.switched)


def test_what_is_moved_to_a_bridge_of_another_kind_is_joined_in_that_ones_way() -> None:
    (nic,) = DEMO.nics
    interface = ElementTree.fromstring(qemu_xml.interface(nic, frozenset({nic.bridge})))

    qemu_xml.join_bridge(interface, replace(nic, bridge="plain"), frozenset({nic.bridge}))
    ports = [len(interface.findall("virtualport"))]
    qemu_xml.join_bridge(interface, nic, frozenset({nic.bridge}))
    ports.append(len(interface.findall("virtualport")))

    assert ports == [0, 1]
