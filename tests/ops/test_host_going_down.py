"""A host goes down: its guests first, then the machine; or its toolstack alone, which may come again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from tests.conftest import HOST, FreshHost
from tests.machines import SOMEBODY, Workshop
from xapid.backends.domain.interface import DomainEvent, DomainEventKind
from xapid.backends.host.interface import HostDriver
from xapid.backends.interface import Failed
from xapid.datamodel import PBD, VM, Host, Role, Task
from xapid.datamodel.errors import HOST_DISABLED_UNTIL_REBOOT, HOST_NOT_DISABLED
from xapid.datamodel.task import TaskStatusType
from xapid.observe.machine import Machine
from xapid.observe.startup import startup
from xapid.ops.host import going_down
from xapid.ops.host.going_down import GoingDown
from xapid.runtime.config import GuestsConfig
from xapid.runtime.ending import Ending
from xapid.runtime.going_down import LONGEST, spared
from xapid.runtime.local_settings import LocalSettings
from xapid.runtime.recovery import end_orphans


@pytest.fixture(autouse=True)
def at_once(fresh: FreshHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(going_down, "NOTICE", 0.05)
    end_within(fresh, 0.2, 600.0)


def end_within(fresh: FreshHost, each: float, all_: float) -> None:
    """Seconds that each guest has, and all have."""
    guests = GuestsConfig(end_with_host=each, all_end_with_host=all_)
    fresh.runtime.config = replace(fresh.runtime.config, guests=guests)


def task(fresh: FreshHost) -> Task:
    (found,) = (row for row in fresh.store.all(Task) if row.name_label.startswith("Host is"))
    return found


@pytest.mark.parametrize(
    "message, label, done",
    [("shutdown", "Host is shutting down", "off"), ("reboot", "Host is rebooting", "reboot")],
)
async def test_a_disabled_host_goes_down_after_its_answer(
    fresh: FreshHost, host: str, message: str, label: str, done: str
) -> None:
    machine = fresh.driver("host")
    with pytest.raises(HOST_NOT_DISABLED):
        await fresh.xapi.call(f"host.{message}", host)
    await fresh.xapi.host.disable(host)

    await fresh.xapi.call(f"host.{message}", host)

    began = task(fresh)
    assert (began.name_label, began.status, machine.went_down) == (label, TaskStatusType.pending, [])
    assert await fresh.xapi.host.get_current_operations(host) == {began.ref: message}
    await fresh.until(lambda: machine.went_down == [done])
    await fresh.until(lambda: task(fresh).status is TaskStatusType.success)
    assert await fresh.xapi.host.get_current_operations(host) == {}


async def test_a_host_that_is_down_takes_no_guest_before_it_was_booted(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.host.disable(host)
    await fresh.xapi.host.shutdown(host)
    await fresh.until(lambda: fresh.driver("host").went_down == ["off"])

    with pytest.raises(HOST_DISABLED_UNTIL_REBOOT) as error:
        await fresh.xapi.host.enable(host)

    assert error.value.args == (host,)
    assert [pbd.currently_attached for pbd in fresh.store.all(PBD)] == [False] * len(fresh.store.all(PBD))


@pytest.mark.parametrize("booted", [False, True])
async def test_a_toolstack_that_starts_anew_lets_guests_in_only_after_a_boot(
    fresh: FreshHost, host: str, booted: bool
) -> None:
    await restarted(fresh)
    await fresh.xapi.host.prepare_for_poweroff(host)

    await restarted(fresh, booted=booted)

    assert await fresh.xapi.host.get_enabled(host) is booted
    if not booted:
        with pytest.raises(HOST_DISABLED_UNTIL_REBOOT):
            await fresh.xapi.host.enable(host)


async def test_a_host_can_be_told_to_stay_disabled_after_a_start(fresh: FreshHost, host: str) -> None:
    enabled = []

    for value in ("false", "true", ""):
        await fresh.xapi.host.set_localdb_key(host, "host_auto_enable", value)
        await restarted(fresh)
        enabled.append(await fresh.xapi.host.get_enabled(host))

    assert enabled == [False, True, True]
    await fresh.xapi.host.set_localdb_key(host, "host_disabled_until_reboot", "true")
    with pytest.raises(HOST_DISABLED_UNTIL_REBOOT):
        await fresh.xapi.host.enable(host)


async def restarted(fresh: FreshHost, *, booted: bool = False) -> None:
    """What a new daemon does at its start, on this host, which may have been booted before."""
    if booted:
        fresh.driver("host").boot_id = "another"
    with fresh.store.write() as tx:
        for role in list(fresh.store.all(Role)):
            tx.delete(role)  # They are not in the database.
    fresh.runtime.services["local_settings"] = LocalSettings(fresh.runtime.config.state_dir / "local.json")
    end_orphans(fresh.store, fresh.clock.date(), spared(fresh.runtime.services["local_settings"]))
    await startup(fresh.runtime, Machine(await fresh.backends.agent(HOST, "host").call(HostDriver.facts)))
    own: GoingDown = fresh.runtime.services["going_down"]
    own.resume(fresh.runtime)


async def test_it_can_be_called_off_at_first(fresh: FreshHost, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(going_down, "NOTICE", 30.0)
    await fresh.xapi.host.disable(host)
    await fresh.xapi.host.reboot(host)

    await fresh.xapi.task.cancel(task(fresh).ref)

    await fresh.until(lambda: task(fresh).status is TaskStatusType.cancelled)
    assert fresh.driver("host").went_down == []
    assert await fresh.xapi.host.enable(host) == ""


async def test_a_machine_that_does_not_go_down_says_why(fresh: FreshHost, host: str) -> None:
    fresh.driver("host").faults.fail("go_down", Failed("systemd is away"))
    await fresh.xapi.host.disable(host)

    await fresh.xapi.host.shutdown(host)

    await fresh.until(lambda: task(fresh).status is TaskStatusType.failure)
    assert task(fresh).error_info == ("INTERNAL_ERROR", "systemd is away")
    assert await fresh.xapi.host.get_current_operations(host) == {}


@pytest.fixture
async def left(fresh: FreshHost, host: str) -> FreshHost:
    """A host that was to go down when its toolstack ended."""
    await restarted(fresh)
    await fresh.xapi.host.disable(host)
    with pytest.MonkeyPatch.context() as meanwhile:
        # Its time does not come before the end, however slow this machine is.
        meanwhile.setattr(going_down, "NOTICE", 30.0)
        await fresh.xapi.host.reboot(host)
        own: GoingDown = fresh.runtime.services["going_down"]
        await own.close()
    return fresh


async def test_a_toolstack_that_ends_meanwhile_leaves_it_to_the_next(left: FreshHost, host: str) -> None:
    machine, began = left.driver("host"), task(left)
    assert (machine.went_down, began.status) == ([], TaskStatusType.pending)

    await restarted(left)

    assert await left.xapi.host.get_enabled(host) is False
    assert await left.xapi.host.get_current_operations(host) == {began.ref: "reboot"}
    await left.until(lambda: machine.went_down == ["reboot"])
    await left.until(lambda: task(left).status is TaskStatusType.success)
    assert task(left).ref == began.ref


async def test_what_the_next_goes_on_with_can_be_called_off(
    left: FreshHost, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(going_down, "NOTICE", 30.0)
    await restarted(left)

    await left.xapi.task.cancel(task(left).ref)

    await left.until(lambda: task(left).status is TaskStatusType.cancelled)
    await restarted(left)
    assert (left.driver("host").went_down, await left.xapi.host.get_enabled(host)) == ([], True)


async def test_a_machine_that_was_booted_meanwhile_is_not_booted_again(left: FreshHost, host: str) -> None:
    await restarted(left, booted=True)

    assert task(left).status is TaskStatusType.success
    assert await left.xapi.host.get_current_operations(host) == {}
    assert await left.xapi.host.get_enabled(host) is True


async def test_a_toolstack_that_was_long_away_leaves_the_machine_alone(left: FreshHost, host: str) -> None:
    left.clock.passed += LONGEST + 1

    await restarted(left)

    assert task(left).status is TaskStatusType.failure
    assert await left.xapi.host.get_current_operations(host) == {}
    assert await left.xapi.host.get_enabled(host) is True


@pytest.mark.parametrize("text", ["", "x", "{}", '{"operation": "fly", "task": "", "asked": 0, "boot": ""}'])
async def test_what_somebody_wrote_in_its_place_holds_up_no_start(fresh: FreshHost, host: str, text: str) -> None:
    await fresh.xapi.host.set_localdb_key(host, "xapid_going_down", text)

    await restarted(fresh)

    assert await fresh.xapi.host.get_enabled(host) is True


# --- Guests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["full", "deaf"])
async def test_guests_are_shut_down_first_and_the_deaf_switched_off(
    fresh: FreshHost, workshop: Workshop, host: str, kind: str
) -> None:
    vm = await workshop.vm(platform={"sim-guest": kind})
    await fresh.xapi.VM.start(vm, False, False)
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(VM, vm), ha_always_run=True)
    await fresh.xapi.host.disable(host)

    await fresh.xapi.host.prepare_for_poweroff(host)

    assert await fresh.xapi.VM.get_power_state(vm) == "Halted"
    assert await fresh.xapi.VM.get_ha_always_run(vm) is True


async def test_a_guest_that_cannot_be_ended_keeps_no_host_up(fresh: FreshHost, workshop: Workshop, host: str) -> None:
    vm = await workshop.vm(platform={"sim-guest": "deaf"})
    await fresh.xapi.VM.start(vm, False, False)
    await fresh.xapi.host.disable(host)
    fresh.driver("domain").faults.fail("destroy", Failed("it hangs"))

    await fresh.xapi.host.shutdown(host)

    await fresh.until(lambda: fresh.driver("host").went_down == ["off"])
    assert await fresh.xapi.VM.get_power_state(vm) == "Running"


async def ends(workshop: Workshop, preparing: Awaitable[object]) -> list[str]:
    """The machines in the order in which they end, by their names."""
    heard: list[str] = []

    def hear(event: DomainEvent) -> None:
        if event.kind is DomainEventKind.stopped:
            heard.append(event.uuid)

    workshop.domains.watch(hear)
    await preparing
    names = {vm.uuid: vm.name_label for vm in workshop.fresh.store.all(VM)}
    return [names[uuid] for uuid in heard]


async def test_guests_end_in_the_reverse_of_their_order(fresh: FreshHost, workshop: Workshop, host: str) -> None:
    for order in (2, 3, 1):
        kind = "deaf" if order == 2 else "full"
        await workshop.started(await workshop.vm(order=order, name_label=str(order), platform={"sim-guest": kind}))

    assert await ends(workshop, fresh.xapi.host.prepare_for_poweroff(host)) == ["3", "2", "1"]
    assert workshop.idle()


async def test_the_next_order_ends_once_the_delay_of_the_one_before_is_over(
    fresh: FreshHost, workshop: Workshop, host: str
) -> None:
    last, first = [await workshop.started(await workshop.vm(order=order, shutdown_delay=100)) for order in (1, 2)]
    preparing = asyncio.ensure_future(fresh.xapi.host.prepare_for_poweroff(host))
    await fresh.clock.asleep()
    before = [workshop.row(vm).power_state for vm in (last, first)]

    fresh.clock.passed += 101
    await fresh.clock.asleep()
    fresh.clock.passed += 101
    await preparing

    assert before == ["Running", "Halted"]
    assert workshop.row(last).power_state == "Halted"


async def test_after_the_deadline_all_are_switched_off(fresh: FreshHost, workshop: Workshop, host: str) -> None:
    end_within(fresh, 0.2, 0.2)
    deaf = {"sim-guest": "deaf"}
    for order in (1, 2, 3):
        await workshop.started(await workshop.vm(order=order, shutdown_delay=100, platform=deaf))
    loop = asyncio.get_running_loop()
    began = loop.time()

    await fresh.xapi.host.prepare_for_poweroff(host)

    assert loop.time() - began < 10
    assert not [vm for vm in fresh.store.where(VM, resident_on=host) if not vm.is_control_domain]


async def test_a_guest_that_is_not_to_end_before_its_host_is_left_alone(
    fresh: FreshHost, workshop: Workshop, host: str
) -> None:
    left, ended = [
        await workshop.started(await workshop.vm(other_config={"mac_seed": "s", "auto_poweroff": said}))
        for said in ("false", "true")
    ]

    await fresh.xapi.host.prepare_for_poweroff(host)

    assert [workshop.row(vm).power_state for vm in (left, ended)] == ["Running", "Halted"]


async def test_what_goes_on_with_a_guest_holds_up_no_host(fresh: FreshHost, workshop: Workshop, host: str) -> None:
    vm = await workshop.started(await workshop.vm())
    fresh.runtime.guard.mark(workshop.row(vm), "snapshot", SOMEBODY)

    await fresh.xapi.host.prepare_for_poweroff(host)

    assert workshop.row(vm).power_state == "Halted"


# --- The toolstack ----------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [True, False])
async def test_the_toolstack_ends_once_it_has_answered(
    fresh: FreshHost, host: str, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    monkeypatch.setattr(going_down, "AGENT_NOTICE", 0.05)
    stopped = asyncio.Event()
    ending: Ending = fresh.runtime.services["ending"]
    ending.heard_by(stopped.set)

    await (fresh.xapi.host.restart_agent(host) if again else fresh.xapi.host.shutdown_agent())
    assert not stopped.is_set()

    await asyncio.wait_for(stopped.wait(), 5)
    assert ending.again is again


@pytest.mark.parametrize("status", [0, 3])
async def test_hooks_hear_that_the_toolstack_stops_and_do_not_keep_it_from_it(fresh: FreshHost, status: int) -> None:
    stopped = asyncio.Event()
    ending: Ending = fresh.runtime.services["ending"]
    ending.heard_by(stopped.set)
    path = fresh.runtime.config.programs / "xapi-pre-shutdown" / "10-told"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho $* > {path}.told\nexit {status}\n")
    path.chmod(0o755)

    await fresh.xapi.host.shutdown_agent()

    uuid = fresh.store.one(Host).uuid
    assert path.with_name("10-told.told").read_text() == f"-hostuuid {uuid} -reason clean-shutdown\n"
    await asyncio.wait_for(stopped.wait(), 5)
