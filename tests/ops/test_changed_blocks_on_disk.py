"""Changed blocks of disks that are files: what is told to clients, and what records say afterwards."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.backends.storage.rig import write
from tests.conftest import FreshHost
from tests.machines import MIB, NULL, Workshop
from xapid.backends.storage.interface import Disk, VolumeFormat
from xapid.datamodel import PBD, SR, VDI
from xapid.datamodel.errors import VDI_INCOMPATIBLE_TYPE, VDI_NO_CBT_METADATA, OtherError

BLOCK = 64 << 10

pytestmark = pytest.mark.libvirt


@pytest.fixture
def shop(on_disk: FreshHost, tmp_path: Path) -> Workshop:
    return Workshop(on_disk, tmp_path)


@pytest.fixture
def local(on_disk: FreshHost) -> str:
    return next(sr for sr in on_disk.store.all(SR) if sr.other_config["i18n-key"] == "local-storage").ref


async def tracked(shop: Workshop, sr: str) -> str:
    vdi = await shop.disk(sr, virtual_size=4 * MIB)
    await shop.xapi.VDI.enable_cbt(vdi)
    return vdi


def folder(shop: Workshop, vdi: str) -> Path:
    (pbd,) = shop.fresh.store.where(PBD, SR=shop.row(vdi).SR)
    return Path(pbd.device_config["location"])


def put(shop: Workshop, vdi: str, *places: int) -> None:
    path = folder(shop, vdi) / f"{shop.row(vdi).location}.qcow2"
    write(Disk(str(path), VolumeFormat.qcow2), *((place * BLOCK, b"written") for place in places))


async def told(shop: Workshop, older: str, newer: str) -> set[int]:
    bits = base64.b64decode(await shop.xapi.VDI.list_changed_blocks(older, newer))
    return {number for number in range(8 * len(bits)) if bits[number // 8] & 0x80 >> number % 8}


async def test_a_backup_tells_changes_by_snapshots_without_data(shop: Workshop, local: str) -> None:
    vdi = await tracked(shop, local)
    last, expected = await shop.xapi.VDI.snapshot(vdi, {}), []
    first = last
    for number in range(3):
        put(shop, vdi, number, 40 + number)
        await shop.xapi.VDI.data_destroy(last)
        snapshot = await shop.xapi.VDI.snapshot(vdi, {})
        assert await told(shop, last, snapshot) == {number, 40 + number}
        expected += [number, 40 + number]
        last = snapshot

    assert await told(shop, first, last) == set(expected)
    row = shop.row(first)
    assert (row.type, row.cbt_enabled, row.physical_utilisation) == ("cbt_metadata", True, 0)
    await shop.xapi.SR.scan(local)
    assert shop.row(first).type == "cbt_metadata"
    assert shop.row(first).virtual_size == 4 * MIB
    with pytest.raises(VDI_INCOMPATIBLE_TYPE) as error:
        await shop.xapi.VDI.clone(first, {})
    assert error.value.args == (first, "CBT metadata")
    for each in shop.fresh.store.where(VDI, SR=local):
        if each.is_a_snapshot:
            await shop.xapi.VDI.destroy(each.ref)
    assert not list(folder(shop, vdi).glob("*.blocks"))
    assert shop.idle()


async def test_a_copy_and_a_clone_are_not_tracked(shop: Workshop, local: str) -> None:
    vdi = await tracked(shop, local)
    snapshot = await shop.xapi.VDI.snapshot(vdi, {})
    put(shop, vdi, 3)
    copy, clone = await shop.xapi.VDI.copy(vdi, local, NULL, NULL), await shop.xapi.VDI.clone(vdi, {})

    for each in (copy, clone):
        assert not shop.row(each).cbt_enabled
        with pytest.raises(OtherError) as error:
            await shop.xapi.VDI.list_changed_blocks(snapshot, each)
        assert error.value.code == "SR_BACKEND_FAILURE_460"
    assert await told(shop, snapshot, vdi) == {3}


async def test_what_a_disk_grew_by_has_changed(shop: Workshop, local: str) -> None:
    vdi = await tracked(shop, local)
    snapshot = await shop.xapi.VDI.snapshot(vdi, {})
    await shop.xapi.VDI.resize(vdi, 5 * MIB)

    assert await told(shop, snapshot, vdi) == set(range(64, 80))


async def test_a_snapshot_of_a_disk_that_is_not_tracked_keeps_its_data(shop: Workshop, local: str) -> None:
    vdi = await shop.disk(local)
    snapshot = await shop.xapi.VDI.snapshot(vdi, {})

    with pytest.raises(VDI_NO_CBT_METADATA) as error:
        await shop.xapi.VDI.data_destroy(snapshot)
    assert error.value.args == (snapshot,)


async def test_a_forgotten_repository_brings_what_it_knows_of_changes(shop: Workshop, local: str) -> None:
    vdi = await tracked(shop, local)
    snapshot = await shop.xapi.VDI.snapshot(vdi, {})
    put(shop, vdi, 7)
    await shop.xapi.VDI.data_destroy(snapshot)
    kept = {each: shop.row(each).uuid for each in (snapshot, vdi)}
    for each in kept:
        await shop.xapi.VDI.forget(each)

    await shop.xapi.SR.scan(local)

    older, newer = [await shop.xapi.VDI.get_by_uuid(uuid) for uuid in kept.values()]
    assert (shop.row(older).type, shop.row(older).cbt_enabled) == ("cbt_metadata", True)
    assert (shop.row(newer).type, shop.row(newer).cbt_enabled) == ("user", True)
    assert await told(shop, older, newer) == {7}
