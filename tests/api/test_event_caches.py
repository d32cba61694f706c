"""Clients that keep a copy of what there is by events alone: whatever happens, the copy comes to be the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.machines import Workshop
from tests.xapi import Xapi
from xapid.datamodel import Network
from xapid.datamodel.errors import EVENTS_LOST, ApiError
from xapid.ops.event import collect
from xapid.ops.event.subscription import Subscription, Token

CLASSES = ("network", "VM", "VM_metrics", "VIF", "VBD", "pool", "host", "task")
STEPS = 60
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))]

Copy = dict[str, dict[str, Any]]
"""Class in lower case -> reference -> record."""


def apply(copy: Copy, event: dict[str, Any]) -> None:
    records = copy.setdefault(event["class"], {})
    if event["operation"] == "del":
        records.pop(event["ref"], None)
    else:
        records[event["ref"]] = event["snapshot"]


@dataclass
class Poller:
    """Asks by event.from, now and then."""

    xapi: Xapi
    copy: Copy = field(default_factory=dict)
    token: str = ""
    alone: bool = True
    """Whether nothing happens while it looks, so that what it has is as much as it is told there is."""

    async def look(self) -> None:
        try:
            answer = await self.xapi.event.from_(list(CLASSES), self.token, 0.0)
        except EVENTS_LOST:
            # As clients are to: begin anew.
            self.copy, self.token = {}, ""
            answer = await self.xapi.event.from_(list(CLASSES), "", 0.0)
        assert answer["token"] >= self.token
        self.token = answer["token"]
        for event in answer["events"]:
            apply(self.copy, event)
        counts = answer["valid_ref_counts"]
        assert not self.alone or {cls: len(records) for cls, records in self.copy.items()} == {
            cls: counts[cls] for cls in self.copy
        }


@dataclass
class Listener:
    """Reads what event.next says, in order."""

    xapi: Xapi
    copy: Copy = field(default_factory=dict)
    number: int = 0

    async def begin(self) -> None:
        await self.xapi.event.register(list(CLASSES))
        self.copy = await shown(self.xapi)
        self.number = int(await self.xapi.event.get_current_id())

    async def look(self) -> None:
        if int(await self.xapi.event.get_current_id()) == self.number:
            return
        # A call that would wait for ever is given up: then nothing of these classes was among what happened.
        work = asyncio.ensure_future(self.xapi.event.next())
        for _ in range(20):
            await asyncio.sleep(0)
        if not work.done():
            work.cancel()
            return
        for event in work.result():
            assert int(event["id"]) > self.number
            self.number = int(event["id"])
            apply(self.copy, event)


async def shown(xapi: Xapi) -> Copy:
    """What the server shows."""
    return {cls.lower(): await xapi.call(f"{cls}.get_all_records") for cls in CLASSES}


class Life:
    """Things that happen, at random but the same for a seed."""

    def __init__(self, fresh: FreshHost, workshop: Workshop, seed: int) -> None:
        self.xapi = fresh.xapi
        self.workshop = workshop
        self.random = random.Random(seed)
        self.networks: list[str] = []
        self.machines: list[str] = []
        self.made = 0

    async def step(self) -> None:
        happens = self.random.choice((self.make, self.change, self.remove, self.run, self.several))
        # A machine that runs cannot be destroyed, say.
        with suppress(ApiError):
            await happens()

    async def make(self) -> None:
        self.made += 1
        if self.networks and self.random.random() < 0.4:
            vm = await self.workshop.vm(name_label=f"machine {self.made}")
            self.machines.append(vm)
            await self.workshop.nic(vm, self.random.choice(self.networks))
        else:
            self.networks.append(await self.workshop.network(name_label=f"network {self.made}"))

    async def change(self) -> None:
        self.made += 1
        cls, refs = self.random.choice((("network", self.networks), ("VM", self.machines)))
        if refs:
            await self.xapi.call(
                f"{cls}.set_name_description", self.random.choice(refs), f"{self.made} & <{self.made}>"
            )

    async def remove(self) -> None:
        cls, refs = self.random.choice((("network", self.networks), ("VM", self.machines)))
        if refs:
            ref = self.random.choice(refs)
            await self.xapi.call(f"{cls}.destroy", ref)
            refs.remove(ref)

    async def run(self) -> None:
        if self.machines:
            vm = self.random.choice(self.machines)
            if await self.xapi.VM.get_power_state(vm) == "Halted":
                await self.xapi.VM.start(vm, False, False)
            else:
                await self.xapi.VM.hard_shutdown(vm)

    async def several(self) -> None:
        """At once."""
        steps: list[Callable[[], Awaitable[None]]] = [self.make, self.change, self.run, self.change, self.remove]
        await asyncio.gather(*(step() for step in steps), return_exceptions=True)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_copy_kept_by_events_is_what_the_server_shows(fresh: FreshHost, workshop: Workshop, seed: int) -> None:
    clients = [fresh.xapi.beside() for _ in range(6)]
    for client in clients:
        await client.log_in()
    pollers, listeners = [Poller(client) for client in clients[:3]], [Listener(client) for client in clients[3:]]
    for listener in listeners:
        await listener.begin()
    life = Life(fresh, workshop, seed)

    for number in range(STEPS):
        await life.step()
        # Some look often, some seldom.
        for every, each in zip((1, 7, 23, 1, 7, 23), (*pollers, *listeners), strict=True):
            if number % every == 0:
                await each.look()
    await workshop.until(workshop.idle)
    for each in (*pollers, *listeners):
        await each.look()

    there = await shown(fresh.xapi)
    assert len(there["vm"]) > 1 and life.made > 10
    for poller in pollers:
        assert {cls: poller.copy.get(cls, {}) for cls in there} == there
    for listener in listeners:
        assert listener.copy == there


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_happens_while_much_is_collected_is_not_lost(
    fresh: FreshHost, workshop: Workshop, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All is collected in slices of one object, and others run after each.
    for name, value in (("MANY", 0), ("SLICE", 1), ("TURN", -1.0)):
        monkeypatch.setattr(collect, name, value)
    client = fresh.xapi.beside()
    await client.log_in()
    poller, life = Poller(client, alone=False), Life(fresh, workshop, seed)

    for number in range(STEPS):
        if number % 10 == 9:
            poller.copy, poller.token = {}, ""
        await asyncio.gather(poller.look(), life.step(), life.step())
    await workshop.until(workshop.idle)
    await poller.look()

    there = await shown(fresh.xapi)
    assert {cls: poller.copy.get(cls, {}) for cls in there} == there


async def test_what_comes_while_much_is_collected_and_goes_at_once_is_not_left_behind(
    fresh: FreshHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("SLICE", 1), ("TURN", -1.0)):
        monkeypatch.setattr(collect, name, value)
    everything = Subscription(("*",))

    looking = asyncio.ensure_future(collect.collected_in_slices(fresh.store, everything, Token(0, 0)))
    await asyncio.sleep(0)
    with fresh.store.write() as tx:
        ref = tx.create(Network, name_label="short-lived").ref
    assert not looking.done()
    events, token = await looking
    with fresh.store.write() as tx:
        tx.delete(fresh.store.get(Network, ref))
    later, _ = collect.collected(fresh.store, everything, token)

    assert [each.operation for each in (*events, *later) if each.ref == ref] == []
