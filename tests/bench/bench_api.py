"""The daemon over its sockets: single calls, whole classes, durable writes, a thousand machines' lives."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import orjson

from tests.bench.load import connect, drive, request_bytes
from tests.daemon import Client, Daemon

SECONDS = 3.0
DEPTH = 8
"""Calls sent at a time on each connection, so that the client is not what is measured."""
LIVES = 1000


def say(name: str, figure: str, goal: str) -> None:
    print(f"{name:58} {figure:>24}   goal {goal}", flush=True)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def baseline() -> Iterator[tuple[str, int]]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.bench.baseline:app", "--port", str(port), "--log-level", "error"]
    server = subprocess.Popen([*command, "--no-access-log"])
    try:
        while True:
            try:
                connect(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield "127.0.0.1", port
    finally:
        server.terminate()
        server.wait()


def single_calls(client: Client, target: tuple[str, int], vm: str) -> None:
    """Authenticated VM.get_power_state over keep-alive HTTP against the empty route."""
    call = {"jsonrpc": "2.0", "method": "VM.get_power_state", "params": [client.session, vm], "id": 1}
    as_json = request_bytes("/jsonrpc", json.dumps(call).encode(), "application/json")
    body = xmlrpc.client.dumps((client.session, vm), "VM.get_power_state").encode()
    as_xml = request_bytes("/RPC2", body, "text/xml")
    with baseline() as stock:
        empty = drive(stock, [request_bytes("/", b"{}", "application/json")], SECONDS, depth=DEPTH)
        json_rate, xml_rate = (drive(target, [each], SECONDS, depth=DEPTH) for each in (as_json, as_xml))
    say("empty Starlette route, stock uvicorn", f"{empty.per_second:.0f}/s", "-")
    say("VM.get_power_state, JSON-RPC", f"{json_rate.per_second / empty.per_second:.0%} of it", ">= 100 %")
    say("VM.get_power_state, XML-RPC", f"{xml_rate.per_second / empty.per_second:.0%} of it", ">= 80 %")


def many_records(client: Client, target: tuple[str, int], count: int) -> None:
    """VM.get_all_records of a thousand machines, warm, against the standard encoders."""
    for number in range(count):
        client.call("network.create", {"name_label": f"bench {number}", "other_config": {}})
    records = client.call("VM.get_all_records")
    started = time.perf_counter()
    xmlrpc.client.dumps((records,), methodresponse=True)
    standard = time.perf_counter() - started
    started = time.perf_counter()
    orjson.dumps(records)
    fast = time.perf_counter() - started
    body = xmlrpc.client.dumps((client.session,), "VM.get_all_records").encode()
    call = {"jsonrpc": "2.0", "method": "VM.get_all_records", "params": [client.session], "id": 1}
    as_xml = drive(target, [request_bytes("/RPC2", body, "text/xml")], SECONDS, 1)
    as_json = drive(target, [request_bytes("/jsonrpc", json.dumps(call).encode(), "application/json")], SECONDS, 1)
    say(f"VM.get_all_records of {len(records)}, XML-RPC", f"{standard / as_xml.median:.1f}x xmlrpc.client", ">= 20x")
    say(f"VM.get_all_records of {len(records)}, JSON-RPC", f"{as_json.median / fast:.1f}x orjson's time", "<= 3x")


def bare_sqlite(directory: Path, writes: int, group: int) -> float:
    """Writes a second of a bare sqlite3 loop, WAL and fully synced, so many to a commit."""
    connection = sqlite3.connect(directory / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE t (ref TEXT PRIMARY KEY, name TEXT)")
    connection.executemany("INSERT INTO t VALUES (?, '')", [(f"OpaqueRef:{number}",) for number in range(group)])
    started = time.perf_counter()
    for turn in range(writes // group):
        connection.execute("BEGIN IMMEDIATE")
        for number in range(group):
            connection.execute("UPDATE t SET name = ? WHERE ref = ?", (str(turn), f"OpaqueRef:{number}"))
        connection.execute("COMMIT")
    return writes / (time.perf_counter() - started)


def durable_writes(client: Client, target: tuple[str, int], directory: Path) -> None:
    for connections in (1, 32):
        refs = [client.call("network.create", {"name_label": "w", "other_config": {}}) for _ in range(connections)]
        bodies = [
            json.dumps(
                {"method": "network.set_name_label", "params": [client.session, ref, str(turn)], "id": 1}
            ).encode()
            for turn in range(2)
            for ref in refs
        ]
        rate = drive(
            target, [request_bytes("/jsonrpc", body, "application/json") for body in bodies], SECONDS, connections
        )
        with tempfile.TemporaryDirectory(dir=directory) as scratch:
            bare = bare_sqlite(Path(scratch), 64 * 32, connections)
        say(
            f"durable writes, {connections} at a time",
            f"{rate.per_second / bare:.0%} of {bare:.0f}/s",
            ">= 50 % of bare sqlite3",
        )


def lives(daemon: Daemon, client: Client, workers: int) -> None:
    """Clone, start, shut down and destroy a machine, a thousand times over."""
    template = client.call("VM.get_by_name_label", "Other install media")[0]

    def life(batch: int) -> None:
        mine = Client(daemon.socket)
        for number in range(batch):
            vm = mine.call("VM.clone", template, f"life {number}")
            mine.call("VM.set_is_a_template", vm, False)
            mine.call("VM.start", vm, False, False)
            mine.call("VM.hard_shutdown", vm)
            mine.call("VM.destroy", vm)
        mine.close()

    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(life, [LIVES // workers] * workers))
    say(f"{LIVES} lives of a machine, {workers} clients", f"{time.perf_counter() - started:.1f} s", "<= 5 s")


def startup(directory: Path, client: Client, daemon: Daemon, count: int) -> None:
    """Start with many objects against the imports alone."""
    networks = [{"name_label": f"start {number}", "other_config": {}} for number in range(count)]
    with ThreadPoolExecutor(8) as pool:
        clients = [Client(daemon.socket) for _ in range(8)]
        list(pool.map(lambda each: clients[each[0] % 8].call("network.create", each[1]), enumerate(networks)))
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import xapid.main"], check=True)
    imports = time.perf_counter() - started
    daemon.stop()
    started = time.perf_counter()
    daemon.start()
    took = time.perf_counter() - started
    say(f"start with {count} objects", f"{took - imports:.2f} s over the imports", "<= 1 s")


def timed(function: Callable[[], None]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="xapid-bench-") as name:
        directory = Path(name)
        port = free_port()
        daemon = Daemon(directory, "--http", f"127.0.0.1:{port}")
        daemon.start()
        target = ("127.0.0.1", port)
        client = daemon.client()
        vm = client.call("VM.get_all")[0]
        single_calls(client, target, vm)
        durable_writes(client, target, directory)
        lives(daemon, client, 8)
        lives(daemon, client, 1)
        machines(client, 1000)
        many_records(client, target, 0)
        startup(directory, client, daemon, 10_000)
        daemon.stop()


def machines(client: Client, count: int) -> None:
    template = client.call("VM.get_by_name_label", "Other install media")[0]
    while len(client.call("VM.get_all")) < count:
        client.call("VM.clone", template, "bench")


if __name__ == "__main__":
    main()
