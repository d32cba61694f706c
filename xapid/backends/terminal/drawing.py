"""Cells of a terminal as the rectangles of RFB. A tile of Hextile is two cells: it is put together of known shapes."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

from xapid.backends.terminal.glyphs import BLANK, HEIGHT, WIDTH, Shape
from xapid.backends.terminal.screen import Cell
from xapid.wire.rfb import HEXTILE, RAW, ZLIB, Colour, PixelFormat

RECTANGLE = struct.Struct(">HHHHi")
BACKGROUND, FOREGROUND, SUBRECTANGLES, COLOURED = 2, 4, 8, 16
"""What a tile of Hextile says of itself."""
LEVEL, WINDOW, MEMORY = 6, 12, 5
"""Of zlib: 16 KiB for what went before and 16 KiB for the rest, for each viewer."""
KEPT = 256
DRAWN = 64
"""Lines that are kept drawn, since mostly all viewers are to see the same."""


class _Rows(dict[int, bytes]):
    """Rows of eight pixels in two colours, by the byte that says which has which; made when they are first used."""

    def __init__(self, ink: bytes, paper: bytes) -> None:
        super().__init__()
        self._pixels = (paper, ink)

    def __missing__(self, row: int) -> bytes:
        made = self[row] = b"".join(self._pixels[row >> bit & 1] for bit in range(WIDTH - 1, -1, -1))
        return made


@lru_cache(KEPT)
def _pixel(pixels: PixelFormat, colour: Colour) -> bytes:
    return pixels.pixel(colour)


@lru_cache(KEPT)
def _rows(pixels: PixelFormat, ink: Colour, paper: Colour) -> _Rows:
    return _Rows(_pixel(pixels, ink), _pixel(pixels, paper))


@lru_cache(DRAWN)
def raw(cells: tuple[Cell, ...], pixels: PixelFormat) -> bytes:
    """Pixel by pixel, from the top."""
    drawn = [(shape, _rows(pixels, ink, paper)) for shape, ink, paper in cells]
    return b"".join(rows[shape[y]] for y in range(HEIGHT) for shape, rows in drawn)


@lru_cache(2 * KEPT)
def _subrectangles(shape: Shape, left: int) -> tuple[bytes, ...]:
    """The parts of a shape that have its colour, as places and sizes within a tile."""
    found: list[bytes] = []
    above: dict[tuple[int, int], int] = {}
    for y in range(HEIGHT + 1):
        runs = _runs(shape[y]) if y < HEIGHT else set()
        for run in [run for run in above if run not in runs]:
            top = above.pop(run)
            found.append(bytes([(left + run[0]) << 4 | top, (run[1] - 1) << 4 | (y - top - 1)]))
        for run in runs:
            above.setdefault(run, y)
    return tuple(found)


def _runs(row: int) -> set[tuple[int, int]]:
    """Where pixels that are set stand together: the first, and how many."""
    bits = f"{row:0{WIDTH}b}"
    runs: set[tuple[int, int]] = set()
    x = bits.find("1")
    while x >= 0:
        end = bits.find("0", x)
        end = WIDTH if end < 0 else end
        runs.add((x, end - x))
        x = bits.find("1", end)
    return runs


@lru_cache(DRAWN)
def hextile(cells: tuple[Cell, ...], pixels: PixelFormat) -> bytes:
    """In tiles that say their background and what lies upon it. What a tile does not say is as in the one before."""
    said = bytearray()
    paper: Colour | None = None
    ink: Colour | None = None
    for at in range(0, len(cells), 2):
        tile = cells[at : at + 2]
        first = tile[0]
        coloured = [
            (part, cell.ink)
            for number, cell in enumerate(tile)
            if cell.shape != BLANK
            for part in _subrectangles(cell.shape, WIDTH * number)
        ]
        if tile[-1].paper != first.paper:
            coloured.insert(0, (bytes([WIDTH << 4, (WIDTH - 1) << 4 | HEIGHT - 1]), tile[-1].paper))
        inks = {colour for _, colour in coloured}
        kind = BACKGROUND if first.paper != paper else 0
        body = _pixel(pixels, first.paper) if kind else b""
        paper = first.paper
        if len(inks) == 1:
            kind |= SUBRECTANGLES
            if (only := inks.pop()) != ink:
                kind |= FOREGROUND
                body += _pixel(pixels, only)
                ink = only
            body += bytes([len(coloured)]) + b"".join(part for part, _ in coloured)
        elif inks:
            kind |= SUBRECTANGLES | COLOURED
            body += bytes([len(coloured)]) + b"".join(_pixel(pixels, colour) + part for part, colour in coloured)
            ink = None
        said.append(kind)
        said += body
    return bytes(said)


class Pen:
    """Draws for one viewer, in the way that it wants."""

    def __init__(self) -> None:
        self.pixels = PixelFormat()
        self.encoding = RAW
        self._compressor: zlib._Compress | None = None
        """One for as long as the viewer is there, as the protocol wants it."""

    def rectangle(self, column: int, line: int, cells: tuple[Cell, ...]) -> bytes:
        """Cells beside each other."""
        head = RECTANGLE.pack(column * WIDTH, line * HEIGHT, len(cells) * WIDTH, HEIGHT, self.encoding)
        if self.encoding == HEXTILE:
            return head + hextile(cells, self.pixels)
        drawn = raw(cells, self.pixels)
        if self.encoding != ZLIB:
            return head + drawn
        if self._compressor is None:
            self._compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW, MEMORY)
        packed = self._compressor.compress(drawn) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        return head + len(packed).to_bytes(4) + packed
