"""Images that nobody needs go, and chains of them become shorter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.machines import MIB, SOMEBODY, Workshop, raises_api
from tests.xapi import Xapi
from xapid.backends.interface import Failed, InUse
from xapid.datamodel import SR, VDI, Task
from xapid.datamodel.map_keys import PARENT
from xapid.ops.chain_keeper import AGAIN, ChainKeeper
from xapid.rules.chains import Trees


@pytest.fixture
async def keeper(workshop: Workshop) -> AsyncIterator[ChainKeeper]:
    keeper = ChainKeeper(workshop.fresh.runtime)
    yield keeper
    await keeper.close()


@pytest.fixture
async def vbd(workshop: Workshop, vm: str, vdi: str) -> str:
    """The drive of a machine that runs with the disk."""
    vbd = await workshop.drive(vm, vdi)
    await workshop.started(vm)
    return vbd


def sr_of(workshop: Workshop, ref: str) -> SR:
    row: SR = workshop.row(ref)
    return row


def written(workshop: Workshop, sr: str) -> None:
    """Every disk of a repository has something of its own."""
    driver = workshop.fresh.driver("storage:file")
    (world,) = [each for uuid, each in driver._worlds.items() if uuid == workshop.row(sr).uuid]
    world.written |= set(world.volumes)


async def snapshots(workshop: Workshop, sr: str, vdi: str, number: int) -> list[str]:
    """So many snapshots in a row, between which the disk is written to."""
    made = []
    for _ in range(number):
        written(workshop, sr)
        made.append(await workshop.xapi.VDI.snapshot(vdi, {}))
    written(workshop, sr)
    return made


def chain(workshop: Workshop, vdi: str) -> list[VDI]:
    row: VDI = workshop.row(vdi)
    return Trees.of(workshop.fresh.store, workshop.row(row.SR)).chain(row)


def agrees(workshop: Workshop, sr: str) -> bool:
    """Whether records and repository hold the same, and say the same of what continues what."""
    driver = workshop.fresh.driver("storage:file")
    behind = {each.key: each for each in driver.contents(workshop.row(sr).uuid)}
    rows = {row.location: row for row in workshop.fresh.store.where(VDI, SR=sr)}
    return behind.keys() == rows.keys() and all(
        (rows[key].uuid, rows[key].managed) == (volume.uuid, not volume.hidden)
        and PARENT.of(rows[key]) == (behind[volume.parent].uuid if volume.parent else "")
        for key, volume in behind.items()
    )


async def test_what_only_one_disk_continues_goes_into_it(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str
) -> None:
    made = await snapshots(workshop, sr, vdi, 4)
    uuid = workshop.row(vdi).uuid
    for snapshot in made:
        await xapi.VDI.destroy(snapshot)
    assert len(chain(workshop, vdi)) == 5
    await xapi.SR.scan(sr)

    await keeper.collect(sr_of(workshop, sr))

    assert [row.ref for row in chain(workshop, vdi)] == [vdi]
    assert workshop.volumes(sr) == {uuid}
    assert agrees(workshop, sr)
    assert workshop.leases(sr) == {}
    assert workshop.idle()
    before = workshop.row(sr)
    await xapi.SR.scan(sr)
    assert workshop.row(sr).virtual_allocation == before.virtual_allocation == 4 * MIB
    assert workshop.row(sr).physical_utilisation == before.physical_utilisation


async def test_what_snapshots_continue_stays(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str
) -> None:
    made = await snapshots(workshop, sr, vdi, 6)
    for number in (0, 2, 3, 5):
        await xapi.VDI.destroy(made[number])

    await keeper.collect(sr_of(workshop, sr))

    assert len(chain(workshop, vdi)) == 3
    assert [len(chain(workshop, made[number])) for number in (1, 4)] == [2, 3]
    assert agrees(workshop, sr)
    assert not anything_left(workshop, sr)


def anything_left(workshop: Workshop, sr: str) -> bool:
    """Whether anything is left to be done."""
    row = workshop.row(sr)
    return any(Trees.of(workshop.fresh.store, row).steps(row))


async def test_it_goes_on_in_a_task_that_says_what_it_is(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str
) -> None:
    for snapshot in await snapshots(workshop, sr, vdi, 3):
        await xapi.VDI.destroy(snapshot)
    seen: list[float] = []
    workshop.fresh.lookers.append(
        lambda: seen.extend(row.progress for row in collections(workshop) if row.status == "pending")
    )

    await keeper.collect(sr_of(workshop, sr))

    (task,) = collections(workshop)
    assert task.name_description == f"Garbage collection for SR {workshop.row(sr).uuid}"
    assert (task.status, task.progress) == ("success", 1.0)
    assert seen == sorted(seen)
    assert len(set(seen)) > 3


def collections(workshop: Workshop) -> list[Task]:
    return [row for row in workshop.fresh.store.all(Task) if row.name_label == "Garbage Collection"]


async def test_beneath_a_running_guest_inner_images_become_one(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str, vm: str, vbd: str
) -> None:
    for snapshot in await snapshots(workshop, sr, vdi, 4):
        await xapi.VDI.destroy(snapshot)
    location = workshop.row(vdi).location

    await keeper.collect(sr_of(workshop, sr))

    assert len(chain(workshop, vdi)) == 2
    assert workshop.row(vdi).location == location
    assert workshop.leases(sr) == {workshop.row(vdi).uuid: workshop.row(vbd).uuid}
    assert agrees(workshop, sr)
    assert workshop.fresh.driver("datapath").merges == {}
    # Off, it is one.
    await xapi.VM.hard_shutdown(vm)
    await keeper.collect(sr_of(workshop, sr))
    assert len(chain(workshop, vdi)) == 1
    await xapi.VM.start(vm, False, False)


@pytest.mark.parametrize(
    "sr_keys, vdi_keys, left",
    [
        ({"gc": "false"}, {}, 4),
        ({"coalesce": "false"}, {}, 4),
        ({"leaf-coalesce": "false"}, {}, 2),
        ({"leaf-coalesce": "false"}, {"leaf-coalesce": "force"}, 1),
        ({}, {"leaf-coalesce": "false"}, 2),
        ({}, {"leaf-coalesce": "offline"}, 1),
        ({"gc": "true", "coalesce": "yes"}, {}, 1),
    ],
)
async def test_keys_switch_it(
    workshop: Workshop,
    xapi: Xapi,
    keeper: ChainKeeper,
    sr: str,
    vdi: str,
    sr_keys: dict[str, str],
    vdi_keys: dict[str, str],
    left: int,
) -> None:
    for snapshot in await snapshots(workshop, sr, vdi, 3):
        await xapi.VDI.destroy(snapshot)
    await xapi.SR.set_other_config(sr, sr_keys)
    await xapi.VDI.set_other_config(vdi, vdi_keys)

    await keeper.collect(sr_of(workshop, sr))

    assert len(chain(workshop, vdi)) == left


async def test_a_disk_that_begins_anew_keeps_what_it_begins_with(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper
) -> None:
    sr = await workshop.sr("ext")
    vdi = await workshop.disk(sr)
    await xapi.VDI.set_on_boot(vdi, "reset")

    await keeper.collect(sr_of(workshop, sr))

    assert len(chain(workshop, vdi)) == 2


async def test_a_disk_that_two_machines_have_open_waits(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str, vm: str, vbd: str
) -> None:
    (first, second) = await snapshots(workshop, sr, vdi, 2)
    await xapi.VDI.destroy(first)
    clone = await xapi.VDI.clone(second, {})
    other = await workshop.vm()
    await workshop.drive(other, clone)
    await workshop.started(other)

    await keeper.collect(sr_of(workshop, sr))
    assert len(chain(workshop, vdi)) == 3
    await xapi.VM.hard_shutdown(other)
    await keeper.collect(sr_of(workshop, sr))

    assert len(chain(workshop, vdi)) == 2
    assert agrees(workshop, sr)


async def test_what_somebody_works_on_is_left_alone(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str
) -> None:
    (snapshot,) = await snapshots(workshop, sr, vdi, 1)
    await xapi.VDI.destroy(snapshot)
    guard = workshop.fresh.runtime.guard
    guard.mark(workshop.row(vdi), "copy", SOMEBODY)

    await keeper.collect(sr_of(workshop, sr))
    assert len(chain(workshop, vdi)) == 2
    guard.leave(workshop.row(vdi), SOMEBODY)
    await keeper.collect(sr_of(workshop, sr))

    assert len(chain(workshop, vdi)) == 1


async def endless(workshop: Workshop, keeper: ChainKeeper, sr: str) -> asyncio.Task[None]:
    """A merge beneath a running guest that does not come to its end by itself."""
    workshop.fresh.driver("datapath").merges_end = False
    work = asyncio.create_task(keeper.collect(sr_of(workshop, sr)))
    await workshop.until(lambda: bool(workshop.fresh.driver("datapath").merges))
    return work


@pytest.mark.parametrize("operation", ["snapshot", "start", "unplug", "clone", "destroy"])
async def test_who_wants_a_disk_gets_it(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str, vm: str, vbd: str, operation: str
) -> None:
    first, second = await snapshots(workshop, sr, vdi, 2)
    await xapi.VDI.destroy(first)
    other = await workshop.vm()
    await workshop.drive(other, second, mode="RO")
    work = await endless(workshop, keeper, sr)

    match operation:
        case "snapshot":
            await xapi.VDI.snapshot(vdi, {})
        case "start":
            await xapi.VM.start(other, False, False)
        case "unplug":
            await xapi.VBD.unplug(vbd)
        case "clone":
            await xapi.VDI.clone(second, {})
        case "destroy":
            await xapi.VDI.destroy(second)

    workshop.fresh.driver("datapath").merges_end = True
    await work
    assert agrees(workshop, sr)
    assert workshop.idle()
    (task,) = collections(workshop)
    assert task.status == "success"


async def test_a_hard_shutdown_waits_for_nothing(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str, vm: str, vbd: str
) -> None:
    for snapshot in await snapshots(workshop, sr, vdi, 2):
        await xapi.VDI.destroy(snapshot)
    work = await endless(workshop, keeper, sr)

    await xapi.VM.hard_shutdown(vm)

    await work
    assert agrees(workshop, sr)
    assert workshop.leases(sr) == {}


async def test_a_task_can_be_cancelled_and_the_repository_is_left_alone_then(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str, vbd: str
) -> None:
    for snapshot in await snapshots(workshop, sr, vdi, 2):
        await xapi.VDI.destroy(snapshot)
    work = await endless(workshop, keeper, sr)
    (task,) = collections(workshop)

    await xapi.task.cancel(task.ref)
    await work

    assert workshop.row(task.ref).status == "cancelled"
    assert workshop.fresh.driver("datapath").merges == {}
    assert len(chain(workshop, vdi)) == 3
    workshop.fresh.driver("datapath").merges_end = True
    await keeper.collect(sr_of(workshop, sr))
    assert len(chain(workshop, vdi)) == 3
    workshop.fresh.clock.passed += AGAIN + 1
    await keeper.collect(sr_of(workshop, sr))
    assert len(chain(workshop, vdi)) == 2


async def test_a_repository_that_is_unplugged_is_not_worked_on(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str
) -> None:
    for snapshot in await snapshots(workshop, sr, vdi, 2):
        await xapi.VDI.destroy(snapshot)
    workshop.faults("storage:file").delays["merge"] = 60.0
    work = asyncio.create_task(keeper.collect(sr_of(workshop, sr)))
    await workshop.until(lambda: bool(workshop.leases(sr)) or bool(collections(workshop)))

    for pbd in await xapi.SR.get_PBDs(sr):
        await xapi.PBD.unplug(pbd)

    await work
    assert len(chain(workshop, vdi)) == 3
    assert collections(workshop)[0].status == "success"


async def test_what_fails_is_left_alone_for_a_while(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str
) -> None:
    for snapshot in await snapshots(workshop, sr, vdi, 1):
        await xapi.VDI.destroy(snapshot)
    workshop.faults("storage:file").fail("merge", InUse("somebody reads it"))

    await keeper.collect(sr_of(workshop, sr))
    await keeper.collect(sr_of(workshop, sr))
    assert len(chain(workshop, vdi)) == 2
    assert workshop.leases(sr) == {}
    workshop.fresh.clock.passed += AGAIN + 1
    await keeper.collect(sr_of(workshop, sr))

    assert len(chain(workshop, vdi)) == 1


async def test_where_space_is_lacking_the_repository_says_how_much(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str
) -> None:
    (snapshot,) = await snapshots(workshop, sr, vdi, 1)
    await xapi.VDI.destroy(snapshot)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vdi), physical_utilisation=3 * MIB)
        tx.set(workshop.row(sr), physical_size=workshop.row(sr).physical_utilisation + 1 * MIB)

    await keeper.collect(sr_of(workshop, sr))
    assert workshop.row(sr).sm_config["gc_no_space"] == str(2 * MIB)
    assert len(chain(workshop, vdi)) == 2
    await xapi.SR.update(sr)
    await keeper.collect(sr_of(workshop, sr))

    assert "gc_no_space" not in workshop.row(sr).sm_config
    assert len(chain(workshop, vdi)) == 1


async def test_an_inner_node_that_nothing_continues_goes(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str
) -> None:
    await snapshots(workshop, sr, vdi, 1)
    driver = workshop.fresh.driver("storage:file")
    (world,) = [each for uuid, each in driver._worlds.items() if uuid == workshop.row(sr).uuid]
    for volume in [each for each in world.volumes.values() if not each.hidden]:
        driver._remove(world, volume)
    await xapi.SR.scan(sr)
    assert len(workshop.volumes(sr)) == 1

    await keeper.collect(sr_of(workshop, sr))

    assert workshop.volumes(sr) == set()
    assert list(workshop.fresh.store.where(VDI, SR=sr)) == []


async def test_a_chain_that_is_too_long_becomes_shorter_before_a_snapshot(
    workshop: Workshop, xapi: Xapi, sr: str, vdi: str
) -> None:
    first, *_ = await snapshots(workshop, sr, vdi, 3)
    await xapi.VDI.destroy(first)
    workshop.faults("storage:file").fail("snapshot", Failed("too many in a row", code="109"))
    written(workshop, sr)

    snapshot = await xapi.VDI.snapshot(vdi, {})

    assert workshop.is_there(snapshot)
    assert len(chain(workshop, vdi)) == 4
    assert agrees(workshop, sr)


async def test_a_chain_of_snapshots_alone_cannot_become_longer_than_its_driver_lets_it(
    workshop: Workshop, xapi: Xapi, sr: str, vdi: str
) -> None:
    await snapshots(workshop, sr, vdi, 3)
    workshop.faults("storage:file").fail("snapshot", Failed("too many in a row", code="109"))

    with raises_api("SR_BACKEND_FAILURE_109", "", "too many in a row", ""):
        await xapi.VDI.snapshot(vdi, {})

    assert agrees(workshop, sr)


async def test_simulated_repositories_are_left_alone_by_themselves(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str
) -> None:
    """Their images take no space; recordings of the original know nothing of it."""
    for snapshot in await snapshots(workshop, sr, vdi, 2):
        await xapi.VDI.destroy(snapshot)
    workshop.fresh.clock.passed += 10_000

    keeper.look()

    assert collections(workshop) == []


async def test_parents_that_clients_make_up_do_no_harm(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str
) -> None:
    (snapshot,) = await snapshots(workshop, sr, vdi, 1)
    before = workshop.volumes(sr)
    one, two = workshop.row(vdi), workshop.row(snapshot)
    with workshop.fresh.store.write() as tx:
        tx.set(one, sm_config={**one.sm_config, PARENT.name: two.uuid}, managed=False)
        tx.set(two, sm_config={**two.sm_config, PARENT.name: one.uuid}, managed=False)

    await keeper.collect(sr_of(workshop, sr))

    assert workshop.volumes(sr) == before


async def test_records_of_drivers_do_not_tell_of_it(xapi: Xapi) -> None:
    """The original has no name for it."""
    for record in (await xapi.SM.get_all_records()).values():
        assert "MERGE" not in record["features"]
        assert "MERGE" not in record["capabilities"]


async def test_who_looks_for_faults_finds_no_lease_of_nobody_meanwhile(
    workshop: Workshop, xapi: Xapi, keeper: ChainKeeper, sr: str, vdi: str
) -> None:
    for snapshot in await snapshots(workshop, sr, vdi, 1):
        await xapi.VDI.destroy(snapshot)
    workshop.faults("storage:file").delay("merge", 60.0)
    work = asyncio.create_task(keeper.collect(sr_of(workshop, sr)))
    await workshop.until(lambda: bool(workshop.leases(sr)))

    found = await xapi.xapid.examine()

    assert found == []
    await xapi.task.cancel(collections(workshop)[0].ref)
    await work
    assert workshop.leases(sr) == {}
    assert workshop.fresh.runtime.leaseholders == set()
