"""The attack on the connection: any bytes, in any pieces, over a transport that only remembers what is written."""

from __future__ import annotations

import asyncio
import logging
import random
import zlib
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from tests.fuzz.engine import Target, Wrong
from tests.http.service import HANDLERS, answer
from xapid.http.protocol import HttpProtocol
from xapid.http.routes import standard_routes
from xapid.http.service import Limits, Service

STATUSES = {b"200", b"301", b"400", b"401", b"403", b"404", b"408", b"431", b"500", b"501"}
TURNS = 40
"""Of the loop, after which a connection that waits for nobody is expected to have said all."""
LIMITS = Limits(tcp_head=512, rpc_body=300, buffer=700, head_line=400)
"""Small ones, so that inputs need not be long to break them."""


class Wire(asyncio.Transport):
    """What a protocol writes, and whether it has ended."""

    def __init__(self, protocol: HttpProtocol) -> None:
        super().__init__()
        self._protocol = protocol
        self.written = bytearray()
        self.closing = False
        self.ended = False
        self.paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("192.0.2.1", 5), "sockname": ("192.0.2.2", 80)}.get(name, default)

    def write(self, data: Any) -> None:
        if self.ended:
            raise Wrong("written after the end")
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


async def conversation(pieces: list[bytes]) -> bytes:
    """All that the server says to these pieces."""
    state = ServerState()
    config = Config(app=cast(Any, Service(HANDLERS, answer, standard_routes(), LIMITS)), lifespan="off")
    protocol = HttpProtocol(config, state, {})
    wire = Wire(protocol)
    protocol.connection_made(wire)
    for piece in pieces:
        for _ in range(TURNS):
            if not wire.paused:
                break
            await asyncio.sleep(0)
        if wire.closing:
            break
        protocol.data_received(piece)
        if len(pieces) > 1:
            await asyncio.sleep(0)
    await _quiet(state)
    if not wire.closing and not protocol.eof_received():
        wire.close()
    await _quiet(state)
    if len(wire.written) and not wire.closing and not wire.ended and not state.tasks and protocol._exchange is None:
        raise Wrong("the client has ended its side, nothing is going on, and the connection stays")
    wire.close()
    await _quiet(state)
    for task in state.tasks.copy():
        task.cancel()
    await _quiet(state)
    if protocol in state.connections:
        raise Wrong("a connection that is lost is still counted")
    return bytes(wire.written)


async def _quiet(state: ServerState) -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


def assert_replies(said: bytes) -> None:
    """All that was said are whole replies; only the last may go on until the end, and be cut off."""
    at = 0
    while at < len(said):
        end = said.find(b"\r\n\r\n", at)
        lines = said[at:end].split(b"\r\n")
        words = lines[0].split(b" ")
        if end < 0 or words[0] not in (b"HTTP/1.1", b"HTTP/1.0") or words[1] not in STATUSES:
            raise Wrong(f"no reply: {said[at : at + 80]!r}")
        headers = dict(line.lower().split(b": ", 1) for line in lines[1:])
        at = end + 4
        if b"content-length" in headers:
            at += int(headers[b"content-length"])
        elif headers.get(b"transfer-encoding") == b"chunked":
            found = said.find(b"0\r\n\r\n", at)
            at = len(said) if found < 0 else found + 5
        else:
            return
    # A handler that said too much or too little has its connection cut off.


def connection() -> Target:
    loop = asyncio.new_event_loop()
    # The handlers of the tests fail on purpose, and say so.
    ours = logging.getLogger("xapid.http")
    ours.setLevel(logging.CRITICAL + 1)

    def close() -> None:
        ours.setLevel(logging.NOTSET)
        loop.close()

    def run(data: bytes) -> None:
        whole = loop.run_until_complete(conversation([data]))
        assert_replies(whole)
        chance = random.Random(zlib.crc32(data))
        pieces, at = [], 0
        while at < len(data):
            size = chance.choice((1, 2, 3, 7, 30, 200, 1000))
            pieces.append(data[at : at + size])
            at += size
        split = loop.run_until_complete(conversation(pieces))
        if split != whole:
            raise Wrong(f"in pieces {split[:200]!r}, at once {whole[:200]!r}")

    words = (
        *b"""
        GET POST PUT CONNECT OPTIONS HTTP/1.1 HTTP/1.0 / /RPC2 /jsonrpc /console /export /import /blob /cli /services
        later held fail asgi request size Content-Length: Transfer-Encoding: Connection: close keep-alive chunked 5 0
        """.split(),
        *(b"\r\n", b"\r\n\r\n", b" ", b"fail later", b"bad header", b"a" * 300),
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nlater",
    )
    seeds = (
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nlaterPOST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nheld",
        b"PUT /import HTTP/1.1\r\nContent-Length: 9\r\n\r\n123456789GET /export HTTP/1.1\r\n\r\n",
        b"CONNECT /console HTTP/1.0\r\n\r\nbytes",
        b"OPTIONS / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nConnection: close\r\n"
        b"Content-Length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nasgiPUT /blob HTTP/1.1\r\n\r\n",
    )
    return Target("connection", run, words, seeds, longest=2048, close=close)
