"""Listening sockets that the service manager opened before the daemon was there, and keeps open while it restarts.

As systemd's sd_listen_fds(3) tells: their number in LISTEN_FDS, from file descriptor 3 on, for the process LISTEN_PID.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, MutableMapping
from pathlib import Path
from typing import Self

from xapid.runtime.settings import Address

log = logging.getLogger(__name__)

FIRST = 3
"""The first file descriptor that is handed over."""


class HandedOver:
    """The sockets this process was given. A listener takes the one that is bound to its address."""

    def __init__(self, sockets: Iterable[socket.socket] = ()) -> None:
        self._sockets = list(sockets)

    @classmethod
    def to_this_process(cls, environment: MutableMapping[str, str] = os.environ) -> Self:
        """What systemd's variables speak of. They are taken away, so that no child takes them for its own."""
        found = [environment.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")]
        pid, count = found[:2]
        if pid != str(os.getpid()) or not count.isdigit():
            return cls()
        sockets = []
        for number in range(FIRST, FIRST + int(count)):
            try:
                os.set_inheritable(number, False)
                sockets.append(socket.socket(fileno=number))
            except OSError as error:
                log.warning("file descriptor %d was handed over and is no socket: %s", number, error.strerror)
        return cls(sockets)

    def take(self, address: Address | Path) -> socket.socket | None:
        """The stream socket that listens at an address; None if the daemon has to open it."""
        for each in self._sockets:
            if _listens_at(each, address):
                self._sockets.remove(each)
                return each
        return None

    def close(self) -> None:
        """Let go of what no listener took: its clients would wait for ever."""
        for each in self._sockets:
            log.warning("a socket was handed over on which nobody is to listen: %s", each.getsockname())
            each.close()
        self._sockets.clear()


def _listens_at(sock: socket.socket, address: Address | Path) -> bool:
    if sock.type is not socket.SOCK_STREAM or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return False
    name = sock.getsockname()
    if isinstance(address, Path):
        return sock.family is socket.AF_UNIX and name == str(address)
    return sock.family in (socket.AF_INET, socket.AF_INET6) and tuple(name[:2]) == (address.host, address.port)
