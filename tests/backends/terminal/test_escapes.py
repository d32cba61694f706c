"""What is written to a terminal, cut into pieces, however it comes."""

from __future__ import annotations

import pytest

from xapid.backends.terminal.escapes import LONGEST_TEXT, Pieces


def cut(*parts: bytes) -> str:
    pieces = Pieces()
    return "".join(piece for part in parts for piece in pieces.cut(part))


@pytest.mark.parametrize(
    "written, left",
    [
        (b"a\x1b[31;1mb", "a\x1b[31;1mb"),
        (b"\x1b[?25l\x1b7\x1b(0q", "\x1b[?25l\x1b7\x1b(0q"),
        ("é漢".encode(), "é漢"),
        (b"\x1b]0;a title\x07x", "x"),
        (b"\x1b]0;a title\x1b\\x", "x"),
        (b"\x1b]P1ff00aax\x1b]Ry", "xy"),
        (b"\x1bPqabc\x1b\\x\x1b_y\x1b\\z", "xz"),
        (b"\x1b[>c\x1b[1$p\x1b#8\x1b%Gx", "x"),
        (b"\x1b[\x01x\x1b[31\x1b[32my", "x\x1b[32my"),
    ],
)
def test_a_stream_is_cut_alike_at_once_and_byte_by_byte(written: bytes, left: str) -> None:
    assert cut(written) == left
    assert cut(*(written[at : at + 1] for at in range(len(written)))) == left


def test_a_text_without_an_end_swallows_no_more_than_it_may() -> None:
    assert cut(b"\x1b]0;" + b"x" * (LONGEST_TEXT + 10)).count("x") <= 12


def test_marks_are_made_one_with_their_letter_or_left_out() -> None:
    assert cut("e\u0301".encode()) == "é"
    assert cut(("x" + "\u0301" * 100).encode()) == "x"
