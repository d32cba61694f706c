"""Guests that have a line and no screen: viewers of VNC see the line, as long as the guest runs."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import closing
from pathlib import Path

import pytest

from tests.backends.domain.hypervisor import PATIENCE, Hypervisor, process_of, screen, serial, within
from tests.backends.domain.test_kill import Drivers
from tests.backends.domain.test_kill import drivers as drivers
from tests.rfb_client import RfbClient, bridge_at
from tests.told import lives
from xapid.backends.domain.interface import DomainKind, DomainSpec
from xapid.backends.terminal.glyphs import FONT

pytestmark = [
    pytest.mark.libvirt,
    pytest.mark.slow,
    pytest.mark.skipif(not FONT.exists(), reason="no font of terminals"),
]

UP = "xapid demo guest: ready"


@pytest.fixture
def spec(real: Hypervisor) -> DomainSpec:
    """Of a machine whose kernel is booted directly."""
    return real.spec(kind=DomainKind.pv)


def test_a_viewer_sees_what_the_guest_prints_and_types_into_its_line(real: Hypervisor, spec: DomainSpec) -> None:
    domain = real.driver.start(spec, paused=False)

    with closing(RfbClient.at(screen(domain).path)) as viewer:
        viewer.socket.settimeout(PATIENCE)
        viewer.until(UP)
        assert viewer.name == spec.name


def test_both_consoles_serve_any_number_at_once(real: Hypervisor, spec: DomainSpec) -> None:
    line = real.booted(spec)
    assert line is not None
    domain = real.driver.find(spec.uuid)
    assert domain is not None

    with socket.socket(socket.AF_UNIX) as later, closing(RfbClient.at(screen(domain).path)) as viewer:
        later.settimeout(PATIENCE)
        later.connect(serial(domain).path)
        seen = b""
        while UP.encode() not in seen:
            seen += later.recv(4096)
        viewer.until(UP)


def test_a_machine_that_is_to_have_none_has_its_line_alone(real: Hypervisor) -> None:
    spec = real.spec(kind=DomainKind.pv, line_as_screen=False)

    line = real.booted(spec)

    assert line is not None
    domain = real.driver.find(spec.uuid)
    assert domain is not None
    assert [each.protocol for each in domain.consoles] == ["vt100"]
    assert bridge_at(serial(domain).path) == 0


def test_a_bridge_that_is_killed_comes_back_with_what_was_printed(real: Hypervisor, spec: DomainSpec) -> None:
    real.booted(spec)
    domain = real.driver.find(spec.uuid)
    assert domain is not None
    path = screen(domain).path
    killed = bridge_at(path)

    os.kill(killed, signal.SIGKILL)

    assert within(PATIENCE, lambda: bridge_at(path) not in (0, killed))
    with closing(RfbClient.at(path)) as viewer:
        viewer.until(UP)


def test_a_bridge_ends_with_its_guest(real: Hypervisor, spec: DomainSpec) -> None:
    domain = real.driver.start(spec, paused=False)
    path = Path(screen(domain).path)
    RfbClient.at(path).close()
    pid = bridge_at(path)

    real.driver.destroy(spec.uuid)

    assert within(PATIENCE, lambda: not lives(pid))
    assert not path.parent.exists()


def test_a_bridge_outlives_the_driver_and_ends_with_a_guest_that_the_next_one_ends(
    drivers: Drivers, spec: DomainSpec
) -> None:
    path = screen(drivers.ask("start", spec, False)).path
    RfbClient.at(path).close()
    pid = bridge_at(path)

    drivers.restart()
    assert screen(drivers.ask("find", spec.uuid)).path == path
    assert bridge_at(path) == pid
    os.kill(pid, signal.SIGKILL)
    assert within(PATIENCE, lambda: bridge_at(path) not in (0, pid)), "the next driver looks after it"
    pid = bridge_at(path)
    drivers.ask("destroy", spec.uuid)

    assert within(PATIENCE, lambda: not lives(pid))
    assert not Path(path).parent.exists()


def test_a_bridge_whose_guest_ended_while_no_driver_ran_leaves_nothing(drivers: Drivers, spec: DomainSpec) -> None:
    path = Path(screen(drivers.ask("start", spec, False)).path)
    RfbClient.at(path).close()
    pid = bridge_at(path)
    drivers.current.kill()
    os.kill(process_of(drivers.root, spec.uuid), signal.SIGKILL)

    assert within(PATIENCE, lambda: not lives(pid))
    drivers.restart()
    drivers.ask("domains")
    assert not path.parent.exists()
