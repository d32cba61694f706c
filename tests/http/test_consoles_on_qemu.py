"""The consoles of a real guest that has a line and no screen, and those of its host, through the whole daemon."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from tests.backends.domain.hypervisor import within
from tests.console_client import LIMIT, connect, console, serial_line
from tests.daemon import Client, UnixConnection
from tests.qemu_daemon import QemuDaemon, agent_of, new_guest, processes, qemu_daemon
from tests.rfb_client import RfbClient
from tests.told import lives
from xapid.backends.terminal.bridges import PROGRAM
from xapid.backends.terminal.glyphs import HEIGHT, WIDTH
from xapid.backends.terminal.screen import COLUMNS, LINES
from xapid.demo.build import READY

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]


@pytest.fixture(scope="module")
def daemon() -> Iterator[QemuDaemon]:
    with qemu_daemon() as daemon:
        yield daemon


@pytest.fixture
def client(daemon: QemuDaemon) -> Iterator[Client]:
    with closing(daemon.client()) as client:
        yield client


@pytest.fixture(scope="module")
def guest(daemon: QemuDaemon) -> str:
    return daemon.booted("seen")


def bridges(daemon: QemuDaemon) -> set[int]:
    everybody = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return set(processes(f"{daemon.directory}/".encode(), processes(PROGRAM.encode(), everybody)))


def viewer(daemon: QemuDaemon, client: Client, vm: str) -> RfbClient:
    viewer = RfbClient(connect(daemon.socket, client, console(client, vm, "rfb")))
    viewer.socket.settimeout(LIMIT)
    return viewer


def picture(daemon: QemuDaemon, vm: str) -> tuple[int, bytes]:
    connection = UnixConnection(str(daemon.socket))
    with closing(connection):
        connection.request("GET", f"/vncsnapshot?ref={vm}")
        reply = connection.getresponse()
        return reply.status, reply.read()


def control_domain(client: Client) -> str:
    (host,) = client.call("host.get_all")
    return str(client.call("host.get_control_domain", host))


def test_a_viewer_sees_what_the_guest_printed(daemon: QemuDaemon, client: Client, guest: str) -> None:
    with closing(viewer(daemon, client, guest)) as seen:
        seen.until(READY)

        assert seen.name == "seen"


def test_a_picture_of_it_is_not_blank(daemon: QemuDaemon, client: Client, guest: str) -> None:
    with closing(viewer(daemon, client, guest)) as seen:
        seen.until(READY)

    status, jpeg = picture(daemon, guest)

    assert status == 200
    image = Image.open(io.BytesIO(jpeg)).convert("L")
    assert image.size == (COLUMNS * WIDTH, LINES * HEIGHT)
    lit = sum(image.histogram()[128:])
    assert lit > 20 * len(READY), "letters of some pixels each"


def test_the_console_of_the_host_asks_who_is_there(daemon: QemuDaemon, client: Client) -> None:
    domain = control_domain(client)
    with closing(viewer(daemon, client, domain)) as seen:
        seen.until("login:")
        assert seen.name == client.call("VM.get_name_label", domain)
    with serial_line(daemon.socket, client, domain) as line:
        line.wait_for("login:")


def test_after_a_kill_of_the_daemon_or_its_agent_all_is_seen_again(
    daemon: QemuDaemon, client: Client, guest: str
) -> None:
    with closing(viewer(daemon, client, control_domain(client))) as seen:
        seen.until("login:")
    before = bridges(daemon)
    assert len(before) == 2

    agent = agent_of(daemon)
    daemon.kill()
    assert within(LIMIT, lambda: not lives(agent))
    assert within(LIMIT, lambda: len(bridges(daemon)) == 1), "the login ends, and the guest's stays"
    daemon.start()
    daemon.wait_ready()

    with closing(daemon.client()) as again:
        with closing(viewer(daemon, again, guest)) as seen:
            seen.until(READY)
        with closing(viewer(daemon, again, control_domain(again))) as seen:
            seen.until("login:")
    assert len(bridges(daemon)) == 2
    assert len(bridges(daemon) & before) == 1


def test_a_guest_that_is_to_have_none_has_its_line_alone(daemon: QemuDaemon) -> None:
    with closing(daemon.client()) as client:
        vm = new_guest(client, "unseen")
        client.call("VM.add_to_other_config", vm, "disable_pv_vnc", "1")
        client.call("VM.start", vm, False, False)
        with serial_line(daemon.socket, client, vm) as line:
            line.wait_for(READY)

        assert [client.call("console.get_protocol", each) for each in client.call("VM.get_consoles", vm)] == ["vt100"]
        assert picture(daemon, vm)[0] == 404
        client.call("VM.hard_shutdown", vm)


def test_nothing_is_left_of_the_consoles_of_a_guest_that_ended(daemon: QemuDaemon, guest: str) -> None:
    with closing(daemon.client()) as client:
        with closing(viewer(daemon, client, guest)) as seen:
            before = bridges(daemon)
            client.call("VM.hard_shutdown", guest)
            with pytest.raises((EOFError, ConnectionError)):
                while True:
                    seen.ask()
                    seen.update()

        assert within(LIMIT, lambda: len(bridges(daemon)) == len(before) - 1)
        assert picture(daemon, guest)[0] == 404
