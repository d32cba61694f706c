"""What Xen adds to the promises of a domain driver: others beside libvirt, reboots that are new domains, xenstore."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.backends.domain.hypervisor import PATIENCE, Hypervisor, SerialLine, screen, serial, within
from xapid.backends.domain.interface import DomainEventKind, DomainKind, DomainSpec, DomainState
from xapid.backends.domain.preflight import NETWORK_LINKS
from xapid.demo.build import READY

libvirt = pytest.importorskip("libvirt", reason="an optional extra")

from tests.backends.domain import on_xen  # noqa: E402 -- needs libvirt

pytestmark = pytest.mark.xen

A_SECOND = 1.0
EMULATED = 10.0
"""How much longer things may take where Xen is emulated, and its processor shared."""


@pytest.fixture
def pv(xen: Hypervisor) -> Hypervisor:
    """With guests of the kind that boots soonest."""
    xen.kind = DomainKind.pv
    return xen


@pytest.fixture
def guest(pv: Hypervisor) -> DomainSpec:
    """One that is up, whose line is the last of the hypervisor's."""
    spec = pv.spec(disks=(pv.drive(),), xenstore_data={"vm-data/greeting": "hello"})
    pv.booted(spec)
    pv.events.wait(spec.uuid, DomainEventKind.resumed)
    return spec


def xl(command: str, hypervisor: Hypervisor, spec: DomainSpec) -> float:
    """Do something past libvirt; returns when that was."""
    domain = hypervisor.driver.find(spec.uuid)
    assert domain is not None
    subprocess.run(["xl", command, str(domain.id)], check=True)
    return time.monotonic()


def state(hypervisor: Hypervisor, spec: DomainSpec) -> DomainState | None:
    domain = hypervisor.driver.find(spec.uuid)
    return None if domain is None else domain.state


def test_who_goes_past_libvirt_is_noticed_within_a_second(pv: Hypervisor, guest: DomainSpec) -> None:
    took = []
    paused_at = xl("pause", pv, guest)
    pv.events.wait(guest.uuid, DomainEventKind.paused)
    took.append(time.monotonic() - paused_at)
    paused = state(pv, guest)
    let_go_at = xl("unpause", pv, guest)
    pv.events.wait(guest.uuid, DomainEventKind.resumed)
    took.append(time.monotonic() - let_go_at)
    running = state(pv, guest)
    ended_at = xl("destroy", pv, guest)
    event = pv.events.wait(guest.uuid, DomainEventKind.stopped)
    took.append(time.monotonic() - ended_at)

    assert (paused, running, state(pv, guest)) == (DomainState.paused, DomainState.running, None)
    assert event.reason == "destroyed"
    assert max(took) < A_SECOND * EMULATED


def test_one_that_was_paused_past_libvirt_can_be_let_go_on_and_the_other_way_round(
    pv: Hypervisor, guest: DomainSpec
) -> None:
    xl("pause", pv, guest)
    pv.driver.unpause(guest.uuid)
    pv.lines[-1].send("echo $((6 * 7)) sevens\n")
    pv.lines[-1].wait_for("42 sevens")

    pv.driver.pause(guest.uuid)
    xl("unpause", pv, guest)
    pv.driver.pause(guest.uuid)

    assert state(pv, guest) is DomainState.paused
    pv.driver.unpause(guest.uuid)
    pv.lines[-1].send("echo $((7 * 7)) sevens\n")
    pv.lines[-1].wait_for("49 sevens")


