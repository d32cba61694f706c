"""The daemon's side of an agent process: starts it, speaks with it, and starts it anew when it dies."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec

from xapid.backends import framing
from xapid.backends.agent import AgentConfig, DriverSpec, interface_of
from xapid.backends.briefing import Briefing
from xapid.backends.domain import libvirt_log
from xapid.backends.interface import ERRORS, GONE, Failed, Unavailable

log = logging.getLogger(__name__)

MODULE = "xapid.backends.agent"

GRACE = 1.0
"""Seconds that an agent gets to end by itself."""


@dataclass(frozen=True)
class Restarts:
    """When an agent that died is started again. Seconds."""

    first: float = 0.1
    """Pause after a first death."""
    longest: float = 10.0
    """The pause doubles with each death, up to this."""
    steady: float = 30.0
    """Having lived so long, the next death counts as a first one."""
    patience: float = 15.0
    """How long a caller waits for an agent that is not there."""


class AgentProcess:
    """An agent in a process of its own. It ends with the daemon, however the daemon ends."""

    def __init__(self, config: AgentConfig, restarts: Restarts | None = None) -> None:
        self.pid = 0
        """Of the process as it is now; 0: none."""
        self._config = config
        self._restarts = restarts or Restarts()
        self._link: _Link | None = None
        self._up = asyncio.Event()
        self._reason = "it has not been started"
        self._supervisor: asyncio.Task[None] | None = None
        self._number = 0
        self._watchers: dict[str, list[Callable[[Any], None]]] = {}

    async def start(self) -> None:
        """Start the agent, and keep it started. Does not wait until it is there: callers do."""
        self._supervisor = asyncio.create_task(self._supervise(), name="agent")

    async def stop(self) -> None:
        """End the agent. What still runs in it is given up; guests and volumes stay as they are."""
        if self._supervisor:
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
            self._supervisor = None

    def watch(self, kind: str, callback: Callable[[Any], None]) -> None:
        """Call ``callback`` in the loop for every event of a back end."""
        self._watchers.setdefault(kind, []).append(callback)

    async def ready(self) -> None:
        """Return when the agent is there. Raises Unavailable with the reason when patience ends first."""
        if self._up.is_set():
            return
        try:
            async with asyncio.timeout(self._restarts.patience):
                await self._up.wait()
        except TimeoutError as error:
            raise Unavailable(f"the agent is not there: {self._reason}") from error

    def serve(self, spec: DriverSpec) -> None:
        """Hold one more driver, or another one of that kind."""
        others = tuple(each for each in self._config.drivers if each.kind != spec.kind)
        self._config = replace(self._config, drivers=(*others, spec))
        if self._link:
            self._link.send(framing.Serve(framing.pack(spec)))

    def drop(self, kind: str) -> None:
        """Let go of the driver of this kind."""
        self._config = replace(self._config, drivers=tuple(each for each in self._config.drivers if each.kind != kind))
        if self._link:
            self._link.send(framing.Drop(kind))

    def submit(
        self,
        kind: str,
        method: str,
        arguments: msgspec.Raw,
        limit: float | None,
        about: str = "",
        briefing: Briefing | None = None,
    ) -> tuple[int, Pending]:
        """Send a call ``about`` something that must begin within ``limit`` seconds. Only while the agent is there."""
        link = self._link
        if link is None:
            raise Unavailable(f"the agent is not there: {self._reason}")
        self._number += 1
        return self._number, link.call(self._number, kind, method, arguments, limit, about, briefing)

    def cancel(self, number: int) -> None:
        """Nobody waits for this call any more."""
        if self._link:
            self._link.send(framing.Cancel(number))

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self._restarts.first
        while True:
            born = loop.time()
            try:
                await self._live()
            except OSError as error:
                self._reason = f"it could not be started: {error}"
            if loop.time() - born > self._restarts.steady:
                pause = self._restarts.first
            log.error("the agent is gone: %s; it is started again in %.1f s", self._reason, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._restarts.longest)

    async def _live(self) -> None:
        """One life of the process, from its start until it has been reaped."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await self._spawn(theirs.fileno())
            except BaseException:
                ours.close()
                raise
        self.pid = process.pid
        hearing = asyncio.ensure_future(_hear(process.stderr))
        try:
            await self._speak(ours)
        finally:
            self._up.clear()
            self.pid = 0
            link, self._link = self._link, None
            if link:
                link.close()
            self._reason = _ending(await _reap(process))
            # Its last words come in before the end of the file, which whatever it started may put off for ever.
            await asyncio.wait({hearing}, timeout=GRACE)
            hearing.cancel()
            if link:
                link.fail(self._reason)

    async def _spawn(self, fd: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            MODULE,
            str(fd),
            # Nothing else is inherited: no listening socket, no database.
            pass_fds=[fd],
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            # It finds the modules that we find.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )

    async def _speak(self, connection: socket.socket) -> None:
        """Exchange messages until the agent closes its end."""
        loop = asyncio.get_running_loop()
        _, self._link = await loop.create_connection(lambda: _Link(self._happened), sock=connection)
        self._link.send(framing.Start(framing.pack(self._config)))
        self._up.set()
        await self._link.lost.wait()

    def _happened(self, message: framing.Happened) -> None:
        event = framing.event_decoder(interface_of(message.kind)).decode(message.value)
        for callback in self._watchers.get(message.kind, ()):
            # Later, so that a callback that fails does not take the connection with it.
            asyncio.get_running_loop().call_soon(callback, event)


Pending = asyncio.Future[msgspec.Raw]


class _Link(asyncio.Protocol):
    """One connection to an agent, and the calls that wait for its answers."""

    def __init__(self, happened: Callable[[framing.Happened], None]) -> None:
        self.lost = asyncio.Event()
        self._happened = happened
        self._splitter = framing.Splitter()
        self._pending: dict[int, Pending] = {}
        self._transport: asyncio.WriteTransport | None = None

    def call(
        self,
        number: int,
        kind: str,
        method: str,
        arguments: msgspec.Raw,
        limit: float | None,
        about: str,
        briefing: Briefing | None,
    ) -> Pending:
        loop = asyncio.get_running_loop()
        deadline = float("inf") if limit is None else time.monotonic() + limit
        self.send(framing.Call(number, kind, method, deadline, arguments, about, briefing))
        self._pending[number] = pending = loop.create_future()
        return pending

    def send(self, message: framing.Message) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(framing.frame(message))

    def close(self) -> None:
        if self._transport:
            # Not close(), which would wait for a stopped agent to read what is left.
            self._transport.abort()

    def fail(self, reason: str) -> None:
        """Whoever still waits hears that the agent is gone."""
        for pending in self._pending.values():
            if not pending.done():
                pending.set_exception(Unavailable(f"the agent is gone: {reason}", agent=GONE))
        self._pending.clear()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio's.
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        for message in self._splitter.feed(data):
            self._take(message)

    def _take(self, message: framing.Message) -> None:
        match message:
            case framing.Result(number, value):
                if (pending := self._pending.pop(number, None)) and not pending.done():
                    pending.set_result(value)
            case framing.Fault(number, error, text, facts):
                if (pending := self._pending.pop(number, None)) and not pending.done():
                    pending.set_exception(ERRORS.get(error, Failed)(text, **facts))
            case framing.Happened():
                self._happened(message)
            case framing.Logged(name, level, text):
                logging.getLogger(name).log(level, "%s", text)


async def _hear(stream: asyncio.StreamReader | None) -> None:
    """Log what an agent writes to its standard error output: that are libraries, and Python when it breaks down."""
    assert stream is not None
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            # A line that is longer than can be meant. What has been read of it is gone.
            continue
        if not line:
            return
        text = line.decode(errors="replace").rstrip("\n")
        if (of_libvirt := libvirt_log.read(text)) is not None:
            logging.getLogger("libvirt").log(of_libvirt[0], "%s", of_libvirt[1])
        elif text:
            logging.getLogger(MODULE).warning("%s", text)


async def _reap(process: asyncio.subprocess.Process) -> int:
    """Wait for a process that has lost its socket, and so is ending; one that is stopped or hangs is killed."""
    try:
        async with asyncio.timeout(GRACE):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()


def _ending(status: int) -> str:
    """How a process ended, for people."""
    if status >= 0:
        return f"it ended with status {status}"
    return f"it was ended by {signal.Signals(-status).name}"
