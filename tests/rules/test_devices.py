"""Where drives and network interfaces may be plugged in."""

from __future__ import annotations

import pytest

from xapid.datamodel import VBD, VIF, VM
from xapid.datamodel.errors import DEVICE_ALREADY_EXISTS, INVALID_DEVICE
from xapid.datamodel.vbd import VbdType
from xapid.datamodel.vm import DomainType
from xapid.rules.devices import (
    Bus,
    Place,
    check_vif_device,
    free_vbd_devices,
    free_vif_devices,
    letters,
    meanings,
    number,
    place,
    position,
    resolve_vbd_device,
)
from xapid.store.store import Store


@pytest.fixture
def store() -> Store:
    return Store()


def make_vm(store: Store, domain_type: DomainType = DomainType.hvm, control_domain: bool = False) -> VM:
    with store.write() as tx:
        return tx.create(VM, domain_type=domain_type, is_control_domain=control_domain)


def add_drives(store: Store, vm: VM, *userdevices: str) -> None:
    with store.write() as tx:
        for userdevice in userdevices:
            tx.create(VBD, VM=vm.ref, userdevice=userdevice)


def add_interfaces(store: Store, vm: VM, *devices: str) -> None:
    with store.write() as tx:
        for device in devices:
            tx.create(VIF, VM=vm.ref, device=device)


@pytest.mark.parametrize("disk, text", [(0, "a"), (25, "z"), (26, "aa"), (27, "ab"), (701, "zz"), (702, "aaa")])
def test_disks_are_lettered_like_columns_of_a_spreadsheet(disk: int, text: str) -> None:
    assert letters(disk) == text
    assert number(text) == disk


@pytest.mark.parametrize(
    "userdevice, hvm, pv",
    [
        ("0", Place(Bus.ide, 0), Place(Bus.xen, 0)),
        ("3", Place(Bus.ide, 3), Place(Bus.xen, 3)),
        ("4", Place(Bus.xen, 4), Place(Bus.xen, 4)),
        ("99999", Place(Bus.xen, 99999), Place(Bus.xen, 99999)),
        ("-1", Place(Bus.ide, -1), Place(Bus.xen, -1)),
        ("xvdb", Place(Bus.xen, 1), Place(Bus.xen, 1)),
        ("xvdaa", Place(Bus.xen, 26), Place(Bus.xen, 26)),
        ("xvda1", Place(Bus.xen, 0, 1), Place(Bus.xen, 0, 1)),
        ("xvd", Place(Bus.xen, -1), Place(Bus.xen, -1)),
        ("hdd", Place(Bus.ide, 3), Place(Bus.ide, 3)),
        ("sda", Place(Bus.scsi, 0), Place(Bus.scsi, 0)),
        ("fdb", Place(Bus.floppy, 1), Place(Bus.floppy, 1)),
        ("d5", Place(Bus.xen, 5), Place(Bus.xen, 5)),
        ("d5p2", Place(Bus.xen, 5, 2), Place(Bus.xen, 5, 2)),
    ],
)
def test_a_userdevice_means_a_place(userdevice: str, hvm: Place, pv: Place) -> None:
    assert place(userdevice, device_model=True) == hvm
    assert place(userdevice, device_model=False) == pv
    assert position(userdevice) == hvm.disk


@pytest.mark.parametrize("userdevice", ["", "garbage", "zz", "/dev/xvdf", "1.5", "autodetect"])
def test_other_texts_are_no_devices(userdevice: str) -> None:
    assert meanings(userdevice) == frozenset()
    with pytest.raises(INVALID_DEVICE):
        place(userdevice, device_model=True)


@pytest.mark.parametrize(
    "where, name, xenstore_id",
    [
        (Place(Bus.xen, 0), "xvda", 51712),
        (Place(Bus.xen, 15, 1), "xvdp1", (202 << 8) + (15 << 4) + 1),
        (Place(Bus.xen, 16), "xvdq", (1 << 28) + (16 << 8)),
        (Place(Bus.ide, 0), "xvda", 768),
        (Place(Bus.ide, 3), "xvdd", (22 << 8) + 64),
        (Place(Bus.scsi, 1), "sdb", (8 << 8) + 16),
        (Place(Bus.floppy, 0), "fda", 203 << 8),
    ],
)
def test_a_place_has_a_name_in_the_guest_and_a_number_in_xenstore(where: Place, name: str, xenstore_id: int) -> None:
    assert where.name == name
    assert where.xenstore_id == xenstore_id


