"""The HTTP protocol class, and single calls through the daemon, against stock uvicorn with httptools and uvloop."""

from __future__ import annotations

import json
import tempfile
import time
import xmlrpc.client
from contextlib import ExitStack
from multiprocessing import Process
from pathlib import Path

from tests.bench.load import drive, request_bytes
from tests.bench.report import at_least, at_most, load_average, middle, quick, say
from tests.bench.servers import Server, daemon, uvicorn
from tests.daemon import Daemon

ROUNDS, SECONDS = (3, 0.4) if quick() else (9, 0.6)
MANY = 1_000 if quick() else 10_000
"""Machines of ten objects each."""
CONNECTIONS = 8
FLOOD = 64
GOALS = {"JSON-RPC": 1.0, "XML-RPC": 0.8}
DEPTHS = {"one call at a time on each of 8 connections": 1, "8 calls at a time on each of 8 connections": 8}


def against_protocol() -> None:
    """An ASGI application of two lines, through our class and through uvicorn's."""
    request = request_bytes("/", b"{}", "application/json")
    get = b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
    with uvicorn("raw", "httptools") as stock, uvicorn("raw", "ours") as ours:
        for what, sent in (("GET", get), ("POST", request)):
            costs = [
                (stock.cost([sent], SECONDS, CONNECTIONS)[0], ours.cost([sent], SECONDS, CONNECTIONS)[0])
                for _ in range(ROUNDS)
            ]
            theirs, our = middle(each for each, _ in costs), middle(each for _, each in costs)
            ratio = middle(theirs / our for theirs, our in costs)
            beside = f"{our * 1e6:.0f} us of processor against {theirs * 1e6:.0f}"
            say(f"raw ASGI, {what}", ratio, "x as fast as httptools", at_least(1.4), beside)


def calls(server: Daemon) -> dict[str, list[bytes]]:
    """VM.get_power_state of some machines, in both formats."""
    client = server.client()
    machines = client.call("VM.get_all")[:64]
    as_json = [
        {"jsonrpc": "2.0", "method": "VM.get_power_state", "params": [client.session, vm], "id": 1} for vm in machines
    ]
    as_xml = [xmlrpc.client.dumps((client.session, vm), "VM.get_power_state") for vm in machines]
    return {
        "JSON-RPC": [request_bytes("/jsonrpc", json.dumps(each).encode(), "application/json") for each in as_json],
        "XML-RPC": [request_bytes("/RPC2", each.encode(), "text/xml") for each in as_xml],
    }


def single_calls(directory: Path) -> None:
    """Each round asks every server for a moment, so that what else this machine does concerns all alike."""
    empty = [request_bytes("/", b"{}", "application/json")]
    with ExitStack() as stack:
        stock = stack.enter_context(uvicorn("empty", "httptools"))
        few, few_server = stack.enter_context(daemon(directory / "few"))
        many, many_server = stack.enter_context(daemon(directory / "many", MANY))
        sent = [("few objects", few_server, calls(few)), (f"{MANY * 10:,} objects", many_server, calls(many))]
        for described, depth in DEPTHS.items():
            rounds = [_round(stock, empty, sent, depth) for _ in range(ROUNDS)]
            print(f"VM.get_power_state, {described}")
            base = middle(each["empty route"] for each in rounds)
            for kind, goal in GOALS.items():
                for objects, *_ in sent:
                    name = f"{kind}, {objects}"
                    ratio = middle(each["empty route"] / each[name] for each in rounds)
                    our = middle(each[name] for each in rounds)
                    beside = f"{our * 1e6:.0f} us of processor against {base * 1e6:.0f}"
                    say(f"  {name}", ratio, "% of an empty Starlette route", at_least(goal), beside)
                flat = middle(each[f"{kind}, {sent[1][0]}"] / each[f"{kind}, {sent[0][0]}"] for each in rounds)
                say(f"  {kind}, {sent[1][0]}", flat, "x the cost with few", at_most(1.15))


def _round(
    stock: Server, empty: list[bytes], sent: list[tuple[str, Server, dict[str, list[bytes]]]], depth: int
) -> dict[str, float]:
    """What an answer of each costs, in processor seconds."""
    costs = {"empty route": stock.cost(empty, SECONDS, CONNECTIONS, depth)[0]}
    for kind in GOALS:
        for objects, server, requests in sent:
            costs[f"{kind}, {objects}"] = server.cost(requests[kind], SECONDS, CONNECTIONS, depth)[0]
    return costs


def beside_a_flood(directory: Path) -> None:
    """What one client waits for at most, with and without another one's 64 connections that never pause.

    The flood, the daemon and who measures share two processors, so that the last of them is sometimes kept waiting by
    the system itself: what is measured is who the daemon answers next, and that.
    """
    with daemon(directory / "flooded") as (started, server):
        flood, asked = (calls(started)["JSON-RPC"][:1] for _ in range(2))
        rounds = []
        for _ in range(ROUNDS):
            idle = drive(server.address, asked, SECONDS, 1)
            flooding = Process(target=drive, args=(server.address, flood, 2 * SECONDS, FLOOD))
            flooding.start()
            time.sleep(SECONDS / 2)
            rounds.append((idle, drive(server.address, asked, SECONDS, 1)))
            flooding.join()
    ratio = middle(flooded.p99 / idle.p99 for idle, flooded in rounds)
    idle, flooded = (middle(each[number].p99 for each in rounds) for number in range(2))
    beside = f"{flooded * 1e6:.0f} us against {idle * 1e6:.0f}"
    say(f"p99 of one client beside another's {FLOOD} connections", ratio, "x that of one alone", at_most(3), beside)


def main() -> None:
    print(f"HTTP ({load_average()})")
    against_protocol()
    with tempfile.TemporaryDirectory(prefix="xapid-bench-") as name:
        single_calls(Path(name))
        beside_a_flood(Path(name))


if __name__ == "__main__":
    main()
