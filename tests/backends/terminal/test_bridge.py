"""The bridge as those see it who are connected to it: viewers of RFB, viewers of the text, and the line."""

from __future__ import annotations

import socket
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rfb_client import PATIENCE, RfbClient
from xapid.backends.terminal.bridge import SAVED, SHARE, Allowance, Bridge
from xapid.backends.terminal.connections import OUTGOING, Reader, Watcher
from xapid.backends.terminal.glyphs import FONT, HEIGHT, WIDTH
from xapid.backends.terminal.screen import COLUMNS, LINES
from xapid.wire.rfb import DESKTOP_SIZE, HEXTILE, OF_A_TABLE, RAW, ZLIB, PixelFormat

pytestmark = pytest.mark.skipif(not FONT.exists(), reason="the font of terminals is not installed")


class Wired:
    """A bridge at work, with the other end of its line in hand."""

    def __init__(self, folder: Path) -> None:
        self.line, ours = socket.socketpair()
        self.line.settimeout(PATIENCE)
        self.rfb, self.vt100 = folder / "rfb", folder / "vt100"
        self.bridge = Bridge(ours.detach(), "a guest")
        for path, kind in ((self.rfb, Watcher), (self.vt100, Reader)):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(path))
            listener.listen(64)
            self.bridge.listen(listener, kind)
        self._sockets: list[socket.socket] = [self.line]
        self._thread = threading.Thread(target=self.bridge.serve, daemon=True)
        self._thread.start()

    def heard(self, count: int) -> bytes:
        """What was typed."""
        data = b""
        while len(data) < count:
            data += self.line.recv(count - len(data))
        return data

    def print(self, text: str) -> None:
        self.line.sendall(text.encode())

    def viewer(self, version: bytes = b"RFB 003.008\n") -> RfbClient:
        viewer = RfbClient.at(self.rfb, version)
        self._sockets.append(viewer.socket)
        return viewer

    def reader(self) -> socket.socket:
        reader = socket.socket(socket.AF_UNIX)
        reader.settimeout(PATIENCE)
        reader.connect(str(self.vt100))
        self._sockets.append(reader)
        return reader

    def end(self) -> None:
        self.line.shutdown(socket.SHUT_RDWR)
        for each in self._sockets:
            each.close()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "it ends with its line"


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Wired]:
    wired = Wired(tmp_path)
    yield wired
    wired.end()


@pytest.mark.parametrize("version", [b"RFB 003.003\n", b"RFB 003.007\n", b"RFB 003.008\n"])
def test_each_version_gets_a_screen_with_what_was_printed(wired: Wired, version: bytes) -> None:
    wired.print("login: \x1b[?25l")

    viewer = wired.viewer(version)
    viewer.ask(anew=True)
    viewer.update()
    viewer.until("login:", 0)

    assert (viewer.width, viewer.height) == (COLUMNS * WIDTH, LINES * HEIGHT)
    assert viewer.name == "a guest"
    viewer.close()


FORMATS = {
    "32": PixelFormat(),
    "32 the other way round": PixelFormat(32, True, (255, 255, 255), (0, 8, 16)),
    "16": PixelFormat(16, False, (31, 63, 31), (11, 5, 0)),
    "8": PixelFormat(8, False, (7, 7, 3), (0, 3, 6)),
}


@pytest.mark.parametrize("encoding", [RAW, HEXTILE, ZLIB])
@pytest.mark.parametrize("name", FORMATS)
def test_all_encodings_and_formats_show_the_same_picture(wired: Wired, encoding: int, name: str) -> None:
    wired.print(
        "\x1b[?25lplain \x1b[1;31mbold red\x1b[0;44m on blue \x1b[7mreverse\x1b[0m ─│█▒ 漢字 "
        "\x1b[4munder\x1b[0m\x1b[38;2;1;200;99mA"
    )
    reference = wired.viewer()
    reference.until("plain", 0)

    viewer = wired.viewer()
    viewer.format(FORMATS[name])
    viewer.encodings(encoding)
    viewer.ask(anew=True)
    viewer.update()

    shown = reference.rows(2 * HEIGHT)
    colours = {colour for row in shown for colour in row}
    as_told = {colour: viewer.colour(viewer.pixels.pixel(colour)) for colour in colours}
    assert viewer.rows(2 * HEIGHT) == [[as_told[colour] for colour in row] for row in shown]
    assert len(colours) >= 5


