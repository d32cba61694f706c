"""Many clients at once: 64 that write beside the empty route under the same 64, and logins by the hundred."""

from __future__ import annotations

import os
import tempfile
import time
from multiprocessing import Process
from pathlib import Path

from tests.bench.bench_api import json_request, transactions
from tests.bench.load import drive, request_bytes
from tests.bench.report import at_least, at_most, load_average, middle, quick, say
from tests.bench.servers import daemon, uvicorn
from xapid.auth.passwords import PasswordFile

ROUNDS, SECONDS = (3, 0.5) if quick() else (7, 1.0)
WRITERS = 64
LOGINS = 100
PASSWORD = "of the bench"


def writers(directory: Path) -> None:
    """Durable writes of as many clients, each waiting for its answer, against a Starlette route that does nothing."""
    empty = request_bytes("/", b'{"jsonrpc":"2.0","method":"m","params":[],"id":1}', "application/json")
    with daemon(directory / "writers", WRITERS) as (started, server), uvicorn("empty", "httptools") as stock:
        client, shared = started.client(), directory / "writers" / "state" / "xapid.db-shm"
        machines = client.call("VM.get_all")[:WRITERS]
        sent = [json_request(client, "VM.set_name_description", vm, f"{turn}") for turn in range(2) for vm in machines]
        rounds = []
        for _ in range(ROUNDS):
            base = drive(stock.address, [empty], SECONDS, WRITERS)
            before = transactions(shared)
            written = drive(server.address, sent, SECONDS, WRITERS)
            rounds.append((written.per_second, base.per_second, written.count / max(1, transactions(shared) - before)))
    ratio = middle(ours / base for ours, base, _ in rounds)
    ours, base, group = (middle(each[number] for each in rounds) for number in range(3))
    beside = f"{ours:.0f}/s against {base:.0f}/s"
    say(f"durable writes of {WRITERS} clients", ratio, "% of an empty Starlette route", at_least(0.4), beside)
    say(f"writes to a sync, {WRITERS} clients", group, "", at_least(8))


def logins(directory: Path) -> None:
    """What one client waits for at most while others log in with a password, again and again."""
    with daemon(directory / "logins", 10) as (started, server):
        PasswordFile(directory / "logins" / "state" / "passwords").set("root", PASSWORD)
        asked = [json_request(started.client(), "pool.get_all")]
        body = (
            '{"jsonrpc":"2.0","method":"session.login_with_password","id":1,'
            f'"params":["root","{PASSWORD}","1.0","bench {os.getpid()}"]}}'
        )
        login = [request_bytes("/jsonrpc", body.encode(), "application/json")]

        def slowest() -> float:
            return middle(drive(server.address, asked, SECONDS, 1).p99 for _ in range(ROUNDS))

        # Not in turns: logins that nobody waits for any more go on for half a minute.
        alone = slowest()
        crowd = Process(target=drive, args=(server.address, login, (ROUNDS + 1) * SECONDS, LOGINS))
        crowd.start()
        time.sleep(SECONDS / 2)
        beside = slowest()
        crowd.join()
    figures = f"{beside * 1e6:.0f} us against {alone * 1e6:.0f}"
    say(f"p99 of one client beside {LOGINS} that log in", beside / alone, "x that of one alone", at_most(2), figures)


def main() -> None:
    print(f"Crowds ({load_average()})")
    with tempfile.TemporaryDirectory(prefix="xapid-bench-") as name:
        writers(Path(name))
        logins(Path(name))


if __name__ == "__main__":
    main()