def test_a_guest_that_reboots_by_itself_goes_on_with_its_line_and_what_it_was_told(
    pv: Hypervisor, guest: DomainSpec
) -> None:
    before = pv.driver.find(guest.uuid)
    seen = []

    def has_rebooted() -> bool:
        seen.append(pv.driver.find(guest.uuid))
        return DomainEventKind.rebooted in [event.kind for event in pv.events.of(guest.uuid)]

    pv.lines[-1].send("/sbin/reboot\n")
    assert within(PATIENCE, has_rebooted)
    assert None not in seen
    rebooted = pv.events.wait(guest.uuid, DomainEventKind.rebooted)
    pv.lines[-1].wait_for(READY)
    after = pv.driver.find(guest.uuid)

    assert before is not None and after is not None
    assert (after.id, after.disks) == (rebooted.id, before.disks)
    assert after.id > before.id
    assert after.xenstore_data == {"vm-data/greeting": "hello"}
    pv.lines[-1].send("/sbin/poweroff\n")
    assert pv.events.wait(guest.uuid, DomainEventKind.stopped).reason == "shutdown"


def test_a_guest_that_crashes_is_told_to_have(pv: Hypervisor) -> None:
    spec = pv.spec(on_crash="destroy")
    pv.booted(spec)

    pv.lines[-1].send("echo c >/proc/sysrq-trigger\n")

    pv.events.wait(spec.uuid, DomainEventKind.crashed)
    assert pv.driver.find(spec.uuid) is None


def test_a_suspended_guest_remembers(pv: Hypervisor, guest: DomainSpec) -> None:
    pv.lines[-1].send("word=forty; echo set $((1 + 1))\n")
    pv.lines[-1].wait_for("set 2")
    image = pv.image()
    pv.driver.suspend(guest.uuid, image)

    domain = pv.driver.resume(guest, image, paused=True)
    line = SerialLine(serial(domain))
    pv.lines.append(line)
    pv.driver.unpause(guest.uuid)
    line.send("echo still ${word}two\n")

    assert line.wait_for("still fortytwo") == ""
    assert domain.xenstore_data == {"vm-data/greeting": "hello"}


def test_a_guest_sees_disks_and_interfaces_come_and_go(pv: Hypervisor, guest: DomainSpec) -> None:
    drive, nic = pv.drive(1), pv.nic()
    line = pv.lines[-1]

    pv.driver.attach_disk(guest.uuid, drive)
    disk = line.wait_for(" disk xvdb ")
    pv.driver.detach_disk(guest.uuid, drive.vbd, force=False)
    line.wait_for("xvdb gone")
    names = pv.driver.attach_nic(guest.uuid, nic)
    interface = line.wait_for(" nic eth0 ")
    plugged = pv.driver.find(guest.uuid)
    link_is_there = (NETWORK_LINKS / names[0]).exists()
    pv.driver.detach_nic(guest.uuid, nic.vif)
    line.wait_for("eth0 gone")

    assert (disk, interface) == ("16 MiB", nic.mac)
    assert plugged is not None and plugged.links == {nic.vif: names}
    assert link_is_there


def test_what_a_line_said_before_is_kept_for_who_comes_later(pv: Hypervisor, guest: DomainSpec) -> None:
    domain = pv.driver.find(guest.uuid)
    assert domain is not None

    assert READY in Path(serial(domain).log).read_text()


def test_a_line_is_seen_as_a_screen(pv: Hypervisor, guest: DomainSpec) -> None:
    domain = pv.driver.find(guest.uuid)
    assert domain is not None

    with socket.socket(socket.AF_UNIX) as viewer:
        viewer.settimeout(PATIENCE)
        viewer.connect(screen(domain).path)
        assert viewer.recv(12) == b"RFB 003.008\n"


def test_what_the_guest_says_in_xenstore_is_reported_and_told(pv: Hypervisor, guest: DomainSpec) -> None:
    def name() -> str | None:
        report = pv.driver.guest_report(guest.uuid)
        return None if report is None else report.os_version.get("name")

    assert within(PATIENCE, lambda: name() == "xapid demo guest 1.0")
    pv.events.wait(guest.uuid, DomainEventKind.changed)
    pv.lines[-1].send("xenstore write data/os_name another\n")

    assert within(PATIENCE, lambda: name() == "another")