@pytest.mark.parametrize(
    "taken, asked, clash",
    [
        ("0", "hda", True),
        ("0", "xvda", True),
        ("hda", "xvda", False),
        ("3", "hdd", True),
        ("0", "xvda1", False),
        ("4", "hde", False),
        ("4", "xvde", True),
        ("xvdb", "1", True),
        ("xvda", "sda", False),
        ("0", "0", True),
        ("-1", "xvd", False),
        ("-1", "-1", False),
    ],
)
def test_a_number_stands_for_its_ide_disk_and_its_xen_disk(store: Store, taken: str, asked: str, clash: bool) -> None:
    vm = make_vm(store)
    add_drives(store, vm, taken)

    if clash:
        with pytest.raises(DEVICE_ALREADY_EXISTS) as error:
            resolve_vbd_device(store, vm, asked, VbdType.Disk)
        assert error.value.args == (asked,)
    else:
        assert resolve_vbd_device(store, vm, asked, VbdType.Disk) == asked


def test_the_name_a_drive_has_in_the_guest_is_taken_as_well(store: Store) -> None:
    vm = make_vm(store, DomainType.pv)
    with store.write() as tx:
        tx.create(VBD, VM=vm.ref, userdevice="9", device="xvda")

    assert free_vbd_devices(store, vm)[:2] == ["1", "2"]
    assert "9" not in free_vbd_devices(store, vm)


def test_names_take_what_is_free_from_numbers_of_the_same_bus(store: Store) -> None:
    vm = make_vm(store)
    add_drives(store, vm, "0", "xvdb", "hdc", "sdd", "7", "15", "16", "xvdz", "255", "256", "-1", "xvd", "xvda1", "hde")

    missing = {str(each) for each in range(255)} - set(free_vbd_devices(store, vm))

    assert missing == {"0", "2", "7", "15", "16", "25"}


def test_autodetect_takes_the_first_free_number(store: Store) -> None:
    vm = make_vm(store)
    add_drives(store, vm, "0", "2")

    assert resolve_vbd_device(store, vm, "autodetect", VbdType.Disk) == "1"


def test_autodetect_overlooks_that_a_number_has_two_meanings(store: Store) -> None:
    vm = make_vm(store)
    add_drives(store, vm, "0", "xvdb")

    with pytest.raises(DEVICE_ALREADY_EXISTS) as error:
        resolve_vbd_device(store, vm, "autodetect", VbdType.CD)

    assert error.value.args == ("1",)


def test_there_are_two_floppy_drives(store: Store) -> None:
    vm = make_vm(store)
    add_drives(store, vm, "fda")

    assert resolve_vbd_device(store, vm, "autodetect", VbdType.Floppy) == "fdb"
    assert resolve_vbd_device(store, vm, "9", VbdType.Floppy) == "9"


def test_when_every_place_is_taken_there_is_no_device_to_detect(store: Store) -> None:
    vm = make_vm(store, DomainType.pv)
    add_drives(store, vm, *map(str, range(255)))

    with pytest.raises(INVALID_DEVICE) as error:
        resolve_vbd_device(store, vm, "autodetect", VbdType.Disk)

    assert error.value.args == ("autodetect",)


@pytest.mark.parametrize("control_domain, count", [(False, 255), (True, 256)])
def test_a_control_domain_has_one_place_more(store: Store, control_domain: bool, count: int) -> None:
    vm = make_vm(store, DomainType.pv, control_domain)

    assert free_vbd_devices(store, vm) == [str(each) for each in range(count)]


def test_sixteen_interfaces_are_offered(store: Store) -> None:
    vm = make_vm(store)
    add_interfaces(store, vm, "0", "7", "100")

    assert free_vif_devices(store, vm) == [str(each) for each in range(16) if each not in (0, 7)]


@pytest.mark.parametrize("device", ["x", "-1", "", "autodetect", "1.0"])
def test_an_interface_is_numbered(store: Store, device: str) -> None:
    with pytest.raises(INVALID_DEVICE) as error:
        check_vif_device(store, make_vm(store), device)

    assert error.value.args == (device,)


def test_an_interface_number_is_given_once(store: Store) -> None:
    vm = make_vm(store)
    add_interfaces(store, vm, "5", "100")

    check_vif_device(store, vm, "99")
    for device in ("5", "100"):
        with pytest.raises(DEVICE_ALREADY_EXISTS) as error:
            check_vif_device(store, vm, device)
        assert error.value.args == (device,)
