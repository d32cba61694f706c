"""The screen of a terminal: pyte does what is written to it; here it becomes cells with shapes and colours."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import pyte
from pyte.screens import Char

from xapid.backends.terminal.escapes import Pieces
from xapid.backends.terminal.glyphs import BLANK, KEPT, Glyphs, Shape, is_wide, underlined
from xapid.wire.rfb import Colour

COLUMNS, LINES = 80, 24
"""What serial lines are taken to be by whoever is not told otherwise."""
APPLICATION_KEYS = 1 << 5
"""Private mode 1: arrows are sent in another way."""

REVERSE = (5, 5 << 5)
"""A private mode, and as pyte would take it for one."""

BLACK, GREY = (0, 0, 0), (0xAA, 0xAA, 0xAA)
_NAMES = ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white")
_DARK = ((0, 0, 0), (0xAA, 0, 0), (0, 0xAA, 0), (0xAA, 0x55, 0), (0, 0, 0xAA), (0xAA, 0, 0xAA), (0, 0xAA, 0xAA), GREY)
COLOURS: dict[str, Colour] = {
    **dict(zip(_NAMES, _DARK, strict=True)),
    # As VGA had them.
    **{f"bright{name}": (red + 85, green + 85, blue + 85)
       for name, (red, green, blue) in zip(_NAMES, _DARK, strict=True)},
    "brightbrown": (255, 255, 85),
    "bfightmagenta": (255, 85, 255),
}  # fmt: skip
"""By the names of pyte, one of which is misspelt there."""


class Cell(NamedTuple):
    """One place of the screen."""

    shape: Shape
    ink: Colour
    paper: Colour


NOTHING = Cell(BLANK, GREY, BLACK)


class _Screen(pyte.Screen):
    """One that cannot be filled up, and whose answers go somewhere."""

    def __init__(self, columns: int, lines: int, answer: Callable[[str], None]) -> None:
        super().__init__(columns, lines)
        self._answer = answer

    def save_cursor(self) -> None:
        # As in a terminal there is one place for it; pyte would keep all.
        self.savepoints.clear()
        super().save_cursor()

    def set_mode(self, *modes: int, **kwargs: bool) -> None:
        super().set_mode(*_affordable(modes), **kwargs)

    def reset_mode(self, *modes: int, **kwargs: bool) -> None:
        super().reset_mode(*_affordable(modes), **kwargs)

    def write_process_input(self, data: str) -> None:
        self._answer(data)


def _affordable(modes: tuple[int, ...]) -> tuple[int, ...]:
    """Without the one that shows all in reverse: ten bytes would be work for as long as a thousand others."""
    return tuple(mode for mode in modes if mode not in REVERSE)


class Terminal:
    """A terminal, what it shows now, and when each cell last changed: counted in the times that it was looked at."""

    def __init__(self, glyphs: Glyphs, answer: Callable[[str], None]) -> None:
        """``answer``: told what the terminal says when it is asked what it is."""
        self._glyphs = glyphs
        self._pieces = Pieces()
        self._screen = _Screen(COLUMNS, LINES, answer)
        self._stream = pyte.Stream(self._screen)
        # The text is decoded already, and may use the charset with lines and corners.
        self._stream.use_utf8 = False
        self._cursor = (-1, -1)
        self.now = 0
        self.columns, self.lines = COLUMNS, LINES
        self.cells: list[tuple[Cell, ...]] = []
        self.changed: list[list[int]] = []
        self.touched: list[int] = []
        """The latest change of each line."""
        self._clear()

    def _clear(self) -> None:
        self.columns, self.lines = self._screen.columns, self._screen.lines
        self.cells = [(NOTHING,) * self.columns for _ in range(self.lines)]
        self.changed = [[self.now] * self.columns for _ in range(self.lines)]
        self.touched = [self.now] * self.lines
        self._screen.dirty.update(range(self.lines))

    @property
    def wants_application_keys(self) -> bool:
        return APPLICATION_KEYS in self._screen.mode

    def feed(self, data: bytes) -> None:
        """Do what was written, whatever it is."""
        for piece in self._pieces.cut(data):
            # A sequence that pyte stumbles over (too many numbers, a place that is not there) does nothing.
            with contextlib.suppress(Exception):
                self._stream.feed(piece)

    def look(self) -> bool:
        """Bring the cells up to date. Returns whether any of them changed, or the size did."""
        screen = self._screen
        self.now += 1
        resized = (screen.columns, screen.lines) != (self.columns, self.lines)
        if resized:
            self._clear()
        cursor = (-1, -1) if screen.cursor.hidden else (screen.cursor.y, min(screen.cursor.x, self.columns - 1))
        if cursor != self._cursor:
            screen.dirty.update((self._cursor[0], cursor[0]))
            self._cursor = cursor
        dirty = {line for line in screen.dirty if 0 <= line < self.lines}
        screen.dirty.clear()
        looked = [self._look_at(line) for line in dirty]
        return any(looked) or resized

    def _look_at(self, line: int) -> bool:
        old, changed = self.cells[line], self.changed[line]
        new = self._drawn(line)
        if new == old:
            return False
        for column, (before, after) in enumerate(zip(old, new, strict=True)):
            if before != after:
                changed[column] = self.now
        self.cells[line] = new
        self.touched[line] = self.now
        return True

    def _drawn(self, line: int) -> tuple[Cell, ...]:
        row = self._screen.buffer[line]
        cells: list[Cell] = []
        for column in range(self.columns):
            char = row[column]
            cells.append(_cell(self._glyphs, char, row[column - 1] if not char.data and column else None))
        cursor_line, column = self._cursor
        if cursor_line == line:
            shape, ink, paper = cells[column]
            cells[column] = Cell(shape, paper, ink)
        return tuple(cells)

    def redrawn(self) -> bytes:
        """What makes another terminal show the same text, for one that comes to it later."""
        lines = [self._text(line).rstrip() for line in range(self.lines)]
        while lines and not lines[-1]:
            lines.pop()
        if not lines:
            return b""
        text = lines[0]
        for before, line in pairwise(lines):
            # A line that is full goes on in the next one, as it did when it was printed.
            text += line if line and len(before) == self.columns else f"\r\n{line}"
        cursor = self._screen.cursor
        return f"\x1b[H\x1b[2J{text}\x1b[{cursor.y + 1};{cursor.x + 1}H".encode()

    def _text(self, line: int) -> str:
        row, text = self._screen.buffer[line], ""
        for column in range(self.columns):
            # Without a character of its own it is the right half of one, or of one that is no more.
            text += row[column].data or ("" if is_wide(text[-1:] or " ") else " ")
        return text


@lru_cache(KEPT)
def _cell(glyphs: Glyphs, char: Char, left: Char | None) -> Cell:
    """``left``: the character whose right half this is."""
    if left is not None:
        shape = glyphs.halves(left.data[:1])[1] if left.data and is_wide(left.data[:1]) else BLANK
    elif is_wide(char.data[:1] or " "):
        shape = glyphs.halves(char.data[:1])[0]
    else:
        shape = glyphs.of(char.data[:1] or " ")
    if char.underscore:
        shape = underlined(shape)
    ink = f"bright{char.fg}" if char.bold and char.fg in _NAMES else char.fg
    colours = (_colour(ink, GREY if not char.bold else (255, 255, 255)), _colour(char.bg, BLACK))
    return Cell(shape, *(colours[::-1] if char.reverse else colours))


def _colour(name: str, default: Colour) -> Colour:
    if name == "default":
        return default
    known = COLOURS.get(name)
    if known is not None:
        return known
    try:
        # More than 255 is said as more than two digits.
        red, green, blue = bytes.fromhex(name)
    except ValueError:
        return default
    return red, green, blue
