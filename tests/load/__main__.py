"""``make load``: many clients for a while, with kill -9 now and then. Says what was lost, stuck or grown."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.daemon import Daemon
from tests.load.clients import Life, Line, Listener, LoadClient, LoginScript, Reader, Writer

MIB = 1024 * 1024
GROWTH = 40 * MIB
"""Bytes that the last life of the daemon may take more than one of the first third of them: until then it fills what it
keeps within bounds, messages, deletions and sessions."""
LEFT_OPEN = 8
"""File descriptors more than at the beginning that may be open when all clients are gone."""
PATIENCE = 60.0
"""Seconds in which tasks come to their ends once nobody asks for more."""


@dataclass
class Weight:
    """What a process has at a moment."""

    memory: int
    files: int


def weight(pid: int) -> Weight:
    status = Path(f"/proc/{pid}/status").read_text()
    memory = int(status.split("VmRSS:")[1].split()[0]) * 1024
    return Weight(memory, len(list(Path(f"/proc/{pid}/fd").iterdir())))


@dataclass
class Outcome:
    """What the load showed."""

    calls: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lives: list[list[Weight]] = field(default_factory=list)
    """Of each life of the daemon, what it had from second to second."""
    seconds: float = 0.0

    def memory(self, life: int) -> int:
        """Bytes in the last third of a life."""
        samples = self.lives[life]
        return int(median(each.memory for each in samples[-max(1, len(samples) // 3) :]))


class Load:
    """The daemon, its clients, and the clock."""

    def __init__(self, directory: Path, clients: int, seed: int) -> None:
        self._daemon = Daemon(directory)
        self._seed = seed
        self._clients = clients
        self._up = asyncio.Event()
        self._over = asyncio.Event()
        self.outcome = Outcome()

    def _crowd(self) -> list[LoadClient]:
        """Of ten clients four write, two of whose changes others follow; two log in, one reads, one lives machines."""
        crowd: list[LoadClient] = []
        writers: list[Writer] = []
        for number in range(self._clients):
            given = number, self._daemon.socket, self.outcome.calls, random.Random(f"{self._seed} {number}")
            kind = number % 10
            if kind < 4:
                writers.append(Writer(*given))
                crowd.append(writers[-1])
            elif kind < 6:
                crowd.append(Listener(*given, of=writers[kind - 4 - len(writers) % 4]))
            else:
                crowd.append((LoginScript(*given), LoginScript(*given), Reader(*given), Life(*given))[kind - 6])
        return crowd

    async def run(self, seconds: float, kill: float) -> Outcome:
        """Kill the daemon after each ``kill`` seconds; 0: never."""
        await asyncio.to_thread(self._daemon.start)
        assert self._daemon.process is not None
        at_first = weight(self._daemon.process.pid).files
        crowd = self._crowd()
        for client in crowd:
            await client.prepare()
        self._up.set()
        began = time.monotonic()
        running = [asyncio.create_task(client.run(self._up, self._over)) for client in crowd]
        while (left := seconds - (time.monotonic() - began)) > 0:
            await self._life(min(left, kill) if kill else left)
            if kill and seconds - (time.monotonic() - began) > kill / 2:
                await self._die(crowd)
        self._over.set()
        await self._hear_the_last(crowd)
        await asyncio.wait_for(asyncio.gather(*running), PATIENCE)
        self.outcome.seconds = time.monotonic() - began
        await self._rest(at_first)
        self._note_what_is_wrong(crowd)
        await asyncio.to_thread(self._daemon.stop)
        return self.outcome

    async def _life(self, seconds: float) -> None:
        samples: list[Weight] = []
        self.outcome.lives.append(samples)
        assert self._daemon.process is not None
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(1.0, left))
            samples.append(weight(self._daemon.process.pid))

    async def _die(self, crowd: list[LoadClient]) -> None:
        """Kill the daemon, start it again, and look whether all is there that was promised."""
        self._up.clear()
        await asyncio.to_thread(self._daemon.kill)
        await asyncio.to_thread(self._daemon.start)
        line = await self._line()
        for client in crowd:
            if isinstance(client, Writer):
                client.check(await line.call("network.get_name_label", client.network))
        pending = await line.call("task.get_all_records_where", 'field "status" = "pending"')
        self.outcome.wrong += [f"still pending after a death: {each['name_label']}" for each in pending.values()]
        line.close()
        self._up.set()

    async def _line(self) -> Line:
        line = Line(self._daemon.socket, Counter())
        await line.log_in("the load")
        return line

    async def _hear_the_last(self, crowd: list[LoadClient]) -> None:
        """Every listener must come to know the last name that its writer gave: no event is lost over a death."""
        line = await self._line()
        for listener in (client for client in crowd if isinstance(client, Listener)):
            writer = listener.of
            writer.asked += 1
            await line.call("network.set_name_label", writer.network, str(writer.asked))
            writer.acknowledged = writer.asked
        line.close()

    async def _rest(self, at_first: int) -> None:
        """All clients are gone: tasks come to their ends, and what was opened for clients is closed."""
        line = await self._line()
        deadline = time.monotonic() + PATIENCE
        assert self._daemon.process is not None
        while True:
            pending = await line.call("task.get_all_records_where", 'field "status" = "pending"')
            files = weight(self._daemon.process.pid).files
            if (not pending and files <= at_first + LEFT_OPEN) or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.2)
        self.outcome.wrong += [f"stuck: {each['name_label']}" for each in pending.values()]
        if files > at_first + LEFT_OPEN:
            self.outcome.wrong.append(f"{files} files are open, {at_first} were at the beginning")
        line.close()

    def _note_what_is_wrong(self, crowd: list[LoadClient]) -> None:
        wrong = self.outcome.wrong
        for client in crowd:
            wrong += client.wrong
            if not client.rounds:
                wrong.append(f"{client.name} did nothing")
        early = len(self.outcome.lives) // 3
        grown = self.outcome.memory(-1) - self.outcome.memory(early)
        if grown > GROWTH:
            wrong.append(f"the last life took {grown / MIB:.0f} MiB more than life {early + 1}")
        log = self._daemon.log.read_text(errors="replace")
        if "Traceback" in log:
            wrong.append("the log has a traceback: " + log[log.index("Traceback") :][:2000])


def report(outcome: Outcome) -> str:
    total = sum(outcome.calls.values())
    lives = "; ".join(
        f"{outcome.memory(number) / MIB:.0f} MiB, {max(each.files for each in samples)} files"
        for number, samples in enumerate(outcome.lives)
    )
    most = ", ".join(f"{count:,} {method}" for method, count in outcome.calls.most_common(6))
    lines = [
        f"{total:,} calls in {outcome.seconds:.0f} s, {total / outcome.seconds:.0f} a second: {most}",
        f"lives of the daemon: {len(outcome.lives)} ({lives})",
        *(f"WRONG: {each}" for each in outcome.wrong[:20]),
        f"{len(outcome.wrong)} things went wrong" if outcome.wrong else "nothing lost, nothing stuck, nothing grown",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--kill", type=float, default=20, help="seconds between two kill -9; 0: none")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    print(f"{given.clients} clients for {given.seconds:.0f} s, kill -9 each {given.kill:.0f} s, seed {given.seed}")
    with tempfile.TemporaryDirectory(prefix="xapid-load-") as name:
        outcome = asyncio.run(Load(Path(name), given.clients, given.seed).run(given.seconds, given.kill))
    print(report(outcome))
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
