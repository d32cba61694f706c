"""Messages of class host_crashdump: what was kept when a host crashed."""

from __future__ import annotations

import math

from xapid.backends.host.interface import CrashDump, HostDriver
from xapid.datamodel import Host, HostCrashdump
from xapid.datamodel.errors import INTERNAL_ERROR
from xapid.datamodel.types import DateTime
from xapid.ops.host.report import proxy_of, sending
from xapid.runtime.context import Context


async def look(ctx: Context, host: Host) -> None:
    """Records follow the folders that the host has. A dump is known by the second of the crash."""
    async with ctx.lock(host):
        found = {math.floor(dump.seconds): dump for dump in await ctx.machine(host).call(HostDriver.crash_dumps)}
        with ctx.write() as tx:
            for row in list(ctx.store.where(HostCrashdump, host=host.ref)):
                dump = found.pop(math.floor(row.timestamp.seconds()), None)
                if dump is None:
                    tx.delete(row)
                else:
                    tx.set(row, size=dump.size)
            for seconds, dump in found.items():
                tx.create(HostCrashdump, host=host.ref, timestamp=DateTime.of(seconds), size=dump.size)


async def destroy(ctx: Context, self: HostCrashdump) -> None:
    """Remove the folder from the host. A record whose folder is gone already goes too."""
    host = ctx.store.get(Host, self.host)
    async with ctx.lock(host):
        machine = ctx.machine(host)
        for dump in await machine.call(HostDriver.crash_dumps):
            if _is(dump, self):
                await machine.call(HostDriver.remove_crash_dump, dump.name)
        with ctx.write() as tx:
            tx.delete(ctx.now(self))


async def upload(ctx: Context, self: HostCrashdump, url: str, options: dict[str, str]) -> None:
    """Send all of the folder, packed, from the host that has it."""
    machine = ctx.machine(ctx.store.get(Host, self.host))
    names = [dump.name for dump in await machine.call(HostDriver.crash_dumps) if _is(dump, self)]
    if not names:
        raise INTERNAL_ERROR("the host does not have the dump any more")
    with sending(ctx, machine, url) as machine:
        await machine.call(HostDriver.send_crash_dump, names[0], url, proxy_of(options))


def _is(dump: CrashDump, row: HostCrashdump) -> bool:
    return math.floor(dump.seconds) == math.floor(row.timestamp.seconds())
