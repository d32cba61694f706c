"""What guests write to their terminals, what viewers of screens say, and what servers of screens show."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Coroutine
from typing import Any

from tests.fuzz.engine import Target, Wrong
from xapid.backends.terminal.escapes import Pieces
from xapid.backends.terminal.glyphs import Glyphs
from xapid.backends.terminal.keys import Keyboard
from xapid.backends.terminal.screen import LINES, Terminal
from xapid.backends.terminal.viewer import LONGEST_PASTED, MOST_SAID, Viewer
from xapid.http.screenshot import LARGEST, take
from xapid.wire import rfb
from xapid.wire.rfb import PixelFormat, Unknown

WIDEST = 132
LONGEST = 66
"""Characters of a sequence without its last one."""
LONGEST_ANSWER = 16
"""Characters that a terminal says for one sequence of three."""

# --- What guests write --------------------------------------------------------------------------------------

ESCAPES = (
    *(b"\x1b" + word for word in b"[ ] P X ^ _ \\ ( ) # 7 8 c D E H M > = Z N O % (0 (B (U %G #8 ]P1234567 ]R".split()),
    *(
        b"\x1b[" + word
        for word in b"""
        m K J A B C D E F G H L M P X @ a c d e f g h l n r s u 2J ?25l ?25h ?7l ?6h ?3h ?3l ?5h ?5l 160h ?1049h 4h 20h
        6n 5n c >c ?1h ?2004h 38;5;99m 38;2;1;2;3m 1;31;44m 7m 0m 99;99H 9999999999A 1;1r 24;1r 5;10r 3g 0g ?1$p !p
        """.split()
    ),
    *(b"\r\n", b"\n", b"\b", b"\t", b"\a", b"\x0e", b"\x0f", b"\x18", b"\x1a", b"\x9c", b"\xc2\x9b", b"x" * 81),
    *(
        each.encode()
        for each in ("é", "e\u0301", "漢", "\U0001f600", "\u200d", "\u1160", "\u0301", "\uff57", "\xad", "\ufeff")
    ),
    b"\xff\xfe",
    b"1;" * 40,
)
WRITTEN = (b"\x1b[2J\x1b[1;1Hlogin: \x1b[31mred\x1b[0m\r\n", "漢字 \x1b(0lqk".encode(), b"\x1b]0;title\x1b\\")


def terminal() -> Target:
    glyphs = Glyphs()

    def run(data: bytes) -> None:
        answers: list[str] = []
        shown = Terminal(glyphs, answers.append)
        shown.feed(data)
        shown.look()
        shown.redrawn()
        screen = shown._screen
        if len(shown.cells) != LINES or any(len(line) != shown.columns for line in shown.cells):
            raise Wrong(f"{len(shown.cells)} lines")
        if not set(screen.buffer) <= set(range(LINES)):
            raise Wrong(f"lines {set(screen.buffer)}")
        if any(not 0 <= at <= WIDEST for row in screen.buffer.values() for at in row):
            raise Wrong("columns beyond the edge")
        if any(len(char.data) > 1 for row in screen.buffer.values() for char in row.values()):
            raise Wrong("characters upon each other")
        if len(screen.savepoints) > 1 or len(screen.title) + len(screen.icon_name):
            raise Wrong("something is gathered")
        if sum(map(len, answers)) > LONGEST_ANSWER * (1 + len(data) / 3):
            raise Wrong(f"{answers}")

    return Target("terminal", run, ESCAPES, WRITTEN)


def escapes() -> Target:
    """However a stream comes, it is cut in the same way; but for marks, which come too late for their letter."""

    def run(data: bytes) -> None:
        data = bytes(each & 0x7F for each in data)
        whole, single = Pieces(), Pieces()
        at_once = "".join(whole.cut(data))
        bytewise = "".join(piece for at in range(len(data)) for piece in single.cut(data[at : at + 1]))
        if at_once != bytewise:
            raise Wrong(f"{at_once!r} is {bytewise!r} byte by byte")
        if len(single._held) > LONGEST:
            raise Wrong(f"{len(single._held)} characters are held")

    return Target("escapes", run, ESCAPES, WRITTEN)


# --- What viewers say ---------------------------------------------------------------------------------------

HELLO = b"RFB 003.008\n\x01\x01"
ASKS = struct.pack(">BBHHHH", rfb.UPDATE_REQUEST, 0, 0, 0, 640, 384)
ASKS_MORE = struct.pack(">BBHHHH", rfb.UPDATE_REQUEST, 1, 0, 0, 65535, 65535)
SAID = (
    *(ASKS, ASKS_MORE, b"RFB 003.003\n", b"RFB 003.007\n", HELLO, b"\x01", b"\x02"),
    *(bytes(4) + pixels.write() for pixels in (PixelFormat(), PixelFormat(8, False, (7, 7, 3), (0, 3, 6)))),
    *(bytes(4) + b"\x08\x08\0\0" + bytes(12), bytes(4) + b"\x10\x10\x01\x01\0\x1f\0\x3f\0\x1f\x0b\x05\0\0\0\0"),
    *(struct.pack(">BxHii", rfb.SET_ENCODINGS, 2, encoding, rfb.DESKTOP_SIZE) for encoding in (0, 5, 6, 16, -1)),
    *(struct.pack(">BBxxI", rfb.KEY, down, key) for down in (0, 1) for key in (97, 0xFF0D, 0xFFE1, 0xFF63, 0x1000400)),
    *(struct.pack(">BBHH", rfb.POINTER, buttons, 0, 0) for buttons in (0, 2)),
    *(b"\x06\0\0\0\0\0\0\x05hello", b"\x06\0\0\0\0\0\xff\xff", b"\x06\0\0\0\xff\xff\xff\xf0"),
    b"\xff\0\0\x01" + bytes(8),
    *(b"\xf8\0\0\0\0\0\0\0\x04\0\0\0\0", b"\xfb\0\0\x01\0\x01\x01\0" + bytes(16), b"\x96\0" + bytes(8)),
    b"\xfc\0\0\x01",
)  # fmt: skip


def viewer() -> Target:
    glyphs = Glyphs()

    def run(data: bytes) -> None:
        shown = Terminal(glyphs, lambda _: None)
        shown.feed(b"\x1b[2Jhello \x1b[31mthere\r\n")
        shown.look()
        typed: list[bytes] = []
        told = Viewer(shown, "a guest", Keyboard(), typed.append)
        try:
            for at in range(0, len(data), 512):
                told.heard(data[at : at + 512])
                shown.feed(b"\x1b[?3h" if at else b"\x1b[?3l")
                shown.look()
                told.begin_update()
                # What is read now and then, a little of it.
                for _ in range(at // 512 % 40):
                    told.next()
                if len(told._said) > MOST_SAID + 512 * 3072 and not told.is_full:
                    raise Wrong(f"{len(told._said)} bytes are kept for a viewer that does not read")
                if (
                    len(told._held) > LONGEST_PASTED + 1024
                    or len(told._changes) > 2
                    or len(told._cut) > 2 * LONGEST_PASTED
                ):
                    raise Wrong(f"{len(told._held)} bytes are kept of what a viewer says")
                if told.is_full:
                    while told.next():
                        pass
        except Unknown:
            pass
        steps = 0
        while told.next():
            steps += 1
            if steps > 10 * LINES:
                raise Wrong("it is told more than there is")

    seeds = (HELLO + ASKS, HELLO + SAID[-20] + ASKS + ASKS_MORE, b"RFB 003.003\n\x01" + ASKS)
    return Target("viewer", run, SAID, seeds)


# --- What servers of screens show ---------------------------------------------------------------------------

GREETING = b"RFB 003.008\n\x01\x01" + bytes(4)
SCREEN = struct.pack(">HH", 4, 2) + PixelFormat().write() + bytes(4)
RECTANGLE = struct.pack(">HHHHi", 0, 0, 4, 1, rfb.RAW) + bytes(16)
SHOWN = (
    *(GREETING, b"RFB 003.003\n" + (1).to_bytes(4), SCREEN, RECTANGLE, b"\x02", bytes(16), bytes(64)),
    *(b"\0\0" + count.to_bytes(2) for count in (1, 2, 65535)),
    *(b"\x03\0\0\0\0\0\0\x05hello", b"\x03\0\0\0\x7f\xff\xff\xff", b"\x01\0\0\0\0\x01" + bytes(6)),
    *(struct.pack(">HHHHi", *area, 0) for area in ((0, 0, 0, 0), (3, 1, 1, 1), (0, 0, 65535, 65535))),
)  # fmt: skip


class _Deaf:
    """The way to the server, which hears nothing."""

    def write(self, data: bytes) -> None:
        """It is lost."""


def picture() -> Target:
    loop = asyncio.new_event_loop()

    def run(data: bytes) -> None:
        reader = asyncio.StreamReader(loop=loop)
        reader.feed_data(data)
        reader.feed_eof()
        try:
            taken = _finished(take(reader, _Deaf()))  # type: ignore[arg-type]
        except (Unknown, asyncio.IncompleteReadError):
            return
        if len(taken.data) != 4 * taken.width * taken.height or taken.width * taken.height > LARGEST:
            raise Wrong(f"{taken.width} x {taken.height}, {len(taken.data)} bytes")
        taken.jpeg()

    seeds = (
        GREETING + SCREEN + b"\0\0\0\x01" + struct.pack(">HHHHi", 0, 0, 4, 2, rfb.RAW) + bytes(32),
        GREETING + SCREEN,
    )
    return Target("picture", run, SHOWN, seeds, close=loop.close)


def _finished(reading: Coroutine[Any, Any, Any]) -> Any:
    """What it returns; it has all that there will be, so that it waits for nothing."""
    try:
        reading.send(None)
    except StopIteration as done:
        return done.value
    raise Wrong("it waits")
