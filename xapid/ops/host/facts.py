"""What a host tells when it is asked: figures of its memory."""

from __future__ import annotations

from typing import Any

from xapid.auth.sessions import Sessions
from xapid.datamodel import Host
from xapid.datamodel.errors import INTERNAL_ERROR
from xapid.ops import management
from xapid.ops.host_driver import rescan
from xapid.ops.wlb_advice import where_to_evacuate
from xapid.rules.memory import free_memory
from xapid.runtime.context import Context


def get_tracked_user_agents(ctx: Context, self: Host) -> dict[str, str]:
    """The program that logged in last, by the address that it came from; empty: the Unix socket."""
    sessions: Sessions = ctx.runtime.services["sessions"]
    return dict(sessions.agents)


def get_management_interface(ctx: Context, host: Host) -> str:
    found = management.current(ctx.store, host.ref)
    if found is None:
        raise INTERNAL_ERROR("no interface of this host is known to carry management")
    return str(found.ref)


def compute_free_memory(ctx: Context, host: Host) -> int:
    """What guests could still get, if those that run gave back what they can spare; the host says whether they do."""
    return free_memory(ctx.store, host)


def compute_memory_overhead(ctx: Context, host: Host) -> int:
    return host.memory_overhead


def get_data_sources(ctx: Context, host: Host) -> list[dict[str, Any]]:
    """No figure of the host is recorded over time yet."""
    return []


async def retrieve_wlb_evacuate_recommendations(ctx: Context, self: Host) -> dict[str, list[str]]:
    return await where_to_evacuate(ctx, self)


async def rescan_drivers(ctx: Context, self: Host) -> None:
    """Look anew at the drivers of which there are variants to choose from."""
    await rescan(ctx, self)
