"""The API in this process: calls go through the real wire format to a daemon's own objects, without sockets."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Awaitable
from typing import Any

from xapid.datamodel import errors
from xapid.datamodel.errors import ApiError, OtherError
from xapid.http.peer import Peer
from xapid.http.reply import Reply
from xapid.http.rpc import Endpoint
from xapid.http.service import Request
from xapid.runtime.context import Runtime

TRUSTED = Peer("", 0, True, 0, 1, False)
REMOTE = Peer("192.0.2.7", 50000, False, None, None, True)


class Method:
    """``xapi.VM.start``."""

    def __init__(self, xapi: Xapi, name: str) -> None:
        self._xapi = xapi
        self._name = name

    async def __call__(self, *params: Any) -> Any:
        return await self._xapi.call(self._name, *params)


class Class:
    """``xapi.VM``."""

    def __init__(self, xapi: Xapi, name: str) -> None:
        self._xapi = xapi
        self._name = name

    def __getattr__(self, message: str) -> Method:
        return Method(self._xapi, f"{self._name}.{message.rstrip('_')}")


class Xapi:
    """One client. Its session is put in front of the parameters; failures are raised as the errors they are."""

    def __init__(self, endpoint: Endpoint, runtime: Runtime, peer: Peer = TRUSTED) -> None:
        self._endpoint = endpoint
        self.runtime = runtime
        self.peer = peer
        self.session = ""
        self.headers: tuple[tuple[str, str], ...] = ()
        """Sent with each call, beside what every client sends."""

    def __getattr__(self, name: str) -> Class:
        return Class(self, name)

    def beside(self, peer: Peer = TRUSTED) -> Xapi:
        """Another client, which is not logged in."""
        return Xapi(self._endpoint, self.runtime, peer)

    async def log_in(self, *originator: str) -> None:
        """As somebody whom the Unix socket trusts."""
        version = ("1.0",) if originator else ()
        self.session = await self.send("session.login_with_password", "root", "", *version, *originator)

    async def call(self, method: str, *params: Any) -> Any:
        return await self.send(method, self.session, *params)

    async def send(self, method: str, *params: Any) -> Any:
        body = xmlrpc.client.dumps(tuple(wire(param) for param in params), method).encode()
        ((answer,), _) = xmlrpc.client.loads((await self.post("/RPC2", body)).whole)
        if answer["Status"] == "Success":
            return answer["Value"]
        code, *arguments = answer["ErrorDescription"]
        known = getattr(errors, code, None)
        if not (isinstance(known, type) and issubclass(known, ApiError)) or len(known.params) != len(arguments):
            raise OtherError(code, *arguments)
        raise known(*arguments)

    async def post(self, path: str, body: bytes) -> Reply:
        request = Request("POST", path, "", (("host", "localhost"), *self.headers), body, self.peer, "1.1")
        answer = self._endpoint(request)
        return await answer if isinstance(answer, Awaitable) else answer


def wire(value: Any) -> Any:
    """A value as old clients send it: whole numbers as text."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return {key: wire(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [wire(item) for item in value]
    return value
