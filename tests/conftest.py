"""A simulated host after its first start, in memory, and a client of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import PassingClock
from tests.daemon import Client, Daemon
from tests.machines import Workshop
from tests.xapi import Xapi
from xapid.api.dispatch import Dispatcher
from xapid.api.implicit import implicit_run
from xapid.api.methods import Method, find_operations, method_table
from xapid.backends.agent import AgentConfig, DriverSpec
from xapid.backends.host.interface import HostDriver
from xapid.backends.network.interface import NetworkDriver
from xapid.backends.storage import DRIVERS
from xapid.datamodel import Host
from xapid.datamodel.types import Object
from xapid.hardware import SIMULATED_TYPES, simulated
from xapid.http.rpc import Endpoint
from xapid.main import build_runtime
from xapid.observe.domains import DomainWatch
from xapid.observe.figures import Figures
from xapid.observe.first_start import first_start
from xapid.observe.guests import GuestWatch
from xapid.observe.machine import Machine
from xapid.observe.startup import startup
from xapid.ops import MODULES
from xapid.ops.host.extensions import call_here
from xapid.ops.vm import aftermath
from xapid.rules.registry import DERIVATIONS
from xapid.runtime.agents import LocalBackends
from xapid.runtime.config import Config, Drivers, FirstStartConfig, LimitsConfig
from xapid.runtime.context import Runtime
from xapid.store.feed import Change
from xapid.store.rows import copy_row
from xapid.store.store import Store
from xapid.wire import xmlrpc

HOST = "localhost"
"""As agents call the host that they are on before it has a reference."""


@dataclass(frozen=True)
class FreshHost:
    """A host that nobody has used yet."""

    xapi: Xapi
    runtime: Runtime
    clock: PassingClock
    backends: LocalBackends
    watch: DomainWatch
    lookers: list[Callable[[], None]]
    """Called at each change, while it is the latest."""

    def driver(self, kind: str) -> Any:
        """A simulator, to be told what to do and asked what it was told: domain, datapath, network, storage:TYPE."""
        return self.backends.driver(kind)

    @property
    def store(self) -> Store:
        return self.runtime.store

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Return once the records are so; fail if they do not become so."""
        came = asyncio.Event()

        def look() -> None:
            # Of a record that is not there yet nothing can be asked.
            with suppress(Exception):
                if condition():
                    came.set()

        # At each change too, so that what is so for a moment only is seen.
        self.lookers.append(look)
        try:
            async with asyncio.timeout(seconds):
                while not came.is_set() and not condition():
                    with self.store.feed.watch(None) as news:
                        await news
        finally:
            self.lookers.remove(look)

    async def the(self, cls: str) -> str:
        """The reference of the only object of a class."""
        (ref,) = await self.xapi.call(f"{cls}.get_all")
        return str(ref)


@pytest.fixture(scope="session")
def methods() -> Mapping[str, Method]:
    return method_table(find_operations(MODULES), implicit_run)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """All rows after a first start. Made once, for it takes longer than most tests."""
    config = _config(tmp_path_factory.mktemp("installed"))
    return asyncio.run(_installed(config, simulated(config)))


async def _installed(config: Config, drivers: AgentConfig) -> list[Object]:
    backends = LocalBackends(drivers, apart=False)
    runtime = build_runtime(config, Store(DERIVATIONS), backends)
    await backends.start()
    try:
        machine = await _machine(backends)
        await first_start(runtime, machine)
        await startup(runtime, machine)
    finally:
        await backends.stop()
    return [row for table in runtime.store.tables.values() for row in table.rows.values()]


@pytest.fixture
async def fresh(tmp_path: Path, methods: Mapping[str, Method], installed: list[Object]) -> AsyncIterator[FreshHost]:
    config = _config(tmp_path)
    async with _serving(config, simulated(config), methods, installed) as host:
        yield host


@pytest.fixture
async def on_disk(tmp_path: Path, methods: Mapping[str, Method]) -> AsyncIterator[FreshHost]:
    """The same with the repositories of an installation, and the real drivers of such."""
    config = replace(_config(tmp_path), first_start=FirstStartConfig(repositories=True))
    drivers = _with_real_storage(config)
    async with _serving(config, drivers, methods, await _installed(config, drivers)) as host:
        yield host


