"""Clients of a mixed load: each goes its way over and over, also past the daemon's deaths, and remembers what it was
promised."""

from __future__ import annotations

import asyncio
import json
import random
from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path
from typing import Any

from tests.bench.load import LENGTH, request_bytes

PAUSE = 0.1
"""Seconds for which a client thinks between two calls, at most."""
GONE = (ConnectionError, asyncio.IncompleteReadError, OSError)
WAIT = 20.0
"""Seconds for which a listener waits for events."""


class Refused(Exception):
    """An answer that is an error: code and parameters."""


class Line:
    """One connection to the daemon, made when it is needed."""

    def __init__(self, socket: Path, counts: Counter[str]) -> None:
        self._socket = socket
        self._counts = counts
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.session = ""

    async def raw(self, method: str, *params: Any) -> Any:
        """Raises Refused; and what GONE names, when the daemon died meanwhile."""
        if self._streams is None:
            self._streams = await asyncio.open_unix_connection(str(self._socket), limit=1 << 26)
        reader, writer = self._streams
        call = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        try:
            writer.write(request_bytes("/jsonrpc", json.dumps(call).encode(), "application/json"))
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            found = LENGTH.search(head)
            assert found is not None and b" 200 " in head[:16], head
            answer = json.loads(await reader.readexactly(int(found[1])))
        except BaseException:
            self.close()
            raise
        self._counts[method] += 1
        if "error" in answer:
            raise Refused(answer["error"]["message"], *answer["error"]["data"])
        return answer["result"]

    async def log_in(self, originator: str) -> None:
        self.session = await self.raw("session.login_with_password", "root", "", "1.0", originator)

    async def call(self, method: str, *params: Any) -> Any:
        return await self.raw(method, self.session, *params)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class LoadClient(ABC):
    """One client. What goes wrong that may not go wrong, it notes."""

    def __init__(self, number: int, socket: Path, counts: Counter[str], chance: random.Random) -> None:
        self.name = f"{type(self).__name__.lower()} {number}"
        self.line = Line(socket, counts)
        self.chance = chance
        self.wrong: list[str] = []
        self.rounds = 0

    async def prepare(self) -> None:
        """What is made once, before the load begins."""
        return

    @abstractmethod
    async def round(self) -> None:
        """One turn. May end at any call, since the daemon may die; the next one begins with a new session."""

    async def run(self, up: asyncio.Event, over: asyncio.Event) -> None:
        """Take turns until the load is over. ``up``: the daemon is there."""
        while not over.is_set():
            try:
                await up.wait()
                if not self.line.session:
                    await self.line.log_in(self.name)
                await self.round()
                self.rounds += 1
            except GONE:
                self.line.session = ""
                if up.is_set():
                    await asyncio.sleep(0.05)
            except Refused as error:
                if error.args[0] == "SESSION_INVALID":
                    self.line.session = ""
                else:
                    self.wrong.append(f"{self.name}: {error.args}")
            await asyncio.sleep(self.chance.uniform(0, PAUSE))
        self.line.close()


class Writer(LoadClient):
    """Renames its own network, and knows which name it was promised."""

    network = ""

    async def prepare(self) -> None:
        await self.line.log_in(self.name)
        args = {"name_label": "0", "name_description": "", "other_config": {}}
        self.network = await self.line.call("network.create", args)
        self.asked = self.acknowledged = 0

    async def round(self) -> None:
        self.asked += 1
        await self.line.call("network.set_name_label", self.network, str(self.asked))
        self.acknowledged = self.asked

    def check(self, found: str) -> None:
        """``found``: the name after a death. What was asked for and not acknowledged may be there or not."""
        if not self.acknowledged <= int(found) <= self.asked:
            self.wrong.append(
                f"{self.name}: {self.acknowledged} was acknowledged, {self.asked} asked, {found} is there"
            )
        self.acknowledged = self.asked = max(int(found), self.asked)


class Listener(LoadClient):
    """Follows the network of a writer by its events, with one token over all deaths."""

    def __init__(self, number: int, socket: Path, counts: Counter[str], chance: random.Random, of: Writer) -> None:
        super().__init__(number, socket, counts, chance)
        self.of = of
        self._token = ""
        self.latest = 0

    async def round(self) -> None:
        batch = await self.line.call("event.from", [f"network/{self.of.network}"], self._token, WAIT)
        if batch["token"] < self._token:
            self.wrong.append(f"{self.name}: the token {batch['token']} after {self._token}")
        self._token = batch["token"]
        for event in batch["events"]:
            label = int(event["snapshot"]["name_label"])
            if label < self.latest:
                self.wrong.append(f"{self.name}: told of {label} after {self.latest}")
            self.latest = max(self.latest, label)


class LoginScript(LoadClient):
    """Logs in for each thing it does, and out again only now and then."""

    async def round(self) -> None:
        await self.line.log_in(self.name)
        (pool,) = await self.line.call("pool.get_all")
        await self.line.call("pool.get_record", pool)
        if self.chance.random() < 0.3:
            session, self.line.session = self.line.session, ""
            await self.line.raw("session.logout", session)


class Reader(LoadClient):
    """Reads whole classes, and looks for machines by expressions."""

    async def round(self) -> None:
        cls = self.chance.choice(("VM", "host", "network", "task", "message", "console", "VM_metrics"))
        await self.line.call(f"{cls}.get_all_records")
        await self.line.call("VM.get_all_records_where", 'field "is_a_template" = "false" and not field "uuid" = "x"')


class Life(LoadClient):
    """Clones, starts, stops and destroys machines by tasks, and takes away what a death left of them."""

    async def prepare(self) -> None:
        await self.line.log_in(self.name)
        (self.template,) = await self.line.call("VM.get_by_name_label", "Other install media")

    async def round(self) -> None:
        for vm in await self.line.call("VM.get_by_name_label", self.name):
            if await self.line.call("VM.get_power_state", vm) != "Halted":
                await self.line.call("VM.hard_shutdown", vm)
            await self.line.call("VM.destroy", vm)
        vm = await self.line.call("VM.clone", self.template, self.name)
        await self.line.call("VM.provision", vm)
        await self._by_task("Async.VM.start", vm, False, False)
        await self._by_task("Async.VM.hard_shutdown", vm)
        await self.line.call("VM.destroy", vm)

    async def _by_task(self, method: str, *params: Any) -> None:
        task = await self.line.call(method, *params)
        token = ""
        while True:
            batch = await self.line.call("event.from", [f"task/{task}"], token, WAIT)
            token = batch["token"]
            if not batch["events"]:
                raise Refused("STUCK", method, task)
            record = batch["events"][-1]["snapshot"]
            if record["status"] != "pending":
                break
        await self.line.call("task.destroy", task)
        if record["status"] != "success":
            raise Refused(*record["error_info"])
