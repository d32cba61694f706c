"""Messages of class Caller: how much each program calls. Calls are not counted, so everybody has made none."""

from __future__ import annotations

from xapid.runtime.context import Context


def query_call_count(ctx: Context, self: str) -> int:
    return 0


def query_token_usage(ctx: Context, self: str) -> float:
    return 0.0


def query_group_call_count(ctx: Context, group: str) -> int:
    return 0


def query_group_token_usage(ctx: Context, group: str) -> float:
    return 0.0


def query_all_usage(ctx: Context) -> list[list[str]]:
    return []
