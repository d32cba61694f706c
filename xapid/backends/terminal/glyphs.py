"""The shapes of characters: GNU Unifont, which has all of Unicode's first plane in the very cells of a terminal."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from xapid.backends.interface import NotSupported

WIDTH, HEIGHT = 8, 16
"""Pixels of a cell."""
FONT = Path("/usr/share/fonts/opentype/unifont/unifont.otf")
PACKAGE = "fonts-unifont"
KEPT = 2048
"""Shapes that are remembered."""

Shape = bytes
"""A row of eight pixels a byte, the leftmost in the highest bit, from the top."""

BLANK = bytes(HEIGHT)
UNDERLINE = HEIGHT - 2


def require() -> None:
    """Raises NotSupported (fact ``font``) with what to install."""
    if not FONT.exists():
        raise NotSupported(
            f"text cannot be shown as a screen without a font: apt-get install {PACKAGE}", font=str(FONT)
        )


class Glyphs:
    """The shapes of one font. It is opened at once: whoever draws may be where there are no files."""

    def __init__(self, path: Path = FONT) -> None:
        font = ImageFont.truetype(str(path), HEIGHT)
        cells = {columns: Image.new("1", (WIDTH * columns, HEIGHT)) for columns in (1, 2)}

        @lru_cache(KEPT)
        def shapes(character: str, columns: int) -> tuple[Shape, ...]:
            image = cells[columns]
            drawing = ImageDraw.Draw(image)
            drawing.rectangle((0, 0, WIDTH * columns, HEIGHT), fill=0)
            drawing.text((0, 0), character, font=font, fill=1)
            drawn = image.tobytes()
            return tuple(drawn[column::columns] for column in range(columns))

        self._shapes = shapes
        # What is read when a first character is drawn.
        self.of("W")

    def of(self, character: str) -> Shape:
        """Of a character in one cell."""
        return BLANK if character == " " else self._shapes(character, 1)[0]

    def halves(self, character: str) -> tuple[Shape, Shape]:
        """Of a character that takes two cells: the left one and the right one."""
        left, right = self._shapes(character, 2)
        return left, right


@lru_cache(KEPT)
def underlined(shape: Shape) -> Shape:
    return shape[:UNDERLINE] + b"\xff" + shape[UNDERLINE + 1 :]


def is_wide(character: str) -> bool:
    """Whether the shape of a character fills two cells."""
    return unicodedata.east_asian_width(character) in ("W", "F")
