"""Extensions of the API: programs of a host that are messages of its API. They read a call, and print the answer."""

from __future__ import annotations

import xmlrpc.client
from typing import Any

import orjson

from xapid.backends.interface import Failed, NotFound
from xapid.backends.programs.interface import EXTENSIONS, Outcome, ProgramDriver
from xapid.datamodel import Host
from xapid.datamodel.errors import INTERNAL_ERROR, MESSAGE_METHOD_UNKNOWN, OtherError
from xapid.datamodel.types import ANY
from xapid.ops.answers import Unreadable, answer_in, plain
from xapid.runtime.context import Context
from xapid.runtime.tracing.span import handed_on
from xapid.wire.xml_values import escaped, xml_encoder


async def has_extension(ctx: Context, host: Host, name: str) -> bool:
    return await ctx.programs(host).call(ProgramDriver.exists, EXTENSIONS, name)


async def call_extension(ctx: Context, host: Host, call: str) -> str:
    """Call an extension by a call in JSON-RPC, of which one with a text for an answer is expected."""
    try:
        parsed: Any = orjson.loads(call)
    except orjson.JSONDecodeError as error:
        raise INTERNAL_ERROR(f"the call cannot be read: {error}") from error
    name = parsed.get("method") if isinstance(parsed, dict) else None
    params = parsed.get("params", []) if isinstance(parsed, dict) else None
    if not isinstance(name, str) or not isinstance(params, list):
        raise INTERNAL_ERROR("the call has no method, or no list of parameters")
    value = await run(ctx, host, name, params)
    if not isinstance(value, str):
        raise _misunderstood(value)
    return value


async def call_here(ctx: Context, name: str, params: list[Any]) -> Any:
    """Call an extension of the host that is asked: a message that the API does not have by itself."""
    return await run(ctx, ctx.store.get(Host, ctx.runtime.localhost), name, params)


async def run(ctx: Context, host: Host, name: str, params: list[Any]) -> Any:
    """What an extension answers. Raises MESSAGE_METHOD_UNKNOWN without one, and the error that it answers with."""
    programs = (
        ctx.programs(host)
        .saying(NotFound, lambda _: MESSAGE_METHOD_UNKNOWN(name))
        .saying(Failed, lambda error: _broken(ctx, name, "cannot be run", "", error.message))
    )
    with ctx.task.cancellable():
        outcome = await programs.call(
            ProgramDriver.run, EXTENSIONS, name, ("--xmlrpc",), _spelled(name, params), handed_on()
        )
    return await _answer(ctx, name, outcome)


def _spelled(name: str, params: list[Any]) -> str:
    """The call in XML-RPC, as a client would send it."""
    encode = xml_encoder(ANY)
    try:
        values = "".join(f"<param>{encode(plain(each))}</param>" for each in params)
    except (TypeError, ValueError) as error:
        raise INTERNAL_ERROR(f"the parameters cannot be sent on: {error}") from error
    head = "<?xml version='1.0'?><methodCall><methodName>"
    return f"{head}{escaped(name)}</methodName><params>{values}</params></methodCall>"


async def _answer(ctx: Context, name: str, outcome: Outcome) -> Any:
    if outcome.signal:
        raise _broken(ctx, name, f"signal: {outcome.signal}", outcome.stdout, outcome.stderr)
    if outcome.status:
        raise _broken(ctx, name, "non-zero exit", outcome.stdout, outcome.stderr)
    try:
        found = await answer_in(outcome.stdout)
    except (Unreadable, xmlrpc.client.Fault) as error:
        raise _broken(ctx, name, "failed to parse extension output", outcome.stdout, str(error)) from error
    match found:
        case {"Status": "Success", "Value": answer}:
            return answer
        case {"Status": "Failure", "ErrorDescription": [str(code), *details]} if all(
            isinstance(each, str) for each in details
        ):
            raise OtherError(code, *details)
    raise _misunderstood(found)


def _broken(ctx: Context, name: str, what: str, output: str, errors: str) -> OtherError:
    return OtherError("INTERNAL_ERROR", str(ctx.config.programs / EXTENSIONS / name), what, output, errors)


def _misunderstood(value: Any) -> OtherError:
    return OtherError("EXTENSION_PROTOCOL_FAILURE", orjson.dumps(value).decode())
