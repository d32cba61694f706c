"""The bare byte stream of a connection, for handlers that speak something other than HTTP."""

from __future__ import annotations

from typing import Protocol


class Connection(Protocol):
    """What an exchange and a raw stream need of the connection they run on."""

    ended: bool
    """The client sends nothing more; it may still read."""

    @property
    def lost(self) -> bool:
        """Whether nothing can be sent any more."""

    async def arrival(self) -> None:
        """Return when bytes have come, or will never come."""

    def take(self, most: int) -> bytes:
        """Up to so many of the bytes that have come; perhaps none."""

    async def send(self, *data: bytes | memoryview) -> None:
        """Write one after the other, and wait while the client is slow to read. ConnectionResetError: it is gone."""

    def half_close(self) -> None:
        """Say that nothing more will be sent; reading goes on. TLS cannot say that, and ends altogether."""

    def close(self, *, linger: bool = False) -> None:
        """End the connection when all is sent."""

    def abort(self) -> None:
        """End the connection now."""


class RawStream:
    """Bytes both ways, each with back-pressure. What came after the request's head is read first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def read(self, most: int = 65536) -> bytes:
        """The next bytes; none when the client has ended its side."""
        connection = self._connection
        while not (data := connection.take(most)) and not connection.ended and not connection.lost:
            await connection.arrival()
        return data

    async def write(self, data: bytes) -> None:
        """Send; returns when the client keeps up. ConnectionResetError: it is gone."""
        await self._connection.send(data)

    def write_eof(self) -> None:
        """End our side; reading goes on (not on TLS, which closes)."""
        self._connection.half_close()

    def close(self) -> None:
        """End the connection when all is sent."""
        self._connection.close()

    def abort(self) -> None:
        """End the connection at once and forget what is unsent."""
        self._connection.abort()
