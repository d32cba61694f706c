"""The daemon with its store on disk: whole classes, durable writes, a thousand machines' lives, its start."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import orjson

from tests.bench.bare import BareSqlite
from tests.bench.load import request_bytes
from tests.bench.report import Goal, at_least, at_most, children_seconds, cpu_seconds, load_average, middle, quick, say
from tests.bench.servers import OBJECTS_A_MACHINE, Server, daemon
from tests.bench.walk import Steps, walk
from tests.daemon import Client, Daemon

ROUNDS, SECONDS = (3, 0.3) if quick() else (7, 0.5)
MOMENTS, MOMENT = (9, 0.1) if quick() else (25, 0.15)
LIVES = 200 if quick() else 1000
MACHINES = 1000


def json_request(client: Client, method: str, *params: object) -> bytes:
    call = {"jsonrpc": "2.0", "method": method, "params": [client.session, *params], "id": 1}
    return request_bytes("/jsonrpc", json.dumps(call).encode(), "application/json")


def xml_request(client: Client, method: str, *params: object) -> bytes:
    return request_bytes("/RPC2", xmlrpc.client.dumps((client.session, *params), method).encode(), "text/xml")


def seconds(function: Callable[[], object]) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started


# --- Reading -----------------------------------------------------------------------------------------


def many_records(client: Client, server: Server) -> None:
    """VM.get_all_records, warm: the server's whole work against that of the standard encoders alone."""
    records = client.call("VM.get_all_records")
    as_json = orjson.loads(orjson.dumps(records, default=str))
    as_sent = {kind: make(client, "VM.get_all_records") for kind, make in (("x", xml_request), ("j", json_request))}
    found = []
    for _ in range(ROUNDS):
        found.append(
            (
                seconds(lambda: xmlrpc.client.dumps((records,), methodresponse=True)),
                server.cost([as_sent["x"]], SECONDS, 1)[0],
                min(seconds(lambda: orjson.dumps(as_json)) for _ in range(5)),
                server.cost([as_sent["j"]], SECONDS, 1)[0],
            )
        )
    standard, xml, fast, text = (middle(each[number] for each in found) for number in range(4))
    name = f"VM.get_all_records of {len(records):,}"
    beside = "the whole call: {:.2f} ms of processor against {:.2f}"
    say(
        f"{name}, XML-RPC",
        standard / xml,
        "x xmlrpc.client.dumps",
        at_least(20),
        beside.format(xml * 1e3, standard * 1e3),
    )
    say(f"{name}, JSON-RPC", text / fast, "x the time of orjson", at_most(3), beside.format(text * 1e3, fast * 1e3))


def one_change(few: tuple[Client, Server], many: tuple[Client, Server]) -> None:
    """A change, and the event.from that tells of it: its cost follows the changes, not the objects."""
    costs = []
    for _ in range(ROUNDS):
        costs.append((_change_cost(*few), _change_cost(*many)))
    ratio = middle(large / small for small, large in costs)
    beside = f"{middle(large for _, large in costs) * 1e6:.0f} us of processor, the change included"
    say(
        f"event.from, one change among {MACHINES * OBJECTS_A_MACHINE:,}",
        ratio,
        "x the cost with few",
        at_most(1.2),
        beside,
    )


def _change_cost(client: Client, server: Server) -> float:
    vm = client.call("VM.get_all")[0]
    token = client.call("event.from", ["VM/none"], "", 0.0)["token"]
    token = client.call("event.from", ["*"], "", 5.0)["token"]
    turns = 150

    def steps() -> Steps:
        latest = token
        for turn in range(turns):
            yield "VM.set_name_description", vm, f"{turn}"
            events = yield "event.from", ["*"], latest, 5.0
            assert len(events["events"]) == 1, events
            latest = events["token"]
        yield "VM.set_name_description", vm, ""

    before = cpu_seconds(server.pid)
    walk(server.address, client.session, [steps()])
    return (cpu_seconds(server.pid) - before) / turns


# --- Writing -----------------------------------------------------------------------------------------


