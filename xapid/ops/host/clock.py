"""The clock of a host: its zone, setting it, and the servers that it takes the time from."""

from __future__ import annotations

import re

from xapid.backends.host.interface import HostDriver, TimeSource
from xapid.backends.interface import BadConfig
from xapid.datamodel import Host
from xapid.datamodel.errors import INVALID_NTP_CONFIG, INVALID_VALUE, NOT_ALLOWED_WHEN_NTP_IS_ENABLED
from xapid.datamodel.host import HostNtpMode
from xapid.datamodel.types import DateTime
from xapid.runtime.context import Context

SERVER = re.compile(r"[A-Za-z0-9:][A-Za-z0-9._:%-]{0,254}", re.ASCII)
"""Name or address of a time server: one word in the files of the host."""


async def get_servertime(ctx: Context, host: Host) -> DateTime:
    return DateTime.of((await ctx.machine(host).call(HostDriver.now)).seconds)


async def get_server_localtime(ctx: Context, host: Host) -> DateTime:
    """The time on a clock at the host's wall: without a zone."""
    return DateTime((await ctx.machine(host).call(HostDriver.now)).local)


async def set_servertime(ctx: Context, self: Host, value: DateTime) -> None:
    """Set the clock, which servers must not set right again."""
    async with ctx.lock(self):
        if ctx.now(self).ntp_mode is not HostNtpMode.Disabled:
            raise NOT_ALLOWED_WHEN_NTP_IS_ENABLED(self.ref)
        await ctx.machine(self).call(HostDriver.set_time, value.seconds())


# --- Zones -------------------------------------------------------------------------------------------


async def list_timezones(ctx: Context, self: Host) -> list[str]:
    return list(await ctx.machine(self).call(HostDriver.timezones))


async def set_timezone(ctx: Context, self: Host, value: str) -> None:
    async with ctx.lock(self):
        machine = ctx.machine(self).saying(BadConfig, lambda _: INVALID_VALUE("timezone", value))
        await machine.call(HostDriver.set_timezone, value)
        with ctx.write() as tx:
            tx.set(ctx.now(self), timezone=value)


# --- Time servers ------------------------------------------------------------------------------------


async def set_ntp_mode(ctx: Context, self: Host, value: HostNtpMode) -> None:
    """Where the time comes from. Custom takes servers, which are to be set before."""
    async with ctx.lock(self):
        host = ctx.now(self)
        if value is host.ntp_mode:
            return
        if value is HostNtpMode.Custom and not host.ntp_custom_servers:
            raise INVALID_NTP_CONFIG("ntp_custom_servers is empty, so there is nobody to ask for the time")
        await _take_time_from(ctx, host, value, host.ntp_custom_servers)
        with ctx.write() as tx:
            tx.set(ctx.now(self), ntp_mode=value)


async def set_ntp_custom_servers(ctx: Context, self: Host, value: tuple[str, ...]) -> None:
    """Servers for the mode Custom; in that mode the host asks them from now on."""
    for server in value:
        if not SERVER.fullmatch(server):
            raise INVALID_NTP_CONFIG(f"{server!r} is no name or address of a server")
    async with ctx.lock(self):
        host = ctx.now(self)
        if host.ntp_mode is HostNtpMode.Custom:
            if not value:
                raise INVALID_NTP_CONFIG("the host asks these servers for the time: ntp_mode is Custom")
            await _take_time_from(ctx, host, HostNtpMode.Custom, value)
        with ctx.write() as tx:
            tx.set(ctx.now(self), ntp_custom_servers=value)


async def _take_time_from(ctx: Context, host: Host, mode: HostNtpMode, servers: tuple[str, ...]) -> None:
    machine = ctx.machine(host).saying(BadConfig, lambda error: INVALID_NTP_CONFIG(error.message))
    await machine.call(HostDriver.set_time_source, TimeSource(mode), tuple(servers))


async def get_ntp_servers_status(ctx: Context, self: Host) -> dict[str, str]:
    """Each server that the host asks, and what it thinks of it."""
    if self.ntp_mode is HostNtpMode.Disabled:
        return {}
    return await ctx.machine(self).call(HostDriver.time_servers)


async def get_ntp_synchronized(ctx: Context, self: Host) -> bool:
    return await ctx.machine(self).call(HostDriver.synchronized)
