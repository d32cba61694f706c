"""What libvirt's events of Xen are told as, in the order in which libvirt 9 sends them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.backends.domain.hypervisor import Events
from xapid.backends.domain.interface import DomainEventKind

libvirt: Any = pytest.importorskip("libvirt", reason="an optional extra")

from xapid.backends.domain.xen_states import Standing  # noqa: E402
from xapid.backends.domain.xen_watch import XenWatch  # noqa: E402 -- needs libvirt

GUEST = "5d1f9a3e-0000-4000-8000-000000000001"
STARTED = (libvirt.VIR_DOMAIN_EVENT_STARTED, 0)
SHUT_DOWN = (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN)
DESTROYED = (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED)


@pytest.fixture
def begun() -> list[str]:
    return []


@pytest.fixture
def watch(begun: list[str]) -> Iterator[XenWatch]:
    watch = XenWatch(lambda _: None, begun.append, lambda: None)
    watch.own(GUEST)
    watch.start()
    yield watch
    watch.stop()


@pytest.fixture
def events(watch: XenWatch) -> Events:
    events = Events()
    watch.add(events)
    return events


def test_a_reboot_is_told_once_with_the_new_number(watch: XenWatch, events: Events, begun: list[str]) -> None:
    watch.lifecycle(GUEST, 3, *STARTED)
    watch.lifecycle(GUEST, 4, *STARTED)
    watch.lifecycle(GUEST, 3, *SHUT_DOWN)
    watch.lifecycle(GUEST, 4, *SHUT_DOWN)

    assert events.wait(GUEST, DomainEventKind.started).id == 3
    assert events.wait(GUEST, DomainEventKind.rebooted).id == 4
    assert events.wait(GUEST, DomainEventKind.stopped).id == 4
    assert begun == [GUEST]


def test_a_machine_that_reboots_lives_all_the_while_and_one_that_ended_does_not(watch: XenWatch) -> None:
    lives = [watch.lives(GUEST)]
    for number, told in ((3, STARTED), (4, STARTED), (3, SHUT_DOWN), (4, SHUT_DOWN)):
        watch.lifecycle(GUEST, number, *told)
        lives.append(watch.lives(GUEST))

    assert lives == [False, True, True, True, False]


def test_the_number_of_a_machine_that_ran_before_is_known(watch: XenWatch, events: Events) -> None:
    watch.runs_as(GUEST, 7)

    watch.lifecycle(GUEST, 8, *STARTED)

    assert events.wait(GUEST, DomainEventKind.rebooted).id == 8


def test_one_that_reboots_while_nobody_watched_is_told_to_have(
    watch: XenWatch, events: Events, begun: list[str]
) -> None:
    watch.begins_anew(GUEST)
    watch.lifecycle(GUEST, 8, *STARTED)
    watch.lifecycle(GUEST, 7, *SHUT_DOWN)

    assert events.wait(GUEST, DomainEventKind.rebooted).id == 8
    assert (begun, watch.lives(GUEST)) == ([GUEST], True)


def test_one_whose_reboot_fails_ended_although_nobody_saw_it_begin(watch: XenWatch, events: Events) -> None:
    watch.begins_anew(GUEST)
    watch.lifecycle(GUEST, 7, *SHUT_DOWN)

    assert events.wait(GUEST, DomainEventKind.stopped).reason == "shutdown"
    assert not watch.lives(GUEST)


def test_a_machine_that_ended_starts_anew(watch: XenWatch, events: Events) -> None:
    watch.lifecycle(GUEST, 3, *STARTED)
    watch.lifecycle(GUEST, 3, *SHUT_DOWN)
    watch.lifecycle(GUEST, 4, *STARTED)

    assert events.wait(GUEST, DomainEventKind.stopped).reason == "shutdown"
    assert events.wait(GUEST, DomainEventKind.started).id == 4


def test_a_reset_is_told_as_a_reboot(watch: XenWatch, events: Events) -> None:
    watch.lifecycle(GUEST, 3, *STARTED)
    events.wait(GUEST, DomainEventKind.started)
    with watch.resetting(GUEST):
        watch.lifecycle(GUEST, 3, *DESTROYED)
        watch.lifecycle(GUEST, 4, *STARTED)

    events.wait(GUEST, DomainEventKind.rebooted)
    assert events.of(GUEST) == []


def test_a_reset_that_fails_is_told_as_the_end(watch: XenWatch, events: Events) -> None:
    watch.lifecycle(GUEST, 3, *STARTED)
    with pytest.raises(RuntimeError), watch.resetting(GUEST):
        watch.lifecycle(GUEST, 3, *DESTROYED)
        raise RuntimeError("no memory")

    assert events.wait(GUEST, DomainEventKind.stopped).reason == "failed"


SUSPENDED, RESUMED = (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, 0), (libvirt.VIR_DOMAIN_EVENT_RESUMED, 0)


def test_one_that_somebody_else_pauses_and_lets_go_on_is_told(watch: XenWatch, events: Events) -> None:
    watch.runs_as(GUEST, 3)
    seen_first = watch.differ({0: False, 3: False})
    seen_paused = watch.differ({0: False, 3: True})
    watch.stand({0: False, 3: True})

    assert (seen_first, seen_paused) == (False, True)
    assert events.wait(GUEST, DomainEventKind.paused).id == 3
    assert watch.still(GUEST) is True
    watch.stand({3: True})
    watch.stand({3: False})
    events.wait(GUEST, DomainEventKind.resumed)
    assert events.of(GUEST) == []
    assert watch.still(GUEST) is False


def test_what_is_seen_before_libvirt_tells_it_is_told_once(watch: XenWatch, events: Events) -> None:
    watch.runs_as(GUEST, 3)
    watch.differ({3: False})
    watch.stand({3: True})

    watch.lifecycle(GUEST, 3, *SUSPENDED)
    watch.lifecycle(GUEST, 3, *RESUMED)

    events.wait(GUEST, DomainEventKind.paused)
    events.wait(GUEST, DomainEventKind.resumed)
    assert events.of(GUEST) == []
    assert watch.still(GUEST) is None


def test_what_libvirt_told_is_no_news(watch: XenWatch, events: Events) -> None:
    watch.lifecycle(GUEST, 3, *STARTED)
    watch.lifecycle(GUEST, 3, *SUSPENDED)

    assert not watch.differ({3: True})


def test_another_life_begins_as_it_is_found(watch: XenWatch, events: Events) -> None:
    watch.lifecycle(GUEST, 3, *STARTED)
    watch.differ({3: True})
    watch.lifecycle(GUEST, 4, *STARTED)

    assert not watch.differ({4: False})


class Xen:
    """Its states, one after another; the last one stays."""

    def __init__(self, *states: dict[int, bool]) -> None:
        self._states = list(states)

    def __call__(self) -> dict[int, bool]:
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]


def test_a_state_is_told_once_it_lasts(watch: XenWatch, events: Events) -> None:
    watch.runs_as(GUEST, 3)
    running, paused = {3: False}, {3: True}
    standing = Standing(Xen(running, paused, running, paused, paused), watch.differ, watch.stand)

    events.wait(GUEST, DomainEventKind.paused)
    standing.close()

    assert events.of(GUEST) == []
