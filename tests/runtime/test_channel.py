"""Errors of a back end on their way to an operation: what one kind means to a caller, and what all others are."""

from __future__ import annotations

import pytest

from tests.conftest import FreshHost
from xapid.backends.host.interface import HostDriver
from xapid.backends.interface import GONE, BackendError, BadConfig, Busy, Failed, InUse, NotFound, Unavailable
from xapid.datamodel import Host
from xapid.datamodel.errors import INTERNAL_ERROR, INVALID_VALUE, OPERATION_NOT_ALLOWED
from xapid.runtime.channel import Channel
from xapid.runtime.context import Context


@pytest.fixture
def machine(fresh: FreshHost) -> Channel:
    ctx = Context(fresh.runtime, fresh.runtime.tasks.dummy("test"))
    return ctx.machine(fresh.store.get(Host, fresh.runtime.localhost))


def refused(error: BackendError) -> INVALID_VALUE:
    return INVALID_VALUE("zone", error.message)


async def raised(fresh: FreshHost, channel: Channel, error: BackendError) -> Exception:
    """What arrives when the driver raises this."""
    fresh.driver("host").faults.fail("set_timezone", error)
    with pytest.raises(Exception) as caught:  # which one it is the test tells
        await channel.call(HostDriver.set_timezone, "UTC")
    return caught.value


async def test_what_nobody_said_anything_of_is_translated(fresh: FreshHost, machine: Channel) -> None:
    error = Busy("not now")

    arrived = await raised(fresh, machine.saying(BadConfig, refused), error)

    assert isinstance(arrived, OPERATION_NOT_ALLOWED)
    assert arrived.args == ("not now",)
    assert arrived.__cause__ is error


@pytest.mark.parametrize("kind", [BadConfig, NotFound])
async def test_a_kind_of_error_means_what_was_said(
    fresh: FreshHost, machine: Channel, kind: type[BackendError]
) -> None:
    error = kind("Mars")

    arrived = await raised(fresh, machine.saying((BadConfig, NotFound), refused), error)

    assert isinstance(arrived, INVALID_VALUE)
    assert arrived.args == ("zone", "Mars")
    assert arrived.__cause__ is error


async def test_several_sayings_hold_together(fresh: FreshHost, machine: Channel) -> None:
    both = machine.saying(BadConfig, refused).saying(Failed, lambda error: INTERNAL_ERROR(f"on Mars: {error.message}"))

    assert isinstance(await raised(fresh, both, BadConfig("Mars")), INVALID_VALUE)
    assert (await raised(fresh, both, Failed("no air"))).args == ("on Mars: no air",)


async def test_a_saying_that_says_nothing_leaves_the_error_as_it_is_elsewhere(
    fresh: FreshHost, machine: Channel
) -> None:
    arrived = await raised(fresh, machine.saying(InUse, lambda _: None), InUse("somebody has it"))

    assert isinstance(arrived, OPERATION_NOT_ALLOWED)


async def test_what_is_let_through_arrives_as_it_is_and_others_do_not(fresh: FreshHost, machine: Channel) -> None:
    error = NotFound("gone")

    assert await raised(fresh, machine.letting_through(NotFound), error) is error
    assert isinstance(await raised(fresh, machine.letting_through(NotFound), Failed("no")), INTERNAL_ERROR)


async def test_a_saying_changes_nothing_for_the_channel_it_was_made_of(fresh: FreshHost, machine: Channel) -> None:
    machine.saying(BadConfig, refused)

    assert isinstance(await raised(fresh, machine, BadConfig("Mars")), INTERNAL_ERROR)


async def test_what_must_be_on_disk_first_is_waited_for_by_sayings_made_before(
    fresh: FreshHost, machine: Channel
) -> None:
    saying, ahead = machine.saying(BadConfig, refused), fresh.store.generation + 1
    machine.wait_for(ahead)

    await saying.call(HostDriver.set_timezone, "UTC")

    assert fresh.store.sink.durable == ahead


async def test_what_may_be_done_twice_is_when_the_agent_dies_before_it_answers(
    fresh: FreshHost, machine: Channel
) -> None:
    fresh.driver("host").faults.fail("set_timezone", Unavailable("it died", agent=GONE), done=True)

    await machine.repeatable(HostDriver.set_timezone, "Europe/Vaduz")

    assert (await machine.call(HostDriver.facts)).timezone == "Europe/Vaduz"


@pytest.mark.parametrize("error", [Unavailable("it died again", agent=GONE), Unavailable("too slow"), Failed("no")])
async def test_it_is_not_done_again_and_again_nor_for_other_reasons(
    fresh: FreshHost, machine: Channel, error: BackendError
) -> None:
    fresh.driver("host").faults.fail("set_timezone", error, times=2)

    with pytest.raises(type(error)) as caught:
        await machine.letting_through(BackendError).repeatable(HostDriver.set_timezone, "UTC")

    assert caught.value is error
