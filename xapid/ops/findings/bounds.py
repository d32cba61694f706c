"""What guests may send, compared with the records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from xapid.backends.network.interface import NetworkDriver
from xapid.datamodel import Host
from xapid.ops import guest_ports
from xapid.ops.findings.finding import Finding, Grade
from xapid.runtime.context import Context


async def look(ctx: Context, host: Host) -> AsyncIterator[Finding]:
    """Interfaces of running guests whose bounds are gone."""
    there = await ctx.network(host).call(NetworkDriver.dropped)
    for vif in guest_ports.bounded(ctx, host):
        if vif.uuid not in there and not vif.current_operations:
            yield Finding(
                f"bounds-{vif.uuid}",
                f"the guest of interface {vif.uuid} may send what it likes: the rules that bound it are gone",
                Grade.trouble,
                "the rules are set again",
                mend=partial(guest_ports.restore, ctx, host),
            )
