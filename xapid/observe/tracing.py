"""Traces: what the Observers say is done, whoever changes them."""

from __future__ import annotations

import asyncio
import logging

from xapid.runtime.context import Runtime
from xapid.runtime.tracing.tracer import Tracer

log = logging.getLogger(__name__)

EVERY = 3600.0
"""Seconds after which old files are looked for."""
NAMED = frozenset({"Observer", "host", "pool"})
"""Classes of which something stands in every span, or says whether there is one."""


async def keep_tracing(runtime: Runtime) -> None:
    """Trace what the records say now, and whenever they change."""
    tracer: Tracer = runtime.services["tracer"]
    while True:
        try:
            tracer.look(runtime.store, runtime.localhost)
        except Exception:
            log.exception("what Observers say cannot be done")
        if not await runtime.store.feed.wait(NAMED, EVERY):
            await asyncio.to_thread(tracer.tidy)
