"""Who is at the other end of a connection."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import NamedTuple

_CREDENTIALS = struct.Struct("3i")


class Peer(NamedTuple):
    """The other end: an address, or the process behind a Unix socket."""

    address: str
    port: int
    unix: bool
    uid: int | None
    pid: int | None
    tls: bool

    @property
    def trusted(self) -> bool:
        """Whether it is root or our own user on the Unix socket; such callers need no password."""
        return self.unix and self.uid in (0, os.geteuid())


def peer_of(transport: asyncio.BaseTransport) -> Peer:
    """The peer of a connection that has just been made."""
    tls = transport.get_extra_info("sslcontext") is not None
    own = transport.get_extra_info("socket")
    if own is not None and own.family == socket.AF_UNIX:
        pid, uid, _ = _CREDENTIALS.unpack(own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        return Peer("", 0, True, uid, pid, tls)
    name = transport.get_extra_info("peername")
    if not name:  # it has hung up before we looked
        return Peer("", 0, False, None, None, tls)
    # An IPv4 client of an IPv6 listener is still known by its own address.
    return Peer(str(name[0]).removeprefix("::ffff:"), int(name[1]), False, None, None, tls)
