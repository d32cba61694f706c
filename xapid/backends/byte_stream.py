"""Bytes that come in pieces, from a socket or a device."""

from __future__ import annotations

from collections.abc import Callable


def exactly(receive: Callable[[int], bytes], count: int) -> bytes:
    """So many bytes of what ``receive`` gives, which is asked for as many as are still to come. Raises EOFError."""
    data = b""
    while len(data) < count:
        piece = receive(count - len(data))
        if not piece:
            raise EOFError(f"it ended {count - len(data)} bytes too soon")
        data += piece
    return data
