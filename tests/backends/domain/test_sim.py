"""What the simulator does beyond what every driver promises: kinds of guests, and what they do by themselves."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pytest

from tests.backends.domain.hypervisor import Hypervisor, screen, serial
from xapid.backends.domain.interface import DomainEvent, DomainEventKind, DomainKind, DomainState, Feature
from xapid.backends.domain.sim import SimDomains
from xapid.backends.domain.sim_console import BARS, HEIGHT, WIDTH
from xapid.backends.interface import NotSupported


def read(viewer: socket.socket, length: int) -> bytes:
    data = viewer.recv(length, socket.MSG_WAITALL)
    assert len(data) == length
    return data


def happen(driver: Any, uuid: str, kind: DomainEventKind) -> None:
    assert isinstance(driver, SimDomains)
    driver.happen(uuid, kind)


def test_the_first_domain_has_number_one(simulated: Hypervisor) -> None:
    assert simulated.driver.start(simulated.spec(), paused=False).id == 1


def test_a_guest_without_drivers_has_no_features_and_no_consoles(simulated: Hypervisor) -> None:
    domain = simulated.driver.start(simulated.spec(platform={}), paused=False)

    assert domain.features == frozenset()
    assert domain.consoles == ()


def test_a_guest_with_a_device_model_and_without_drivers_cannot_be_asked(simulated: Hypervisor) -> None:
    spec = simulated.spec(platform={})
    simulated.driver.start(spec, paused=False)

    asked: dict[str, tuple[Any, ...]] = {
        "request_shutdown": (),
        "request_reboot": (),
        "suspend": (simulated.image(1),),
        "attach_disk": (simulated.drive(),),
        "attach_nic": (simulated.nic(),),
    }
    for method, args in asked.items():
        with pytest.raises(NotSupported):
            getattr(simulated.driver, method)(spec.uuid, *args)

    assert simulated.driver.find(spec.uuid) is not None


@pytest.mark.parametrize("kind", [DomainKind.pv, DomainKind.pvh])
def test_the_kernel_of_a_paravirtual_guest_is_driver_enough(simulated: Hypervisor, kind: DomainKind) -> None:
    spec = simulated.spec(platform={}, kind=kind)
    simulated.driver.start(spec, paused=False)

    simulated.driver.request_shutdown(spec.uuid)

    assert simulated.events.wait(spec.uuid, DomainEventKind.stopped).reason == "shutdown"


def test_a_deaf_guest_has_drivers_and_does_not_do_what_it_is_asked(simulated: Hypervisor) -> None:
    spec = simulated.spec(platform={"sim-guest": "deaf"})
    domain = simulated.driver.start(spec, paused=False)

    simulated.driver.request_shutdown(spec.uuid)
    simulated.driver.request_reboot(spec.uuid)

    assert Feature.clean_shutdown in domain.features
    assert simulated.driver.find(spec.uuid) == domain


@pytest.mark.parametrize(
    "setting, did, told, state",
    [
        ({}, DomainEventKind.stopped, DomainEvent("", DomainEventKind.stopped, "shutdown"), None),
        ({}, DomainEventKind.crashed, DomainEvent("", DomainEventKind.crashed, "crashed"), None),
        ({}, DomainEventKind.rebooted, DomainEvent("", DomainEventKind.rebooted), DomainState.running),
        (
            {"on_reboot": "destroy"},
            DomainEventKind.rebooted,
            DomainEvent("", DomainEventKind.stopped, "rebooted"),
            None,
        ),
        (
            {"on_crash": "restart"},
            DomainEventKind.crashed,
            DomainEvent("", DomainEventKind.rebooted),
            DomainState.running,
        ),
        (
            {"on_crash": "preserve"},
            DomainEventKind.crashed,
            DomainEvent("", DomainEventKind.paused, "panicked"),
            DomainState.paused,
        ),
    ],
)
def test_what_follows_on_what_a_guest_does_by_itself(
    simulated: Hypervisor, setting: dict[str, str], did: DomainEventKind, told: DomainEvent, state: DomainState | None
) -> None:
    spec = simulated.spec(**setting)
    simulated.driver.start(spec, paused=False)

    happen(simulated.driver, spec.uuid, did)

    event = simulated.events.wait(spec.uuid, told.kind)
    assert (event.kind, event.reason) == (told.kind, told.reason)
    found = simulated.driver.find(spec.uuid)
    assert (found.state if found else None) is state


def test_machines_of_others_are_named(simulated: Hypervisor) -> None:
    assert isinstance(simulated.driver, SimDomains)
    simulated.driver.foreign_machines.append("theirs")

    assert simulated.driver.foreign() == ["theirs"]


def test_the_serial_line_echoes(simulated: Hypervisor) -> None:
    domain = simulated.driver.start(simulated.spec(), paused=False)

    with socket.socket(socket.AF_UNIX) as viewer:
        viewer.connect(serial(domain).path)
        viewer.sendall(b"hello\r")

        assert read(viewer, 6) == b"hello\r"


def test_the_screen_shows_its_picture_in_the_pixels_that_the_viewer_wants(simulated: Hypervisor) -> None:
    domain = simulated.driver.start(simulated.spec(), paused=False)

    with socket.socket(socket.AF_UNIX) as viewer:
        viewer.connect(screen(domain).path)
        viewer.sendall(read(viewer, 12) + b"\1\1")
        assert read(viewer, 2 + 4) == b"\1\1\0\0\0\0"
        width, height, _, name_length = struct.unpack(">HH16sI", read(viewer, 24))
        read(viewer, name_length)
        # 16 bits a pixel, big end first: five of red, six of green, five of blue.
        viewer.sendall(struct.pack(">B3xBBBBHHHBBB3x", 0, 16, 16, 1, 1, 31, 63, 31, 11, 5, 0))
        viewer.sendall(struct.pack(">BxHi", 2, 1, 0))
        viewer.sendall(struct.pack(">BBxxI", 4, 1, 97))
        viewer.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
        assert read(viewer, 16) == struct.pack(">BxHHHHHi", 0, 1, 0, 0, WIDTH, HEIGHT, 0)
        picture = read(viewer, WIDTH * HEIGHT * 2)

    bar = WIDTH // len(BARS)
    assert (width, height) == (WIDTH, HEIGHT)
    assert struct.unpack(">H", picture[:2]) == (0xFFFF,)
    assert struct.unpack(">H", picture[bar * 2 : bar * 2 + 2]) == (0xFFE0,)
    assert picture[-2:] == b"\0\0"


@pytest.mark.parametrize(
    "said", [b"RFB 003.003\n", b"GET / HTTP/1.0\r\n\r\n", b"RFB 003.008\n\2", b"RFB 003.008\n\1\1\x63"]
)
def test_a_viewer_that_says_what_no_viewer_says_is_left(simulated: Hypervisor, said: bytes) -> None:
    domain = simulated.driver.start(simulated.spec(), paused=False)

    with socket.socket(socket.AF_UNIX) as viewer:
        viewer.settimeout(10)
        viewer.connect(screen(domain).path)
        viewer.sendall(said)

        assert ends(viewer)


def ends(viewer: socket.socket) -> bool:
    try:
        while viewer.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


def test_a_closed_driver_takes_no_more_viewers(simulated: Hypervisor) -> None:
    path = screen(simulated.driver.start(simulated.spec(), paused=False)).path

    simulated.driver.close()

    with socket.socket(socket.AF_UNIX) as viewer, pytest.raises(ConnectionRefusedError):
        viewer.connect(path)
