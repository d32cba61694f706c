"""Messages about the figures of a machine that are kept over time: there are none yet."""

from __future__ import annotations

from typing import Any, NoReturn

from xapid.datamodel import VM
from xapid.datamodel.errors import INTERNAL_ERROR
from xapid.datamodel.vm import VmOperations, VmPowerState
from xapid.rules.vm import check_power_state
from xapid.runtime.context import Context


async def get_data_sources(ctx: Context, self: VM) -> list[dict[str, Any]]:
    async with ctx.operation(self, VmOperations.data_source_op):
        return []


async def record_data_source(ctx: Context, self: VM, data_source: str) -> NoReturn:
    """Begin to keep a figure."""
    async with ctx.operation(self, VmOperations.data_source_op):
        raise _unknown(data_source)


def query_data_source(ctx: Context, self: VM, data_source: str) -> NoReturn:
    """What a figure is now."""
    check_power_state(self, VmPowerState.Running, VmPowerState.Paused)
    raise _unknown(data_source)


async def forget_data_source_archives(ctx: Context, self: VM, data_source: str) -> None:
    """Forget what was kept of a figure: nothing was."""
    async with ctx.operation(self, VmOperations.data_source_op):
        return


def _unknown(data_source: str) -> INTERNAL_ERROR:
    return INTERNAL_ERROR(f"no figure {data_source!r} is taken of the machine")
