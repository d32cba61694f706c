"""Guests that give memory back when others need it, on a simulated host that has little."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.machines import MIB, Workshop, raises_api
from tests.xapi import Xapi
from xapid.datamodel import Host, HostMetrics
from xapid.datamodel.errors import HOST_NOT_ENOUGH_FREE_MEMORY, ApiError
from xapid.ops.vm.balloons import LOOK_AGAIN, PATIENCE, Balloons
from xapid.rules.memory import COUNTED

ELASTIC = {
    "memory_static_min": 64 * MIB,
    "memory_dynamic_min": 128 * MIB,
    "memory_dynamic_max": 512 * MIB,
    "memory_static_max": 512 * MIB,
}


@pytest.fixture
def balloons(fresh: FreshHost) -> Balloons:
    found: Balloons = fresh.runtime.services["balloons"]
    return found


async def has_for_guests(workshop: Workshop, size: int) -> None:
    """Give the host so much memory that, besides what machines take, guests get this."""
    store = workshop.fresh.store
    host = store.one(Host)
    free = int(await workshop.xapi.host.compute_free_memory(host.ref))
    metrics = store.get(HostMetrics, host.metrics)
    with store.write() as tx:
        tx.set(metrics, memory_total=metrics.memory_total - free + size)


def memory(workshop: Workshop, *vms: str) -> list[int]:
    """What guests have, in MiB."""
    return [workshop.guest(vm).memory // MIB for vm in vms]


async def elastic(workshop: Workshop, **fields: Any) -> str:
    return await workshop.vm(**ELASTIC | fields)


async def overhead(workshop: Workshop, vm: str) -> int:
    return int(await workshop.xapi.VM.compute_memory_overhead(vm))


async def pair(workshop: Workshop, size: int) -> tuple[str, str]:
    """Two machines on a host that has so much for their guests."""
    vms = await elastic(workshop), await elastic(workshop)
    await has_for_guests(workshop, size + 2 * await overhead(workshop, vms[0]))
    return vms


async def test_a_guest_that_starts_gets_what_others_can_spare(workshop: Workshop) -> None:
    first, second = await pair(workshop, 640 * MIB)
    await workshop.started(first)
    alone = memory(workshop, first)

    await workshop.started(second)

    assert alone == [512]
    assert memory(workshop, first, second) == [320, 320]


async def test_a_guest_gets_back_what_another_leaves(workshop: Workshop, xapi: Xapi, balloons: Balloons) -> None:
    first, second = await pair(workshop, 640 * MIB)
    await workshop.started(first)
    await workshop.started(second)

    await xapi.VM.hard_shutdown(second)
    await balloons.look()

    assert memory(workshop, first) == [512]
    assert workshop.row(workshop.row(first).metrics).memory_actual == 512 * MIB


async def test_another_range_is_balanced_at_once(workshop: Workshop, xapi: Xapi) -> None:
    first, second = await pair(workshop, 640 * MIB)
    await workshop.started(first)
    await workshop.started(second)

    await xapi.VM.set_memory_dynamic_range(first, 128 * MIB, 128 * MIB)

    assert memory(workshop, first, second) == [128, 512]


async def test_a_start_waits_until_there_is_room(workshop: Workshop, xapi: Xapi) -> None:
    first, second = await pair(workshop, 640 * MIB)
    await workshop.started(first)
    workshop.guest(first).balloons = False
    starting = asyncio.create_task(xapi.VM.start(second, False, False))
    await workshop.fresh.clock.asleep()
    early = workshop.row(second).power_state

    workshop.guest(first).memory = 320 * MIB
    await workshop.fresh.clock.let_pass(LOOK_AGAIN)
    await starting

    assert early == "Halted"
    assert memory(workshop, second) == [320]


async def test_a_guest_that_does_not_hear_is_left_alone_and_others_start_beside_it(
    workshop: Workshop, xapi: Xapi, balloons: Balloons
) -> None:
    deaf, second = await pair(workshop, 704 * MIB)
    await workshop.started(deaf)
    workshop.guest(deaf).balloons = False
    starting = asyncio.create_task(xapi.VM.start(second, False, False))
    await workshop.fresh.clock.asleep()

    await workshop.fresh.clock.let_pass(PATIENCE)
    await starting

    assert memory(workshop, deaf, second) == [512, 192]
    workshop.guest(deaf).balloons = True
    await balloons.look()
    assert memory(workshop, deaf, second) == [512, 192]


async def test_a_start_for_which_a_deaf_guest_leaves_too_little_fails(workshop: Workshop, xapi: Xapi) -> None:
    deaf, second = await pair(workshop, 576 * MIB)
    await workshop.started(deaf)
    workshop.guest(deaf).balloons = False
    starting = asyncio.create_task(xapi.VM.start(second, False, False))
    await workshop.fresh.clock.asleep()

    await workshop.fresh.clock.let_pass(PATIENCE)

    with pytest.raises(HOST_NOT_ENOUGH_FREE_MEMORY) as error:
        await starting
    assert error.value.args == (str(128 * MIB + await overhead(workshop, second)), str(64 * MIB))
    assert workshop.row(second).power_state == "Halted"
    assert workshop.idle()


async def test_where_guests_are_not_squeezed_they_count_in_full(
    workshop: Workshop, xapi: Xapi, balloons: Balloons
) -> None:
    host = workshop.fresh.store.one(Host)
    with workshop.fresh.store.write() as tx:
        tx.set(host, software_version={**host.software_version, COUNTED: "static_max"})
    first, second = await pair(workshop, 640 * MIB)
    before = int(await xapi.host.compute_free_memory(host.ref))

    await workshop.started(first)

    after = int(await xapi.host.compute_free_memory(host.ref))
    assert before - after == 512 * MIB + await overhead(workshop, first)
    with pytest.raises(ApiError) as error:
        await workshop.started(second)
    assert error.value.code == "NO_HOSTS_AVAILABLE"
    await balloons.look()
    assert memory(workshop, first) == [512]


async def test_a_guest_that_reboots_gives_its_memory_to_itself(workshop: Workshop, xapi: Xapi) -> None:
    first, second = await pair(workshop, 640 * MIB)
    await workshop.started(first)
    await workshop.started(second)

    await xapi.VM.hard_reboot(first)

    assert memory(workshop, first, second) == [320, 320]


@pytest.fixture
def device(fresh: FreshHost) -> dict[str, str]:
    """other_config of a machine that gets a device of the host."""
    return {"mac_seed": "00000000-0000-0000-0000-000000000000", "pci": "0/0000:00:05.0"}


async def test_a_machine_with_a_device_of_the_host_gives_nothing_back(
    workshop: Workshop, device: dict[str, str], balloons: Balloons
) -> None:
    first, second = await elastic(workshop, other_config=device), await elastic(workshop)
    await has_for_guests(workshop, 768 * MIB + 2 * await overhead(workshop, second))
    await workshop.started(second)

    await workshop.started(first)
    await workshop.xapi.VM.set_memory_dynamic_range(first, 128 * MIB, 256 * MIB)
    await balloons.look()

    assert memory(workshop, first, second) == [512, 256]


async def test_a_machine_with_a_device_of_the_host_starts_with_all_its_memory_or_not_at_all(
    workshop: Workshop, device: dict[str, str]
) -> None:
    vm = await elastic(workshop, other_config=device)
    await has_for_guests(workshop, 511 * MIB + await overhead(workshop, vm))

    with raises_api("NO_HOSTS_AVAILABLE"):
        await workshop.xapi.VM.start(vm, False, False)
    await workshop.xapi.VM.remove_from_other_config(vm, "pci")
    await workshop.started(vm)

    assert memory(workshop, vm) == [511]
