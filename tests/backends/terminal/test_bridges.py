"""Bridges as processes: what they may do, how they end and come back, and who finds them again."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rfb_client import PATIENCE, RfbClient, bridge_at
from tests.told import ended
from xapid.backends.interface import Failed
from xapid.backends.terminal import bridges as module
from xapid.backends.terminal.bridges import Bridges, Line
from xapid.backends.terminal.confinement import NOBODY
from xapid.backends.terminal.glyphs import FONT

pytestmark = pytest.mark.skipif(not FONT.exists(), reason="the font of terminals is not installed")

KEY = "guest"


class Lines:
    """Where the lines of bridges begin: each time one is opened, its other end is here."""

    def __init__(self) -> None:
        self.ends: list[socket.socket] = []
        self.refusal: Failed | None = None
        self.log = ""

    def open(self) -> Line:
        if self.refusal is not None:
            raise self.refusal
        ours, theirs = socket.socketpair()
        ours.settimeout(PATIENCE)
        self.ends.append(ours)
        return Line(theirs.detach(), "a guest", self.log)

    @property
    def latest(self) -> socket.socket:
        return self.ends[-1]

    def close(self) -> None:
        for each in self.ends:
            each.close()


@pytest.fixture
def lines() -> Iterator[Lines]:
    lines = Lines()
    yield lines
    lines.close()


@pytest.fixture
def bridges(tmp_path: Path, lines: Lines) -> Iterator[Bridges]:
    bridges = Bridges(tmp_path / "tty")
    yield bridges
    bridges.kill(KEY)
    bridges.close()


def wait_for(what: Callable[[], object]) -> None:
    """For what the kernel does in its time, and tells nobody."""
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.01)


def served(bridges: Bridges) -> RfbClient:
    """A new viewer. He may come while the bridge is being started again."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return RfbClient.at(bridges.rfb(KEY))
        except OSError:
            assert time.monotonic() < end, "nobody serves"
        except EOFError:
            # The one who listened died before he answered.
            continue


def ready(bridges: Bridges) -> int:
    """The process, once it serves."""
    served(bridges).close()
    return bridge_at(bridges.rfb(KEY))


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_a_bridge_has_nothing_that_it_does_not_need(bridges: Bridges, lines: Lines, tmp_path: Path) -> None:
    bridges.begin(KEY, lines.open)
    pid = ready(bridges)
    empty = tmp_path / "tty" / "empty"

    about = status(pid)
    assert about["NoNewPrivs"] == "1"
    if os.geteuid() == 0:
        assert set(about["Uid"].split()) == set(about["Gid"].split()) == {str(NOBODY)}
        assert about["Groups"] == ""
        assert int(about["CapEff"], 16) == int(about["CapPrm"], 16) == 0
        assert Path(f"/proc/{pid}/root").readlink() == empty
    assert Path(f"/proc/{pid}/cwd").readlink() == empty
    assert not list(empty.iterdir())
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert limits.split("Max processes")[1].split()[0] == "0"
    assert limits.split("Max file size")[1].split()[0] == "0"
    assert os.getsid(pid) == pid, "a Ctrl-C in the terminal of the daemon is not for it"


def test_it_ends_with_its_line(bridges: Bridges, lines: Lines) -> None:
    bridges.begin(KEY, lines.open)
    pid = ready(bridges)

    lines.refusal = Failed("the guest has stopped")
    lines.latest.close()

    assert ended(pid)
    bridges.end(KEY)
    assert not bridges.rfb(KEY).parent.exists()


def test_one_that_is_killed_comes_back_and_shows_what_was_printed(
    bridges: Bridges, lines: Lines, tmp_path: Path
) -> None:
    log = tmp_path / "serial.log"
    log.write_text("booted\r\nlogin: ")
    lines.log = str(log)
    bridges.begin(KEY, lines.open)
    pid = ready(bridges)

    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: bridge_at(bridges.rfb(KEY)) not in (0, pid))

    reader = socket.socket(socket.AF_UNIX)
    with reader:
        reader.settimeout(PATIENCE)
        reader.connect(str(bridges.vt100(KEY)))
        screen = b"\x1b[H\x1b[2Jbooted\r\nlogin:\x1b[2;8H"
        assert reader.recv(len(screen), socket.MSG_WAITALL) == screen
        reader.sendall(b"root\r")
        assert lines.latest.recv(5, socket.MSG_WAITALL) == b"root\r"
    assert len(lines.ends) == 2
    assert lines.ends[0].recv(1) == b"", "the line of the one that died is let go"


def test_one_whose_line_does_not_open_again_is_tried_later(bridges: Bridges, lines: Lines) -> None:
    bridges.begin(KEY, lines.open)
    pid = ready(bridges)

    lines.refusal = Failed("not now")
    os.kill(pid, signal.SIGKILL)
    assert ended(pid)
    lines.refusal = None

    assert ready(bridges) != pid


def test_the_next_process_finds_those_that_are_there(bridges: Bridges, lines: Lines, tmp_path: Path) -> None:
    bridges.begin(KEY, lines.open)
    pid = ready(bridges)
    bridges.close()

    after = Bridges(tmp_path / "tty")
    try:
        after.begin(KEY, lines.open)
        assert bridge_at(after.rfb(KEY)) == pid
        assert len(lines.ends) == 1

        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: bridge_at(after.rfb(KEY)) not in (0, pid))
        assert len(lines.ends) == 2
    finally:
        after.kill(KEY)
        after.close()


def test_what_was_left_behind_is_swept_away(bridges: Bridges, lines: Lines) -> None:
    bridges.begin(KEY, lines.open)
    left = bridges.rfb("another").parent
    left.mkdir()
    (left / "rfb").touch()

    bridges.sweep(lambda key: key == KEY)

    assert not left.exists()
    assert ready(bridges)


def test_one_that_does_not_end_with_its_line_is_ended(
    bridges: Bridges, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.1)
    bridges.begin(KEY, lines.open)
    pid = ready(bridges)
    os.kill(pid, signal.SIGSTOP)

    bridges.end(KEY)

    assert ended(pid)


def test_a_bridge_whose_line_does_not_open_is_not_there(bridges: Bridges, lines: Lines) -> None:
    lines.refusal = Failed("nobody is at the other end")

    with pytest.raises(Failed):
        bridges.begin(KEY, lines.open)

    assert bridge_at(bridges.rfb(KEY)) == 0
    lines.refusal = None
    bridges.begin(KEY, lines.open)
    assert ready(bridges)
