"""Conversations with other machines over HTTPS. They block, and the other side takes its time, or never answers.

So they have threads of their own: on those of the daemon passwords are checked and files are read, which wait for
nobody elsewhere. And each ends when its time is over, whatever the other side does.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPSConnection

AT_ONCE = 16
"""Conversations that are held at a time. Further ones wait, which counts as their time."""
_THREADS = ThreadPoolExecutor(AT_ONCE, "conversation")


@dataclass(frozen=True)
class Server:
    """Whom to speak to, and whom to believe that it is he."""

    host: str
    port: int
    tls: ssl.SSLContext
    proved: Callable[[ssl.SSLSocket], None] = lambda _: None
    """Raises an error of TLS for who is somebody else, before anything is said to him."""


def unchecked() -> ssl.SSLContext:
    """For a server that is believed whatever it shows, or proves otherwise who it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def post(
    server: Server, path: str, body: bytes, headers: Mapping[str, str], *, seconds: float, most: int
) -> tuple[int, bytes]:
    """Send something; return the status of the answer, and its first bytes, ``most`` of them.

    Raises TimeoutError when it is not over after ``seconds``, and OSError, ValueError and HTTPException.
    """
    conversation = _Conversation(server, seconds)
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.get_running_loop().run_in_executor(
                _THREADS, conversation.post, path, body, headers, most
            )
    finally:
        conversation.hang_up()


class _Conversation:
    """One, on its thread. Who waits for it can end it."""

    def __init__(self, server: Server, seconds: float) -> None:
        self._server = server
        self._seconds = seconds
        self._socket: socket.socket | None = None
        self._over = False

    def post(self, path: str, body: bytes, headers: Mapping[str, str], most: int) -> tuple[int, bytes]:
        server = self._server
        with closing(
            HTTPSConnection(server.host, server.port, timeout=self._seconds, context=server.tls)
        ) as connection:
            connection.sock = self._connected()
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return response.status, response.read(most)

    def _connected(self) -> ssl.SSLSocket:
        server = self._server
        if self._over:
            raise ConnectionAbortedError("nobody waits for it any more")
        plain = socket.create_connection((server.host, server.port), self._seconds)
        # Known before the other side is heard: of a handshake too nobody knows how long it takes.
        secure = server.tls.wrap_socket(plain, server_hostname=server.host, do_handshake_on_connect=False)
        self._socket = secure
        try:
            if self._over:
                raise ConnectionAbortedError("nobody waits for it any more")
            secure.do_handshake()
            server.proved(secure)
        except BaseException:
            secure.close()
            raise
        return secure

    def hang_up(self) -> None:
        """End it, for the thread too that may still wait for an answer."""
        self._over = True
        if self._socket is not None:
            with suppress(OSError):
                # Past TLS, whose goodbye might block: a socket that is shut down says nothing more to either side.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
