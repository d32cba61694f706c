"""uvicorn with one of the applications below: ``python -m tests.bench.stock empty httptools 8000``."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from xapid.http.protocol import HttpProtocol

START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"2")],
}
BODY = {"type": "http.response.body", "body": b"ok"}


async def _empty(request: Request) -> Response:
    await request.body()
    return Response(b"{}", media_type="application/json")


empty = Starlette(routes=[Route("/", _empty, methods=["POST"])])
"""The baseline of the API: a route that does nothing."""


async def raw(scope: Scope, receive: Receive, send: Send) -> None:
    """The baseline of the protocol class: an application of two lines."""
    if scope["type"] == "http":
        await receive()
        await send(START)
        await send(BODY)


APPLICATIONS = {"empty": empty, "raw": raw}
PROTOCOLS = {"httptools": HttpToolsProtocol, "ours": HttpProtocol}


if __name__ == "__main__":
    _, application, http, port = sys.argv
    uvicorn.run(
        APPLICATIONS[application],
        port=int(port),
        loop="uvloop",
        http=PROTOCOLS[http],
        log_level="error",
        access_log=False,
    )
