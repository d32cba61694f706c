"""``GET /audit_log?since=MOMENT``: who asked for what, as text."""

from __future__ import annotations

import asyncio
from itertools import islice

from starlette.types import Receive, Scope, Send

from xapid.auth.audit import AuditLog
from xapid.http.authentication import Authentication, Parameters
from xapid.http.exchange import RAW
from xapid.http.raw import RawStream

TYPE = b"Content-Type: text/plain\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nCache-Control: no-cache, no-store\r\n" + TYPE
"""The original's, which tells no length: the end of the connection is the end of the log."""
LINES = 1000
"""Sent in one go."""


class AuditLogHandler:
    """Sends the lines from a moment on, or all."""

    def __init__(self, authentication: Authentication, audit: AuditLog) -> None:
        self._authentication = authentication
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parameters = Parameters(scope)
        async with self._authentication.permitted(scope, parameters, "get_audit_log"):
            await self._send(scope["extensions"][RAW](), parameters.get("since") or "")

    async def _send(self, client: RawStream, since: str) -> None:
        lines = self._audit.lines(since)
        try:
            await client.write(HEAD)
            while part := await asyncio.to_thread(lambda: "".join(islice(lines, LINES))):
                await client.write(part.encode())
        finally:
            client.close()
