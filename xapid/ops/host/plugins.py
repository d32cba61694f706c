"""Programs that a host lends to clients: plug-ins, of which one function is called."""

from __future__ import annotations

import xmlrpc.client

from xapid.backends.interface import Failed, NotFound
from xapid.backends.programs.interface import PLUGINS, Outcome, ProgramDriver
from xapid.datamodel import Host
from xapid.datamodel.errors import (
    XENAPI_MISSING_PLUGIN,
    XENAPI_PLUGIN_FAILURE,
    OtherError,
)
from xapid.ops.answers import Unreadable, answer_in
from xapid.runtime.context import Context
from xapid.runtime.tracing.span import handed_on


async def call_plugin(ctx: Context, host: Host, plugin: str, fn: str, args: dict[str, str]) -> str:
    """Run a plug-in of a host: one argument, a call in XML-RPC with the caller's session, and it prints the answer."""
    call = xmlrpc.client.dumps((ctx.session.ref, args), fn)
    programs = (
        ctx.programs(host)
        .saying(NotFound, lambda _: XENAPI_MISSING_PLUGIN(plugin))
        .saying(Failed, lambda error: XENAPI_PLUGIN_FAILURE("non-zero exit", "", error.message))
    )
    with ctx.task.cancellable():
        outcome = await programs.call(ProgramDriver.run, PLUGINS, plugin, (call,), "", handed_on())
    return await _answer(outcome)


async def _answer(outcome: Outcome) -> str:
    """What a plug-in answered. Raises XENAPI_PLUGIN_FAILURE, or the error that it answered with."""
    if outcome.signal:
        raise XENAPI_PLUGIN_FAILURE(f"signal: {outcome.signal}", outcome.stdout, outcome.stderr)
    if outcome.status:
        raise XENAPI_PLUGIN_FAILURE("non-zero exit", outcome.stdout, outcome.stderr)
    try:
        found = await answer_in(outcome.stdout)
    except xmlrpc.client.Fault as fault:
        raise XENAPI_PLUGIN_FAILURE("fault", str(fault.faultCode), fault.faultString) from fault
    except Unreadable as error:
        raise XENAPI_PLUGIN_FAILURE("failed to parse plugin output", outcome.stdout, str(error)) from error
    match found:
        case {"Status": "Success", "Value": str(value)}:
            return value
        case {"Status": "Failure", "ErrorDescription": [str(code), *details]}:
            raise OtherError(code, *map(str, details))
    raise XENAPI_PLUGIN_FAILURE("unexpected XMLRPC result", outcome.stdout, "")
