"""Messages of class Rate_limit: buckets of tokens which the calls of callers empty."""

from __future__ import annotations

import math
from typing import Any

from xapid.datamodel import Caller, Rate_limit
from xapid.datamodel.errors import INVALID_VALUE
from xapid.datamodel.types import NULL
from xapid.runtime.context import Context


def create(ctx: Context, args: dict[str, Any]) -> str:
    """A new bucket. Raises INVALID_VALUE for a size or a rate that is not positive."""
    _check("burst_size", args["burst_size"])
    _check("fill_rate", args["fill_rate"])
    with ctx.write() as tx:
        return tx.create(Rate_limit, **args).ref


def destroy(ctx: Context, self: Rate_limit) -> None:
    """Its callers are not limited any more."""
    with ctx.write() as tx:
        for caller in ctx.store.where(Caller, rate_limit=self.ref):
            tx.set(caller, rate_limit=NULL)
        tx.delete(self)


def add_caller(ctx: Context, self: Rate_limit, caller: Caller) -> None:
    """Let the calls of a caller, of one bucket at most, empty this one."""
    ctx.change(caller, rate_limit=self.ref)


def remove_caller(ctx: Context, self: Rate_limit, caller: Caller) -> None:
    if caller.rate_limit == self.ref:
        ctx.change(caller, rate_limit=NULL)


def set_burst_size(ctx: Context, self: Rate_limit, value: float) -> None:
    _check("burst_size", value)
    ctx.change(self, burst_size=value)


def set_fill_rate(ctx: Context, self: Rate_limit, value: float) -> None:
    _check("fill_rate", value)
    ctx.change(self, fill_rate=value)


def _check(field: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise INVALID_VALUE(field, f"{value:g}")
