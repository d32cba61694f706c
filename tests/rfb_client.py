"""A viewer of VNC: what a screen looks like to it, in each of the ways in which it can be written."""

from __future__ import annotations

import socket
import struct
import zlib
from functools import cache
from pathlib import Path

from xapid.backends.terminal.bridges import PROGRAM
from xapid.backends.terminal.glyphs import HEIGHT, WIDTH, Glyphs
from xapid.backends.terminal.screen import COLUMNS
from xapid.wire.rfb import COLOUR_MAP, DESKTOP_SIZE, HEXTILE, RAW, UPDATE, ZLIB, Colour, PixelFormat

PATIENCE = 15.0


@cache
def _letters() -> dict[bytes, str]:
    glyphs = Glyphs()
    return {glyphs.of(chr(code)): chr(code) for code in range(0x7E, 0x1F, -1)}


def bridge_at(path: Path | str) -> int:
    """The bridge that serves a Unix socket; 0: none does, or it is still starting."""
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(path))
        except OSError:
            return 0
        pid = int(struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])
    return pid if PROGRAM.encode() in Path(f"/proc/{pid}/cmdline").read_bytes() else 0


class RfbClient:
    """Connected, with its hands shaken. ``width`` and ``height`` are those it was last told."""

    def __init__(self, connection: socket.socket, version: bytes = b"RFB 003.008\n") -> None:
        self.socket = connection
        self.socket.settimeout(PATIENCE)
        self.pixels = PixelFormat()
        self.table: list[Colour] = []
        self._inflater = zlib.decompressobj()
        assert self.read(12) == b"RFB 003.008\n"
        self.socket.sendall(version)
        if version == b"RFB 003.003\n":
            assert self.number(4) == 1
        else:
            assert self.read(self.number(1)) == b"\x01"
            self.socket.sendall(b"\x01")
            if version == b"RFB 003.008\n":
                assert self.number(4) == 0
        self.socket.sendall(b"\x01")
        self.width, self.height = self.number(2), self.number(2)
        self.offered = PixelFormat.read(self.read(16))
        self.name = self.read(self.number(4)).decode()
        self._lines: list[bytearray] = []
        self._start_anew()
        self.received = 0

    @classmethod
    def at(cls, path: Path | str, version: bytes = b"RFB 003.008\n") -> RfbClient:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        try:
            connection.connect(str(path))
            return cls(connection, version)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        self.socket.close()

    def _start_anew(self) -> None:
        self._colours: dict[bytes, Colour] = {}
        self._lines = [bytearray(self.width * self.pixels.bits // 8) for _ in range(self.height)]

    # Saying

    def format(self, pixels: PixelFormat) -> None:
        self.pixels = pixels
        self._start_anew()
        self.socket.sendall(bytes(4) + pixels.write())

    def encodings(self, *numbers: int) -> None:
        self.socket.sendall(struct.pack(f">BxH{len(numbers)}i", 2, len(numbers), *numbers))

    def ask(self, *, anew: bool = False) -> None:
        self.socket.sendall(struct.pack(">BBHHHH", 3, not anew, 0, 0, self.width, self.height))

    def key(self, keysym: int, down: bool | None = None) -> None:
        """Press a key, or one half of that."""
        for state in (True, False) if down is None else (down,):
            self.socket.sendall(struct.pack(">BBxxI", 4, state, keysym))

    def type(self, text: str) -> None:
        for character in text:
            self.key(0xFF0D if character == "\n" else ord(character))

    def cut(self, text: str) -> None:
        data = text.encode("latin-1")
        self.socket.sendall(struct.pack(">BxxxI", 6, len(data)) + data)

    def pointer(self, buttons: int) -> None:
        self.socket.sendall(struct.pack(">BBHH", 5, buttons, 0, 0))

    # Seeing

    def read(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            piece = self.socket.recv(length - len(data))
            if not piece:
                raise EOFError(f"it ended after {bytes(data)!r}")
            data += piece
        return bytes(data)

    def number(self, size: int) -> int:
        return int.from_bytes(self.read(size))

    def update(self) -> int:
        """Take the next update into the picture. Returns how many bytes it took."""
        self.received = 0
        while (kind := self.number(1)) == COLOUR_MAP:
            self.read(1)
            first, count = self.number(2), self.number(2)
            assert first == 0
            self.table = [(self.number(2) >> 8, self.number(2) >> 8, self.number(2) >> 8) for _ in range(count)]
        assert kind == UPDATE, kind
        self.read(1)
        for _ in range(self.number(2)):
            self._rectangle(*struct.unpack(">HHHHi", self.read(12)))
        return self.received

    def _rectangle(self, x: int, y: int, width: int, height: int, encoding: int) -> None:
        size = self.pixels.bits // 8
        self.received += 12
        if encoding == DESKTOP_SIZE:
            self.width, self.height = width, height
            self._start_anew()
        elif encoding == RAW:
            self._put(x, y, width, height, self._counted(width * height * size))
        elif encoding == ZLIB:
            packed = self._counted(int.from_bytes(self._counted(4)))
            self._put(x, y, width, height, self._inflater.decompress(packed))
        else:
            assert encoding == HEXTILE, encoding
            self._tiles(x, y, width, height, size)

    def _counted(self, length: int) -> bytes:
        self.received += length
        return self.read(length)

    def _put(self, x: int, y: int, width: int, height: int, data: bytes) -> None:
        size = self.pixels.bits // 8
        assert len(data) == width * height * size
        assert x + width <= self.width and y + height <= self.height
        for line in range(height):
            part = data[line * width * size : (line + 1) * width * size]
            self._lines[y + line][x * size : (x + width) * size] = part

    def _tiles(self, x: int, y: int, width: int, height: int, size: int) -> None:
        paper = ink = b""
        for top in range(0, height, 16):
            for left in range(0, width, 16):
                wide, high = min(16, width - left), min(16, height - top)
                (kind,) = self._counted(1)
                assert not kind & 1, "tiles of text are never written pixel by pixel"
                paper = self._counted(size) if kind & 2 else paper
                ink = self._counted(size) if kind & 4 else ink
                self._put(x + left, y + top, wide, high, paper * (wide * high))
                for _ in range(self._counted(1)[0] if kind & 8 else 0):
                    colour = self._counted(size) if kind & 16 else ink
                    at, extent = self._counted(2)
                    across, down = (extent >> 4) + 1, (extent & 15) + 1
                    self._put(x + left + (at >> 4), y + top + (at & 15), across, down, colour * (across * down))

    def colour(self, pixel: bytes) -> Colour:
        value = int.from_bytes(pixel, "big" if self.pixels.big_endian else "little")
        if self.table:
            return self.table[value]
        parts = [
            (value >> shift & maximum) * 255 // maximum
            for maximum, shift in zip(self.pixels.maxima, self.pixels.shifts, strict=True)
        ]
        return parts[0], parts[1], parts[2]

    def pixel(self, x: int, y: int) -> Colour:
        size = self.pixels.bits // 8
        data = bytes(self._lines[y][x * size : x * size + size])
        if data not in self._colours:
            self._colours[data] = self.colour(data)
        return self._colours[data]

    def text(self, line: int, columns: int = COLUMNS) -> str:
        """What somebody reads in a line of a terminal, as far as it is of ASCII."""
        text = ""
        for column in range(columns):
            rows = [[self.pixel(column * WIDTH + x, line * HEIGHT + y) for x in range(WIDTH)] for y in range(HEIGHT)]
            paper = rows[0][0]
            shape = bytes(sum((pixel != paper) << 7 - x for x, pixel in enumerate(row)) for row in rows)
            text += _letters().get(shape, "?")
        return text.rstrip()

    def screen(self) -> str:
        """All that somebody reads."""
        return "\n".join(self.text(line) for line in range(self.height // HEIGHT))

    def until(self, text: str, line: int | None = None) -> None:
        """Take updates until this can be read: in a line, or somewhere."""
        while text not in (self.screen() if line is None else self.text(line)):
            self.ask()
            self.update()

    def rows(self, height: int = 0) -> list[list[Colour]]:
        """The picture from its top; without a height all of it."""
        return [[self.pixel(x, y) for x in range(self.width)] for y in range(height or self.height)]
