"""A change, and 1,000 clients that wait for it: how long until the last of them has its event."""

from __future__ import annotations

import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import orjson

from tests.bench.load import answer_length, connect, free_port, request_bytes
from tests.bench.report import at_most, cpu_seconds, load_average, middle, quick, say
from tests.daemon import Daemon

CLIENTS = 1_000
ROUNDS = 20 if quick() else 120
PATIENCE = 30.0
WARM = 5
"""Rounds that are not counted."""


class Crowd:
    """Connections that all wait for an answer to what they sent."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._selector = selectors.EpollSelector()
        self.sockets = [connect(address) for _ in range(CLIENTS)]
        for sock in self.sockets:
            self._selector.register(sock, selectors.EVENT_READ, bytearray())

    def ask(self, requests: list[bytes]) -> None:
        """Each asks for its own."""
        for sock, request in zip(self.sockets, requests, strict=True):
            sock.sendall(request)

    def answered(self, length_of: Callable[[bytes], int]) -> tuple[float, bytes]:
        """When the last one had its whole answer, and what the answer was."""
        waiting = CLIENTS
        whole = b""
        while waiting:
            ready = self._selector.select(PATIENCE)
            assert ready, f"{waiting} wait in vain"
            for key, _ in ready:
                buffer = key.data
                buffer += key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                length = length_of(buffer)
                if length:
                    whole = bytes(buffer[:length])
                    del buffer[:length]
                    waiting -= 1
        return time.perf_counter(), whole

    def close(self) -> None:
        self._selector.close()
        for sock in self.sockets:
            sock.close()


# --- The daemon -----------------------------------------------------------------------------------------------


def through_the_daemon(directory: Path) -> tuple[list[float], int, float]:
    """Seconds from sending the change to the last answer, bytes of an answer, processor seconds of a round."""
    port = free_port()
    daemon = Daemon(directory, "--http", f"127.0.0.1:{port}", environment={"XAPID_LIMITS_TCP_CONNECTIONS": "1100"})
    daemon.start()
    with closing(daemon.client()) as client, closing(Crowd(("127.0.0.1", port))) as crowd:
        assert daemon.process is not None
        network = client.call("network.create", {"name_label": "0", "name_description": "", "other_config": {}})
        token = client.call("event.from", ["network"], "", 0.0)["token"]
        login = "session.login_with_password"
        sessions = [client.raw(login, "root", "", "1.0", f"client {number}") for number in range(CLIENTS)]
        writer = connect(("127.0.0.1", port))
        times = []
        before = 0.0
        size = 0
        for number in range(WARM + ROUNDS):
            if number == WARM:
                before = cpu_seconds(daemon.process.pid)
            crowd.ask([request(each, "event.from", [f"network/{network}"], token, 30.0) for each in sessions])
            settled(daemon.process.pid)
            began = time.perf_counter()
            writer.sendall(request(client.session, "network.set_name_label", network, f"round {number}"))
            ended, answer = crowd.answered(lambda buffer: answer_length(buffer, 0))
            times.append(ended - began)
            assert b'"operation":"mod"' in answer and f'"name_label":"round {number}"'.encode() in answer
            token = answer.rpartition(b'"token":"')[2][:41].decode()
            size = len(answer)
            taken(writer)
        cost = (cpu_seconds(daemon.process.pid) - before) / ROUNDS
        writer.close()
    daemon.stop()
    return times[WARM:], size, cost


def request(session: str, method: str, *params: object) -> bytes:
    call = {"jsonrpc": "2.0", "method": method, "params": [session, *params], "id": 1}
    return request_bytes("/jsonrpc", orjson.dumps(call), "application/json")


def settled(pid: int) -> None:
    """Wait until the process does nothing any more: it has read all requests."""
    busy = cpu_seconds(pid)
    while True:
        time.sleep(0.03)
        now = cpu_seconds(pid)
        if now - busy < 0.002:
            return
        busy = now


def taken(sock: socket.socket) -> None:
    buffer = b""
    while not answer_length(buffer, 0):
        buffer += sock.recv(1 << 16)


# --- A bare fan-out -------------------------------------------------------------------------------------------

BARE = """
import asyncio, sys

crowd = []

async def main(port, size, wanted):
    payload = bytes(size)
    async def met(reader, writer):
        crowd.append(writer)
        if len(crowd) == wanted:
            print("all", flush=True)
        while await reader.read(1):
            for each in crowd:
                each.write(payload)
    async with await asyncio.start_server(met, "127.0.0.1", port, backlog=1024) as server:
        print("ready", flush=True)
        await server.serve_forever()

asyncio.run(main(*map(int, sys.argv[1:])))
"""


@contextmanager
def bare_server(size: int) -> Iterator[Crowd]:
    """And all its clients."""
    port = free_port()
    command = [sys.executable, "-c", BARE, str(port), str(size), str(CLIENTS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        with closing(Crowd(("127.0.0.1", port))) as crowd:
            assert process.stdout.readline() == b"all\n"
            yield crowd
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def through_asyncio(size: int) -> list[float]:
    """Seconds until 1,000 sockets have as many bytes, written one after the other."""
    with bare_server(size) as crowd:
        times = []
        for _ in range(WARM + ROUNDS):
            time.sleep(0.02)
            began = time.perf_counter()
            crowd.sockets[0].sendall(b"x")
            ended, _ = crowd.answered(lambda buffer: size if len(buffer) >= size else 0)
            times.append(ended - began)
    return times[WARM:]


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def main() -> None:
    print(f"Events ({load_average()})")
    with tempfile.TemporaryDirectory(prefix="xapid-bench-") as name:
        ours, size, cost = through_the_daemon(Path(name))
    bare = through_asyncio(size)
    beside = f"median {middle(ours) * 1e3:.0f} ms, {cost * 1e6 / CLIENTS:.0f} us of processor a client, {size:,} bytes"
    say(f"a change to the last of {CLIENTS:,} waiting, p99", p99(ours) * 1e3, "ms", at_most(50), beside)
    beside = f"median {middle(bare) * 1e3:.1f} ms, p99 {p99(bare) * 1e3:.1f}"
    say("  the same, medians", middle(ours) / middle(bare), "x a bare asyncio fan-out", at_most(10), beside)


if __name__ == "__main__":
    main()
