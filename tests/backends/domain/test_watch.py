"""From libvirt's events to those of the driver."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.backends.domain.hypervisor import Events
from xapid.backends.domain.interface import DomainEvent, DomainEventKind

libvirt: Any = pytest.importorskip("libvirt", reason="an optional extra")

from xapid.backends.domain import libvirt_events  # noqa: E402 -- needs libvirt
from xapid.backends.domain.watch import Watch  # noqa: E402

GUEST = "5d1f9a3e-0000-4000-8000-000000000001"
OTHER = "5d1f9a3e-0000-4000-8000-000000000002"
STARTED = (libvirt.VIR_DOMAIN_EVENT_STARTED, 0)


@pytest.fixture
def stopped() -> list[str]:
    return []


@pytest.fixture
def watch(stopped: list[str]) -> Iterator[Watch]:
    watch = Watch(stopped.append, lambda: None)
    watch.own(GUEST)
    watch.start()
    yield watch
    watch.stop()


@pytest.mark.parametrize(
    "event, detail, meaning",
    [
        ("STARTED", 0, (DomainEventKind.started, "booted")),
        ("STARTED", 2, (DomainEventKind.started, "restored")),
        ("SUSPENDED", 0, (DomainEventKind.paused, "paused")),
        ("SUSPENDED", 2, (DomainEventKind.paused, "ioerror")),
        ("RESUMED", 0, (DomainEventKind.resumed, "unpaused")),
        ("STOPPED", 0, (DomainEventKind.stopped, "shutdown")),
        ("STOPPED", 1, (DomainEventKind.stopped, "destroyed")),
        ("STOPPED", 2, (DomainEventKind.crashed, "crashed")),
        ("STOPPED", 4, (DomainEventKind.stopped, "saved")),
        ("STOPPED", 5, (DomainEventKind.crashed, "failed")),
        ("STOPPED", 99, (DomainEventKind.stopped, "99")),
        ("CRASHED", 0, (DomainEventKind.paused, "panicked")),
        ("DEFINED", 0, None),
        ("SHUTDOWN", 1, None),
    ],
)
def test_libvirts_numbers_have_names(event: str, detail: int, meaning: tuple[DomainEventKind, str] | None) -> None:
    assert libvirt_events.lifecycle(getattr(libvirt, f"VIR_DOMAIN_EVENT_{event}"), detail) == meaning


def test_only_what_happens_to_our_machines_is_told(watch: Watch) -> None:
    events = Events()
    watch.add(events)

    watch.lifecycle(OTHER, 1, *STARTED)
    watch.rebooted(OTHER, 1)
    watch.lifecycle(GUEST, 2, *STARTED)

    assert events.wait(GUEST, DomainEventKind.started) == DomainEvent(GUEST, DomainEventKind.started, "booted", 2)
    assert events.of(OTHER) == []


def test_a_machine_that_is_reset_twice_at_once_has_rebooted_once(watch: Watch) -> None:
    events = Events()
    watch.add(events)

    for _ in range(2):
        watch.rebooted(GUEST, 1)
    watch.lifecycle(GUEST, 1, *STARTED)

    events.wait(GUEST, DomainEventKind.rebooted)
    events.wait(GUEST, DomainEventKind.started)
    assert events.of(GUEST) == []


def test_what_was_lost_is_told(watch: Watch) -> None:
    events = Events()
    watch.add(events)

    watch.lost()

    assert events.wait("", DomainEventKind.lost) == DomainEvent("", DomainEventKind.lost)


def test_one_who_fails_to_listen_keeps_nobody_else_from_hearing(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(event: DomainEvent) -> None:
        raise RuntimeError("cannot listen")

    events = Events()
    watch.add(fail)
    watch.add(events)

    for number in range(2):
        watch.lifecycle(GUEST, number, *STARTED)

    assert [events.wait(GUEST, DomainEventKind.started).id for _ in range(2)] == [0, 1]
    assert "cannot listen" in caplog.text


def test_the_folder_of_a_machine_goes_before_its_end_is_told(watch: Watch, stopped: list[str]) -> None:
    seen: list[list[str]] = []
    told = threading.Event()

    def look(event: DomainEvent) -> None:
        seen.append(list(stopped))
        told.set()

    watch.add(look)

    watch.lifecycle(GUEST, 1, libvirt.VIR_DOMAIN_EVENT_STOPPED, 0)

    assert told.wait(10)
    assert seen == [[GUEST]]


@pytest.mark.parametrize("gone", [True, False])
def test_who_waits_for_a_device_learns_what_became_of_it(watch: Watch, gone: bool) -> None:
    with watch.removal(GUEST, "ua-disk") as answer:
        watch.device_gone(GUEST, "ua-other")
        watch.device_gone(OTHER, "ua-disk")
        (watch.device_gone if gone else watch.device_kept)(GUEST, "ua-disk")

        assert answer.get(timeout=10) is gone
        assert answer.empty()


def test_a_device_is_gone_when_its_machine_is(watch: Watch) -> None:
    with watch.removal(GUEST, "ua-disk") as answer:
        watch.lifecycle(GUEST, 1, libvirt.VIR_DOMAIN_EVENT_STOPPED, 1)

        assert answer.get(timeout=10) is True
