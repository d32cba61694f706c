"""Many clients at once: 64 that write beside the empty route under the same 64, and logins by the hundred."""

from __future__ import annotations

import crypt
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import Process
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

from tests.bench.bench_api import json_request, transactions
from tests.bench.load import drive, request_bytes
from tests.bench.report import at_least, at_most, load_average, middle, quick, say
from tests.bench.servers import Server, daemon, uvicorn
from tests.daemon import Daemon
from xapid.auth.pam import is_described
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


@contextmanager
def by_file(directory: Path) -> Iterator[tuple[Daemon, Server]]:
    """A daemon that has root's password in its own file."""
    with daemon(directory / "file", 10) as (started, server):
        PasswordFile(directory / "file" / "state" / "passwords").set("root", PASSWORD)
        yield started, server


@contextmanager
def by_pam(directory: Path) -> Iterator[tuple[Daemon, Server]]:
    """A daemon that asks PAM, which looks into a file of shadow passwords that nobody else sees."""
    (directory / "pam.d").mkdir()
    (directory / "pam.d" / "xapi").write_text("auth required pam_unix.so\naccount required pam_permit.so\n")
    hashed = crypt.crypt(PASSWORD, "$y$j9T$" + "saltsaltsaltsalt")
    (directory / "shadow").write_text(f"root:{hashed}:19000:0:99999:7:::\n")
    mounts = f"mount --bind {directory}/pam.d /etc/pam.d; mount --bind {directory}/shadow /etc/shadow"
    within = ("unshare", "--mount", "sh", "-ec", f'{mounts}; exec "$@"', "sh")
    with daemon(directory / "pam", 10, within) as (started, server):
        yield started, server


def logins(how: str, begun: AbstractContextManager[tuple[Daemon, Server]]) -> None:
    """What one client waits for at most while others log in with a password, again and again."""
    with begun as (started, server):
        asked = [json_request(started.client(), "pool.get_all")]
        body = (
            '{"jsonrpc":"2.0","method":"session.login_with_password","id":1,'
            f'"params":["root","{PASSWORD}","1.0","bench {os.getpid()}"]}}'
        )
        host, port = server.address
        proxy: Any = ServerProxy(f"http://{host}:{port}")
        # Or refusals are measured.
        assert proxy.session.login_with_password("root", PASSWORD)["Status"] == "Success"
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
    say(
        f"p99 of one client beside {LOGINS} that log in by {how}",
        beside / alone,
        "x that of one alone",
        at_most(2),
        figures,
    )


def main() -> None:
    print(f"Crowds ({load_average()})")
    with tempfile.TemporaryDirectory(prefix="xapid-bench-") as name:
        writers(Path(name))
        logins("the password file", by_file(Path(name)))
        if os.geteuid() == 0 and is_described("login"):
            logins("PAM", by_pam(Path(name)))
        else:
            print("logins by PAM: left out, for they need root and PAM")


if __name__ == "__main__":
    main()
