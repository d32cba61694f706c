"""The store within one process: bursts of changes, and how long the loop is held while everything goes out."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import uvloop

from tests.bench.bare import BareSqlite
from tests.bench.report import at_most, load_average, middle, quick, say
from tests.bench.servers import fill
from tests.daemon import Daemon
from xapid.datamodel import VM
from xapid.http.peer import Peer
from xapid.http.rpc import Endpoint
from xapid.http.service import Request
from xapid.main import Running, running, spare_collector, warm_encoders
from xapid.runtime.config import Config
from xapid.store.store import Store

BURST = 2000
ROUNDS = 5 if quick() else 15
MACHINES = 1_000 if quick() else 10_000
BEAT = 0.001


class Pauses:
    """How long the loop was held, in processor time of its thread: waiting and other processes do not count."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def _beat(self) -> None:
        now = time.thread_time()
        self.longest = max(self.longest, now - self._last)
        self._last = now
        self._handle = asyncio.get_running_loop().call_later(BEAT, self._beat)

    async def during(self, work: Callable[[], Awaitable[object]]) -> float:
        """The longest pause while something is done, in milliseconds."""
        self.longest, self._last = 0.0, time.thread_time()
        self._beat()
        try:
            await work()
            await asyncio.sleep(2 * BEAT)
        finally:
            assert self._handle is not None
            self._handle.cancel()
        return self.longest * 1000


async def bursts(store: Store, machines: list[VM], bare: BareSqlite) -> None:
    """Changes that all begin at once, each waiting for its own to be on disk."""

    async def change(vm: VM, value: str) -> None:
        with store.write() as tx:
            tx.set(vm, name_description=value)
        await store.durable(store.submitted)

    times = []
    for turn in range(ROUNDS):
        started = time.process_time()
        await asyncio.gather(*[change(vm, str(turn)) for vm in machines])
        ended = time.process_time()
        bare.commit(len(machines))
        times.append(((ended - started) * 1000, (time.process_time() - ended) * 1000))
    ours, alone = (middle(each[number] for each in times) for number in range(2))
    beside = f"one commit of bare sqlite3: {alone:.0f}"
    say(f"{len(machines):,} concurrent changes, durable", ours, "ms of processor", None, beside)


async def pauses(daemon: Running) -> None:
    """The loop is held for so long at most, while everything there is is encoded."""
    endpoint, watch = Endpoint(daemon.dispatcher), Pauses()
    session = daemon.runtime.services["sessions"].start("root", "bench", superuser=True)
    peer = Peer("", 0, True, 0, None, False)
    texts = {
        "XML-RPC": ("/", f"<methodCall><methodName>event.from</methodName><params><param><value>{session.ref}</value>"
            "</param><param><value><array><data><value>*</value></data></array></value></param><param><value></value>"
            "</param><param><value><double>5</double></value></param></params></methodCall>"),
        "JSON-RPC": ("/jsonrpc", f'{{"method":"event.from","params":["{session.ref}",["*"],"",5.0],"id":1}}'),
    }  # fmt: skip
    count = sum(daemon.runtime.store.count(name) for name in daemon.runtime.store.tables)
    for kind, (path, body) in texts.items():
        for state in ("cold", "warm"):

            async def ask(path: str = path, body: str = body) -> None:
                answer = endpoint(Request("POST", path, "", (), body.encode(), peer, "1.1"))
                assert isinstance(answer, Awaitable)
                reply = await answer
                assert reply.slices is not None and reply.size > 200 * count, reply.whole[:500]
                # As the connection does when it has sent them.
                while reply.slices:
                    reply.slices.popleft()
                    await asyncio.sleep(0)

            started = time.thread_time()
            longest = await watch.during(ask)
            beside = f"{time.thread_time() - started:.1f} s of processor in all"
            say(f"longest pause, event.from of {count:,}, {kind}, {state}", longest, "ms", at_most(20), beside)
    longest = await watch.during(_collect)
    say(f"longest pause, full garbage collection, {count:,} objects", longest, "ms", at_most(50))


async def _collect() -> None:
    gc.collect()


@asynccontextmanager
async def filled(directory: Path) -> AsyncIterator[Running]:
    daemon = Daemon(directory)
    daemon.start()
    daemon.stop()
    await fill(directory / "state", MACHINES)
    flags = {"--state-dir": str(directory / "state"), "--unix": str(directory / "socket"), "--drivers": "sim"}
    async with running(Config.load({**flags, "--http": "", "--https": "", "--log-level": "warning"}, {})) as found:
        spare_collector()
        await warm_encoders()
        yield found


async def measure() -> None:
    with tempfile.TemporaryDirectory(prefix="xapid-bench-") as name:
        async with filled(Path(name)) as daemon:
            database, copy = Path(name) / "state" / "xapid.db", Path(name) / "bare.db"
            machines = list(daemon.runtime.store.all(VM))[-BURST:]
            with closing(BareSqlite(database, copy, [vm.ref for vm in machines])) as bare:
                await bursts(daemon.runtime.store, machines, bare)
            await pauses(daemon)


def main() -> None:
    print(f"The store ({load_average()})")
    uvloop.run(measure())


if __name__ == "__main__":
    main()
