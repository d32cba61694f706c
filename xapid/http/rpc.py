"""The RPC endpoint: XML-RPC and JSON-RPC over one handler, answered at once where nothing has to be waited for."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from xapid.api.dispatch import Answer, Dispatcher, Unsupported
from xapid.api.dispatch import Request as Call
from xapid.datamodel.errors import INTERNAL_ERROR, ApiError
from xapid.datamodel.types import Object
from xapid.http.reply import Reply, error_page
from xapid.http.service import Request
from xapid.runtime.context import Origin
from xapid.wire import jsonrpc, xmlrpc
from xapid.wire.raw import MalformedRequest

log = logging.getLogger(__name__)

XML = "text/xml"
JSON = "application/json"
HEADERS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Headers", "X-Requested-With"),
)
OTHER_CONFIG = "x-http-other-config-"

Members = Callable[[Object, str], tuple[str, ...]]


class Endpoint:
    """Answers POSTs of calls. Any path that nobody else has is XML-RPC."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._members = dispatcher.runtime.store.members

    def __call__(self, request: Request) -> Reply | Awaitable[Reply]:
        if request.path.startswith("/jsonrpc"):
            return self._json(request)
        return self._xml(request)

    def _call(self, method: str, params: list[Any], request: Request) -> Answer | Awaitable[Answer]:
        origin, task, parent, config = _headers(request)
        return self._dispatcher.call(Call(method, params, origin, task, parent, config))

    # XML-RPC

    def _xml(self, request: Request) -> Reply | Awaitable[Reply]:
        try:
            call = xmlrpc.parse_call(request.body)
            answer = self._call(call.method, call.params, request)
        except ApiError as error:
            return _reply(xmlrpc.failure(error.description), XML)
        except (MalformedRequest, Unsupported):
            return error_page(500)
        if isinstance(answer, Answer):
            return self._xml_answer(answer)
        return self._xml_later(answer)

    def _xml_answer(self, answer: Answer) -> Reply:
        encode = xmlrpc.bare if answer.bare else xmlrpc.success
        return _reply(encode(answer.kind, answer.value, self._members), XML)

    async def _xml_later(self, answer: Awaitable[Answer]) -> Reply:
        try:
            return self._xml_answer(await answer)
        except ApiError as error:
            return _reply(xmlrpc.failure(error.description), XML)
        except Exception as error:
            return _reply(xmlrpc.failure(_unforeseen(error)), XML)

    # JSON-RPC

    def _json(self, request: Request) -> Reply | Awaitable[Reply]:
        try:
            call = jsonrpc.parse_call(request.body)
        except MalformedRequest:
            return error_page(500)
        try:
            answer = self._call(call.method, call.params, request)
        except ApiError as error:
            return _reply(jsonrpc.failure(call, error.description), JSON)
        except Unsupported:
            return error_page(500)
        if isinstance(answer, Answer):
            return _reply(jsonrpc.success(call, answer.kind, answer.value, self._members), JSON)
        return self._json_later(call, answer)

    async def _json_later(self, call: jsonrpc.JsonCall, answer: Awaitable[Answer]) -> Reply:
        try:
            kind, value, _ = await answer
            return _reply(jsonrpc.success(call, kind, value, self._members), JSON)
        except ApiError as error:
            return _reply(jsonrpc.failure(call, error.description), JSON)
        except Exception as error:
            return _reply(jsonrpc.failure(call, _unforeseen(error)), JSON)


def _reply(body: bytes, content_type: str) -> Reply:
    return Reply(200, body, content_type, HEADERS)


def _unforeseen(error: Exception) -> list[str]:
    log.error("a call failed outside its operation", exc_info=error)
    return INTERNAL_ERROR(f"{type(error).__name__}: {error}").description


def _headers(request: Request) -> tuple[Origin, str, str, tuple[tuple[str, str], ...]]:
    agent = task = parent = originator = ""
    config: list[tuple[str, str]] = []
    for name, value in request.headers:
        if name == "user-agent":
            agent = value
        elif name == "task-id":
            task = value
        elif name == "subtask-of":
            parent = value
        elif name == "originator":
            originator = value
        elif name.startswith(OTHER_CONFIG):
            config.append((name.removeprefix(OTHER_CONFIG), value))
    peer = request.peer
    return Origin(peer.address, agent, peer.trusted, originator), task, parent, tuple(config)
