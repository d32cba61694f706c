"""Hooks: programs of a host that are run when something happens, ``/etc/xapi.d/EVENT/NAME``; they may object to it."""

from __future__ import annotations

import logging
from functools import partial

from xapid.backends.interface import BackendError, Failed, NotFound
from xapid.backends.programs.interface import ProgramDriver
from xapid.datamodel import Host
from xapid.datamodel.errors import XAPI_HOOK_FAILED
from xapid.runtime.context import Context
from xapid.runtime.tracing.span import handed_on

log = logging.getLogger(__name__)

HOST_PRE_DECLARE_DEAD = "host-pre-declare-dead"
HOST_POST_DECLARE_DEAD = "host-post-declare-dead"
XAPI_PRE_SHUTDOWN = "xapi-pre-shutdown"

BY_USER = "user"
FROM_DATABASE = "dbdestroy"
FENCED = "fenced"
CLEAN_SHUTDOWN = "clean-shutdown"

IGNORED = 1
"""Exit status of a hook that failed, and does not mind that all goes on."""


async def run_hooks(ctx: Context, event: str, *arguments: str, reason: str) -> None:
    """Run those of an event on this host, by their names, one after the other. Raises XAPI_HOOK_FAILED if one objects.

    The signal that ended one counts as an objection, too.
    """
    programs = ctx.programs(ctx.store.get(Host, ctx.runtime.localhost))
    for name in await programs.call(ProgramDriver.names, event):
        hook = f"{event}/{name}"
        run = programs.saying((Failed, NotFound), partial(_cannot_run, hook, reason)).call
        outcome = await run(ProgramDriver.run, event, name, (*arguments, "-reason", reason), "", handed_on())
        if outcome.status == IGNORED and not outcome.signal:
            log.warning("hook %s failed, which is passed over: %s", hook, outcome.stderr.strip())
        elif outcome.status or outcome.signal:
            raise XAPI_HOOK_FAILED(hook, reason, outcome.stdout, outcome.signal or str(outcome.status))


def _cannot_run(hook: str, reason: str, error: BackendError) -> XAPI_HOOK_FAILED:
    return XAPI_HOOK_FAILED(hook, reason, "", error.message)
