"""What is written to a terminal, cut into pieces: text, single controls, whole sequences. What is endless is left out.

A guest may write anything. What reads these pieces is kept in no state, and gathers nothing.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator

LONGEST_TEXT = 4096
"""Characters of what a sequence with a text of its own, such as a title, may swallow before it is taken for text."""

_PIECES = re.compile(
    r"""
      (?P<text> [^\x00-\x1f\x7f-\x9f]+ )
    | (?P<whole> [\x07-\x0f]
        | \x1b \[ \??[0-9;]{0,60} [@-~]
        | \x1b [()] [0-9A-Za-z]
        | \x1b [78cDEHM>=Z]
      )
    | (?P<begun> \x1b (?: \[ [0-?]{0,60} [ -/]{0,4} | \] (?: P [0-9A-Fa-f]{0,6} )? | [ -/]{0,4} )? \Z )
    | (?P<palette> \x1b \] (?: R | P [0-9A-Fa-f]{7} ) )
    | (?P<told> \x1b [\]PX^_] )
    | (?P<other> \x1b \[ [0-?]{0,60} [ -/]{0,4} [@-~]? | \x1b [ -/]{1,4} [0-~] | \x1b [0-~] )
    | (?P<nothing> . )
    """,
    re.VERBOSE | re.DOTALL,
)
"""What is cut off; the palette of Linux looks like what is told, and has no end."""
_END_OF_TOLD = re.compile(r"[\x07\x18\x1a\x9c]|\x1b\\|(?=\x1b[^\\])")


class Pieces:
    """Cuts one stream of bytes, in pieces as they come."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._swallowed = -1
        """Characters of a text that belongs to a sequence, so far; -1: none is under way."""

    def cut(self, data: bytes) -> Iterator[str]:
        """Text, controls and sequences, each whole."""
        text = self._held + self._decoder.decode(data)
        self._held = ""
        at = 0
        while at < len(text):
            if self._swallowed >= 0:
                at = self._swallow(text, at)
                continue
            match = _PIECES.match(text, at)
            assert match is not None, "anything is one of them"
            if match.lastgroup == "begun":
                self._held = match[0]
                return
            at = match.end()
            if match.lastgroup == "text":
                yield from _drawable(match[0])
            elif match.lastgroup == "whole":
                yield match[0]
            elif match.lastgroup == "told":
                self._swallowed = 0

    def _swallow(self, text: str, at: int) -> int:
        """Pass over the text of a sequence. Returns where to go on."""
        until = min(len(text), at + LONGEST_TEXT - self._swallowed)
        end = _END_OF_TOLD.search(text, at, until + 1)
        if end is not None:
            self._swallowed = -1
            return end.end()
        if until == len(text) and text[-1] == "\x1b":
            # Maybe one half of its end.
            self._held = "\x1b"
        self._swallowed += until - at
        if self._swallowed >= LONGEST_TEXT:
            self._swallowed = -1
        return until


def _drawable(text: str) -> Iterator[str]:
    """Without marks that would be drawn upon others for ever: what goes with a letter is made one with it."""
    if not text.isascii():
        text = "".join(
            each for each in unicodedata.normalize("NFC", text) if unicodedata.category(each) not in ("Mn", "Me", "Cf")
        )
    if text:
        yield text
