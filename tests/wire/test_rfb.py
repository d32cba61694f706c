"""What of a viewer's bytes tells that somebody sits before the screen."""

from __future__ import annotations

import pytest

from xapid.wire.rfb import ViewerSide

HELLO = b"RFB 003.008\n" + b"\x01" + b"\x01"
"""Version, no password, a shared screen."""
UPDATE = bytes([3, 1]) + bytes(8)
ENCODINGS = bytes([2, 0, 0, 3]) + bytes(12)
PIXELS = bytes(20)
CUT = bytes([6, 0, 0, 0]) + (5).to_bytes(4) + b"\xff\x04\x05\xff\x04"
CUT_EXTENDED = bytes([6, 0, 0, 0]) + (-3).to_bytes(4, signed=True) + b"\x04\x05\xff"
KEY = bytes([4, 1, 0, 0]) + (0xFF0D).to_bytes(4)
POINTER = bytes([5, 0, 0, 9, 0, 9])
QEMU_KEY = bytes([255, 0, 0, 1]) + bytes(8)
QEMU_FORMAT = bytes([255, 1, 0, 2]) + bytes(6)
FENCE = bytes([248, 0, 0, 0]) + bytes(4) + b"\x03" + b"\x04\x04\x04"
SIZE = bytes([251, 0, 4, 0, 3, 0, 1, 0]) + b"\x04" * 16
BY_ITSELF = PIXELS + ENCODINGS + UPDATE + CUT + CUT_EXTENDED + FENCE + SIZE + bytes([150]) + b"\x04" * 9


def told(said: bytes, piece: int) -> list[int]:
    """After how many bytes it told of somebody, if they came in pieces of this size."""
    side = ViewerSide()
    return [at + piece for at in range(0, len(said), piece) if side.heard(said[at : at + piece])]


@pytest.mark.parametrize("piece", [1, 2, 7, 1000])
def test_what_a_viewer_sends_by_itself_tells_of_nobody(piece: int) -> None:
    assert told(HELLO + BY_ITSELF * 3, piece) == []


@pytest.mark.parametrize("message", [KEY, POINTER, QEMU_KEY, QEMU_FORMAT])
def test_keys_and_mouse_tell_of_somebody_once(message: bytes) -> None:
    before = HELLO + BY_ITSELF

    (at,) = told(before + message + BY_ITSELF, 1)

    assert len(before) < at <= len(before + message)


@pytest.mark.parametrize(
    "hello", [b"RFB 003.003\n\x01", b"RFB 003.008\n\x02" + b"\x04" * 16 + b"\x05", HELLO[:13] + b"\xff"]
)
def test_every_version_is_followed(hello: bytes) -> None:
    assert told(hello + UPDATE, 1) == []
    assert told(hello + UPDATE + KEY, 1) == [len(hello + UPDATE) + 1]


@pytest.mark.parametrize(
    "unknown", [b"GET / HTTP/1.1\r\n\r\n", b"RFB 003.008\n\x13", HELLO + b"\x77", HELLO + bytes([255, 9, 0, 0])]
)
def test_what_cannot_be_followed_counts_from_then_on(unknown: bytes) -> None:
    side = ViewerSide()

    assert side.heard(unknown)
    assert side.heard(UPDATE)


def test_a_text_that_is_said_to_have_gigabytes_holds_no_memory() -> None:
    side = ViewerSide()
    side.heard(HELLO + bytes([6, 0, 0, 0]) + (2**31 - 1).to_bytes(4))

    for _ in range(64):
        assert not side.heard(b"\x04" * 65536)

    assert len(side._held) == 0
