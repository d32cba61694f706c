"""Guests that are asked to end or to reboot, and take their time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.machines import Workshop, raises_api
from tests.xapi import Xapi
from xapid.backends.domain.interface import DomainEventKind
from xapid.backends.domain.sim import DEAF
from xapid.backends.interface import Failed
from xapid.runtime.config import GuestsConfig

DEAF_GUEST = {"sim-guest": DEAF}
CLEAN = [("clean_shutdown", "request_shutdown", DomainEventKind.stopped, "Halted"),
         ("clean_reboot", "request_reboot", DomainEventKind.rebooted, "Running")]  # fmt: skip
"""A message, how the driver is told of it, what the guest does then, and how it is afterwards."""


@pytest.fixture
async def vm(workshop: Workshop) -> str:
    return await workshop.vm_in("Running", platform=DEAF_GUEST)


@pytest.fixture
def patience(workshop: Workshop) -> Callable[[float], None]:
    """Sets how long guests may take; they are asked again at once."""

    def set_to(seconds: float) -> None:
        runtime = workshop.fresh.runtime
        runtime.config = replace(runtime.config, guests=GuestsConfig(answer=seconds, ask_again=0.01))

    return set_to


@pytest.mark.parametrize("message", ["clean_shutdown", "clean_reboot"])
async def test_a_guest_that_does_nothing_goes_on(
    workshop: Workshop, vm: str, patience: Callable[[float], None], message: str
) -> None:
    patience(0)

    with raises_api("VM_SHUTDOWN_TIMEOUT", vm, "0."):
        await workshop.xapi.call(f"VM.{message}", vm)

    assert workshop.row(vm).power_state == "Running"
    assert workshop.idle()


async def test_a_guest_that_does_nothing_is_switched_off_if_it_need_not_be_asked(
    workshop: Workshop, xapi: Xapi, vm: str, patience: Callable[[float], None]
) -> None:
    patience(0)

    await xapi.VM.shutdown(vm)

    assert workshop.row(vm).power_state == "Halted"


@pytest.mark.parametrize("message, asked, deed, after", CLEAN)
async def test_a_guest_that_was_booting_is_asked_again(
    workshop: Workshop,
    vm: str,
    patience: Callable[[float], None],
    message: str,
    asked: str,
    deed: DomainEventKind,
    after: str,
) -> None:
    patience(60)
    uuid = workshop.row(vm).uuid
    workshop.faults("domain").afterwards(asked, lambda: None)
    workshop.faults("domain").afterwards(asked, lambda: workshop.domains.happen(uuid, deed))

    await workshop.xapi.call(f"VM.{message}", vm)

    assert workshop.row(vm).power_state == after


@pytest.mark.parametrize("message, asked, deed, after", CLEAN)
async def test_a_guest_may_end_just_as_it_is_asked_again(
    workshop: Workshop,
    vm: str,
    patience: Callable[[float], None],
    message: str,
    asked: str,
    deed: DomainEventKind,
    after: str,
) -> None:
    patience(60)
    loop, uuid = asyncio.get_running_loop(), workshop.row(vm).uuid

    def too_late() -> None:
        loop.call_soon(workshop.domains.happen, uuid, deed)
        raise Failed("it is going down")

    workshop.faults("domain").afterwards(asked, lambda: None)
    workshop.faults("domain").afterwards(asked, too_late)

    await workshop.xapi.call(f"VM.{message}", vm)

    assert workshop.row(vm).power_state == after
