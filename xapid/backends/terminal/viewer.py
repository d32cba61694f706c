"""One viewer of a terminal, as its server in RFB sees it: no sockets here, bytes in and bytes out.

What is sent is made when it can be sent, a line of the screen at a time: for a viewer that does not read, one waits.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import Enum, auto
from functools import partial

from xapid.backends.terminal.drawing import RECTANGLE, Pen
from xapid.backends.terminal.glyphs import HEIGHT, WIDTH
from xapid.backends.terminal.keys import INSERT, Keyboard
from xapid.backends.terminal.screen import NOTHING, Terminal
from xapid.wire import rfb
from xapid.wire.rfb import PixelFormat, Unknown, length_of

PREFERRED = (rfb.ZLIB, rfb.HEXTILE, rfb.RAW)
MOST_ENCODINGS = 1024
LONGEST_PASTED = 16384
"""Bytes of a viewer's cut text that are kept, for it to paste. The rest is passed over."""
MOST_SAID = 16384
"""Bytes of answers that may wait for a viewer to read them."""
MIDDLE_BUTTON = 2


class _Stage(Enum):
    VERSION = auto()
    SECURITY = auto()
    SHARED = auto()
    MESSAGES = auto()


class Viewer:
    """Whom a terminal is shown to. All share it."""

    def __init__(self, terminal: Terminal, name: str, keyboard: Keyboard, typed: Callable[[bytes], None]) -> None:
        """``typed``: given what this viewer types."""
        self._terminal = terminal
        self._name = name.encode()
        self._keyboard = keyboard
        self._typed = typed
        self._stage = _Stage.VERSION
        self._minor = 8
        self._held = bytearray()
        self._skip = 0
        self._said = bytearray(rfb.VERSION)
        self._pen = Pen()
        self._resizable = False
        self._size = (0, 0)
        """Columns and lines that it knows of."""
        self._wanted: range | None = None
        """Lines that it asked for."""
        self._seen: list[int] = []
        """When the terminal was looked at for each line that was sent."""
        self._under_way: list[int] = []
        """Lines of the update that is being sent, the last first."""
        self._cut = b""
        self._buttons = 0
        self._changes: dict[int, Callable[[], None]] = {}
        """What it wants to be told in another way, once it has been told all of an update. By kinds of messages."""
        self._farewell = False

    # What it says

    def heard(self, data: bytes) -> None:
        """Bytes came. Raises Unknown for what no viewer says; then it is to be let go, once all is sent."""
        self._held += data
        try:
            while self._step():
                pass
        except Unknown:
            self._farewell = True
            raise

    def _step(self) -> bool:
        """Take one message, if it is there."""
        passed = min(self._skip, len(self._held))
        del self._held[:passed]
        self._skip -= passed
        if not self._held:
            return False
        if self._stage is not _Stage.MESSAGES:
            return self._greeting()
        length = length_of(self._held)
        if length is None:
            return False
        kind = self._held[0]
        if kind == rfb.SET_ENCODINGS and length > 4 + 4 * MOST_ENCODINGS:
            raise Unknown("more encodings than there are")
        whole = min(length, 8 + LONGEST_PASTED) if kind == rfb.CUT_TEXT else length
        if len(self._held) < whole:
            return False
        message = bytes(self._held[:whole])
        del self._held[:whole]
        self._skip = length - whole
        self._message(message)
        return True

    def _greeting(self) -> bool:
        held = self._held
        if self._stage is _Stage.VERSION:
            if not rfb.VERSION.startswith(held[:4]):
                raise Unknown("another protocol")
            if len(held) < rfb.VERSION_LENGTH:
                return False
            self._agree(bytes(held[: rfb.VERSION_LENGTH]))
            del held[: rfb.VERSION_LENGTH]
        elif self._stage is _Stage.SECURITY:
            choice = held.pop(0)
            if choice != rfb.NONE:
                self._refuse(b"there is no such security here")
            if self._minor == 8:
                self._said += bytes(4)
            self._stage = _Stage.SHARED
        else:
            held.pop(0)
            self._begin()
        return True

    def _agree(self, version: bytes) -> None:
        """On a version: the viewer's, or the nearest older one that there is."""
        try:
            major, minor = int(version[4:7]), int(version[8:11])
        except ValueError as error:
            raise Unknown("a version without numbers") from error
        self._minor = 8 if (major, minor) >= (3, 8) else 7 if (major, minor) == (3, 7) else 3
        if self._minor == 3:
            self._said += rfb.NONE.to_bytes(4)
            self._stage = _Stage.SHARED
        else:
            self._said += bytes([1, rfb.NONE])
            self._stage = _Stage.SECURITY

    def _refuse(self, why: bytes) -> None:
        if self._minor == 8:
            self._said += (1).to_bytes(4) + len(why).to_bytes(4) + why
        raise Unknown(why.decode())

    def _begin(self) -> None:
        self._stage = _Stage.MESSAGES
        self._know_size()
        columns, lines = self._size
        self._said += struct.pack(">HH", columns * WIDTH, lines * HEIGHT) + self._pen.pixels.write()
        self._said += len(self._name).to_bytes(4) + self._name

    def _know_size(self) -> None:
        self._size = (self._terminal.columns, self._terminal.lines)
        self._seen = [-1] * self._terminal.lines

    def _message(self, message: bytes) -> None:
        match message[0]:
            case rfb.SET_PIXEL_FORMAT:
                self._change(message[0], partial(self._use, PixelFormat.read(message[4:])))
            case rfb.SET_ENCODINGS:
                numbers = [number for (number,) in struct.iter_unpack(">i", message[4:])]
                self._change(message[0], partial(self._choose, numbers))
            case rfb.UPDATE_REQUEST:
                self._request(*struct.unpack(">BxxHxxH", message[1:]))
            case rfb.KEY:
                self._press(bool(message[1]), int.from_bytes(message[4:8]))
            case rfb.POINTER:
                pressed = message[1] & ~self._buttons
                self._buttons = message[1]
                if pressed & MIDDLE_BUTTON:
                    self._typed(self._cut)
            case rfb.CUT_TEXT if not message[4] & 0x80:
                lines = message[8:].decode("latin-1").replace("\r\n", "\n").replace("\n", "\r")
                self._cut = lines.encode()

    def _change(self, kind: int, change: Callable[[], None]) -> None:
        """Now, or once the update that is under way is over: all of it is written alike."""
        if self._under_way:
            self._changes[kind] = change
        else:
            change()

    def _use(self, pixels: PixelFormat) -> None:
        self._pen.pixels = pixels
        if pixels.mapped:
            self._said += pixels.table()

    def _choose(self, encodings: list[int]) -> None:
        self._pen.encoding = next((each for each in PREFERRED if each in encodings), rfb.RAW)
        self._resizable = rfb.DESKTOP_SIZE in encodings

    def _request(self, incremental: int, top: int, height: int) -> None:
        lines = range(top // HEIGHT, -(-(top + height) // HEIGHT))
        if not incremental:
            for line in set(lines).intersection(range(len(self._seen))):
                self._seen[line] = -1
        old = self._wanted
        self._wanted = lines if old is None else range(min(old.start, lines.start), max(old.stop, lines.stop))

    def _press(self, down: bool, keysym: int) -> None:
        if down and keysym == INSERT and self._keyboard.pastes:
            self._typed(self._cut)
        elif sent := self._keyboard.press(keysym, down, self._terminal.wants_application_keys):
            self._typed(sent)

    # What it is told

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be asked of it before it has read what was said."""
        return len(self._said) > MOST_SAID

    @property
    def waits(self) -> bool:
        """Whether it asked for what is new, and is not being told yet."""
        return self._wanted is not None and not self._under_way and not self._said and not self._farewell

    def begin_update(self) -> None:
        """It may be told now, if there is anything it does not know."""
        if self._wanted is None:
            return
        terminal = self._terminal
        resized = (terminal.columns, terminal.lines) != self._size and self._resizable
        if resized:
            self._know_size()
        lines = [
            line
            for line in self._wanted
            if line < min(self._size[1], terminal.lines) and terminal.touched[line] > self._seen[line]
        ]
        if not lines and not resized:
            return
        self._wanted = None
        self._under_way = lines[::-1]
        self._said += struct.pack(">BxH", rfb.UPDATE, len(lines) + resized)
        if resized:
            columns, rows = self._size
            self._said += RECTANGLE.pack(0, 0, columns * WIDTH, rows * HEIGHT, rfb.DESKTOP_SIZE)

    def next(self) -> bytes:
        """What is to be sent next; nothing when there is nothing."""
        if self._said:
            said = bytes(self._said)
            self._said.clear()
            return said
        if self._under_way and not self._farewell:
            line = self._line(self._under_way.pop())
            if not self._under_way:
                for change in self._changes.values():
                    change()
                self._changes.clear()
            return line
        return b""

    def _line(self, line: int) -> bytes:
        """The part of a line that this viewer does not know, as it is now."""
        terminal = self._terminal
        width = self._size[0]
        if line >= terminal.lines:
            # Meanwhile there are fewer. It was promised something.
            return self._pen.rectangle(0, line, (NOTHING,))
        seen = self._seen[line]
        changed = [column for column, when in enumerate(terminal.changed[line][:width]) if when > seen] or [0]
        self._seen[line] = terminal.now
        return self._pen.rectangle(changed[0], line, terminal.cells[line][changed[0] : changed[-1] + 1])