def test_a_guest_that_floods_xenstore_is_bounded_and_heard_again(pv: Hypervisor, guest: DomainSpec) -> None:
    fill = "v=$(head -c 2000 /dev/zero | tr '\\0' x); i=0; while [ $i -lt 60 ]; do i=$((i+1)); "
    pv.lines[-1].send(f"{fill} xenstore write data/service/$i $v; done; echo over $((2 * 2))\n")
    pv.lines[-1].wait_for("over 4", 2 * PATIENCE)

    def bounded() -> bool:
        report = pv.driver.guest_report(guest.uuid)
        return (
            report is not None and 20 <= len(report.services) < 60 and set(map(len, report.services.values())) == {1024}
        )

    def heard() -> bool:
        report = pv.driver.guest_report(guest.uuid)
        return report is not None and report.os_version.get("name") == "another"

    assert within(PATIENCE, bounded)
    pv.lines[-1].send("xenstore write data/os_name another\n")
    assert within(PATIENCE, heard)


def test_after_a_restart_guests_are_found_with_their_lines_and_disks(pv: Hypervisor, guest: DomainSpec) -> None:
    pv.lines.pop().close()
    on_xen.begin_anew(pv)
    domain = pv.driver.find(guest.uuid)
    assert domain is not None

    def reads_its_disk() -> bool:
        # What makes a screen of the line begins anew, too.
        try:
            with closing(SerialLine(serial(domain))) as line:
                line.send("head -c 512 /dev/xvda | wc -c; echo $((6 * 7)) sevens\n")
                line.wait_for("42 sevens", PATIENCE / 4)
        except (OSError, AssertionError):
            return False
        return True

    assert within(PATIENCE, reads_its_disk)
    pv.driver.destroy(guest.uuid)

    assert domain.disks == (guest.disks[0].vbd,)
    assert pv.events.wait(guest.uuid, DomainEventKind.stopped).reason == "destroyed"
    assert pv.open_disks is not None and pv.open_disks.owners() == []


def test_drivers_that_begin_while_a_guest_is_between_two_lives_find_the_next(pv: Hypervisor, guest: DomainSpec) -> None:
    before = pv.driver.find(guest.uuid)
    assert before is not None
    pv.lines.pop().close()
    on_xen.end(pv)
    with closing(libvirt.open("xen:///system")) as past_the_driver:
        machine = past_the_driver.lookupByUUIDString(guest.uuid)
        subprocess.run(["xl", "reboot", str(before.id)], check=True)
        assert within(PATIENCE, lambda: not machine.isActive())
        on_xen.begin_again(pv)
        assert not machine.isActive()
        after = pv.driver.find(guest.uuid)

    assert after is not None and after.id > before.id
    assert (after.disks, after.state) == (before.disks, DomainState.running)
    assert pv.events.wait(guest.uuid, DomainEventKind.rebooted).id == after.id
    found = pv.driver.find(guest.uuid)
    assert found is not None and found.xenstore_data == {"vm-data/greeting": "hello"}
    line = SerialLine(serial(found))
    pv.lines.append(line)
    line.send("head -c 512 /dev/xvda | wc -c; echo $((6 * 7)) sevens\n")
    line.wait_for("512")
    line.wait_for("42 sevens")


def test_a_libvirtd_that_is_restarted_ends_nothing(pv: Hypervisor, guest: DomainSpec) -> None:
    subprocess.run(["systemctl", "restart", "libvirtd"], check=True)

    pv.events.wait("", DomainEventKind.lost)
    assert state(pv, guest) is DomainState.running
    pv.lines[-1].send("echo $((6 * 7)) sevens\n")
    pv.lines[-1].wait_for("42 sevens")
    pv.driver.request_shutdown(guest.uuid)
    assert pv.events.wait(guest.uuid, DomainEventKind.stopped).reason == "shutdown"
