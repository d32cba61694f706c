"""The NBD protocol as far as a client speaks it before the kernel takes over: which export, and what it is.

https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from xapid.backends.byte_stream import exactly
from xapid.backends.interface import Failed, NotFound, Unavailable

GREETING = b"NBDMAGICIHAVEOPT"
OPTION = b"IHAVEOPT"
REPLY = 0x3E889045565A9
FIXED_NEWSTYLE = 1
NO_ZEROES = 2
GO = 7
ACK = 1
INFO = 3
ERROR = 1 << 31
UNKNOWN = ERROR | 6
INFO_EXPORT = 0
READ_ONLY = 2
"""Among the flags of an export."""


@dataclass(frozen=True)
class Export:
    """What a server says of an export."""

    size: int
    """bytes"""
    flags: int
    """As the kernel takes them."""

    @property
    def read_only(self) -> bool:
        return bool(self.flags & READ_ONLY)


def enter(server: socket.socket, name: str) -> Export:
    """Choose an export. After this the connection carries reads and writes. Raises NotFound, Failed, Unavailable."""
    try:
        if _take(server, 16) != GREETING:
            raise Failed("this is no NBD server")
        _take(server, 2)
        chosen = name.encode()
        asked = struct.pack(">I", len(chosen)) + chosen + struct.pack(">H", 0)
        server.sendall(
            struct.pack(">I", FIXED_NEWSTYLE | NO_ZEROES) + OPTION + struct.pack(">II", GO, len(asked)) + asked
        )
        return _answer(server, name)
    except OSError as error:
        raise Unavailable(f"the NBD server does not answer: {error}") from error


def _answer(server: socket.socket, name: str) -> Export:
    export = None
    while True:
        magic, _, kind, length = struct.unpack(">QIII", _take(server, 20))
        data = _take(server, length)
        if magic != REPLY:
            raise Failed("the NBD server speaks another protocol")
        if kind == INFO and data[:2] == struct.pack(">H", INFO_EXPORT):
            export = Export(*struct.unpack(">QH", data[2:12]))
        elif kind == ACK and export is not None:
            return export
        elif kind == UNKNOWN:
            raise NotFound(f"there is no NBD export {name}")
        elif kind & ERROR:
            raise Failed(f"the NBD server refuses {name}: {data.decode(errors='replace')}")


def _take(server: socket.socket, count: int) -> bytes:
    try:
        return exactly(server.recv, count)
    except EOFError as error:
        raise Unavailable("the NBD server hung up") from error
