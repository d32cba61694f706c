"""The consoles of simulated guests: a screen that shows the same picture for ever, and a line that echoes."""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
import struct
import tempfile
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xapid.backends.domain.interface import Endpoint

log = logging.getLogger(__name__)

VERSION = b"RFB 003.008\n"
NO_AUTHENTICATION = 1
WIDTH, HEIGHT = 320, 200
NAME = b"simulated guest"
BARS = (
    (255, 255, 255),
    (255, 255, 0),
    (0, 255, 255),
    (0, 255, 0),
    (255, 0, 255),
    (255, 0, 0),
    (0, 0, 255),
    (0, 0, 0),
)
"""The picture: upright bars of these colours."""

SET_PIXEL_FORMAT, SET_ENCODINGS, UPDATE_REQUEST, KEY, POINTER, CUT_TEXT = 0, 2, 3, 4, 5, 6
FIXED_LENGTHS = {SET_PIXEL_FORMAT: 19, UPDATE_REQUEST: 9, KEY: 7, POINTER: 5}
"""Bytes of a viewer's message after the one that says which it is."""
LONGEST_CUT_TEXT = 1 << 20


class Gone(Exception):
    """The viewer closed its end, or says what no viewer says."""


@dataclass(frozen=True)
class PixelFormat:
    """How a viewer wants its pixels: the fields of the protocol's message."""

    bits: int = 32
    big_endian: bool = False
    maxima: tuple[int, int, int] = (255, 255, 255)
    shifts: tuple[int, int, int] = (16, 8, 0)

    LAYOUT = struct.Struct(">BBBBHHHBBB3x")

    @classmethod
    def read(cls, data: bytes) -> PixelFormat:
        bits, _, big_endian, true_colour, *rest = cls.LAYOUT.unpack(data)
        if bits not in (8, 16, 32) or not true_colour:
            raise Gone(f"pixels of {bits} bits, true colour {true_colour}")
        red, green, blue, *shifts = rest
        return cls(bits, bool(big_endian), (red, green, blue), (shifts[0], shifts[1], shifts[2]))

    def write(self) -> bytes:
        return self.LAYOUT.pack(self.bits, 24, self.big_endian, True, *self.maxima, *self.shifts)

    def pixel(self, colour: tuple[int, int, int]) -> bytes:
        value = 0
        for part, maximum, shift in zip(colour, self.maxima, self.shifts, strict=True):
            value |= (part * maximum // 255) << shift
        size = self.bits // 8
        return (value & ((1 << self.bits) - 1)).to_bytes(size, "big" if self.big_endian else "little")


class SimConsoles:
    """One screen and one line, that all guests share. Nothing of it is there until somebody asks where it is."""

    def __init__(self, folder: Path | None) -> None:
        """``folder``: of nobody else; its sockets are those of one who died. None: a temporary one."""
        self._folder = folder
        self._opening = threading.Lock()
        self._endpoints: tuple[Endpoint, ...] = ()
        self._listeners: list[socket.socket] = []

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where the consoles are reached."""
        with self._opening:
            if not self._endpoints:
                self._endpoints = self._open()
            return self._endpoints

    def close(self) -> None:
        """Take no more viewers; those there are stay until they go."""
        for listener in self._listeners:
            # Wakes the thread that waits in accept; closing alone would not.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _open(self) -> tuple[Endpoint, ...]:
        folder = self._folder or Path(tempfile.mkdtemp(prefix="sim-"))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        services: dict[str, Callable[[socket.socket], None]] = {"rfb": show_picture, "vt100": echo}
        for protocol, serve in services.items():
            (folder / protocol).unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(str(folder / protocol))
            listener.listen()
            self._listeners.append(listener)
            threading.Thread(target=_accept, args=(listener, serve), name=f"sim-{protocol}", daemon=True).start()
        return tuple(Endpoint(protocol, str(folder / protocol)) for protocol in services)


def _accept(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    while True:
        try:
            viewer, _ = listener.accept()
        except OSError:
            # Closed.
            return
        threading.Thread(target=_serve, args=(viewer, serve), name="sim-viewer", daemon=True).start()


def _serve(viewer: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    with viewer:
        try:
            serve(viewer)
        except (OSError, Gone) as reason:
            log.debug("a viewer of a simulated console went: %s", reason)


def echo(viewer: socket.socket) -> None:
    """Send back whatever comes."""
    while data := viewer.recv(4096):
        viewer.sendall(data)


def show_picture(viewer: socket.socket) -> None:
    """Be the server of RFB 3.8 without authentication, whose picture never changes."""
    pixels = _shake_hands(viewer)
    while True:
        kind = _read(viewer, 1)[0]
        if kind == SET_ENCODINGS:
            (count,) = struct.unpack(">xH", _read(viewer, 3))
            _read(viewer, 4 * count)
        elif kind == CUT_TEXT:
            (length,) = struct.unpack(">3xI", _read(viewer, 7))
            if length > LONGEST_CUT_TEXT:
                raise Gone(f"{length} bytes of cut text")
            _read(viewer, length)
        elif kind in FIXED_LENGTHS:
            body = _read(viewer, FIXED_LENGTHS[kind])
            if kind == SET_PIXEL_FORMAT:
                pixels = PixelFormat.read(body[3:])
            elif kind == UPDATE_REQUEST and not body[0]:
                # Who asks for what has changed only waits for ever.
                viewer.sendall(_picture(pixels))
        else:
            raise Gone(f"message {kind}")


def _shake_hands(viewer: socket.socket) -> PixelFormat:
    viewer.sendall(VERSION)
    if _read(viewer, len(VERSION)) != VERSION:
        raise Gone("another version of the protocol")
    viewer.sendall(bytes((1, NO_AUTHENTICATION)))
    if _read(viewer, 1)[0] != NO_AUTHENTICATION:
        raise Gone("another kind of authentication")
    viewer.sendall(struct.pack(">I", 0))
    _read(viewer, 1)
    pixels = PixelFormat()
    viewer.sendall(struct.pack(">HH", WIDTH, HEIGHT) + pixels.write() + struct.pack(">I", len(NAME)) + NAME)
    return pixels


def _picture(pixels: PixelFormat) -> bytes:
    row = b"".join(pixels.pixel(colour) * (WIDTH // len(BARS)) for colour in BARS)
    head = struct.pack(">BxH", 0, 1)
    raw_rectangle = struct.pack(">HHHHi", 0, 0, WIDTH, HEIGHT, 0)
    return head + raw_rectangle + row * HEIGHT


def _read(viewer: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = viewer.recv(length - len(data))
        if not part:
            raise Gone("closed")
        data += part
    return bytes(data)
