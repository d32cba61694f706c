"""Guests that start with their host: once after a boot, in their order, and what does not start is told."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import HOST, FreshHost
from tests.machines import Workshop
from tests.xapi import REMOTE, Xapi
from xapid.backends.domain.interface import DomainEvent, DomainEventKind
from xapid.backends.host.interface import HostDriver
from xapid.backends.interface import Failed
from xapid.datamodel import Message, Pool, Role, Task
from xapid.datamodel.errors import RBAC_PERMISSION_DENIED
from xapid.observe.machine import Machine
from xapid.observe.startup import startup
from xapid.ops.host.coming_up import ComingUp
from xapid.runtime.local_settings import LocalSettings

WANTED = {"mac_seed": "s", "auto_poweron": "true"}


async def restarted(fresh: FreshHost, *, booted: bool) -> ComingUp:
    """What a new daemon has done once it lets clients in."""
    if booted:
        fresh.driver("host").boot_id += "+"
    with fresh.store.write() as tx:
        for role in list(fresh.store.all(Role)):
            tx.delete(role)  # They are not in the database.
    services = fresh.runtime.services
    services["local_settings"] = LocalSettings(fresh.runtime.config.state_dir / "local.json")
    services["coming_up"] = coming_up = ComingUp(fresh.runtime)
    await startup(fresh.runtime, Machine(await fresh.backends.agent(HOST, "host").call(HostDriver.facts)))
    return coming_up


def states(workshop: Workshop, *vms: str) -> list[str]:
    return [workshop.row(vm).power_state for vm in vms]


async def test_they_start_after_a_boot_and_not_after_a_restart_of_the_toolstack(
    fresh: FreshHost, workshop: Workshop, xapi: Xapi
) -> None:
    wanted, other = await workshop.vm(other_config=WANTED), await workshop.vm()

    failed = await (await restarted(fresh, booted=True)).failed()
    booted = states(workshop, wanted, other)
    await xapi.VM.hard_shutdown(wanted)
    await (await restarted(fresh, booted=False)).failed()

    assert failed == {}
    assert booted == ["Running", "Halted"]
    assert states(workshop, wanted) == ["Halted"]
    assert list(fresh.store.all(Task)) == []


@pytest.mark.parametrize("key, started", [(None, "Running"), ("true", "Running"), ("false", "Halted"), ("", "Running")])
async def test_the_pool_has_the_last_word(fresh: FreshHost, workshop: Workshop, key: str | None, started: str) -> None:
    vm = await workshop.vm(other_config=WANTED)
    with fresh.store.write() as tx:
        tx.set(fresh.store.one(Pool), other_config={} if key is None else {"auto_poweron": key})

    await (await restarted(fresh, booted=True)).failed()

    assert states(workshop, vm) == [started]


async def test_templates_snapshots_and_machines_that_sleep_are_left_alone(
    fresh: FreshHost, workshop: Workshop, xapi: Xapi
) -> None:
    template = await workshop.vm(other_config=WANTED, is_a_template=True)
    asleep = await workshop.vm_in("Suspended", other_config=WANTED)
    snapshot = await xapi.VM.snapshot(await workshop.vm(other_config=WANTED), "s", [])

    failed = await (await restarted(fresh, booted=True)).failed()

    assert failed == {}
    assert states(workshop, template, asleep, snapshot) == ["Halted", "Suspended", "Halted"]


async def test_they_start_in_their_order_and_wait_for_those_before(fresh: FreshHost, workshop: Workshop) -> None:
    then, first = [
        await workshop.vm(other_config=WANTED, order=order, start_delay=100, name_label=str(order)) for order in (2, 1)
    ]
    heard: list[str] = []

    def hear(event: DomainEvent) -> None:
        if event.kind is DomainEventKind.started:
            heard.append(event.uuid)

    workshop.domains.watch(hear)
    coming_up = await restarted(fresh, booted=True)
    coming_up.begin()
    await fresh.clock.asleep()
    before = states(workshop, first, then)
    fresh.clock.passed += 101
    await fresh.clock.asleep()
    fresh.clock.passed += 101
    await coming_up.failed()

    assert before == ["Running", "Halted"]
    assert heard == [workshop.row(vm).uuid for vm in (first, then)]


async def test_what_does_not_start_is_told_and_keeps_no_other_from_it(
    fresh: FreshHost, workshop: Workshop, xapi: Xapi
) -> None:
    bad, good = [await workshop.vm(other_config=WANTED, order=order) for order in (1, 2)]
    workshop.faults("domain").fail("start", Failed("it will not"))
    await restarted(fresh, booted=True)

    failed = await xapi.xapid.start_guests()
    again = await xapi.xapid.start_guests()

    (message,) = (row for row in fresh.store.all(Message) if row.name == "VM_AUTO_POWERON_FAILED")
    assert states(workshop, bad, good) == ["Halted", "Running"]
    assert failed == again == {workshop.row(bad).uuid: "INTERNAL_ERROR it will not"}
    assert (message.priority, message.obj_uuid) == (3, workshop.row(bad).uuid)
    assert "it will not" in message.body


async def test_a_toolstack_that_ends_meanwhile_leaves_the_rest_to_its_next_start(
    fresh: FreshHost, workshop: Workshop
) -> None:
    first, then = [await workshop.vm(other_config=WANTED, order=order, start_delay=100) for order in (1, 2)]
    coming_up = await restarted(fresh, booted=True)
    coming_up.begin()
    await fresh.clock.asleep()
    await coming_up.close()
    left = states(workshop, first, then)

    (again := await restarted(fresh, booted=False)).begin()
    await fresh.clock.asleep()
    fresh.clock.passed += 101
    await asyncio.wait_for(again.failed(), 5)

    assert left == ["Running", "Halted"]
    assert states(workshop, first, then) == ["Running", "Running"]


async def test_only_root_may_ask_for_it(fresh: FreshHost, workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm(other_config=WANTED)
    await restarted(fresh, booted=True)
    remote = xapi.beside(REMOTE)
    remote.session = xapi.session

    with pytest.raises(RBAC_PERMISSION_DENIED):
        await remote.xapid.start_guests()

    assert states(workshop, vm) == ["Halted"]
