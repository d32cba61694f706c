"""A repository on a block device, from its creation to its end, through the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.storage.loop_device import loop_device
from tests.conftest import FreshHost
from tests.machines import MIB, Workshop
from xapid.backends.storage import block_devices
from xapid.backends.storage.mounts import PLACE, at
from xapid.datamodel import PBD, SM, SR, Host
from xapid.datamodel.errors import ApiError

pytestmark = pytest.mark.root


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    with loop_device(tmp_path / "disk", 128 * MIB) as device:
        yield device


@pytest.fixture
def machine(on_disk: FreshHost) -> str:
    return on_disk.store.one(Host).ref


@pytest.fixture
def shop(on_disk: FreshHost, tmp_path: Path) -> Workshop:
    return Workshop(on_disk, tmp_path)


async def create(host: FreshHost, machine: str, device: Path) -> str:
    config = {"device": str(device)}
    return await host.xapi.SR.create(machine, config, "0", "more disks", "", "ext", "user", False, {})


async def test_a_repository_on_a_device_lives_and_ends(
    shop: Workshop, on_disk: FreshHost, machine: str, device: Path
) -> None:
    sr = await create(on_disk, machine, device)
    row = on_disk.store.get(SR, sr)
    (pbd,) = on_disk.store.where(PBD, SR=sr)
    assert (pbd.currently_attached, row.shared) == (True, False)
    assert 100 * MIB < row.physical_size < 128 * MIB
    assert block_devices.signature(device)["UUID"] == row.uuid
    vdi = await shop.disk(sr)

    await on_disk.xapi.PBD.unplug(pbd.ref)
    assert at(PLACE / row.uuid) is None
    await on_disk.xapi.PBD.plug(pbd.ref)
    await on_disk.xapi.SR.scan(sr)
    assert shop.is_there(vdi)

    await on_disk.xapi.VDI.destroy(vdi)
    await on_disk.xapi.PBD.unplug(pbd.ref)
    await on_disk.xapi.SR.destroy(sr)
    assert block_devices.signature(device) == {}
    assert not shop.is_there(sr)


async def test_what_is_given_up_can_be_introduced_again(
    shop: Workshop, on_disk: FreshHost, machine: str, device: Path
) -> None:
    xapi = on_disk.xapi
    sr = await create(on_disk, machine, device)
    uuid, disk = on_disk.store.get(SR, sr).uuid, shop.row(await shop.disk(sr)).uuid
    (pbd,) = on_disk.store.where(PBD, SR=sr)
    await xapi.PBD.unplug(pbd.ref)
    await xapi.SR.forget(sr)
    assert uuid in await xapi.SR.probe(machine, {"device": str(device)}, "ext", {})

    again = await xapi.SR.introduce(uuid, "again", "", "ext", "user", False, {})
    await xapi.PBD.plug(await xapi.PBD.create({"host": machine, "SR": again, "device_config": {"device": str(device)}}))
    await xapi.SR.scan(again)

    assert [shop.row(vdi).uuid for vdi in await xapi.SR.get_VDIs(again)] == [disk]
    (pbd,) = on_disk.store.where(PBD, SR=again)
    await xapi.PBD.unplug(pbd.ref)


@pytest.mark.parametrize(
    "config, code", [({}, "90"), ({"device": "/dev/null"}, "91"), ({"device": "/dev/nowhere"}, "91")]
)
async def test_what_is_wrong_has_its_number_and_leaves_nothing(
    on_disk: FreshHost, machine: str, config: dict[str, str], code: str
) -> None:
    before = {sr.ref for sr in on_disk.store.all(SR)}

    with pytest.raises(ApiError) as error:
        await on_disk.xapi.SR.create(machine, config, "0", "none", "", "ext", "user", False, {})

    assert error.value.code == f"SR_BACKEND_FAILURE_{code}"
    assert {sr.ref for sr in on_disk.store.all(SR)} == before


async def test_the_kinds_that_this_host_has_are_told(on_disk: FreshHost) -> None:
    kinds = {sm.type: sm for sm in on_disk.store.all(SM)}

    assert {"ext", "file", "iso", "nfs", "smb", "udev"} <= kinds.keys()
    assert kinds["nfs"].configuration.keys() == {"server", "serverpath", "nfsversion", "options"}
