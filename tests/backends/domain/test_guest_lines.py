"""Lines of guests that are terminals."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.backends.domain.hypervisor import within
from tests.rfb_client import RfbClient
from xapid.backends.domain.domain_facts import Label
from xapid.backends.domain.guest_lines import GuestLine
from xapid.backends.domain.interface import DomainKind, Endpoint
from xapid.backends.domain.terminals import Terminals
from xapid.backends.terminal.glyphs import FONT


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a short path, for a socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="xl-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def guest() -> Iterator[tuple[int, str]]:
    """The guest's end of a terminal, and the path of the other."""
    guest, host = os.openpty()
    yield guest, os.ttyname(host)
    os.close(host)


@pytest.fixture
def line(guest: tuple[int, str], folder: Path) -> Iterator[GuestLine]:
    line = GuestLine(guest[1], folder / "serial", folder / "serial.log")
    yield line
    line.close()


def viewer(folder: Path) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.settimeout(10)
    connected.connect(str(folder / "serial"))
    return connected


def test_what_a_guest_prints_is_logged_when_nobody_looks(line: GuestLine, guest: tuple[int, str], folder: Path) -> None:
    os.write(guest[0], b"ready\r\n")

    assert within(10, lambda: (folder / "serial.log").read_bytes() == b"ready\r\n")


def test_two_viewers_see_and_type(line: GuestLine, guest: tuple[int, str], folder: Path) -> None:
    with viewer(folder) as first, viewer(folder) as second:
        first.sendall(b"a")
        assert os.read(guest[0], 10) == b"a"
        second.sendall(b"\x03")
        assert os.read(guest[0], 10) == b"\x03"
        os.write(guest[0], b"hello")

        assert (first.recv(10), second.recv(10)) == (b"hello", b"hello")


def test_a_viewer_that_does_not_read_holds_up_nobody(line: GuestLine, guest: tuple[int, str], folder: Path) -> None:
    with viewer(folder) as slow:
        slow.sendall(b"a")
        os.read(guest[0], 1)
        for _ in range(1000):
            os.write(guest[0], bytes(4000))

        assert within(20, lambda: (folder / "serial.log").stat().st_size == 4_000_000)


def test_a_line_ends_its_viewers_when_it_is_closed(line: GuestLine, guest: tuple[int, str], folder: Path) -> None:
    with viewer(folder) as first:
        first.sendall(b"a")
        os.read(guest[0], 1)

        line.close()

        assert first.recv(10) == b""
        assert not line.open


def test_a_line_goes_on_with_another_terminal_for_who_looks(
    line: GuestLine, guest: tuple[int, str], folder: Path
) -> None:
    rebooted, other_end = os.openpty()
    with viewer(folder) as first:
        first.sendall(b"a")
        os.read(guest[0], 1)
        os.write(guest[0], b"before ")
        line.carry(os.ttyname(other_end))
        os.write(rebooted, b"after")

        said = b""
        while len(said) < len("before after"):
            said += first.recv(100)
        first.sendall(b"b")
        heard = os.read(rebooted, 1)
    os.close(other_end)
    os.close(rebooted)

    assert (said, heard) == (b"before after", b"b")
    assert (folder / "serial.log").read_bytes() == said


def test_a_line_outlives_its_terminal(folder: Path) -> None:
    guest, host = os.openpty()
    line = GuestLine(os.ttyname(host), folder / "serial", folder / "serial.log")
    os.close(host)
    os.close(guest)
    rebooted, other_end = os.openpty()
    line.carry(os.ttyname(other_end))
    os.write(rebooted, b"again")

    assert within(10, lambda: (folder / "serial.log").read_bytes() == b"again")
    line.close()
    os.close(other_end)
    os.close(rebooted)


@pytest.fixture
def terminals(folder: Path) -> Iterator[Terminals]:
    terminals = Terminals(folder / "tty")
    yield terminals
    terminals.end("guest")
    terminals.close()


def of(folder: Path) -> tuple[Endpoint, ...]:
    return (Endpoint("vt100", str(folder / "serial"), str(folder / "serial.log")),)


@pytest.mark.skipif(not FONT.exists(), reason="the font of terminals is not installed")
@pytest.mark.parametrize("kind", [DomainKind.pv, DomainKind.pvh])
def test_a_line_without_a_screen_is_shown_as_one(
    line: GuestLine, guest: tuple[int, str], folder: Path, terminals: Terminals, kind: DomainKind
) -> None:
    os.write(guest[0], b"before\r\n")
    assert within(10, lambda: (folder / "serial.log").read_bytes() == b"before\r\n")
    label = Label("guest", kind, 0.0, line_as_screen=True)

    terminals.begin("guest", label, of(folder), "its name")

    screen, text = terminals.consoles("guest", label, of(folder))
    assert (screen.protocol, text.protocol) == ("rfb", "vt100")
    with closing(RfbClient.at(screen.path)) as seen:
        os.write(guest[0], b"after")
        seen.until("before", 0)
        seen.until("after", 1)
        seen.key(ord("k"))
        assert os.read(guest[0], 10) == b"k"
        assert seen.name == "its name"


@pytest.mark.parametrize(
    "label",
    [
        Label("guest", DomainKind.hvm, 0.0, line_as_screen=True),
        Label("guest", DomainKind.pv, 0.0, line_as_screen=False),
        None,
    ],
)
def test_other_lines_are_served_as_they_are(folder: Path, terminals: Terminals, label: Label | None) -> None:
    terminals.begin("guest", label, of(folder), "its name")

    assert terminals.consoles("guest", label, of(folder)) == of(folder)
    assert not (folder / "tty" / "guest").exists()
