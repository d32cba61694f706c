"""What members tell their coordinator every half minute: that they are there, and what their clocks show."""

from __future__ import annotations

import logging
import math

from xapid.datamodel import Host, HostMetrics, Pool
from xapid.datamodel.errors import NOT_IMPLEMENTED, ApiError
from xapid.datamodel.message import Cls
from xapid.ops import alerts
from xapid.ops.hooks import CLEAN_SHUTDOWN, FENCED, HOST_POST_DECLARE_DEAD, HOST_PRE_DECLARE_DEAD, run_hooks
from xapid.rules.host import is_live
from xapid.runtime.context import Context

log = logging.getLogger(__name__)

SHUTTING_DOWN = "shutting-down"
TIME = "time"

SILENCE = 600.0
"""Seconds after which a member of which nothing was heard counts as dead."""
SKEW = 300.0
"""Seconds by which its clock may differ from the coordinator's."""


class Heartbeats:
    """When each member was heard of last."""

    def __init__(self) -> None:
        self.heard: dict[str, float] = {}
        """By the clock that never jumps."""
        self.gone: set[str] = set()
        """Those that said that they shut down: what is still under way from them says nothing any more."""
        self.warned: set[str] = set()
        """Those whose clocks were told of."""


async def tickle_heartbeat(ctx: Context, host: Host, stuff: dict[str, str]) -> dict[str, str]:
    """A member is there, or is about to stop. With high availability, that has the say about who lives."""
    beats = _beats(ctx)
    if SHUTTING_DOWN in stuff:
        beats.heard.pop(host.ref, None)
        beats.gone.add(host.ref)
        beats.warned.discard(host.ref)
        await _mark_dead(ctx, host, CLEAN_SHUTDOWN)
        return {}
    if host.ref not in beats.gone:
        beats.heard[host.ref] = ctx.clock.monotonic()
        _look_at_clock(ctx, host, stuff.get(TIME, ""))
        metrics = ctx.store.find(HostMetrics, host.metrics)
        if metrics is not None and not metrics.live and not ctx.store.one(Pool).ha_enabled:
            with ctx.write() as tx:
                tx.set(metrics, live=True)
    return {}


def _look_at_clock(ctx: Context, host: Host, text: str) -> None:
    """Leave one message when a member's clock goes wrong; another only after it was nearly right again."""
    try:
        skew = abs(float(text) - ctx.clock.now())
    except ValueError:
        return
    warned = _beats(ctx).warned
    if skew < SKEW / 2:
        warned.discard(host.ref)
    elif skew > SKEW and math.isfinite(skew) and host.ref not in warned:
        warned.add(host.ref)
        body = f"The clocks of host '{host.name_label}' and of the coordinator differ by {skew:.0f} seconds."
        alerts.leave(ctx, "HOST_CLOCK_SKEW_DETECTED", alerts.NOTICE, Cls.Host, host.uuid, body)


async def look_for_silent(ctx: Context) -> None:
    """Members of which nothing was heard for long are dead. They have as long from the first look on."""
    heard, now = _beats(ctx).heard, ctx.clock.monotonic()
    for host in list(ctx.store.all(Host)):
        if host.ref == ctx.runtime.localhost or not is_live(ctx.store, host):
            continue
        if now - heard.setdefault(host.ref, now) > SILENCE:
            try:
                await _mark_dead(ctx, host, FENCED)
            except ApiError as error:
                log.error("host %s was not heard of, and cannot be called dead: %s", host.uuid, error)


async def _mark_dead(ctx: Context, host: Host, reason: str) -> None:
    if ctx.store.one(Pool).ha_enabled or host.ref == ctx.runtime.localhost:  # That one answers, so it lives.
        return
    await run_hooks(ctx, HOST_PRE_DECLARE_DEAD, "-hostuuid", host.uuid, reason=reason)
    metrics = ctx.store.find(HostMetrics, host.metrics)
    if metrics is not None:
        with ctx.write() as tx:
            tx.set(metrics, live=False)
    await run_hooks(ctx, HOST_POST_DECLARE_DEAD, "-hostuuid", host.uuid, reason=reason)


def _beats(ctx: Context) -> Heartbeats:
    found: Heartbeats = ctx.runtime.services["heartbeats"]
    return found


# --- The other way round -----------------------------------------------------------------------------


async def request_backup(ctx: Context, host: Host, generation: int, force: bool) -> None:
    """Have a host keep a copy of the database. The coordinator's is on disk when this returns."""
    if host.ref != ctx.runtime.localhost:
        raise NOT_IMPLEMENTED("host.request_backup")
    await ctx.store.settled()
