"""The XML that Xen's machines are made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.backends.domain.golden_files import looked_at
from tests.backends.domain.machines import CD, INSTALLED, REMOTE
from tests.backends.domain.xen_machines import DEVICES, DOMAINS, HOSTING, MACHINES
from tests.lab_host import lab_host
from xapid.backends.domain import xen_xml
from xapid.backends.domain.domain_facts import Description
from xapid.backends.domain.interface import DiskSpec, DomainKind, Tpm
from xapid.backends.interface import NotSupported

GOLDEN = Path(__file__).parent / "golden_xen"
XML = DOMAINS | DEVICES
BY_THE_SCHEMA = {name: xml.replace(f"unix:{HOSTING.screen}", "127.0.0.1") for name, xml in DOMAINS.items()}
"""The schema has no word for the socket of a screen, which libvirt's driver for Xen takes as an address."""


@pytest.mark.parametrize("name", XML)
def test_xml_is_as_it_was_looked_at(name: str) -> None:
    assert XML[name] == looked_at(GOLDEN, name, XML[name])


def test_there_is_no_golden_file_without_a_test() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == XML.keys()


@pytest.mark.libvirt
@pytest.mark.parametrize("name", DOMAINS)
def test_libvirt_accepts_each_machine(name: str) -> None:
    """By its schema, and by the driver that it has for tests, which takes machines of any hypervisor."""
    import libvirt

    connection = libvirt.open("test:///default")
    try:
        domain = connection.defineXMLFlags(BY_THE_SCHEMA[name], libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
        understood = Description(domain.XMLDesc())
    finally:
        connection.close()

    assert understood.label == Description(DOMAINS[name]).label
    assert understood.disks.keys() == {each.vbd for each in MACHINES[name].disks}
    assert understood.usbs.keys() == {each.vusb for each in MACHINES[name].usbs}
    assert understood.pcis == tuple(each.address for each in MACHINES[name].pcis)


@pytest.mark.lab
def test_a_libvirt_with_xen_takes_each_machine_and_keeps_what_it_is_known_by(tmp_path: Path) -> None:
    for name, xml in BY_THE_SCHEMA.items():
        (tmp_path / f"{name}.xml").write_text(xml)
    with lab_host() as host:
        host.push(tmp_path, "/root/machines")
        for name, spec in MACHINES.items():
            host.run(f"virsh -c xen:///system define --validate /root/machines/{tmp_path.name}/{name}.xml")
            host.run(f"virsh -c xen:///system domxml-to-native xen-xl --domain {spec.uuid}")
            kept = Description(host.run(f"virsh -c xen:///system dumpxml {spec.uuid}"))

            assert kept.label == Description(DOMAINS[name]).label
            assert kept.disks.keys() == {each.vbd for each in spec.disks}
            assert kept.interfaces.keys() == {each.vif for each in spec.nics}


@pytest.mark.parametrize(
    "device, position, kind, place",
    [
        ("disk", 0, DomainKind.hvm, ("xvda", "xen")),
        ("disk", 30, DomainKind.pv, ("xvdae", "xen")),
        ("cdrom", 3, DomainKind.hvm, ("hdd", "ide")),
        ("cdrom", 3, DomainKind.pvh, ("xvdd", "xen")),
    ],
)
def test_each_position_has_a_place(device: str, position: int, kind: DomainKind, place: tuple[str, str]) -> None:
    assert xen_xml.target(DiskSpec("v", position, device, None), kind) == place


@pytest.mark.parametrize(
    "device, position, kind",
    [("floppy", 0, DomainKind.hvm), ("floppy", 0, DomainKind.pv), ("cdrom", 4, DomainKind.hvm)],
)
def test_what_has_no_place_is_refused(device: str, position: int, kind: DomainKind) -> None:
    with pytest.raises(NotSupported):
        xen_xml.target(DiskSpec("v", position, device, None), kind)


@pytest.mark.parametrize("changes", [{"tpm": Tpm()}, {"firmware": "uefi", "secure_boot": True}])
def test_what_xen_cannot_do_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(NotSupported):
        xen_xml.domain(replace(MACHINES["hvm"], **changes), HOSTING)  # type: ignore[arg-type]


def test_firmware_that_is_not_there_is_refused() -> None:
    with pytest.raises(NotSupported, match="apt-get install ovmf"):
        xen_xml.domain(MACHINES["hvm-uefi"], replace(HOSTING, uefi=""))


def test_a_disk_of_the_network_is_refused() -> None:
    (remote,) = (each for each in INSTALLED.disks if each.disk is REMOTE)

    with pytest.raises(NotSupported):
        xen_xml.disk(remote, DomainKind.pv)


def test_the_boot_order_is_taken_in_either_case() -> None:
    root = ElementTree.fromstring(DOMAINS["hvm"])

    assert [each.get("dev") for each in root.iterfind("os/boot")] == ["cdrom", "hd", "network"]


@pytest.mark.parametrize("kind, seen", [(DomainKind.hvm, 2), (DomainKind.pv, 1), (DomainKind.pvh, 1)])
def test_an_empty_drive_is_seen_where_there_is_a_device_model(kind: DomainKind, seen: int) -> None:
    drives = (DiskSpec("v", 2, "cdrom", CD), DiskSpec("w", 3, "cdrom", None))

    root = ElementTree.fromstring(xen_xml.domain(replace(MACHINES["pv"], kind=kind, disks=drives), HOSTING))

    assert len(root.findall("devices/disk/readonly")) == seen


@pytest.mark.libvirt
def test_guests_are_joined_to_bridges_of_open_vswitch_by_xens_script_for_it() -> None:
    import libvirt

    spec = MACHINES["pv"]
    connection = libvirt.open("test:///default")
    try:
        xml = xen_xml.domain(spec, replace(HOSTING, switched=frozenset({spec.nics[0].bridge})))
        connection.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    finally:
        connection.close()

    scripts = [each.get("path") for each in ElementTree.fromstring(xml).iterfind("devices/interface/script")]
    assert scripts == ["vif-openvswitch"]
    assert "script" not in xen_xml.interface(spec.nics[0], spec.kind)
