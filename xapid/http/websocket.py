"""Bytes both ways in the frames of a WebSocket (RFC 6455), for viewers that run in a browser."""

from __future__ import annotations

import asyncio
import base64
import hashlib

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage

from xapid.http.raw import RawStream

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
FAREWELL = 5.0
"""Seconds that a viewer may take to read that the connection ends."""


def accepting_head(key: str) -> bytes:
    """The reply to the request with this Sec-WebSocket-Key. The subprotocol is named in any case, as browsers want."""
    accept = base64.b64encode(hashlib.sha1(key.encode() + GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\nSec-WebSocket-Protocol: binary\r\n\r\n"
    )


class WebSocket:
    """The bytes in the messages of a client, and messages made of ours. Where messages begin and end means nothing."""

    def __init__(self, stream: RawStream, key: str) -> None:
        """``key``: the Sec-WebSocket-Key of the request."""
        self._stream = stream
        self._key = key
        self.close = stream.close
        self._frames = Connection(ConnectionType.SERVER)
        self._turn = asyncio.Lock()

    async def begin(self) -> None:
        """Tell the client that it is joined."""
        await self._stream.write(accepting_head(self._key))

    async def read(self, most: int = 65536) -> bytes:
        """What has come next; none when the client has said that it ends, or does not keep to the protocol."""
        while self._frames.state is ConnectionState.OPEN:
            data = await self._stream.read(most)
            if not data:
                return b""
            self._frames.receive_data(data)
            said = bytearray()
            for event in self._frames.events():
                if isinstance(event, BytesMessage):
                    said += event.data
                elif isinstance(event, TextMessage):
                    said += event.data.encode()
                elif isinstance(event, Ping):
                    await self._send(event.response())
                elif isinstance(event, CloseConnection):
                    await self._send(event.response())
                    return bytes(said)
            if said:
                return bytes(said)
        return b""

    async def write(self, data: bytes) -> None:
        """Send; returns when the client keeps up. ConnectionResetError: it is gone."""
        await self._send(BytesMessage(data))

    async def end(self) -> None:
        """Tell the client, unless it knows, that no more will come."""
        try:
            async with asyncio.timeout(FAREWELL):
                await self._send(CloseConnection(1000))
        except (TimeoutError, ConnectionError):
            return

    async def _send(self, event: Event) -> None:
        # Answers to pings are sent beside what the guest says: whole frames, one after the other.
        async with self._turn:
            state = self._frames.state
            if state is ConnectionState.OPEN or (
                state is ConnectionState.REMOTE_CLOSING and isinstance(event, CloseConnection)
            ):
                await self._stream.write(self._frames.send(event))
