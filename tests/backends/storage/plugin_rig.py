"""Repositories of the example storage plug-ins, with a whole daemon that they call back."""

from __future__ import annotations

import asyncio
import contextvars
import shutil
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from tests.backends.storage.rig import Rig, fresh
from tests.storage_plugins import V1, V3, install, short_folder
from xapid.auth.driver_sessions import DriverSessions
from xapid.backends import briefing
from xapid.backends.agent import find_class
from xapid.backends.briefing import Briefed
from xapid.backends.storage.interface import Sr, StorageDriver
from xapid.backends.storage.plugins import Plugins
from xapid.datamodel import PBD, SR, Host
from xapid.hardware import plugin_spec
from xapid.main import Running, running
from xapid.runtime.config import Config, Drivers, StorageConfig


class Served:
    """A daemon on simulated drivers in a thread of this process, with the examples installed. Started when needed."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._ending: asyncio.Event
        self._daemon: Running
        self._sessions: DriverSessions
        self.folder = short_folder()
        self._config = replace(
            Config(),
            state_dir=self.folder / "state",
            drivers=Drivers.sim,
            http=(),
            https=(),
            unix=(self.folder / "xapi",),
            storage=StorageConfig(
                smapiv1=self.folder / "plugins" / "sm", smapiv3=self.folder / "plugins" / "storage-script"
            ),
        )

    def start(self) -> None:
        if self._thread is not None:
            return
        install(self.folder / "plugins")
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="daemon", daemon=True)
        self._thread.start()
        ready.result(60)

    async def _serve(self, ready: Future[None]) -> None:
        try:
            async with running(self._config) as daemon:
                self._daemon, self._loop, self._ending = daemon, asyncio.get_running_loop(), asyncio.Event()
                sessions = daemon.runtime.services["sessions"]
                self._sessions = DriverSessions(daemon.runtime, sessions, self._config.unix)
                ready.set_result(None)
                await self._ending.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    def stop(self) -> None:
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def within(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Have something done in the loop of the daemon."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def driver(self, kind: str) -> StorageDriver:
        """The driver for a type of repository, in this thread, briefed for each call as the daemon does it."""
        storage = self._config.storage
        (plugin,) = [each for each in Plugins(storage.smapiv1, storage.smapiv3, []).find() if each.type == kind]
        spec = plugin_spec(plugin, self._config)
        args = {name: Path(value) if name != "info" else value for name, value in spec.args.items()}  # type: ignore[arg-type]
        return cast(StorageDriver, _Briefed(self, find_class(spec.driver)(**args)))

    async def record(self, sr: Sr) -> None:
        """The rows of a repository and its PBD."""
        store = self._daemon.runtime.store
        if store.find_uuid(SR, sr.uuid) is None:
            with store.write() as tx:
                row = tx.create(SR, uuid=sr.uuid, type=sr.type, name_label="a repository")
                tx.create(PBD, SR=row.ref, host=store.one(Host).ref, device_config=sr.device_config)
        else:
            row = store.get(SR, store.find_uuid(SR, sr.uuid).ref)  # type: ignore[union-attr]

    async def brief(self, args: tuple[Any, ...]) -> Briefed:
        return self._sessions.brief(args)


class _Briefed:
    """A driver whose calls are briefed."""

    def __init__(self, served: Served, driver: Any) -> None:
        self._served = served
        self._driver = driver
        self.info = driver.info

    def __getattr__(self, name: str) -> Any:
        return partial(self._call, name)

    def _call(self, name: str, *args: Any) -> Any:
        if name == "create_sr" or (name == "attach_sr" and args):
            self._served.within(self._served.record(args[0]))
        briefed = self._served.within(self._served.brief(args))
        context = contextvars.copy_context()
        context.run(briefing.current.set, briefed.briefing)
        try:
            return context.run(getattr(self._driver, name), *args)
        finally:
            briefed.end()


served = Served()


def rig_of(kind: str, folder: Path) -> Rig:
    """A repository of an example, attached and empty."""
    served.start()
    driver = served.driver(kind)
    sr = Sr(fresh(), kind, {"location": str(folder / "sr")})
    driver.create_sr(sr, 0)
    driver.attach_sr(sr)
    return Rig(driver, sr, leftover=(folder / "sr").exists)


PLUGINS = (V1, V3)
