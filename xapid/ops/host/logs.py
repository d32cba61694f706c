"""What a host and its hypervisor have to tell: console, log, debug keys."""

from __future__ import annotations

from typing import NoReturn

from xapid.backends.host.interface import HostDriver
from xapid.datamodel import Host
from xapid.datamodel.errors import NOT_IMPLEMENTED
from xapid.datamodel.map_keys import SYSLOG_DESTINATION
from xapid.runtime.context import Context


async def dmesg(ctx: Context, host: Host) -> str:
    return await ctx.machine(host).call(HostDriver.console_text)


async def send_debug_keys(ctx: Context, host: Host, keys: str) -> None:
    await ctx.machine(host).call(HostDriver.send_debug_keys, keys)


async def syslog_reconfigure(ctx: Context, host: Host) -> None:
    """Do what ``logging:syslog_destination`` says now."""
    async with ctx.lock(host):
        await ctx.machine(host).call(HostDriver.send_log_to, SYSLOG_DESTINATION.of(ctx.now(host)))


# --- What the original does not implement either ----------------------------------------------------


def list_methods(ctx: Context) -> NoReturn:
    raise NOT_IMPLEMENTED("list_method")


def get_log(ctx: Context, host: Host) -> NoReturn:
    raise NOT_IMPLEMENTED("get_log")


def dmesg_clear(ctx: Context, host: Host) -> NoReturn:
    raise NOT_IMPLEMENTED("dmesg_clear")
