"""The daemon: builds the objects, hands them to each other, starts and stops them."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from xapid import __version__
from xapid.api.dispatch import Dispatcher
from xapid.api.implicit import implicit_run
from xapid.api.methods import find_operations, method_table
from xapid.api.rpc import Endpoint
from xapid.auth.passwords import PasswordFile
from xapid.auth.sessions import Sessions
from xapid.observe.garbage import EVERY, Collector
from xapid.ops import MODULES
from xapid.ops.event.log import EventLog
from xapid.ops.session import Login
from xapid.rules.registry import CHECKS, DERIVATIONS
from xapid.runtime.clock import Clock
from xapid.runtime.config import Config
from xapid.runtime.context import Backends, Runtime
from xapid.runtime.guard import Guard
from xapid.runtime.recovery import end_orphans, take_back
from xapid.runtime.tasks import Tasks
from xapid.store.database import Database, DatabaseError, StateDirectory
from xapid.store.feed import Deletion
from xapid.store.store import Store
from xapid.store.writer import Ballast, Writer
from xapid.wire import xmlrpc

log = logging.getLogger(__name__)

BALLAST = 4 * 1024 * 1024
"""Bytes kept back for the day the disk is full."""


@asynccontextmanager
async def opened_store(state: Path) -> AsyncIterator[tuple[Store, Database]]:
    """The store of a state directory, with every row in it. Raises DatabaseError."""
    directory = StateDirectory(state)
    directory.open()
    try:
        database = Database(state / "xapid.db")
        database.open()
        generation = int(database.meta().get("generation_ceiling", 0))
        ballast = Ballast(state / "ballast", BALLAST)
        ballast.take()
        writer = Writer(database.engine, generation, ballast)
        store = Store(DERIVATIONS, writer, generation)
        for row in database.rows():
            store.adopt(row)
        for gone_at, name, ref, created in database.deletions():
            store.feed.classes[name].deleted.append(Deletion(gone_at, created, ref))
        store.derive_all()
        writer.start(asyncio.get_running_loop())
        try:
            yield store, database
        finally:
            writer.stop()
    finally:
        directory.close()


def build_runtime(config: Config, store: Store, backends: Backends) -> Runtime:
    """The objects that operations work with."""
    clock = Clock()
    runtime = Runtime(store, config, clock, Tasks(store, clock), Guard(store, CHECKS), backends)
    sessions = Sessions(store, clock, config.sessions_per_user)
    event_log = EventLog(sessions, clock)
    store.feed.stream = event_log
    passwords = PasswordFile(Path(config.password_file)) if config.password_file else None
    runtime.services |= {
        "sessions": sessions,
        "event_log": event_log,
        "login": Login(passwords, config.login_failure_delay),
    }
    return runtime


def build_dispatcher(runtime: Runtime) -> Dispatcher:
    methods = method_table(find_operations(MODULES), implicit_run)
    return Dispatcher(
        runtime,
        methods,
        runtime.services["sessions"],
        lambda kind, value: xmlrpc.value_text(kind, value, runtime.store.members),
    )
