"""Repositories of a first start on the drivers of a real host: disks are files, and damaged ones are not forgotten."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from xmlrpc.client import DateTime

import pytest

from tests.backends.storage.rig import write
from tests.conftest import FreshHost
from tests.machines import MIB, NULL, Workshop
from xapid.backends.storage.interface import Disk, VolumeFormat
from xapid.datamodel import PBD, SR, VDI, Pool
from xapid.datamodel.errors import VDI_IN_USE, OtherError

INSTALLED = {
    "local-storage": ("file", "user"),
    "local-hotplug-cd": ("udev", "iso"),
    "local-hotplug-disk": ("udev", "disk"),
    "xenserver-tools": ("iso", "iso"),
}


@pytest.fixture
def shop(on_disk: FreshHost, tmp_path: Path) -> Workshop:
    return Workshop(on_disk, tmp_path)


@pytest.fixture
def local(on_disk: FreshHost) -> str:
    return repository(on_disk, "local-storage").ref


def repository(host: FreshHost, key: str) -> SR:
    return next(sr for sr in host.store.all(SR) if sr.other_config["i18n-key"] == key)


def directory(host: FreshHost, sr: str) -> Path:
    (pbd,) = host.store.where(PBD, SR=sr)
    return Path(pbd.device_config["location"])


def files(shop: Workshop, sr: str) -> set[str]:
    return {path.name for path in directory(shop.fresh, sr).iterdir() if path.suffix in (".qcow2", ".raw", ".json")}


# --- The four of an installation ---------------------------------------------------------------------


@pytest.mark.parametrize("key, kind", INSTALLED.items())
async def test_the_repositories_of_an_installation_work(on_disk: FreshHost, key: str, kind: tuple[str, str]) -> None:
    sr = repository(on_disk, key)

    await on_disk.xapi.SR.scan(sr.ref)

    (pbd,) = on_disk.store.where(PBD, SR=sr.ref)
    assert (sr.type, sr.content_type, pbd.currently_attached) == (*kind, True)
    assert sr.other_config["i18n-original-value-name_label"] == sr.name_label
    assert sr.other_config["i18n-original-value-name_description"] == sr.name_description
    assert {"scan", "unplug"} <= set(on_disk.store.get(SR, sr.ref).allowed_operations)
    await on_disk.xapi.PBD.unplug(pbd.ref)
    await on_disk.xapi.PBD.plug(pbd.ref)
    assert on_disk.store.get(PBD, pbd.ref).currently_attached


async def test_local_storage_is_where_disks_memory_and_crashes_go(on_disk: FreshHost, local: str) -> None:
    pool = on_disk.store.one(Pool)

    assert {pool.default_SR, pool.suspend_image_SR, pool.crash_dump_SR} == {local}
    assert on_disk.store.get(SR, local).physical_size > 0
    assert directory(on_disk, local).is_dir()


async def test_the_disc_of_the_guest_tools_is_offered_and_kept(on_disk: FreshHost) -> None:
    sr = repository(on_disk, "xenserver-tools")
    (place := directory(on_disk, sr.ref)).mkdir(parents=True, exist_ok=True)
    (place / "tools.iso").write_bytes(bytes(4096))

    await on_disk.xapi.SR.scan(sr.ref)

    (disc,) = on_disk.store.where(VDI, SR=sr.ref)
    assert (sr.is_tools_sr, disc.name_label, disc.read_only, disc.virtual_size) == (True, "tools.iso", True, 4096)
    assert not {"vdi_create", "vdi_destroy"} & set(sr.allowed_operations)


# --- Disks as files ----------------------------------------------------------------------------------


async def test_a_disk_is_a_file_as_long_as_it_is_there(shop: Workshop, local: str) -> None:
    before = files(shop, local)
    vdi = await shop.disk(local)
    row = shop.row(vdi)
    with_it = files(shop, local)

    await shop.xapi.VDI.destroy(vdi)

    assert with_it - before == {f"{row.uuid}.qcow2", f"{row.uuid}.json"}
    assert files(shop, local) == before


@pytest.mark.parametrize("message", ["snapshot", "clone"])
async def test_a_branch_and_what_it_left_behind_go_together(shop: Workshop, local: str, message: str) -> None:
    before = files(shop, local)
    vdi = await shop.disk(local)
    made = await shop.xapi.call(f"VDI.{message}", vdi, {})
    await shop.xapi.SR.scan(local)
    rows = {row.location: row.managed for row in shop.fresh.store.where(VDI, SR=local)}
    images = {name.partition(".")[0] for name in files(shop, local) if name.endswith(".qcow2")}

    await shop.xapi.VDI.destroy(vdi)
    await shop.xapi.VDI.destroy(made)

    assert (sorted(rows.values()), set(rows)) == ([False, True, True], images)
    assert files(shop, local) == before
    assert list(shop.fresh.store.where(VDI, SR=local)) == []


async def test_a_running_guest_goes_on_in_another_file(shop: Workshop, local: str) -> None:
    vdi, vm = await shop.disk(local), await shop.vm()
    vbd = await shop.drive(vm, vdi)
    await shop.started(vm)
    first = shop.guest(vm).disks[shop.row(vbd).uuid]

    await shop.xapi.VDI.snapshot(vdi, {})

    second = shop.guest(vm).disks[shop.row(vbd).uuid]
    assert first is not None
    assert second is not None
    assert first.path != second.path
    assert second.path == str(directory(shop.fresh, local) / f"{shop.row(vdi).location}.qcow2")
    await shop.xapi.VM.hard_shutdown(vm)
    assert not [name for name in directory(shop.fresh, local).iterdir() if name.suffix == ".lease"]


# --- What cannot be read -----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["qcow2", "json"])
async def test_a_damaged_disk_keeps_its_record_and_its_drives(shop: Workshop, local: str, ending: str) -> None:
    vdi, other = await shop.disk(local, other_config={"a": "b"}), await shop.disk(local)
    drive = await shop.drive(await shop.vm(), vdi)
    path = directory(shop.fresh, local) / f"{shop.row(vdi).location}.{ending}"
    content = path.read_bytes()
    path.write_bytes(b"garbage")

    await shop.xapi.SR.scan(local)
    hurt = shop.row(vdi)
    path.write_bytes(content)
    await shop.xapi.SR.scan(local)

    assert (hurt.missing, hurt.other_config, hurt.virtual_size) == (True, {"a": "b"}, 4 * MIB)
    assert shop.row(other).missing is False
    assert shop.row(vdi).missing is False
    assert vdi == shop.row(drive).VDI


async def test_what_a_damaged_disk_takes_still_counts(shop: Workshop, local: str) -> None:
    vdi = await shop.disk(local)
    (directory(shop.fresh, local) / f"{shop.row(vdi).location}.qcow2").write_bytes(b"garbage")

    await shop.xapi.SR.scan(local)

    assert shop.row(local).virtual_allocation == 4 * MIB


async def test_a_damaged_disk_can_be_destroyed(shop: Workshop, local: str) -> None:
    before = files(shop, local)
    vdi = await shop.disk(local)
    (directory(shop.fresh, local) / f"{shop.row(vdi).location}.qcow2").write_bytes(b"garbage")
    await shop.xapi.SR.scan(local)

    await shop.xapi.VDI.destroy(vdi)

    assert (shop.is_there(vdi), files(shop, local)) == (False, before)


async def test_a_disk_that_is_really_gone_is_forgotten(shop: Workshop, local: str) -> None:
    vdi = await shop.disk(local)
    for ending in ("json", "qcow2"):
        (directory(shop.fresh, local) / f"{shop.row(vdi).location}.{ending}").unlink()

    await shop.xapi.SR.scan(local)

    assert not shop.is_there(vdi)


async def test_what_a_scan_finds_again_keeps_what_was_said_of_it(shop: Workshop, local: str) -> None:
    vdi = await shop.disk(local, name_label="root", tags=["t"])
    snapshot = await shop.xapi.VDI.snapshot(vdi, {})

    def said() -> list[Any]:
        return [(shop.row(ref).name_label, shop.row(ref).tags, shop.row(ref).snapshot_of) for ref in (vdi, snapshot)]

    before = said()
    await shop.xapi.SR.scan(local)

    assert said() == before == [("root", ("t",), NULL), ("root", ("t",), vdi)]


async def test_a_repository_says_what_snapshots_take(shop: Workshop, local: str) -> None:
    vdi = await shop.disk(local)
    empty = said(shop, local)

    first = await shop.xapi.VDI.snapshot(vdi, {})
    second = await shop.xapi.VDI.clone(first, {})

    virtual, _ = said(shop, local)
    await shop.xapi.SR.scan(local)
    assert virtual == said(shop, local)[0] > empty[0]
    for each in (second, first):
        await shop.xapi.VDI.destroy(each)
    virtual, _ = said(shop, local)
    await shop.xapi.SR.scan(local)
    assert virtual == said(shop, local)[0]


def said(shop: Workshop, sr: str) -> tuple[int, int]:
    return shop.row(sr).virtual_allocation, shop.row(sr).physical_utilisation


# --- Repositories for trying things out --------------------------------------------------------------


async def test_a_repository_for_trying_things_out_needs_nothing_said_of_it(shop: Workshop, on_disk: FreshHost) -> None:
    host = await on_disk.the("host")
    sr = await shop.xapi.SR.create(host, {}, 0, "to try", "", "dummy", "user", False, {})
    vdi = await shop.disk(sr, virtual_size=5 * MIB + 512)
    (pbd,) = on_disk.store.where(PBD, SR=sr)
    uuid, location = shop.row(vdi).uuid, shop.row(vdi).location

    await shop.xapi.VDI.forget(vdi)
    taken_up = await shop.xapi.VDI.introduce(
        uuid, "again", "", sr, "user", False, False, {}, location, {}, {}, True, 0, 0, NULL, False,
        DateTime("19700101T00:00:00Z"), NULL,
    )  # fmt: skip

    assert (shop.row(sr).physical_size, shop.row(taken_up).virtual_size) == (2 * 10**12, 5 * MIB + 512)
    assert [each["configuration"] for each in await shop.xapi.SR.probe_ext(host, {}, "dummy", {})] == [{}]
    await shop.xapi.VDI.destroy(taken_up)
    await shop.xapi.PBD.unplug(pbd.ref)
    await shop.xapi.SR.destroy(sr)
    assert await shop.xapi.SR.probe_ext(host, {}, "dummy", {}) == []


# --- What a disk holds -------------------------------------------------------------------------------


@pytest.mark.libvirt
async def test_the_contents_of_a_disk_are_summed_up(shop: Workshop, local: str) -> None:
    vdi = await shop.disk(local, virtual_size=3 * MIB)
    empty = await shop.xapi.VDI.checksum(vdi)
    path = directory(shop.fresh, local) / f"{shop.row(vdi).location}.qcow2"
    write(Disk(str(path), VolumeFormat.qcow2), (0, b"A" * 65536))

    found = await shop.xapi.VDI.checksum(vdi)

    assert empty == hashlib.md5(bytes(3 * MIB), usedforsecurity=False).hexdigest()
    assert found == hashlib.md5((b"A" * 65536).ljust(3 * MIB, b"\0"), usedforsecurity=False).hexdigest()
    assert shop.idle() and not shop.row(vdi).current_operations


async def test_what_a_machine_writes_is_not_summed_up(shop: Workshop, local: str) -> None:
    vdi = await shop.disk(local)
    vm = await shop.vm()
    await shop.drive(vm, vdi)
    await shop.started(vm)

    with pytest.raises(VDI_IN_USE) as error:
        await shop.xapi.VDI.checksum(vdi)

    assert error.value.args == (vdi, "copy")


@pytest.mark.libvirt
async def test_an_image_of_a_machine_that_sleeps_is_replaced_by_one_with_the_same_contents(
    shop: Workshop, local: str
) -> None:
    vm = await shop.vm()
    await shop.xapi.VM.set_suspend_SR(vm, local)
    await shop.started(vm)
    await shop.xapi.VM.suspend(vm)
    image = await shop.xapi.VM.get_suspend_VDI(vm)
    same = await shop.xapi.VDI.copy(image, local, NULL, NULL)
    other = await shop.disk(local, virtual_size=shop.row(image).virtual_size, sm_config={"type": "raw"})
    await write_to(shop, local, other)

    await shop.xapi.VM.set_suspend_VDI(vm, same)

    assert shop.row(vm).suspend_VDI == same
    with pytest.raises(OtherError) as error:
        await shop.xapi.VM.set_suspend_VDI(vm, other)
    assert error.value.description == ["SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL", same, other]


async def write_to(shop: Workshop, sr: str, vdi: str) -> None:
    path = directory(shop.fresh, sr) / f"{shop.row(vdi).location}.raw"
    with path.open("r+b") as file:
        file.write(b"other")
