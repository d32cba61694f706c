"""``GET /system-status``: a report of this host for who looks for faults; ``?list``: what one can hold, as XML.

``GET /host_logs_download``: all logs of this host. Both are written by the host into a file first.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import BinaryIO

from starlette.types import Receive, Scope, Send

from xapid.backends.host.interface import HostDriver, Packed
from xapid.backends.interface import BackendError
from xapid.datamodel import Host
from xapid.http.authentication import Authentication, Parameters, Refused
from xapid.http.exchange import send_reply
from xapid.http.reply import Reply, error_page
from xapid.ops.host.report import capabilities_text, wanted_parts
from xapid.runtime.agents import Agent
from xapid.runtime.context import Runtime

log = logging.getLogger(__name__)

STATUS, LOGS = "get_system_status", "get_host_logs_download"
TYPES = {Packed.tar: "application/x-tar", Packed.tar_bz2: "application/x-bzip2", Packed.zip: "application/zip"}
CHUNK = 1 << 18
PREFIX = "xapid-report-"
"""Of folders for temporary files."""


class _HostHandler:
    """Has the host write a file, and sends that."""

    def __init__(self, authentication: Authentication, runtime: Runtime, writing: Writing) -> None:
        self._authentication = authentication
        self._runtime = runtime
        self._writing = writing

    @property
    def _agent(self) -> Agent:
        return self._runtime.backends.agent(self._runtime.localhost, "host")

    @property
    def _hostname(self) -> str:
        return self._runtime.store.get(Host, self._runtime.localhost).hostname


class SystemStatusHandler(_HostHandler):
    """Sends a report of the host."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parameters = Parameters(scope)
        async with self._authentication.permitted(scope, parameters, STATUS):
            await self._answer(parameters, send)

    async def _answer(self, parameters: Parameters, send: Send) -> None:
        parts = await self._agent.call(HostDriver.report_parts)
        if parameters.get("list") is not None:
            text = capabilities_text(parts)
            await send_reply(send, Reply(200, text.encode(), "application/xml"))
            return
        entries = parameters.get("entries")
        wanted = tuple(entries.split(",")) if entries else wanted_parts(parts)
        asked = parameters.get("output")
        packed = Packed(asked) if asked in list(Packed) else Packed.tar
        with await self._writing.written(partial(_report, self._agent, wanted, packed)) as file:
            await send_file(file, self._name(packed), TYPES[packed], send)

    def _name(self, packed: Packed) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._runtime.clock.now()))
        return f"system_status-{stamp}-{self._hostname}.{packed}"


class LogsHandler(_HostHandler):
    """Sends the logs of the host, packed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._authentication.permitted(scope, Parameters(scope), LOGS):
            with await self._writing.written(partial(_logs, self._agent)) as file:
                await send_file(file, f"logs-{self._hostname}.tar.gz", "application/gzip", send)


async def _report(agent: Agent, wanted: tuple[str, ...], packed: Packed, path: str) -> None:
    await agent.call(HostDriver.write_report, path, wanted, packed)


async def _logs(agent: Agent, path: str) -> None:
    await agent.call(HostDriver.write_logs, path)


class Writing:
    """Files that the host writes to be sent: one at a time, for they are large, and keep its commands busy."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def written(self, write: Callable[[str], Awaitable[None]]) -> BinaryIO:
        """The file that ``write`` makes, which has no name any more. Raises Refused if it cannot be made."""
        async with self._turn:
            with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
                path = f"{folder}/file"
                try:
                    await write(path)
                    return await asyncio.to_thread(open, path, "rb")
                except BackendError as error:
                    log.error("what was asked for of this host cannot be put together: %s", error.message)
                    raise Refused(error_page(500)) from error


async def send_file(file: BinaryIO, name: str, kind: str, send: Send) -> None:
    headers = [
        (b"content-type", kind.encode()),
        (b"content-disposition", f'attachment; filename="{name}"'.encode()),
        (b"content-length", b"%d" % os.fstat(file.fileno()).st_size),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    # One ahead: who has all bytes finds the task ended, too.
    following = await asyncio.to_thread(file.read, CHUNK)
    more = True
    while more:
        data, following = following, await asyncio.to_thread(file.read, CHUNK)
        more = bool(following)
        await send({"type": "http.response.body", "body": data, "more_body": more})