def durable_writes(client: Client, server: Server, directory: Path) -> None:
    """Clients that each wait for their answers, against a loop that commits as many rows at a time as the daemon did.

    The two take turns of moments, since the time that a disk needs to sync changes from one second to the next. The
    loop has a processor for itself; the daemon shares two with the client.
    """
    database = directory / "many" / "state" / "xapid.db"
    shared = database.with_name("xapid.db-shm")
    for clients in (1, 4, 32, 128):
        machines = client.call("VM.get_all")[:clients]
        sent = [json_request(client, "VM.set_name_description", vm, str(turn)) for turn in range(2) for vm in machines]
        with closing(BareSqlite(database, directory / f"bare {clients}.db", machines)) as bare:
            rounds = []
            for _ in range(MOMENTS):
                commits = transactions(shared)
                cost, rate = server.cost(sent, MOMENT, clients)
                group = max(1, round(rate.count / max(1, transactions(shared) - commits)))
                rounds.append((rate.per_second, bare.rate(group, MOMENT), group, cost))
        ratio = middle(ours / alone for ours, alone, *_ in rounds)
        ours, alone, group, cost = (middle(each[number] for each in rounds) for number in range(4))
        beside = f"{ours:.0f}/s against {alone:.0f}/s, {group:.0f} to a commit, {cost * 1e6:.0f} us of processor"
        say(f"durable writes, {clients} clients", ratio, "% of bare sqlite3", at_least(0.5), beside)


def transactions(shared: Path) -> int:
    """How many transactions were committed so far, by the index of SQLite's log: a counter in its header."""
    number: int = struct.unpack_from("=I", shared.read_bytes()[:12], 8)[0]
    return number


def lives(client: Client, server: Server, clients: int, goal: Goal | None) -> None:
    """Clone, start, shut down and destroy a machine, over and over."""
    source = client.call("VM.get_by_name_label", "source of lives")[0]

    def steps() -> Steps:
        for number in range(LIVES // clients):
            vm = yield "VM.clone", source, f"life {number}"
            yield "VM.start", vm, False, False
            yield "VM.hard_shutdown", vm
            yield "VM.destroy", vm

    before, started = cpu_seconds(server.pid), time.perf_counter()
    walk(server.address, client.session, [steps() for _ in range(clients)])
    took = (time.perf_counter() - started) / (LIVES // clients * clients)
    cost = (cpu_seconds(server.pid) - before) / (LIVES // clients * clients)
    beside = f"{cost * 1e6:.0f} us of processor a life"
    say(f"1,000 x clone, start, shutdown, destroy, {clients} at once", took * 1000, "s", goal, beside)


def make_source(client: Client) -> None:
    template = client.call("VM.get_by_name_label", "Other install media")[0]
    vm = client.call("VM.clone", template, "source of lives")
    client.call("VM.set_is_a_template", vm, False)


# --- Start -------------------------------------------------------------------------------------------


def start(server: Daemon, count: str, goal: Goal) -> None:
    """From the command to the first answer, against the imports alone; the best of some, since others use the disk."""
    imports, starts = [], []
    for _ in range(5):
        before, started = children_seconds(), time.perf_counter()
        subprocess.run([sys.executable, "-c", "import xapid.main"], check=True)
        imports.append((time.perf_counter() - started, children_seconds() - before))
        server.stop()
        started = time.perf_counter()
        server.start()
        assert server.process is not None
        starts.append((time.perf_counter() - started, cpu_seconds(server.process.pid)))
    (wall, cpu), (own_wall, own_cpu) = ((min(times) for times in zip(*each, strict=True)) for each in (imports, starts))
    beside = f"{own_cpu - cpu:.2f} s of processor over those of {cpu:.2f}"
    say(f"start with {count} objects", own_wall - wall, f"s over the imports of {wall:.2f}", goal, beside)


def main() -> None:
    print(f"The daemon ({load_average()})")
    with tempfile.TemporaryDirectory(prefix="xapid-bench-") as name:
        directory = Path(name)
        with daemon(directory / "few") as (small, few), daemon(directory / "many", MACHINES) as (large, many):
            client = large.client()
            many_records(client, many)
            one_change((small.client(), few), (client, many))
            durable_writes(client, many, directory)
            make_source(client)
            lives(client, many, 32, at_most(5))
            lives(client, many, 1, None)
            start(large, f"{MACHINES * OBJECTS_A_MACHINE:,}", at_most(1))


if __name__ == "__main__":
    main()
