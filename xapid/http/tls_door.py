"""The door of the TLS port: clients that have not shaken hands yet are bounded in number as those are that have."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial

log = logging.getLogger(__name__)

IN_ONE_GO = 16
"""Clients that are let in before others have their turn."""
BREATH = 1.0
"""Seconds for which nobody is let in when there is no room for one more socket."""
NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class TlsDoor:
    """Stands for the loop's own server, which counts nobody before his handshake is over.

    One client too many costs the one that has been at its handshake for longest: whoever means well is done in no time.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        make: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext,
        patience: float,
        most: int,
    ) -> None:
        """``patience``: seconds for a handshake; ``most``: how many may be at theirs at a time."""
        self._loop = asyncio.get_running_loop()
        self._listeners = listeners
        self._make = make
        self._tls = tls
        self._patience = patience
        self._most = most
        self._shaking: dict[asyncio.Task[None], None] = {}
        """In the order in which they came."""
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}

    def open(self) -> None:
        for listener in self._listeners:
            listener.setblocking(False)
            self._listen(listener)

    def close(self) -> None:
        """Let nobody in any more; handshakes end."""
        for listener in self._listeners:
            self._loop.remove_reader(listener)
        for pause in self._pauses.values():
            pause.cancel()
        for task in self._shaking:
            task.cancel()

    async def wait_closed(self) -> None:
        await asyncio.gather(*self._shaking, return_exceptions=True)

    def _listen(self, listener: socket.socket) -> None:
        self._pauses.pop(listener, None)
        self._loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(IN_ONE_GO):
            try:
                client, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                log.error("no client can be let in for %g s: %s", BREATH, error.strerror)
                self._loop.remove_reader(listener)
                self._pauses[listener] = self._loop.call_later(BREATH, self._listen, listener)
                return
            self._let_in(client)

    def _let_in(self, client: socket.socket) -> None:
        if len(self._shaking) >= self._most:
            log.warning("more than %d clients are at their handshake: the first of them is hung up on", self._most)
            longest = next(iter(self._shaking))
            del self._shaking[longest]
            longest.cancel()
        client.setblocking(False)
        task = self._loop.create_task(self._shake_hands(client))
        self._shaking[task] = None
        task.add_done_callback(partial(self._done, client))

    def _done(self, client: socket.socket, task: asyncio.Task[None]) -> None:
        self._shaking.pop(task, None)
        if task.cancelled():
            # Before it had begun: the socket is nobody's yet.
            client.close()

    async def _shake_hands(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._make, client, ssl=self._tls, ssl_handshake_timeout=self._patience
            )
        except (OSError, asyncio.CancelledError) as error:
            log.debug("a handshake failed: %s", error)
