"""Images of suspended machines as libvirt's driver for Xen writes them: a head, the XML, then what libxl saved."""

from __future__ import annotations

import os
import select
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from xapid.backends.interface import Failed

MAGIC = b"libvirt-xml\n \0 \r"
HEAD = struct.Struct("=16sII40x")
"""Magic, version, length of the XML that follows with the zero at its end."""
LONGEST_XML = 16 << 20
BLOCK = 1 << 20
LOOK_UP = 100
"""Milliseconds after which a feeder that nobody reads looks whether all is over."""


@contextmanager
def with_xml(image: Path, xml: str, pipe: Path) -> Iterator[Path]:
    """A path from which libvirt reads the image with another XML in it, once: it takes none beside an image.

    ``pipe``: where nothing is, in a folder of our own. Raises Failed if that is no image.
    """
    with image.open("rb") as source:
        magic, version, length = HEAD.unpack(source.read(HEAD.size).ljust(HEAD.size, b"\0"))
        if magic != MAGIC or length > LONGEST_XML:
            raise Failed(f"{image} is no image of a suspended machine")
        source.seek(HEAD.size + length)
        described = xml.encode() + b"\0"
        os.mkfifo(pipe, 0o600)
        head = HEAD.pack(MAGIC, version, len(described)) + described
        opened, over = threading.Event(), threading.Event()
        feeding = threading.Thread(target=_feed, args=(pipe, head, source, opened, over), daemon=True)
        feeding.start()
        try:
            yield pipe
        finally:
            # Who still waits for a reader finds one here, who goes at once.
            reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
            opened.wait()
            os.close(reader)
            over.set()
            feeding.join()
            pipe.unlink()


def _feed(pipe: Path, head: bytes, rest: BinaryIO, opened: threading.Event, over: threading.Event) -> None:
    # A reader that goes early has read what it needed, or says itself what was wrong.
    with suppress(BrokenPipeError), pipe.open("wb", buffering=0) as sink:
        opened.set()
        os.set_blocking(sink.fileno(), False)
        block = head
        while block and _fed(sink.fileno(), block, over):
            block = rest.read(BLOCK)


def _fed(sink: int, block: bytes, over: threading.Event) -> bool:
    """Whether all of it was read before nothing more was needed: a device model has the pipe, too, and never reads."""
    left = memoryview(block)
    writable = select.poll()
    writable.register(sink, select.POLLOUT)
    while left and not over.is_set():
        if writable.poll(LOOK_UP):
            with suppress(BlockingIOError):
                left = left[os.write(sink, left) :]
    return not left