def _looked_at(store: Store) -> list[Callable[[], None]]:
    """A list of those who look at a store at each change."""
    lookers: list[Callable[[], None]] = []
    note = store.feed.stream

    def published(changes: list[Change]) -> None:
        if note is not None:
            note(changes)
        for look in tuple(lookers):
            look()

    store.feed.stream = published
    return lookers


def _with_real_storage(config: Config) -> AgentConfig:
    real = {f"storage:{kind}": driver for kind, driver in DRIVERS.items() if kind != "sim"}
    root = {"root": str(config.state_dir / "sr")}
    specs = simulated(config).drivers
    return AgentConfig(
        tuple(DriverSpec(spec.kind, real[spec.kind], root) if spec.kind in real else spec for spec in specs)
    )


@asynccontextmanager
async def _serving(
    config: Config, drivers: AgentConfig, methods: Mapping[str, Method], rows: Sequence[Object]
) -> AsyncIterator[FreshHost]:
    """A daemon without listeners that found these objects when it started, and a client of it."""
    backends = LocalBackends(drivers, apart=False)
    store = Store(DERIVATIONS, generation=max(row._gen for row in rows))
    for row in rows:
        store.adopt(copy_row(row))
    store.recall(())
    clock = PassingClock()
    runtime = build_runtime(config, store, backends, clock)
    runtime.localhost = runtime.tasks.localhost = store.one(Host).ref
    lookers = _looked_at(store)
    watch = DomainWatch(runtime, aftermath)
    runtime.services["domain_events"] = watch
    guests = GuestWatch(runtime)
    for each in (watch, guests):
        backends.agent(HOST, "domain").watch(each.heard)
    await backends.start()
    try:
        figures: Figures = runtime.services["figures"]
        dispatcher = Dispatcher(
            runtime,
            methods,
            runtime.services["sessions"],
            _text(runtime),
            runtime.services["audit"].note,
            call_here,
            lambda: figures.taken,
        )
        xapi = Xapi(Endpoint(dispatcher), runtime)
        await xapi.log_in()
        yield FreshHost(xapi, runtime, clock, backends, watch, lookers)
        await dispatcher.stop()
        await watch.close()
        await guests.close()
    finally:
        await backends.stop()


def _config(state_dir: Path) -> Config:
    return replace(
        Config(),
        state_dir=state_dir,
        drivers=Drivers.sim,
        http=(),
        https=(),
        unix=(),
        programs=state_dir / "xapi.d",
        limits=LimitsConfig(login_failure_delay=0.0),
    )


def _text(runtime: Runtime) -> Any:
    return lambda kind, value: xmlrpc.value_text(kind, value, runtime.store.members)


async def _machine(backends: LocalBackends) -> Machine:
    facts = await backends.agent(HOST, "host").call(HostDriver.facts)
    nics = await backends.agent(HOST, "network").call(NetworkDriver.nics)
    storage = {kind: await backends.agent(HOST, f"storage:{kind}").info() for kind in SIMULATED_TYPES}
    return Machine(facts, tuple(nics), storage, simulated=True)


@pytest.fixture
def xapi(fresh: FreshHost) -> Xapi:
    return fresh.xapi


@pytest.fixture
async def host(fresh: FreshHost) -> str:
    return await fresh.the("host")


@pytest.fixture
async def pool(fresh: FreshHost) -> str:
    return await fresh.the("pool")


@pytest.fixture
def workshop(fresh: FreshHost, tmp_path: Path) -> Workshop:
    return Workshop(fresh, tmp_path)


@pytest.fixture
async def sr(workshop: Workshop) -> str:
    return await workshop.sr()


@pytest.fixture
async def vdi(workshop: Workshop, sr: str) -> str:
    return await workshop.disk(sr)


@pytest.fixture
async def vm(workshop: Workshop) -> str:
    return await workshop.vm()


@pytest.fixture
async def drive(workshop: Workshop, vm: str) -> str:
    """An empty CD drive."""
    return await workshop.drive(vm)


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    """A client of the daemon that the tests of a module have."""
    with closing(daemon.client()) as client:
        yield client
