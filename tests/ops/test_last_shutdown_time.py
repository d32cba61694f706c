"""Machines are told when they were shut down or rebooted last: by a client, by their guest, or by a crash."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import FreshHost
from tests.machines import Workshop
from tests.xapi import Xapi
from xapid.backends.domain.interface import DomainEventKind
from xapid.runtime.config import Config, Drivers, GuestsConfig

KEY = "last_shutdown_time"


@pytest.fixture(autouse=True)
def noted(fresh: FreshHost) -> None:
    fresh.runtime.config = replace(fresh.runtime.config, guests=GuestsConfig(last_shutdown_time=True))


def time_of(workshop: Workshop, vm: str) -> str | None:
    found: str | None = workshop.row(vm).other_config.get(KEY)
    return found


def now(fresh: FreshHost) -> set[str]:
    """As dates in UTC, this second's and the one's before, in which the call began."""
    seconds = fresh.clock.now()
    return {str(type(fresh.clock.date()).of(seconds - ago)) for ago in range(6)}


@pytest.mark.parametrize("call", ["clean_shutdown", "hard_shutdown", "shutdown", "clean_reboot", "hard_reboot"])
async def test_each_shutdown_and_reboot_by_a_client_is_noted(
    fresh: FreshHost, workshop: Workshop, xapi: Xapi, call: str
) -> None:
    vm = await workshop.started(await workshop.vm())
    before = time_of(workshop, vm)

    await xapi.call(f"VM.{call}", vm)

    assert before is None
    assert time_of(workshop, vm) in now(fresh)


@pytest.mark.parametrize("kind", [DomainEventKind.stopped, DomainEventKind.crashed, DomainEventKind.rebooted])
async def test_what_a_guest_does_by_itself_is_noted(
    fresh: FreshHost, workshop: Workshop, kind: DomainEventKind
) -> None:
    vm = await workshop.started(await workshop.vm())

    workshop.domains.happen(workshop.row(vm).uuid, kind)

    await workshop.until(lambda: time_of(workshop, vm) in now(fresh))


async def test_the_end_of_a_sleep_without_waking_is_noted_and_the_sleep_is_not(
    fresh: FreshHost, workshop: Workshop, xapi: Xapi
) -> None:
    vm = await workshop.vm_in("Suspended")
    asleep = time_of(workshop, vm)

    await xapi.VM.hard_shutdown(vm)

    assert asleep is None
    assert time_of(workshop, vm) in now(fresh)


async def test_a_later_one_takes_the_place_of_the_one_before_and_other_keys_stay(
    fresh: FreshHost, workshop: Workshop, xapi: Xapi
) -> None:
    vm = await workshop.started(await workshop.vm(other_config={"mac_seed": "s", "folder": "/a"}))
    await xapi.VM.hard_reboot(vm)
    first = time_of(workshop, vm)
    fresh.clock.passed += 3600
    await xapi.log_in()

    await xapi.VM.hard_shutdown(vm)

    assert first != time_of(workshop, vm)
    assert set(workshop.row(vm).other_config) == {"mac_seed", "folder", KEY}


async def test_a_clone_has_never_been_shut_down(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.started(await workshop.vm())
    await xapi.VM.hard_shutdown(vm)

    assert time_of(workshop, await xapi.VM.clone(vm, "a clone")) is None


async def test_simulated_machines_are_told_only_if_that_is_wanted(
    fresh: FreshHost, workshop: Workshop, xapi: Xapi
) -> None:
    fresh.runtime.config = replace(fresh.runtime.config, guests=GuestsConfig())
    vm = await workshop.started(await workshop.vm())

    await xapi.VM.hard_shutdown(vm)

    assert time_of(workshop, vm) is None
    assert replace(Config(), drivers=Drivers.libvirt).notes_shutdowns
    assert not replace(Config(), guests=GuestsConfig(last_shutdown_time=False)).notes_shutdowns
