"""Messages of class Caller: the programs that call, and how much each of them does."""

from __future__ import annotations

import re
from typing import Any

from xapid.auth.callers import Callers
from xapid.datamodel import Caller
from xapid.datamodel.errors import INVALID_VALUE
from xapid.datamodel.types import DateTime
from xapid.runtime.context import Context

_GROUP = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _callers(ctx: Context) -> Callers:
    callers: Callers = ctx.runtime.services["callers"]
    return callers


def create(ctx: Context, args: dict[str, Any]) -> str:
    """Register a caller by hand; it stays until it is destroyed. Raises INVALID_VALUE if it could be anybody."""
    agent, address = args["user_agent"], args["client_ip"]
    if not agent and not address:
        raise INVALID_VALUE("user_agent/client_ip", "at least one of them says who it is")
    kept = {key: args[key] for key in ("name_label", "name_description")}
    with ctx.write() as tx:
        made = tx.create(Caller, **kept, user_agent=agent, client_ip=address, last_access=DateTime.of(ctx.clock.now()))
        return made.ref


def destroy(ctx: Context, self: Caller) -> None:
    with ctx.write() as tx:
        tx.delete(self)


def add_group(ctx: Context, self: Caller, group: str) -> None:
    """Let a caller belong to a group, by which usage can be asked for. Raises INVALID_VALUE for what is no name."""
    if not _GROUP.fullmatch(group):
        raise INVALID_VALUE("group", group)
    if group not in self.groups:
        ctx.change(self, groups=(*self.groups, group))


def remove_group(ctx: Context, self: Caller, group: str) -> None:
    ctx.change(self, groups=tuple(each for each in self.groups if each != group))


def query_call_count(ctx: Context, self: str) -> int:
    """Calls since the daemon started."""
    return _callers(ctx).usage(self).calls


def query_token_usage(ctx: Context, self: str) -> float:
    return _callers(ctx).usage(self).tokens


def query_group_call_count(ctx: Context, group: str) -> int:
    return sum(_callers(ctx).usage(each.ref).calls for each in _group(ctx, group))


def query_group_token_usage(ctx: Context, group: str) -> float:
    return sum((_callers(ctx).usage(each.ref).tokens for each in _group(ctx, group)), 0.0)


def _group(ctx: Context, group: str) -> list[Caller]:
    return [each for each in ctx.store.all(Caller) if group in each.groups]


def query_all_usage(ctx: Context) -> list[list[str]]:
    """uuid, name, tokens and calls of each caller."""
    rows = [(each, _callers(ctx).usage(each.ref)) for each in ctx.store.all(Caller)]
    return [[each.uuid, each.name_label, f"{usage.tokens:.3f}", str(usage.calls)] for each, usage in rows]
