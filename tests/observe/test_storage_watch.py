"""Repositories that do not answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clocks import HeldClock
from xapid.backends.agent import AgentConfig, DriverSpec
from xapid.backends.storage.interface import Sr, StorageDriver
from xapid.datamodel import PBD, SR, Host, Message
from xapid.observe import storage_watch
from xapid.observe.storage_watch import StorageWatch
from xapid.runtime.agents import LocalBackends
from xapid.runtime.config import Config
from xapid.runtime.context import Runtime
from xapid.runtime.guard import Guard
from xapid.runtime.tasks import Tasks
from xapid.store.store import Store


@dataclass
class HostApart:
    """A host with two repositories, whose storage can hang."""

    runtime: Runtime
    backends: LocalBackends
    dead: SR
    living: SR

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(message.name, message.obj_uuid) for message in self.runtime.store.all(Message)]

    async def attach(self, sr: SR, pipe: str = "") -> None:
        agent = self.backends.agent(self.runtime.localhost, "storage:slow")
        method = StorageDriver.attach_sr if pipe else StorageDriver.detach_sr
        await agent.call(method, Sr(sr.uuid, "slow", {"pipe": pipe}))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[HostApart]:
    driver = "tests.runtime.agent_fakes:HangingRepositories"
    spec = DriverSpec("storage:slow", driver, {"folder": str(tmp_path)}, timeout=0.05)
    backends = LocalBackends(AgentConfig((spec,)), apart=False)
    store, clock = Store(), HeldClock(1_700_000_100.0)
    runtime = Runtime(store, Config(), clock, Tasks(store, clock), Guard(store, {}), backends)
    with store.write() as tx:
        local = tx.create(Host)
        made = [tx.create(SR, type="slow"), tx.create(SR, type="slow"), tx.create(SR, type="made up")]
        for sr in made:
            tx.create(PBD, host=local.ref, SR=sr.ref)
    runtime.localhost = local.ref
    await backends.start()
    yield HostApart(runtime, backends, made[0], made[1])
    await backends.stop()


async def test_the_administrator_is_told_once_of_one_that_does_not_answer(
    host: HostApart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_watch, "LATE", 0.0)
    os.mkfifo(tmp_path / "pipe")
    watch = StorageWatch(host.runtime)
    await host.attach(host.living)
    watch.look()
    before = host.told

    for _ in range(2):
        # Whether somebody waits for it or not.
        with contextlib.suppress(Exception):
            await host.attach(host.dead, "pipe")
        watch.look()
    during = host.told
    os.close(os.open(tmp_path / "pipe", os.O_WRONLY))
    agent = host.backends.agent(host.runtime.localhost, "storage:slow")
    await asyncio.wait(list(agent._under_way))
    watch.look()

    assert (before, during) == ([], [("SR_NOT_RESPONDING", host.dead.uuid)])
    assert host.told == during


async def test_what_takes_its_time_is_not_told_of(host: HostApart, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    work = asyncio.ensure_future(host.attach(host.dead, "pipe"))
    end = -1
    while end < 0:
        with contextlib.suppress(OSError):
            end = os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK)
        await asyncio.sleep(0)

    StorageWatch(host.runtime).look()

    os.close(end)
    await asyncio.wait({work})
    assert host.told == []
