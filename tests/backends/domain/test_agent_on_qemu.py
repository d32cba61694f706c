"""Guests on QEMU whose agent tells of them, was killed, stopped, or tells nonsense without end."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import pytest

from tests.backends.domain.hypervisor import MIB, Hypervisor, SerialLine, within
from xapid.backends.domain.guest_report import GuestReport
from xapid.backends.domain.interface import DomainSpec, DomainState, NicSpec, ScriptResult
from xapid.backends.domain.libvirt_driver import LibvirtDomains
from xapid.backends.domain.qemu_agent import Silent
from xapid.backends.interface import NotSupported

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]

PATIENCE = 60.0
AT_ONCE = 2.0
"""Seconds; far less than the time that libvirt waits for an agent."""


@dataclass
class Guest:
    """A demo guest that is up."""

    spec: DomainSpec
    nic: NicSpec
    line: SerialLine
    driver: LibvirtDomains

    @property
    def said(self) -> GuestReport:
        return self.driver.guest_report(self.spec.uuid) or GuestReport()

    def becomes_known(self) -> None:
        assert within(PATIENCE, lambda: f"{self.nic.mac}/ipv4/0" in self.said.addresses), self.said


def up(real: Hypervisor) -> Guest:
    assert isinstance(real.driver, LibvirtDomains)
    nic = real.nic()
    args = "console=tty0 console=ttyS0 quiet demo.tick=0 demo.ip=10.9.8.7/24"
    spec = real.spec(nics=(nic,), kernel_args=args)
    line = real.booted(spec)
    assert line is not None
    return Guest(spec, nic, line, real.driver)


def test_an_agent_tells_what_the_guest_is_and_where_it_is_reached(real: Hypervisor) -> None:
    guest = up(real)

    guest.becomes_known()

    assert guest.said.os_version["name"] == "xapid demo guest 1.0"
    assert (guest.said.os_version["distro"], guest.said.os_version["major"]) == ("xapid-demo", "1")
    assert guest.said.netbios_name == {"host_name": "xapid-demo"}
    assert guest.said.addresses[f"{guest.nic.mac}/ipv4/0"] == "10.9.8.7"


def test_an_agent_that_was_killed_is_asked_when_it_is_back(real: Hypervisor) -> None:
    guest = up(real)
    guest.becomes_known()

    guest.line.send("hostname renamed; killall qemu-ga\n")

    assert within(PATIENCE, lambda: guest.said.netbios_name == {"host_name": "renamed"})


def test_nothing_waits_for_an_agent_that_was_stopped(real: Hypervisor) -> None:
    guest = up(real)
    guest.becomes_known()
    guest.line.send("killall -STOP qemu-ga && echo stop''ped\n")
    guest.line.wait_for("stopped")
    silence: list[Exception] = []

    def ask() -> None:
        try:
            guest.driver._ask(guest.spec.uuid)
        except Silent as error:
            silence.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    began = time.monotonic()
    guest.driver.pause(guest.spec.uuid)
    guest.driver.unpause(guest.spec.uuid)
    guest.driver.set_memory(guest.spec.uuid, 120 * MIB)
    found = guest.driver.find(guest.spec.uuid)
    worked = time.monotonic() - began
    still_asking = asking.is_alive()
    guest.driver.destroy(guest.spec.uuid)
    asking.join(PATIENCE)

    assert found is not None
    assert worked < AT_ONCE
    assert still_asking
    assert len(silence) == 1


def test_an_agent_that_tells_nonsense_without_end_changes_nothing_and_holds_up_nobody(real: Hypervisor) -> None:
    guest = up(real)
    guest.becomes_known()
    before = guest.said

    nonsense = r"printf '#!/bin/sh\nexec cat /dev/urandom >$4\n' >/tmp.sh; chmod +x /tmp.sh; mv /tmp.sh /sbin/qemu-ga"
    guest.line.send(f"{nonsense}; killall qemu-ga; echo re''placed\n")
    guest.line.wait_for("replaced")
    other = up(real)

    other.becomes_known()
    assert guest.said == before
    began = time.monotonic()
    assert guest.driver.find(guest.spec.uuid) is not None
    guest.driver.destroy(guest.spec.uuid)
    assert time.monotonic() - began < 2 * AT_ONCE


def test_an_agent_runs_a_script_and_tells_how_it_ended(real: Hypervisor) -> None:
    guest = up(real)
    guest.becomes_known()

    result = guest.driver.run_script(guest.spec.uuid, "hostname; echo oh >&2; sleep 1; exit 3")

    assert result == ScriptResult(3, "xapid-demo\n", "oh\n")


def test_a_guest_without_an_agent_runs_no_script(real: Hypervisor) -> None:
    guest = up(real)
    guest.becomes_known()
    guest.line.send("mv /sbin/qemu-ga /gone; killall qemu-ga; echo en''ded\n")
    guest.line.wait_for("ended")

    with pytest.raises(NotSupported):
        guest.driver.run_script(guest.spec.uuid, "true")


@pytest.mark.parametrize("wake", ["wake", "unpause"])
def test_a_guest_sleeps_until_it_is_woken(real: Hypervisor, wake: str) -> None:
    guest = up(real)
    guest.becomes_known()

    guest.driver.sleep(guest.spec.uuid)
    assert within(PATIENCE, lambda: state(guest) is DomainState.paused)
    getattr(guest.driver, wake)(guest.spec.uuid)

    assert within(PATIENCE, lambda: state(guest) is DomainState.running)
    # What comes while the line itself wakes up is lost.
    guest.line.send("\n" * 80 + "echo a''wake\n")
    guest.line.wait_for("awake")


def state(guest: Guest) -> DomainState | None:
    found = guest.driver.find(guest.spec.uuid)
    return None if found is None else found.state
