"""Devices of a host: what is plugged into its USB ports, and drivers of its kernel to choose from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import FreshHost
from xapid.backends.host.interface import CrashDump, DriverVariant, KernelDriver, UsbDevice
from xapid.backends.host.sim import Sim
from xapid.backends.interface import Failed, NotSupported
from xapid.datamodel import PUSB, VUSB, Driver_variant, Host_driver, HostCrashdump, USB_group
from xapid.datamodel.errors import (
    HOST_DRIVER_NO_HARDWARE,
    INTERNAL_ERROR,
    INVALID_VALUE,
    OPERATION_NOT_ALLOWED,
    USB_GROUP_CONTAINS_PUSB,
)
from xapid.datamodel.types import NULL
from xapid.main import look_at_devices

STICK = UsbDevice("1-1.4", "0781", "5581", "SanDisk", "Ultra", "4C53", "3.20", 5000.0)
CAMERA = UsbDevice("1-2", "046d", "0825", product="Webcam")

# --- USB --------------------------------------------------------------------------------------------


async def test_a_device_that_is_plugged_in_has_a_record_and_a_group(fresh: FreshHost, host: str) -> None:
    fresh.driver("host").usb = (STICK,)

    await fresh.xapi.PUSB.scan(host)

    (record,) = (await fresh.xapi.PUSB.get_all_records()).values()
    (group,) = await fresh.xapi.USB_group.get_all()
    del record["uuid"]
    assert record == {
        "USB_group": group,
        "host": host,
        "path": "1-1.4",
        "vendor_id": "0781",
        "vendor_desc": "SanDisk",
        "product_id": "5581",
        "product_desc": "Ultra",
        "serial": "4C53",
        "version": "3.20",
        "description": "SanDisk Ultra",
        "passthrough_enabled": False,
        "other_config": {},
        "speed": 5000.0,
    }
    assert await fresh.xapi.USB_group.get_name_label(group) == "Group of 0781 5581 USBs"
    with pytest.raises(USB_GROUP_CONTAINS_PUSB):
        await fresh.xapi.USB_group.destroy(group)


async def test_what_stays_plugged_in_keeps_its_record_and_what_goes_takes_it_along(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    machine.usb = (STICK, CAMERA)
    await fresh.xapi.PUSB.scan(host)
    before = {row.path: row for row in fresh.store.all(PUSB)}
    with fresh.store.write() as tx:
        tx.create(VUSB, USB_group=before["1-2"].USB_group)

    machine.usb = (replace(STICK, speed=480.0), replace(CAMERA, path="1-3"))
    await fresh.xapi.PUSB.scan(host)

    after = {row.path: row for row in fresh.store.all(PUSB)}
    assert after["1-1.4"] is before["1-1.4"]
    assert set(after) == {"1-1.4", "1-3"}
    assert {row.USB_group for row in after.values()} == {group.ref for group in fresh.store.all(USB_group)}
    assert list(fresh.store.all(VUSB)) == []


async def test_a_speed_that_was_not_known_is_learnt(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    machine.usb = (CAMERA,)
    await fresh.xapi.PUSB.scan(host)
    machine.usb = (replace(CAMERA, speed=480.0),)
    await fresh.xapi.PUSB.scan(host)

    (row,) = fresh.store.all(PUSB)
    assert row.speed == 480.0


async def test_a_group_that_has_another_device_stays(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    machine.usb = (STICK, CAMERA)
    await fresh.xapi.PUSB.scan(host)
    first, second = fresh.store.all(PUSB)
    with fresh.store.write() as tx:
        tx.set(second, USB_group=first.USB_group)
    machine.usb = (CAMERA,) if first.path == STICK.path else (STICK,)

    await fresh.xapi.PUSB.scan(host)

    (left,) = fresh.store.all(PUSB)
    assert left.USB_group == first.USB_group
    assert fresh.store.find(USB_group, first.USB_group) is not None


# --- Drivers ----------------------------------------------------------------------------------------

GENERIC = DriverVariant("generic", "1.2", True, 100.0, "production")
DELL = DriverVariant("dell", "1.5", True, 90.0, "beta")
ABSENT = DriverVariant("oem", "1.3", False, 80.0, "beta")
NIC = KernelDriver("cisco-enic", "network", "a card", "more", (GENERIC, DELL, ABSENT), "dell", "generic")
DISK = KernelDriver("emulex-lpfc", "storage", "", "", (GENERIC,))


async def test_drivers_have_variants_to_choose_from(fresh: FreshHost, host: str) -> None:
    xapi, machine = fresh.xapi, fresh.driver("host")
    machine.drivers = (NIC, DISK)

    await xapi.Host_driver.rescan(host)

    rows = {row.name: row for row in fresh.store.all(Host_driver)}
    nic = await xapi.Host_driver.get_record(rows["cisco-enic"].ref)
    assert (nic["host"], nic["friendly_name"], nic["type"], nic["description"], nic["info"]) == (
        host, "cisco-enic", "network", "a card", "more",
    )  # fmt: skip
    assert await xapi.Driver_variant.get_name(nic["active_variant"]) == "dell"
    assert await xapi.Driver_variant.get_name(nic["selected_variant"]) == "generic"
    records = [await xapi.Driver_variant.get_record(ref) for ref in nic["variants"]]
    assert {
        (row["name"], row["version"], row["hardware_present"], row["priority"], row["status"]) for row in records
    } == {
        ("generic", "1.2", True, 100.0, "production"),
        ("dell", "1.5", True, 90.0, "beta"),
        ("oem", "1.3", False, 80.0, "beta"),
    }
    assert (rows["emulex-lpfc"].active_variant, rows["emulex-lpfc"].selected_variant) == (NULL, NULL)


async def test_what_is_still_there_keeps_its_reference(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    machine.drivers = (NIC, DISK)
    await fresh.xapi.Host_driver.rescan(host)
    before = {row.name: row.ref for row in fresh.store.all(Host_driver)}
    variants = {row.name: row.ref for row in fresh.store.where(Driver_variant, driver=before["cisco-enic"])}

    machine.drivers = (replace(NIC, variants=(DELL, replace(GENERIC, version="2")), active="gone", selected=""),)
    await fresh.xapi.host.rescan_drivers(host)

    (row,) = fresh.store.all(Host_driver)
    left = {row.name: row for row in fresh.store.all(Driver_variant)}
    assert (row.ref, row.active_variant, row.selected_variant) == (before["cisco-enic"], NULL, NULL)
    assert {name: each.ref for name, each in left.items()} == {name: variants[name] for name in ("dell", "generic")}
    assert left["generic"].version == "2"


async def test_a_variant_is_chosen_for_the_next_boot(fresh: FreshHost, host: str) -> None:
    xapi, machine = fresh.xapi, fresh.driver("host")
    machine.drivers = (NIC,)
    await xapi.Host_driver.rescan(host)
    (driver,) = await xapi.Host_driver.get_all()
    variants = {row.name: row.ref for row in fresh.store.all(Driver_variant)}

    await xapi.Host_driver.select(driver, variants["dell"])
    first = (machine.drivers[0].selected, await xapi.Host_driver.get_selected_variant(driver))
    await xapi.Driver_variant.select(variants["generic"])
    second = (machine.drivers[0].selected, await xapi.Host_driver.get_selected_variant(driver))
    await xapi.Host_driver.deselect(driver)

    assert (first, second) == (("dell", variants["dell"]), ("generic", variants["generic"]))
    assert machine.drivers[0].selected == ""
    assert await xapi.Host_driver.get_selected_variant(driver) == NULL


async def test_not_every_variant_can_be_chosen(fresh: FreshHost, host: str) -> None:
    xapi, machine = fresh.xapi, fresh.driver("host")
    machine.drivers = (NIC, DISK)
    await xapi.Host_driver.rescan(host)
    rows = {row.name: row.ref for row in fresh.store.all(Host_driver)}
    (foreign,) = (row.ref for row in fresh.store.where(Driver_variant, driver=rows["emulex-lpfc"]))
    (absent,) = (row.ref for row in fresh.store.all(Driver_variant) if row.name == "oem")

    with pytest.raises(INVALID_VALUE) as other:
        await xapi.Host_driver.select(rows["cisco-enic"], foreign)
    with pytest.raises(HOST_DRIVER_NO_HARDWARE) as useless:
        await xapi.Host_driver.select(rows["cisco-enic"], absent)
    machine.faults.fail("select_variant", NotSupported("none to choose"))
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.Driver_variant.select(foreign)

    assert (other.value.args, useless.value.args) == (("variant", foreign), (absent,))
    assert await xapi.Host_driver.get_selected_variant(rows["emulex-lpfc"]) == NULL


# --- Crashes ----------------------------------------------------------------------------------------

DUMP = CrashDump("20261127-082030-UTC", 1_795_767_630.0, 4096)


async def test_crashes_of_a_host_are_known_until_what_was_kept_is_removed(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    machine.dumps = (DUMP, CrashDump("other", 1_700_000_000.5, 7))
    await look_at_devices(fresh.runtime)

    first, second = sorted(fresh.store.all(HostCrashdump), key=lambda row: row.size, reverse=True)
    record = await fresh.xapi.host_crashdump.get_record(first.ref)
    assert (record["host"], str(record["timestamp"]), record["size"]) == (host, "20261127T08:20:30Z", "4096")
    assert set(await fresh.xapi.host.get_crashdumps(host)) == {first.ref, second.ref}

    await fresh.xapi.host_crashdump.destroy(second.ref)
    machine.dumps = (*machine.dumps, CrashDump("20261127-082031-UTC", DUMP.seconds + 1, 1))
    await look_at_devices(fresh.runtime)

    assert [dump.name for dump in machine.dumps] == ["20261127-082030-UTC", "20261127-082031-UTC"]
    assert {row.ref for row in fresh.store.all(HostCrashdump) if row.size == 4096} == {first.ref}
    assert len(fresh.store.all(HostCrashdump)) == 2


async def test_the_record_of_a_dump_that_is_gone_goes_too(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    machine.dumps = (DUMP,)
    await look_at_devices(fresh.runtime)
    (row,) = fresh.store.all(HostCrashdump)
    machine.dumps = ()

    await fresh.xapi.host_crashdump.destroy(row.ref)

    assert list(fresh.store.all(HostCrashdump)) == []


async def test_a_dump_that_cannot_be_removed_keeps_its_record(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    machine.dumps = (DUMP,)
    await look_at_devices(fresh.runtime)
    (row,) = fresh.store.all(HostCrashdump)
    machine.faults.fail("remove_crash_dump", Failed("read-only"))

    with pytest.raises(INTERNAL_ERROR, match="read-only"):
        await fresh.xapi.host_crashdump.destroy(row.ref)

    assert list(fresh.store.all(HostCrashdump)) == [row]


# --- At a start -------------------------------------------------------------------------------------


async def test_devices_are_looked_at_when_the_daemon_starts(fresh: FreshHost) -> None:
    machine: Sim = fresh.driver("host")
    machine.usb, machine.drivers = (STICK,), (DISK,)

    await look_at_devices(fresh.runtime)

    assert [row.path for row in fresh.store.all(PUSB)] == ["1-1.4"]
    assert [row.name for row in fresh.store.all(Host_driver)] == ["emulex-lpfc"]


async def test_devices_that_cannot_be_told_keep_no_daemon_from_starting(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    machine.drivers = (DISK,)
    machine.faults.fail("usb_devices", Failed("no"), times=2)

    with pytest.raises(INTERNAL_ERROR):
        await fresh.xapi.PUSB.scan(host)
    await look_at_devices(fresh.runtime)

    assert [row.name for row in fresh.store.all(Host_driver)] == ["emulex-lpfc"]
