"""Where records and reality differ is told, with what can be done; what ends or removes something is said to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.machines import NULL, SOMEBODY, Workshop, raises_api
from tests.xapi import REMOTE
from xapid.backends.network.interface import Bridge
from xapid.datamodel import SR


async def told(workshop: Workshop) -> dict[str, dict[str, str]]:
    return {each["name"]: each for each in await workshop.xapi.xapid.examine()}


async def test_where_all_agrees_nothing_is_told(workshop: Workshop, sr: str) -> None:
    vm = await workshop.vm()
    await workshop.drive(vm, await workshop.disk(sr))
    await workshop.nic(vm, await workshop.network())
    await workshop.started(vm)

    assert await told(workshop) == {}


async def test_a_guest_without_a_record_is_ended_only_where_it_is_named(workshop: Workshop, sr: str) -> None:
    vm = await workshop.started(await workshop.vm())
    uuid = workshop.row(vm).uuid
    with workshop.fresh.store.write() as tx:
        tx.delete(workshop.row(vm))

    (finding,) = (await told(workshop)).values()
    before = workshop.domains.find(uuid)
    await workshop.xapi.xapid.repair(f"guest-{uuid}")

    assert (finding["name"], finding["loses"]) == (f"guest-{uuid}", "true")
    assert before is not None
    assert workshop.domains.find(uuid) is None
    assert await told(workshop) == {}


async def test_a_guest_that_runs_and_is_recorded_as_halted_is_recorded(workshop: Workshop) -> None:
    vm = await workshop.started(await workshop.vm())
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vm), power_state="Halted", resident_on=NULL, domid=-1)

    name = f"running-{workshop.row(vm).uuid}"
    found = await told(workshop)
    await workshop.xapi.xapid.repair(name)

    assert found[name]["loses"] == "false"
    assert workshop.row(vm).power_state == "Running"
    assert await told(workshop) == {}


@pytest.mark.parametrize("there", [True, False])
async def test_a_machine_that_does_not_run_where_the_records_say_is_halted(workshop: Workshop, there: bool) -> None:
    vm = await workshop.started(await workshop.vm())
    workshop.domains.vanish(workshop.row(vm).uuid)
    if not there:
        with workshop.fresh.store.write() as tx:
            tx.set(workshop.row(vm), resident_on="OpaqueRef:gone")

    name = f"halted-{workshop.row(vm).uuid}"
    found = await told(workshop)
    await workshop.xapi.xapid.repair(name)

    assert found[name]["loses"] == "false"
    assert workshop.row(vm).power_state == "Halted"
    assert await told(workshop) == {}


async def test_machines_of_others_are_named_and_have_no_repair(workshop: Workshop) -> None:
    workshop.domains.foreign_machines.append("theirs")

    found = await told(workshop)

    assert (found["foreign-theirs"]["grade"], found["foreign-theirs"]["repair"]) == ("ok", "")
    with raises_api("INVALID_VALUE", "name", "foreign-theirs"):
        await workshop.xapi.xapid.repair("foreign-theirs")


async def test_a_bridge_of_a_network_that_is_gone_is_removed(workshop: Workshop) -> None:
    workshop.fresh.driver("network").ensure_bridge(Bridge("xapi77", "11111111-1111-1111-1111-111111111111"))

    found = await told(workshop)
    await workshop.xapi.xapid.repair("bridge-xapi77")

    assert list(found) == ["bridge-xapi77"]
    assert "xapi77" not in workshop.bridges()


async def test_a_bridge_that_is_missing_is_made(workshop: Workshop) -> None:
    vm, network = await workshop.vm(), await workshop.network()
    await workshop.nic(vm, network)
    await workshop.started(vm)
    bridge = workshop.row(network).bridge
    workshop.fresh.driver("network").remove_bridge(bridge)

    name = f"network-{workshop.row(network).uuid}"
    found = await told(workshop)
    await workshop.xapi.xapid.repair(name)

    assert found[name]["grade"] == "trouble"
    assert bridge in workshop.bridges()
    assert await told(workshop) == {}


async def test_a_suspend_image_of_no_machine_is_destroyed_only_where_it_is_named(workshop: Workshop, sr: str) -> None:
    image = await workshop.disk(sr, type="suspend")
    name = f"image-{workshop.row(image).uuid}"

    found = await told(workshop)
    await workshop.xapi.xapid.repair(name)

    assert found[name]["loses"] == "true"
    assert not workshop.is_there(image)


async def test_a_device_that_nobody_has_open_is_removed_only_where_it_is_named(workshop: Workshop) -> None:
    workshop.fresh.driver("network").taps.add("vnet7")

    found = await told(workshop)
    await workshop.xapi.xapid.repair("tap-vnet7")

    assert found["tap-vnet7"]["loses"] == "true"
    assert await told(workshop) == {}


async def test_bounds_of_a_running_guest_that_are_gone_are_set_again(workshop: Workshop) -> None:
    vm = await workshop.vm()
    vif = await workshop.nic(vm, await workshop.network(), locking_mode="locked")
    await workshop.started(vm)
    network, uuid = workshop.fresh.driver("network"), workshop.row(vif).uuid
    before, network.guarded = network.guarded, {}

    found = await told(workshop)
    await workshop.xapi.xapid.repair(f"bounds-{uuid}")

    assert (found.keys(), found[f"bounds-{uuid}"]["grade"]) == ({f"bounds-{uuid}"}, "trouble")
    assert network.guarded == before
    assert await told(workshop) == {}


async def test_others_than_root_of_the_host_are_told_nothing(fresh: FreshHost) -> None:
    fresh.xapi.peer = REMOTE

    with raises_api("RBAC_PERMISSION_DENIED", "xapid.examine", "only root may ask, over the Unix socket"):
        await fresh.xapi.xapid.examine()
    with raises_api("RBAC_PERMISSION_DENIED", "xapid.repair", "only root may ask, over the Unix socket"):
        await fresh.xapi.xapid.repair("guest-1")


# --- Disks, in files -------------------------------------------------------------------------------


async def on_files(on_disk: FreshHost) -> tuple[Any, Any, Any]:
    """The local repository, a disk in it, and its file."""
    sr = next(row for row in on_disk.store.all(SR) if row.type == "file")
    wanted = {
        "name_label": "a disk", "name_description": "", "SR": sr.ref, "virtual_size": 4 << 20, "type": "user",
        "sharable": False, "read_only": False, "other_config": {},
    }  # fmt: skip
    vdi = on_disk.store.find_any(await on_disk.xapi.VDI.create(wanted))
    folder = on_disk.runtime.config.state_dir / "sr" / sr.uuid
    return sr, vdi, folder


async def names(on_disk: FreshHost) -> list[str]:
    return [each["name"] for each in await on_disk.xapi.xapid.examine()]


async def test_a_volume_without_a_record_is_recorded(on_disk: FreshHost) -> None:
    _, vdi, _ = await on_files(on_disk)
    await on_disk.xapi.VDI.forget(vdi.ref)

    found = await names(on_disk)
    await on_disk.xapi.xapid.repair(f"volume-{vdi.uuid}")

    assert found == [f"volume-{vdi.uuid}"]
    assert await on_disk.xapi.VDI.get_by_uuid(vdi.uuid)
    assert await names(on_disk) == []


async def test_a_record_without_a_volume_goes_only_where_it_is_named(on_disk: FreshHost) -> None:
    _, vdi, folder = await on_files(on_disk)
    for file in folder.glob(f"{vdi.location}.*"):
        file.unlink()

    (finding,) = await on_disk.xapi.xapid.examine()
    await on_disk.xapi.xapid.repair(finding["name"])

    assert (finding["name"], finding["loses"]) == (f"lost-{vdi.uuid}", "true")
    assert on_disk.store.find_any(vdi.ref) is None


async def test_a_volume_that_cannot_be_read_keeps_its_record(on_disk: FreshHost) -> None:
    _, vdi, folder = await on_files(on_disk)
    (folder / f"{vdi.location}.qcow2").unlink()

    (finding,) = await on_disk.xapi.xapid.examine()

    assert (finding["name"], finding["repair"]) == (f"damaged-{vdi.uuid}", "")


async def test_a_size_that_differs_is_corrected(on_disk: FreshHost) -> None:
    _, vdi, _ = await on_files(on_disk)
    with on_disk.store.write() as tx:
        tx.set(vdi, virtual_size=8 << 20)

    found = await names(on_disk)
    await on_disk.xapi.xapid.repair(f"disk-{vdi.uuid}")

    assert found == [f"disk-{vdi.uuid}"]
    assert int(await on_disk.xapi.VDI.get_virtual_size(vdi.ref)) == 4 << 20


async def test_a_disk_whose_chain_is_cut_is_told(on_disk: FreshHost) -> None:
    _, vdi, folder = await on_files(on_disk)
    clone = on_disk.store.find_any(await on_disk.xapi.VDI.clone(vdi.ref, {}))
    base = next(row for row in on_disk.store.tables["VDI"].rows.values() if not row.managed)
    (folder / f"{base.location}.qcow2").unlink()

    found = await names(on_disk)

    assert f"chain-{clone.uuid}" in found
    assert f"damaged-{base.uuid}" in found


async def test_a_lease_of_nobody_is_given_back(on_disk: FreshHost) -> None:
    _, vdi, folder = await on_files(on_disk)
    lease = folder / f"{vdi.location}.lease"
    lease.write_text("11111111-1111-1111-1111-111111111111")

    found = await names(on_disk)
    await on_disk.xapi.xapid.repair(f"lease-{vdi.uuid}")

    assert found == [f"lease-{vdi.uuid}"]
    assert not lease.exists()


@pytest.fixture
def files(on_disk: FreshHost, tmp_path: Path) -> Workshop:
    """Where disks are files."""
    return Workshop(on_disk, tmp_path)


def leases(workshop: Workshop) -> list[Path]:
    return list((workshop.fresh.runtime.config.state_dir / "sr").rglob("*.lease"))


async def left_behind(workshop: Workshop) -> tuple[str, str, str]:
    """A disk that is kept for the drive of a machine that does not run; the drive, and the name of the finding."""
    vm, disk = await workshop.vm(), (await on_files(workshop.fresh))[1].ref
    drive = await workshop.drive(vm, disk)
    await workshop.started(vm)
    with workshop.domains.unheard():
        workshop.domains.vanish(workshop.row(vm).uuid)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vm), power_state="Halted", resident_on=NULL, domid=-1)
        tx.set(workshop.row(drive), currently_attached=False)
    return disk, drive, f"lease-{workshop.row(disk).uuid}"


async def test_a_disk_that_is_kept_for_a_drive_not_in_use_is_given_back_only_where_it_is_named(files: Workshop) -> None:
    _, drive, name = await left_behind(files)

    found = await told(files)
    await files.xapi.xapid.repair(name)

    assert found[name]["loses"] == "true"
    assert files.row(drive).uuid in found[name]["text"]
    assert leases(files) == []
    assert await told(files) == {}


async def test_a_disk_that_is_kept_for_nobody_known_is_told(files: Workshop) -> None:
    _, drive, name = await left_behind(files)
    with files.fresh.store.write() as tx:
        tx.delete(files.row(drive))

    assert list(await told(files)) == [name]


@pytest.mark.parametrize("where", ["drive", "machine", "disk", "repository"])
async def test_what_is_worked_on_is_not_told(files: Workshop, where: str) -> None:
    disk, drive, name = await left_behind(files)
    vm = files.row(drive).VM
    busy = files.row({"drive": drive, "machine": vm, "disk": disk, "repository": files.row(disk).SR}[where])
    operation = {"drive": "attach", "machine": "start", "disk": "snapshot", "repository": "scan"}[where]

    files.fresh.runtime.guard.mark(busy, operation, SOMEBODY)
    marked = await told(files)
    files.fresh.runtime.guard.leave(busy, SOMEBODY)

    assert (name in marked, name in await told(files)) == (False, True)


async def test_a_drive_that_came_into_use_meanwhile_keeps_its_disk(files: Workshop) -> None:
    _, drive, name = await left_behind(files)

    def attached() -> None:
        with files.fresh.store.write() as tx:
            tx.set(files.row(drive), currently_attached=True)

    # Who looks at guests asks for them first.
    files.faults("domain").afterwards("domains", lambda: None)
    files.faults("domain").afterwards("domains", attached)

    assert name not in await told(files)
