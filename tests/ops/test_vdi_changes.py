"""Blocks of disks that change: noted, told, and kept when the data is not."""

from __future__ import annotations

import asyncio
import base64

import pytest

from tests.machines import MIB, Workshop
from tests.xapi import Xapi
from xapid.backends.interface import Failed
from xapid.datamodel import VDI
from xapid.datamodel.errors import (
    HANDLE_INVALID,
    NOT_IMPLEMENTED,
    OPERATION_NOT_ALLOWED,
    VDI_IN_USE,
    VDI_INCOMPATIBLE_TYPE,
    VDI_NO_CBT_METADATA,
    OtherError,
)


async def tracked(workshop: Workshop, sr: str) -> str:
    vdi = await workshop.disk(sr, virtual_size=4 * MIB)
    await workshop.xapi.VDI.enable_cbt(vdi)
    return vdi


async def test_snapshots_of_a_tracked_disk_are_tracked_and_clones_are_not(
    workshop: Workshop, xapi: Xapi, sr: str
) -> None:
    vdi = await tracked(workshop, sr)

    snapshot = await xapi.VDI.snapshot(vdi, {})
    clone = await xapi.VDI.clone(snapshot, {})
    await xapi.VDI.disable_cbt(vdi)
    later = await xapi.VDI.snapshot(vdi, {})

    assert [workshop.row(each).cbt_enabled for each in (vdi, snapshot, clone, later)] == [False, True, False, False]
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.VDI.enable_cbt(snapshot)
    assert workshop.idle()


async def test_what_is_tracked_already_asks_no_driver(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    vdi = await tracked(workshop, sr)
    workshop.faults("storage:file").fail("track", Failed("asked again"))

    await xapi.VDI.enable_cbt(vdi)


async def test_what_a_disk_grew_by_has_changed(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    vdi = await tracked(workshop, sr)
    older = await xapi.VDI.snapshot(vdi, {})
    await xapi.VDI.resize(vdi, 5 * MIB + 1)

    bits = base64.b64decode(await xapi.VDI.list_changed_blocks(older, vdi))

    # 64 blocks as they were, 32 that are new: the disk came out as 6 MiB.
    assert bits == bytes(8) + b"\xff" * 4
    with pytest.raises(OtherError) as raised:
        await xapi.VDI.list_changed_blocks(vdi, older)
    assert raised.value.code == "SR_BACKEND_FAILURE_460"


async def test_what_changed_is_not_known_of_disks_that_were_not_tracked(
    workshop: Workshop, xapi: Xapi, sr: str
) -> None:
    vdi, other = await tracked(workshop, sr), await workshop.disk(sr)

    for pair in ((vdi, other), (other, vdi)):
        with pytest.raises(OtherError) as raised:
            await xapi.VDI.list_changed_blocks(*pair)
        assert raised.value.code == "SR_BACKEND_FAILURE_460"


async def test_the_data_of_a_snapshot_goes_and_what_changed_stays(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    vdi = await tracked(workshop, sr)
    older = await xapi.VDI.snapshot(vdi, {})
    newer = await xapi.VDI.snapshot(vdi, {})
    vm = await workshop.vm()
    drive = await workshop.drive(vm, older, mode="RO")
    told = await xapi.VDI.list_changed_blocks(older, newer)

    for _ in range(2):
        await xapi.VDI.data_destroy(older)

    row = workshop.row(older)
    assert (row.type, row.cbt_enabled, row.physical_utilisation) == ("cbt_metadata", True, 0)
    assert "vhd-parent" not in row.sm_config
    with pytest.raises(HANDLE_INVALID):
        await xapi.VBD.get_record(drive)
    assert await xapi.VDI.list_changed_blocks(older, newer) == told
    assert workshop.volumes(sr) == {each.uuid for each in workshop.fresh.store.where(VDI, SR=sr)}
    with pytest.raises(VDI_INCOMPATIBLE_TYPE):
        await xapi.VDI.get_nbd_info(older)
    assert workshop.idle()


async def test_the_last_snapshot_takes_the_inner_nodes_along(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    vdi = await tracked(workshop, sr)
    snapshot = await xapi.VDI.snapshot(vdi, {})
    await xapi.VDI.destroy(vdi)
    await xapi.VDI.data_destroy(snapshot)

    assert workshop.volumes(sr) == {workshop.row(snapshot).uuid}
    assert len(workshop.fresh.store.where(VDI, SR=sr)) == 1


async def test_only_snapshots_that_are_tracked_lose_their_data(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    vdi = await workshop.disk(sr)
    snapshot = await xapi.VDI.snapshot(vdi, {})

    with pytest.raises(VDI_NO_CBT_METADATA):
        await xapi.VDI.data_destroy(snapshot)
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.VDI.data_destroy(vdi)


@pytest.mark.parametrize("lets_go", [True, False])
async def test_who_has_the_snapshot_open_is_waited_for(
    workshop: Workshop, xapi: Xapi, sr: str, monkeypatch: pytest.MonkeyPatch, lets_go: bool
) -> None:
    monkeypatch.setattr("xapid.ops.vdi.changes.PATIENCE", 5.0 if lets_go else 0.2)
    vdi = await tracked(workshop, sr)
    snapshot, vm = await xapi.VDI.snapshot(vdi, {}), await workshop.vm()
    await workshop.drive(vm, snapshot, mode="RO")
    await workshop.started(vm)

    destroyed = asyncio.ensure_future(xapi.VDI.data_destroy(snapshot))
    if lets_go:
        await xapi.VM.hard_shutdown(vm)
        await destroyed
    else:
        with pytest.raises(VDI_IN_USE) as raised:
            await destroyed
        assert raised.value.args == (snapshot, "data_destroy")

    assert workshop.row(snapshot).type == ("cbt_metadata" if lets_go else "user")


async def test_disks_are_served_over_no_network(workshop: Workshop, xapi: Xapi, sr: str) -> None:
    vdi = await workshop.disk(sr)
    assert await xapi.VDI.get_nbd_info(vdi) == []
    network = await xapi.network.create({"name_label": "for disks", "name_description": "", "other_config": {}})
    await xapi.network.add_purpose(network, "nbd")

    with pytest.raises(NOT_IMPLEMENTED):
        await xapi.VDI.get_nbd_info(vdi)


@pytest.mark.parametrize("done", [False, True], ids=["refused", "done"])
@pytest.mark.parametrize("method", ["track", "drop_data"])
async def test_what_the_driver_refuses_changes_no_record(
    workshop: Workshop, xapi: Xapi, sr: str, method: str, done: bool
) -> None:
    vdi = await tracked(workshop, sr)
    snapshot = await xapi.VDI.snapshot(vdi, {})
    workshop.faults("storage:file").fail(method, Failed("no"), done=done)

    with pytest.raises(OtherError):
        await (xapi.VDI.disable_cbt(vdi) if method == "track" else xapi.VDI.data_destroy(snapshot))
    assert workshop.row(vdi).cbt_enabled
    assert workshop.row(snapshot).type == "user"

    # And can be asked again, whether it was done or not.
    await xapi.VDI.disable_cbt(vdi)
    await xapi.VDI.data_destroy(snapshot)
    assert workshop.idle()