def test_a_viewer_with_a_table_of_colours_is_told_the_table(wired: Wired) -> None:
    wired.print("\x1b[?25l\x1b[32mgreen")
    viewer = wired.viewer()
    viewer.socket.sendall(bytes(4) + b"\x08\x08\x00\x00" + bytes(12))
    viewer.pixels = OF_A_TABLE

    viewer.until("green", 0)

    assert len(viewer.table) == 256
    green = [colour for row in viewer.rows(HEIGHT) for colour in row if colour != (0, 0, 0)]
    assert green and all(each[1] > 100 and not each[0] and not each[2] for each in green)


def test_a_screen_of_text_is_small_where_the_viewer_lets_it_be(wired: Wired) -> None:
    wired.print("\x1b[?25l" + "\r\n".join(f"{line:2} " + "lorem ipsum dolor sit amet " * 2 for line in range(LINES)))
    viewer = wired.viewer()
    viewer.until("23 lorem", LINES - 1)

    took = {}
    for encoding in (RAW, HEXTILE, ZLIB):
        viewer.encodings(encoding)
        viewer.ask(anew=True)
        took[encoding] = viewer.update()

    assert took[RAW] > COLUMNS * LINES * WIDTH * HEIGHT * 4
    assert took[HEXTILE] < took[RAW] / 20
    assert took[ZLIB] < took[RAW] / 50


def test_only_what_changed_is_told(wired: Wired) -> None:
    viewer = wired.viewer()
    viewer.ask()
    whole = viewer.update()

    wired.print("\x1b[5;10Hx")
    viewer.ask()
    part = viewer.update()

    # The letter, and the cursor that left and came: two lines of the screen.
    assert part <= whole // 20


def test_a_wider_screen_is_told_to_those_who_understand(wired: Wired) -> None:
    old, new = wired.viewer(), wired.viewer()
    new.encodings(RAW, DESKTOP_SIZE)
    for viewer in (old, new):
        viewer.ask()
        viewer.update()

    wired.print("\x1b[?3h" + "w" * 132)
    for viewer in (old, new):
        viewer.until("w" * 80, 0)

    assert (old.width, new.width) == (80 * WIDTH, 132 * WIDTH)
    assert new.text(0, 132) == "w" * 132


@pytest.mark.parametrize(
    "keys, sent",
    [
        ([0xFF52, 0xFF54, 0xFF53, 0xFF51], b"\x1b[A\x1b[B\x1b[C\x1b[D"),
        ([0xFFBE, 0xFFC2, 0xFFC9], b"\x1bOP\x1b[15~\x1b[24~"),
        ([0xFF50, 0xFF57, 0xFF63, 0xFFFF, 0xFF55, 0xFF56], b"\x1b[1~\x1b[4~\x1b[2~\x1b[3~\x1b[5~\x1b[6~"),
        ([0xFF08, 0xFF09, 0xFF0D, 0xFF1B, 0xFF8D], b"\x7f\t\r\x1b\r"),
        ([0xE9, 0x010020AC, 0x20AC, 0x06C1, 0x0101F600], "é€€\u0430😀".encode()),
        ([0xFFB7, 0xFFAB], b"7+"),
    ],
)
def test_keys_are_sent_as_a_terminal_sends_them(wired: Wired, keys: list[int], sent: bytes) -> None:
    viewer = wired.viewer()
    for key in keys:
        viewer.key(key)

    assert wired.heard(len(sent)) == sent


def test_keys_that_are_held_change_others(wired: Wired) -> None:
    viewer = wired.viewer()
    viewer.key(0xFFE3, True)
    viewer.type("c[ ")
    viewer.key(0xFF52)
    viewer.key(0xFFE3, False)
    viewer.key(0xFFE9, True)
    viewer.type("x")
    viewer.key(0xFFE9, False)
    viewer.type("c")

    sent = b"\x03\x1b\x00\x1b[1;5A\x1bxc"
    assert wired.heard(len(sent)) == sent


def test_arrows_are_sent_as_programs_on_the_whole_screen_want_them(wired: Wired) -> None:
    wired.print("\x1b[?1hready")
    viewer = wired.viewer()
    viewer.until("ready", 0)

    viewer.key(0xFF52)

    assert wired.heard(3) == b"\x1bOA"


