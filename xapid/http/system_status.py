"""``GET /system-status``: a report of this host for who looks for faults; ``?list``: what one can hold, as XML."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import time
from typing import BinaryIO

from starlette.types import Receive, Scope, Send

from xapid.backends.host.interface import HostDriver, Packed
from xapid.backends.interface import BackendError
from xapid.datamodel import Host
from xapid.http.authentication import Authentication, Parameters, Refused, permit
from xapid.http.exchange import send_reply
from xapid.http.reply import Reply, error_page
from xapid.ops.host.report import capabilities_text, wanted_parts
from xapid.runtime.agents import Agent
from xapid.runtime.context import Runtime

log = logging.getLogger(__name__)

ACTION = "get_system_status"
TYPES = {Packed.tar: "application/x-tar", Packed.tar_bz2: "application/x-bzip2", Packed.zip: "application/zip"}
CHUNK = 1 << 18
PREFIX = "xapid-report-"
"""Of folders for temporary files."""


class SystemStatusHandler:
    """Has the host write the report into a file, and sends that."""

    def __init__(self, authentication: Authentication, runtime: Runtime) -> None:
        self._authentication = authentication
        self._runtime = runtime
        self._writing = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parameters = Parameters(scope)
        try:
            async with self._authentication.session(scope, parameters, ACTION) as session:
                permit(session, ACTION)
                await self._answer(parameters, send)
        except Refused as refused:
            await send_reply(send, refused.reply)

    async def _answer(self, parameters: Parameters, send: Send) -> None:
        agent: Agent = self._runtime.backends.agent(self._runtime.localhost, "host")
        parts = await agent.call(HostDriver.report_parts)
        if parameters.get("list") is not None:
            text = capabilities_text(parts)
            await send_reply(send, Reply(200, text.encode(), "application/xml"))
            return
        entries = parameters.get("entries")
        wanted = tuple(entries.split(",")) if entries else wanted_parts(parts)
        asked = parameters.get("output")
        packed = Packed(asked) if asked in list(Packed) else Packed.tar
        try:
            file = await self._written(agent, wanted, packed)
        except BackendError as error:
            log.error("no report of the state of this host could be made: %s", error.message)
            raise Refused(error_page(500)) from error
        with file:
            await self._send(file, packed, send)

    async def _written(self, agent: Agent, wanted: tuple[str, ...], packed: Packed) -> BinaryIO:
        """The report, in a file that has no name any more. Raises BackendError."""
        # One at a time: a report takes some 100 MB, and keeps the commands of the host busy.
        async with self._writing:
            with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
                path = f"{folder}/report"
                await agent.call(HostDriver.write_report, path, wanted, packed)
                return await asyncio.to_thread(open, path, "rb")

    async def _send(self, file: BinaryIO, packed: Packed, send: Send) -> None:
        hostname = self._runtime.store.get(Host, self._runtime.localhost).hostname
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._runtime.clock.now()))
        name = f"system_status-{stamp}-{hostname}.{packed}"
        headers = [
            (b"content-type", TYPES[packed].encode()),
            (b"content-disposition", f'attachment; filename="{name}"'.encode()),
            (b"content-length", b"%d" % os.fstat(file.fileno()).st_size),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while data := await asyncio.to_thread(file.read, CHUNK):
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
