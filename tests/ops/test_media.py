"""Media put into the CD drives of machines, and taken out again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.machines import NULL, Workshop, in_use
from tests.xapi import Xapi
from xapid.backends.interface import Failed
from xapid.backends.storage.sim import Sim as SimStorage
from xapid.datamodel.errors import (
    INTERNAL_ERROR,
    VBD_IS_EMPTY,
    VBD_NOT_EMPTY,
    VBD_NOT_REMOVABLE_MEDIA,
    VM_BAD_POWER_STATE,
    ApiError,
)
from xapid.datamodel.vm import VmPowerState


async def discs(workshop: Workshop, directory: Path) -> list[str]:
    """The media of a library of two discs."""
    library = directory / "library"
    library.mkdir()
    for name in ("a.iso", "b.iso"):
        (library / name).write_bytes(bytes(4096))
    sr = await workshop.sr("iso", location=str(library))
    return sorted(await workshop.xapi.SR.get_VDIs(sr), key=lambda vdi: str(workshop.row(vdi).location))


async def test_a_medium_is_put_into_a_machine_that_is_off(workshop: Workshop, drive: str, vdi: str) -> None:
    await workshop.xapi.VBD.insert(drive, vdi)
    filled = workshop.row(drive)
    await workshop.xapi.VBD.eject(drive)

    emptied = workshop.row(drive)
    assert (filled.VDI, filled.empty) == (vdi, False)
    assert (emptied.VDI, emptied.empty) == (NULL, True)


async def test_discs_are_changed_while_the_machine_runs(
    workshop: Workshop, vm: str, drive: str, tmp_path: Path
) -> None:
    first, second = await discs(workshop, tmp_path)
    await workshop.started(vm)
    uuid = workshop.row(drive).uuid

    seen = [workshop.guest(vm).disks[uuid]]
    for disc in (first, second):
        await workshop.xapi.VBD.insert(drive, disc)
        medium = workshop.guest(vm).disks[uuid]
        assert medium is not None
        assert medium.path == str(tmp_path / "library" / workshop.row(disc).location)
        assert medium.read_only
        await workshop.xapi.VBD.eject(drive)
        seen.append(workshop.guest(vm).disks[uuid])

    assert seen == [None, None, None]
    assert (workshop.row(drive).currently_attached, workshop.row(drive).empty) == (True, True)
    assert workshop.idle()


async def test_a_change_of_discs_is_told_of_by_an_event(xapi: Xapi, drive: str, vdi: str) -> None:
    token = (await xapi.event.from_(["VBD"], "", 1.0))["token"]

    await xapi.VBD.insert(drive, vdi)

    (event,) = (await xapi.event.from_(["VBD"], token, 1.0))["events"]
    assert (event["snapshot"]["VDI"], event["snapshot"]["empty"]) == (vdi, False)
    assert event["snapshot"]["current_operations"] == {}


async def test_media_go_into_empty_drives_and_come_out_of_full_ones(
    workshop: Workshop, vm: str, drive: str, vdi: str, sr: str
) -> None:
    xapi = workshop.xapi
    disk = await workshop.drive(vm, await workshop.disk(sr))

    with pytest.raises(VBD_IS_EMPTY) as empty:
        await xapi.VBD.eject(drive)
    with pytest.raises(VBD_NOT_REMOVABLE_MEDIA) as no_media:
        await xapi.VBD.insert(disk, vdi)
    await xapi.VBD.insert(drive, vdi)
    with pytest.raises(VBD_NOT_EMPTY) as full:
        await xapi.VBD.insert(drive, vdi)

    assert (empty.value.args, full.value.args, no_media.value.args) == ((drive,), (drive,), (disk,))


@pytest.mark.parametrize("message", ["insert", "eject"])
async def test_media_of_a_machine_that_sleeps_stay(
    workshop: Workshop, vm: str, drive: str, vdi: str, message: str
) -> None:
    if message == "eject":
        await workshop.xapi.VBD.insert(drive, vdi)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vm), power_state=VmPowerState.Suspended)

    with pytest.raises(VM_BAD_POWER_STATE) as error:
        await workshop.xapi.call(f"VBD.{message}", drive, *([vdi] if message == "insert" else []))

    assert error.value.args == (vm, "halted, running", "suspended")


async def test_a_medium_that_is_written_elsewhere_is_not_read(workshop: Workshop, drive: str, vdi: str) -> None:
    writer = await workshop.vm()
    await workshop.drive(writer, vdi)
    await workshop.started(writer)

    with in_use(vdi):
        await workshop.xapi.VBD.insert(drive, vdi)

    assert workshop.row(drive).empty is True


@pytest.mark.parametrize("done", [False, True], ids=["refused", "done"])
@pytest.mark.parametrize("kind, method", [("storage:file", "attach"), ("domain", "change_medium")])
async def test_a_medium_that_cannot_be_put_in_is_not_there(
    workshop: Workshop, vm: str, drive: str, vdi: str, kind: str, method: str, done: bool
) -> None:
    await workshop.started(vm)
    workshop.faults(kind).fail(method, Failed("it jams"), done=done)

    with pytest.raises(ApiError):
        await workshop.xapi.VBD.insert(drive, vdi)

    row = workshop.row(drive)
    assert (row.VDI, row.empty) == (NULL, True)
    assert workshop.guest(vm).disks[row.uuid] is None
    assert workshop.idle()
    await workshop.xapi.VBD.insert(drive, vdi)


async def test_a_medium_that_does_not_come_out_is_still_there(
    workshop: Workshop, vm: str, drive: str, vdi: str
) -> None:
    await workshop.xapi.VBD.insert(drive, vdi)
    await workshop.started(vm)
    workshop.faults("domain").fail("change_medium", Failed("it jams"))

    with pytest.raises(INTERNAL_ERROR):
        await workshop.xapi.VBD.eject(drive)

    row = workshop.row(drive)
    assert (row.VDI, row.empty) == (vdi, False)
    assert workshop.guest(vm).disks[row.uuid] is not None
    assert workshop.idle()


async def test_an_insertion_waits_for_an_ejection(workshop: Workshop, vm: str, drive: str, tmp_path: Path) -> None:
    first, second = await discs(workshop, tmp_path)
    await workshop.xapi.VBD.insert(drive, first)
    await workshop.started(vm)
    workshop.faults("domain").delay("change_medium", 0.02)
    ejecting = asyncio.ensure_future(workshop.xapi.VBD.eject(drive))
    await workshop.until(lambda: bool(workshop.row(drive).current_operations))

    await workshop.xapi.VBD.insert(drive, second)
    await ejecting

    assert second == workshop.row(drive).VDI
    medium = workshop.guest(vm).disks[workshop.row(drive).uuid]
    assert medium is not None
    assert medium.path.endswith("b.iso")
    assert workshop.idle()


async def test_of_two_insertions_at_once_one_finds_the_drive_full(
    workshop: Workshop, vm: str, drive: str, tmp_path: Path
) -> None:
    first, second = await discs(workshop, tmp_path)
    await workshop.started(vm)
    workshop.faults("domain").delay("change_medium", 0.02)

    outcomes = await asyncio.gather(
        workshop.xapi.VBD.insert(drive, first), workshop.xapi.VBD.insert(drive, second), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [str, VBD_NOT_EMPTY]
    assert first == workshop.row(drive).VDI


# --- Drives of the host -----------------------------------------------------------------------------


async def test_guests_see_a_disc_that_is_put_into_a_drive_of_their_host(workshop: Workshop, vm: str) -> None:
    sr = await workshop.sr("udev")
    drives: SimStorage = workshop.fresh.driver("storage:udev")
    drives.insert_disc(workshop.row(sr).uuid, "/dev/sr0", 2048)
    drives.insert_disc(workshop.row(sr).uuid, "/dev/sr1", 2048)
    await workshop.xapi.host.notify("cdrom", "inserted:sr0")  # Nothing is recorded of these drives yet.
    await workshop.xapi.PBD.unplug((await workshop.xapi.SR.get_PBDs(sr))[0])
    await workshop.xapi.PBD.plug((await workshop.xapi.SR.get_PBDs(sr))[0])
    discs = {workshop.row(vdi).location: vdi for vdi in await workshop.xapi.SR.get_VDIs(sr)}
    first, second = [await workshop.drive(vm, discs[each], mode="RO", type="CD") for each in ("/dev/sr0", "/dev/sr1")]
    await workshop.started(vm)
    guest = workshop.guest(vm)
    opened = guest.disks[workshop.row(first).uuid]
    guest.disks |= dict.fromkeys(guest.disks)  # What a guest sees of a drive that was opened without a disc.
    drives.insert_disc(workshop.row(sr).uuid, "/dev/sr0", 8192)

    await workshop.xapi.host.notify("cdrom", "ejected:sr0")
    await workshop.xapi.host.notify("usb", "inserted:sr0")
    before = guest.disks[workshop.row(first).uuid]
    await workshop.xapi.host.notify("cdrom", "inserted:sr0")

    assert before is None
    assert guest.disks == {workshop.row(first).uuid: opened, workshop.row(second).uuid: None}
    assert workshop.row(discs["/dev/sr0"]).virtual_size == 8192
    assert (workshop.row(first).VDI, workshop.row(first).current_operations) == (discs["/dev/sr0"], {})
    assert workshop.idle()


async def test_a_guest_that_cannot_be_shown_a_disc_fails_no_news(workshop: Workshop, vm: str) -> None:
    sr = await workshop.sr("udev")
    workshop.fresh.driver("storage:udev").insert_disc(workshop.row(sr).uuid, "/dev/sr0", 2048)
    await workshop.xapi.PBD.unplug((await workshop.xapi.SR.get_PBDs(sr))[0])
    await workshop.xapi.PBD.plug((await workshop.xapi.SR.get_PBDs(sr))[0])
    drive = await workshop.drive(vm, (await workshop.xapi.SR.get_VDIs(sr))[0], mode="RO", type="CD")
    await workshop.started(vm)
    workshop.faults("domain").fail("change_medium", Failed("the tray is stuck"))

    assert await workshop.xapi.host.notify("cdrom", "inserted:/dev/sr0") == ""

    assert workshop.row(drive).currently_attached
    assert workshop.idle()