def test_a_cut_text_is_pasted_by_whom_it_belongs_to_and_when_he_says_so(wired: Wired) -> None:
    viewer, other = wired.viewer(), wired.viewer()
    other.cut("a secret of somebody else")
    viewer.cut("on\u00e9\ntwo")
    viewer.type("<")
    viewer.pointer(2)
    viewer.pointer(0)
    viewer.key(0xFFE1, True)
    viewer.key(0xFF63)
    viewer.key(0xFFE1, False)
    viewer.type(">")

    pasted = "oné\rtwo".encode()
    assert wired.heard(2 + 2 * len(pasted)) == b"<" + pasted * 2 + b">"


def test_programs_that_ask_the_terminal_what_it_is_get_an_answer(wired: Wired) -> None:
    wired.print("\x1b[3;7H\x1b[6n")

    assert wired.heard(6) == b"\x1b[3;7R"


def test_what_was_printed_before_asks_for_nothing(tmp_path: Path) -> None:
    line, ours = socket.socketpair()
    bridge = Bridge(ours.detach())
    bridge.remember(b"before\x1b[6n")

    assert not bridge.is_full
    assert bridge.terminal.redrawn().startswith(b"\x1b[H\x1b[2Jbefore")
    assert not bridge._line.waiting
    line.close()
    bridge.close()


def test_the_text_goes_to_all_who_read_it_and_who_comes_later_sees_the_screen(wired: Wired) -> None:
    first = wired.reader()
    wired.print("hello\r\n")
    assert first.recv(7, socket.MSG_WAITALL) == b"hello\r\n"

    second = wired.reader()
    screen = b"\x1b[H\x1b[2Jhello\x1b[2;1H"
    assert second.recv(len(screen), socket.MSG_WAITALL) == screen
    wired.print("\x1b[1mraw")
    for reader in (first, second):
        assert reader.recv(7, socket.MSG_WAITALL) == b"\x1b[1mraw"
    second.sendall(b"typed")
    assert wired.heard(5) == b"typed"


def test_a_long_line_stays_one_for_who_comes_later(wired: Wired) -> None:
    first = wired.reader()
    long = "0123456789" * 20
    wired.print(f"\x1b[2J\x1b[H{long}\r\n\r\nnext")
    first.recv(len(long) + 15, socket.MSG_WAITALL)

    second = wired.reader()

    screen = f"\x1b[H\x1b[2J{long}\r\n\r\nnext\x1b[5;5H".encode()
    assert second.recv(len(screen), socket.MSG_WAITALL) == screen


def test_who_does_not_read_holds_up_nobody_and_sees_the_screen_when_he_reads_again(wired: Wired) -> None:
    slow, watcher = wired.reader(), wired.viewer()
    for number in range(200):
        wired.print(f"{number:06} " + "x" * 4000 + "\r\n")
    wired.print("\x1b[2J\x1b[Hthe end")
    watcher.until("the end", 0)

    seen = b""
    while b"\x1b[H\x1b[2Jthe end" not in seen:
        seen += slow.recv(65536)

    assert len(seen) < 200 * 4009


def test_what_is_typed_into_a_line_that_takes_nothing_waits_with_who_typed_it(wired: Wired) -> None:
    reader = wired.reader()
    reader.settimeout(0.5)
    sent = 0
    with pytest.raises(TimeoutError):
        while sent < 16 << 20:
            sent += reader.send(bytes(65536))
    reader.settimeout(PATIENCE)

    assert wired.heard(sent) == bytes(sent)


def test_the_last_words_of_a_line_are_read_before_the_end(wired: Wired) -> None:
    reader, watcher = wired.reader(), wired.viewer()
    watcher.ask()
    watcher.update()
    watcher.ask()
    wired.print("Power down.")
    wired.line.shutdown(socket.SHUT_RDWR)

    assert b"".join(iter(lambda: reader.recv(4096), b"")) in (b"Power down.", b"\x1b[H\x1b[2JPower down.\x1b[1;12H")
    watcher.update()
    assert watcher.text(0).startswith("Power down.")


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"RFB 003.008\n\x02",
        b"RFB 003.00x\n",
        b"RFB 003.008\n\x01\x01\x77",
        b"RFB 003.008\n\x01\x01\x02\x00\xff\xff",
        b"RFB 003.008\n\x01\x01\x00\x00\x00\x00\x07" + bytes(15),
        b"RFB 003.008\n\x01\x01\x00\x00\x00\x00\x20\x18\x00\x01" + b"\xff" * 12,
    ],
)
def test_who_says_what_no_viewer_says_is_let_go_and_others_stay(wired: Wired, said: bytes) -> None:
    staying = wired.viewer()
    rude = socket.socket(socket.AF_UNIX)
    rude.settimeout(PATIENCE)
    rude.connect(str(wired.rfb))
    rude.sendall(said)

    while rude.recv(65536):
        continue
    rude.close()

    staying.ask()
    assert staying.update()


