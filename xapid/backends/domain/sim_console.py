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
from pathlib import Path

from xapid.backends.domain.interface import Endpoint
from xapid.wire.rfb import (
    NONE,
    RAW,
    SET_PIXEL_FORMAT,
    UPDATE,
    UPDATE_REQUEST,
    VERSION,
    VERSION_LENGTH,
    PixelFormat,
    Unknown,
    length_of,
)

log = logging.getLogger(__name__)

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

LONGEST = 1 << 20
"""Bytes of a viewer's message."""


class Gone(Exception):
    """The viewer closed its end, or says more than it may."""


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
        except (OSError, Gone, Unknown) as reason:
            log.debug("a viewer of a simulated console went: %s", reason)


def echo(viewer: socket.socket) -> None:
    """Send back whatever comes."""
    while data := viewer.recv(4096):
        viewer.sendall(data)


def show_picture(viewer: socket.socket) -> None:
    """Be the server of RFB 3.8 without authentication, whose picture never changes."""
    pixels = _shake_hands(viewer)
    while True:
        message = _message(viewer)
        if message[0] == SET_PIXEL_FORMAT:
            pixels = PixelFormat.read(message[4:])
        elif message[0] == UPDATE_REQUEST and not message[1]:
            # Who asks for what has changed only waits for ever.
            viewer.sendall(_picture(pixels))


def _shake_hands(viewer: socket.socket) -> PixelFormat:
    viewer.sendall(VERSION)
    if _read(viewer, VERSION_LENGTH) != VERSION:
        raise Gone("another version of the protocol")
    viewer.sendall(bytes((1, NONE)))
    if _read(viewer, 1)[0] != NONE:
        raise Gone("another kind of authentication")
    viewer.sendall(struct.pack(">I", 0))
    _read(viewer, 1)
    pixels = PixelFormat()
    viewer.sendall(struct.pack(">HH", WIDTH, HEIGHT) + pixels.write() + struct.pack(">I", len(NAME)) + NAME)
    return pixels


def _message(viewer: socket.socket) -> bytes:
    """The next message of a viewer, whole."""
    message = b""
    while (length := length_of(message)) is None:
        message += _read(viewer, 1)
    if length > LONGEST:
        raise Gone(f"a message of {length} bytes")
    return message + _read(viewer, length - len(message))


def _picture(pixels: PixelFormat) -> bytes:
    row = b"".join(pixels.pixel(colour) * (WIDTH // len(BARS)) for colour in BARS)
    head = struct.pack(">BxH", UPDATE, 1)
    raw_rectangle = struct.pack(">HHHHi", 0, 0, WIDTH, HEIGHT, RAW)
    return head + raw_rectangle + row * HEIGHT


def _read(viewer: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = viewer.recv(length - len(data))
        if not part:
            raise Gone("closed")
        data += part
    return bytes(data)
