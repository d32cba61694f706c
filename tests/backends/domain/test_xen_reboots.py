"""Machines that are between two lives when somebody begins to watch, as libvirt lists and tells them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.backends.domain.hypervisor import Events
from xapid.backends.domain.interface import DomainEventKind

libvirt: Any = pytest.importorskip("libvirt", reason="an optional extra")

from xapid.backends.domain import xen_reboots  # noqa: E402 -- needs libvirt
from xapid.backends.domain.xen_reboots import Reboots  # noqa: E402
from xapid.backends.domain.xen_watch import XenWatch  # noqa: E402

GUEST = "5d1f9a3e-0000-4000-8000-000000000001"
STARTED = (libvirt.VIR_DOMAIN_EVENT_STARTED, 0)
SHUT_DOWN = (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN)


@dataclass
class Machine:
    """A domain as libvirt shows it."""

    uuid: str = GUEST
    active: bool = False
    job: int = libvirt.VIR_DOMAIN_JOB_UNBOUNDED
    ours: bool = True

    def UUIDString(self) -> str:
        return self.uuid

    def isActive(self) -> bool:
        return self.active

    def jobInfo(self) -> list[int]:
        return [self.job] + [0] * 11


@dataclass
class Libvirt:
    machines: list[Machine] = field(default_factory=list)

    def listAllDomains(self, flags: int) -> list[Machine]:
        assert flags == libvirt.VIR_CONNECT_LIST_DOMAINS_INACTIVE
        return [each for each in self.machines if not each.active]

    def lookupByUUIDString(self, uuid: str) -> Machine:
        return next(each for each in self.machines if each.uuid == uuid)


@pytest.fixture
def watch() -> Iterator[XenWatch]:
    watch = XenWatch(lambda _: None, lambda _: None, lambda: None)
    watch.start()
    yield watch
    watch.stop()


def seen(machine: Machine) -> Machine | None:
    return machine if machine.active else None


def found(watch: XenWatch, machine: Machine) -> Reboots:
    """By one who begins to watch."""
    there: Any = Libvirt([machine])
    reboots = Reboots(lambda: there, watch)
    reboots.find(lambda domain: bool(domain.ours))
    return reboots


def test_one_that_is_found_between_two_lives_is_waited_for(watch: XenWatch) -> None:
    events, machine = Events(), Machine()
    watch.add(events)
    reboots = found(watch, machine)
    between = reboots.is_on(GUEST)
    through: list[Machine | None] = []
    waiting = threading.Thread(target=lambda: through.append(reboots.through(GUEST, lambda: seen(machine))))
    waiting.start()

    machine.active, machine.job = True, libvirt.VIR_DOMAIN_JOB_NONE
    watch.lifecycle(GUEST, 8, *STARTED)
    watch.lifecycle(GUEST, 7, *SHUT_DOWN)
    waiting.join()

    assert (between, reboots.is_on(GUEST), through) == (True, False, [machine])
    assert events.wait(GUEST, DomainEventKind.rebooted).id == 8


def test_one_whose_next_life_does_not_begin_is_off(watch: XenWatch) -> None:
    reboots = found(watch, Machine())

    watch.lifecycle(GUEST, 7, *SHUT_DOWN)

    assert not reboots.is_on(GUEST)
    assert reboots.through(GUEST, lambda: None) is None


def test_one_that_begins_its_next_life_between_two_looks_is_not_missed(watch: XenWatch) -> None:
    machine = Machine(active=True, job=libvirt.VIR_DOMAIN_JOB_NONE)
    reboots = found(watch, machine)
    watch.runs_as(GUEST, 7)
    looks = iter((None, machine))

    assert reboots.through(GUEST, lambda: next(looks)) is machine


@pytest.mark.parametrize(
    "machine", [Machine(job=libvirt.VIR_DOMAIN_JOB_NONE), Machine(active=True), Machine(ours=False)]
)
def test_one_that_failed_to_begin_anew_or_runs_or_is_not_ours_does_not_reboot(
    watch: XenWatch, machine: Machine
) -> None:
    assert not found(watch, machine).is_on(GUEST)


def test_one_that_went_before_libvirt_knows_is_seen_in_its_next_life(watch: XenWatch) -> None:
    machine = Machine(active=True)
    reboots = found(watch, machine)
    watch.runs_as(GUEST, 7)
    looks = iter((None, None, machine))

    assert reboots.through(GUEST, lambda: next(looks)) is machine


def test_nobody_waits_for_ever(watch: XenWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xen_reboots, "LONGEST_REBOOT", 0.0)

    assert found(watch, Machine()).through(GUEST, lambda: None) is None