HOSTILE = {
    "a title without an end": "\x1b]0;" + "x" * 100_000,
    "saved places": "\x1b7" * 100_000,
    "marks upon marks": "a" + "\u0301" * 100_000,
    "marks upon a place": "a\x1b[2G\u0301" * 20_000,
    "numbers without an end": "\x1b[" + "1;" * 50_000 + "m",
    "digits without an end": "\x1b[" + "9" * 100_000 + "m",
    "digits of others": "\x1b[\u00b2m\x1b[\u0663A",
    "places that are not there": "\x1b[?6h\x1b[99d\x1b[9999;9999H\x1b[6n\x1b[5K\x1b[9J",
    "commands with too much": "\x1b[1;2;3;4;5A\x1b[1;1;1n\x1b[;r\x1b[0;0;0r\x1b[?3;3h\x1b[38;5;999m\x1b[38;2;999;0;0m",
    "rubbish": "".join(map(chr, range(0x250))) * 40,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_guest_may_write_what_it_likes(wired: Wired, name: str) -> None:
    viewer = wired.viewer()
    threading.Thread(target=_drain, args=(wired.line.dup(),)).start()

    wired.print(HOSTILE[name])
    wired.print("\x18\x1b\\\x1b[!p\x1bc\x1b[2J\x1b[Hstill there")

    viewer.until("still there", 0)
    screen = wired.bridge.terminal._screen
    assert len(screen.savepoints) <= 1
    assert len(screen.title) < 10_000
    assert all(len(char.data) <= 1 for row in screen.buffer.values() for char in row.values())


def test_a_line_that_prints_without_end_gets_its_share_of_a_processor() -> None:
    now = 0.0
    allowance = Allowance(lambda: now)
    allowance.spend(SAVED)
    assert allowance.pause() == 0

    allowance.spend(1.0)
    assert allowance.pause() == 1.0 / SHARE
    now += 1.0 / SHARE
    assert allowance.pause() == 0

    now += 1e6
    allowance.spend(SAVED + 1.0)
    assert allowance.pause() == 1.0 / SHARE, "no more is saved up than that"


def test_a_format_that_there_is_not_ends_one_viewer_even_while_it_is_told_something(wired: Wired) -> None:
    wired.print("\x1b[?25l" + "w" * 2000)
    staying, rude = wired.viewer(), wired.viewer()
    staying.until("w" * 80, 0)
    # More than goes into the socket: the update is under way until somebody reads it.
    rude.ask(anew=True)
    rude.socket.recv(1)
    rude.socket.sendall(bytes(4) + b"\x07" + bytes(15))

    while rude.socket.recv(65536):
        continue

    staying.ask(anew=True)
    assert staying.update()


def test_what_is_asked_for_while_an_update_is_under_way_is_told_later(wired: Wired) -> None:
    viewer, other = wired.viewer(), wired.viewer()
    viewer.ask(anew=True)
    viewer.socket.recv(1, socket.MSG_PEEK)
    viewer.ask()
    wired.print("\x1b[24;1Hlater")
    other.until("later", LINES - 1)

    viewer.update()
    viewer.update()

    assert "later" in viewer.text(LINES - 1)


@pytest.mark.slow
def test_viewers_who_do_not_read_take_bounded_memory(wired: Wired) -> None:
    tracemalloc.start()
    try:
        idle = [wired.viewer() for _ in range(20)]
        for number, viewer in enumerate(idle):
            viewer.encodings((RAW, HEXTILE, ZLIB)[number % 3])
            viewer.cut("x" * (1 << 20))
            viewer.ask(anew=True)
        for _ in range(20):
            wired.reader()
        watcher = wired.viewer()
        tracemalloc.clear_traces()
        before, _ = tracemalloc.get_traced_memory()
        for number in range(20):
            wired.print(f"\x1b[{30 + number % 8}m" + "x" * 4000 + "\r\n")
            for viewer in idle:
                viewer.ask(anew=True)
        wired.print("\x1b[0m\x1b[2J\x1b[Hthe end")
        watcher.until("the end", 0)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most - before < len(idle) * 2 * (OUTGOING + 65536) + (4 << 20)


def _drain(line: socket.socket) -> None:
    with line:
        line.settimeout(None)
        while line.recv(65536):
            continue
