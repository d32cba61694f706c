"""Repositories that are nearly full, and guests that found no space for what they write."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.machines import MIB, Workshop
from tests.xapi import Xapi
from xapid.backends.interface import Failed, Unavailable
from xapid.datamodel import Message
from xapid.ops.space import AGAIN, ALARM, LOW, MEASURED_EVERY, REST, STALLED, Space

GIB = 1 << 30


@pytest.fixture
async def space(workshop: Workshop) -> AsyncIterator[Space]:
    space = Space(workshop.fresh.runtime)
    yield space
    await space.rounds.close()


async def looked(space: Space) -> None:
    """One look, and what it begins."""
    space.look()
    await space.rounds.over()


def told(workshop: Workshop, name: str) -> list[tuple[str, str]]:
    return [(each.cls, each.obj_uuid) for each in workshop.fresh.store.all(Message) if each.name == name]


def fill(workshop: Workshop, part: float) -> None:
    """Let the repositories of type file have just so much space that they are full to a part."""
    driver = workshop.fresh.driver("storage:file")
    taken = max(sum(volume.physical for volume in world.volumes.values()) for world in driver._worlds.values())
    driver._capacity = int(taken / part)


# --- Repositories ------------------------------------------------------------------------------------


async def test_how_full_a_repository_is_is_looked_at_now_and_then(
    workshop: Workshop, space: Space, sr: str, vdi: str
) -> None:
    await looked(space)
    workshop.fresh.driver("storage:file").grown_by_guest(workshop.row(vdi).uuid, 8 * MIB)
    await looked(space)
    too_soon = workshop.row(sr).physical_utilisation

    workshop.fresh.clock.passed += MEASURED_EVERY
    await looked(space)

    row = workshop.row(sr)
    assert (too_soon, row.physical_utilisation, row.virtual_allocation) == (4 * MIB, 8 * MIB, 8 * MIB)


async def test_an_alarm_tells_of_a_repository_that_is_nearly_full_once_until_it_is_not(
    workshop: Workshop, space: Space, sr: str, vdi: str
) -> None:
    counts = []
    for part in (0.5, LOW + 0.01, 1.0, LOW - 0.01, LOW + 0.01):
        fill(workshop, part)
        workshop.fresh.clock.passed += MEASURED_EVERY
        await looked(space)
        counts.append(len(told(workshop, ALARM)))

    assert counts == [0, 1, 1, 1, 2]
    assert set(told(workshop, ALARM)) == {("SR", workshop.row(sr).uuid)}
    (last, *_) = [each for each in workshop.fresh.store.all(Message) if each.name == ALARM]
    value, config, *variable = last.body.splitlines()
    assert float(value.removeprefix("value: ")) == pytest.approx(LOW + 0.01, abs=0.001)
    assert (config, variable[1]) == ("config:", '\t<name value="physical_utilisation"/>')


async def test_what_stays_nearly_full_is_told_again_after_a_while(
    workshop: Workshop, space: Space, sr: str, vdi: str
) -> None:
    fill(workshop, 1.0)
    await looked(space)
    workshop.fresh.clock.passed += AGAIN + 1
    await looked(space)

    assert len(told(workshop, ALARM)) == 2


async def test_libraries_of_discs_are_full_by_nature(workshop: Workshop, space: Space, host: str) -> None:
    await looked(space)

    assert told(workshop, ALARM) == []


@pytest.mark.parametrize("error", [Failed("no"), Unavailable("no")])
async def test_a_repository_that_cannot_be_looked_at_keeps_its_figures(
    workshop: Workshop, space: Space, sr: str, vdi: str, error: Exception
) -> None:
    before = workshop.row(sr).physical_size
    fill(workshop, 1.0)
    workshop.faults("storage:file").fail("figures", error)

    await looked(space)

    assert workshop.row(sr).physical_size == before
    assert told(workshop, ALARM) == []


async def test_one_that_hangs_holds_up_no_other(workshop: Workshop, space: Space, sr: str, vdi: str) -> None:
    other = await workshop.sr("ext")
    workshop.faults("storage:ext").delay("figures", 3600.0)
    fill(workshop, 1.0)

    for _ in range(2):
        space.look()
        workshop.fresh.clock.passed += MEASURED_EVERY

    await workshop.until(lambda: len(told(workshop, ALARM)) == 1)
    assert other in space.rounds


# --- Guests ------------------------------------------------------------------------------------------


async def stalled(workshop: Workshop, space: Space, vdi: str) -> str:
    """A machine that stands still since its repository is full."""
    vm = await workshop.vm()
    vbd = await workshop.drive(vm, vdi)
    await workshop.started(vm)
    fill(workshop, 1.0)
    uuid = workshop.row(vm).uuid
    workshop.fresh.driver("domain").run_out(uuid, workshop.row(vbd).uuid)
    await workshop.until(lambda: workshop.row(vm).power_state == "Paused" and workshop.idle())
    return vm


async def test_a_guest_goes_on_when_there_is_space_again(
    workshop: Workshop, xapi: Xapi, space: Space, sr: str, vdi: str
) -> None:
    vm = await stalled(workshop, space, vdi)
    await looked(space)
    meanwhile = workshop.row(vm).power_state
    fill(workshop, 0.01)

    await looked(space)

    assert (meanwhile, workshop.row(vm).power_state) == ("Paused", "Running")
    assert told(workshop, STALLED) == [("VM", workshop.row(vm).uuid)]
    assert workshop.idle()


async def test_one_that_finds_no_space_again_rests_before_it_is_let_go_on(
    workshop: Workshop, xapi: Xapi, space: Space, sr: str, vdi: str
) -> None:
    vm = await stalled(workshop, space, vdi)
    fill(workshop, 0.01)
    await looked(space)
    domains, (vbd,) = workshop.fresh.driver("domain"), await xapi.VM.get_VBDs(vm)
    domains.run_out(workshop.row(vm).uuid, workshop.row(vbd).uuid)
    await workshop.until(lambda: workshop.row(vm).power_state == "Paused" and workshop.idle())
    space._standing = None
    await looked(space)
    resting = workshop.row(vm).power_state

    workshop.fresh.clock.passed += REST
    await looked(space)

    assert (resting, workshop.row(vm).power_state) == ("Paused", "Running")
    assert len(told(workshop, STALLED)) == 1


async def test_what_a_client_paused_stays_paused(workshop: Workshop, xapi: Xapi, space: Space, vdi: str) -> None:
    vm = await workshop.vm()
    await workshop.drive(vm, vdi)
    await workshop.started(vm)
    await xapi.VM.pause(vm)

    await looked(space)

    assert workshop.row(vm).power_state == "Paused"
    assert told(workshop, STALLED) == []


async def test_what_is_heard_while_it_is_not_recorded_yet_is_not_forgotten(
    workshop: Workshop, xapi: Xapi, space: Space, sr: str, vdi: str
) -> None:
    vm = await workshop.vm()
    vbd = await workshop.drive(vm, vdi)
    await workshop.started(vm)
    await looked(space)
    workshop.fresh.driver("domain").watch(space.heard)
    workshop.fresh.driver("domain").run_out(workshop.row(vm).uuid, workshop.row(vbd).uuid)

    await looked(space)
    await workshop.until(lambda: workshop.row(vm).power_state == "Paused" and workshop.idle())
    workshop.fresh.clock.passed += REST
    await looked(space)

    assert workshop.row(vm).power_state == "Running"


async def test_others_go_on_meanwhile_and_the_one_that_stands_can_be_shut_down(
    workshop: Workshop, xapi: Xapi, space: Space, sr: str, vdi: str
) -> None:
    other = await workshop.vm()
    await workshop.started(other)
    vm = await stalled(workshop, space, vdi)
    await looked(space)

    await xapi.VM.hard_shutdown(vm)
    await looked(space)

    assert (workshop.row(vm).power_state, workshop.row(other).power_state) == ("Halted", "Running")
