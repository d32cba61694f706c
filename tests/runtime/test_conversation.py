"""Conversations with other machines, which answer late, slowly or never: nobody else waits for them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from xapid.auth.certificate import ensure_certificate
from xapid.runtime.conversation import AT_ONCE, Server, post

PATIENCE = 10.0


def believing() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def say(port: int, seconds: float = 60.0) -> tuple[int, bytes]:
    return await post(Server("127.0.0.1", port, believing()), "/", b"x", {}, seconds=seconds, most=100)


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of one who takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield listener.getsockname()[1]


@asynccontextmanager
async def dripping(folder: Path, first: bytes) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """The port of one whose answers begin so and have no end, and what is set when somebody has hung up on him."""
    gone = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"a")
                await writer.drain()
                await asyncio.sleep(0.02)
        gone.set()

    ensure_certificate(folder / "server.pem", ["localhost"], ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1], gone


async def test_who_never_answers_keeps_no_thread_of_the_daemon(silent: int) -> None:
    asked = [asyncio.ensure_future(say(silent)) for _ in range(2 * AT_ONCE)]
    await asyncio.sleep(0)

    assert await asyncio.wait_for(asyncio.to_thread(int, "7"), PATIENCE) == 7

    for each in asked:
        each.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_who_is_waited_for_no_more_keeps_no_thread_at_all(silent: int) -> None:
    asked = [asyncio.ensure_future(say(silent)) for _ in range(2 * AT_ONCE)]
    await asyncio.sleep(0)
    for each in asked:
        each.cancel()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.wait_for(say(1), PATIENCE)

    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*asked, return_exceptions=True)
    )


@pytest.mark.parametrize("first", [b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["head", "body"])
async def test_who_answers_without_end_is_hung_up_on_in_time(tmp_path: Path, first: bytes) -> None:
    async with dripping(tmp_path, first) as (port, gone):
        with pytest.raises(TimeoutError):
            await say(port, seconds=0.5)

        await asyncio.wait_for(gone.wait(), PATIENCE)
