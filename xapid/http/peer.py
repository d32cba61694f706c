"""Who is at the other end of a connection."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import Any, NamedTuple

DER = 2
"""How ``ssl`` numbers that encoding."""
_CREDENTIALS = struct.Struct("3i")


class Peer(NamedTuple):
    """The other end: an address, or the process behind a Unix socket."""

    address: str
    port: int
    unix: bool
    uid: int | None
    pid: int | None
    tls: bool
    certificates: tuple[bytes, ...] = ()
    """The certificate that TLS found in order, if the client was asked for one and has one, and those by which it is in
    order, the authority's last; all in DER. Where a session of TLS is resumed, those that the client showed with it."""
    here: str = ""
    """The address of this machine that it has come to; empty on a Unix socket."""

    @property
    def near(self) -> bool:
        """Whether it is on this machine."""
        return self.unix or self.address.startswith("127.") or self.address == "::1"

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
    address = str(name[0]).removeprefix("::ffff:")
    here = str((transport.get_extra_info("sockname") or ("",))[0]).removeprefix("::ffff:")
    return Peer(address, int(name[1]), False, None, None, tls, _certificates(transport) if tls else (), here)


def _certificates(transport: asyncio.BaseTransport) -> tuple[bytes, ...]:
    connection = transport.get_extra_info("ssl_object")
    own = connection.getpeercert(binary_form=True) if connection is not None else None
    if not own:
        return ()
    # Public since Python 3.13 only.
    inner: Any = getattr(connection, "_sslobj", None)
    chain = inner.get_verified_chain() or inner.get_unverified_chain()
    return (own, *(each.public_bytes(DER) for each in chain[1:]))
