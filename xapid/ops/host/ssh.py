"""Logins to a host: SSH on, off, or on for a while, and when idle ones end."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from xapid.backends.host.interface import HostDriver
from xapid.datamodel import Host
from xapid.datamodel.errors import INVALID_VALUE, ApiError
from xapid.datamodel.types import EPOCH, DateTime
from xapid.runtime.context import Context, Runtime

log = logging.getLogger(__name__)

LONGEST = 2 * 24 * 3600
"""Seconds for which SSH may stay on when it is to go off again."""
TRY_AGAIN = 60.0
"""Seconds after which it is tried again to switch SSH off, where that failed."""


async def enable_ssh(ctx: Context, self: Host) -> None:
    """Switch it on, for ``ssh_enabled_timeout`` seconds if that is set. It goes on and off by hand from now on."""
    async with ctx.lock(self):
        host = ctx.now(self)
        await ctx.machine(host).call(HostDriver.set_ssh, True, True)
        with ctx.write() as tx:
            tx.set(ctx.now(host), ssh_enabled=True, ssh_expiry=_expiry(ctx, host.ssh_enabled_timeout))
        _closings(ctx.runtime).set(host.ref, host.ssh_enabled_timeout, host.ssh_auto_mode)
        await _set_auto_mode(ctx, host, False)


async def disable_ssh(ctx: Context, self: Host) -> None:
    async with ctx.lock(self):
        await _switch_off(ctx, self)
        with ctx.write() as tx:
            tx.set(ctx.now(self), ssh_expiry=ctx.clock.date())
        _closings(ctx.runtime).set(self.ref, 0)


async def set_ssh_enabled_timeout(ctx: Context, self: Host, value: int) -> None:
    """For how many seconds SSH stays on once it is on, which counts from now if it is; 0: for ever."""
    if not 0 <= value <= LONGEST:
        raise INVALID_VALUE("ssh_enabled_timeout", value)
    async with ctx.lock(self):
        host = ctx.now(self)
        with ctx.write() as tx:
            tx.set(host, ssh_enabled_timeout=value)
            if host.ssh_enabled:
                tx.set(host, ssh_expiry=_expiry(ctx, value))
        if host.ssh_enabled:
            _closings(ctx.runtime).set(host.ref, value)


async def set_ssh_auto_mode(ctx: Context, self: Host, value: bool) -> None:
    """Whether SSH is on while the toolstack is down, and then only."""
    async with ctx.lock(self):
        await _set_auto_mode(ctx, self, value)


async def set_console_idle_timeout(ctx: Context, self: Host, value: int) -> None:
    """After how many idle seconds a login ends; 0: never."""
    if value < 0:
        raise INVALID_VALUE("console_timeout", value)
    async with ctx.lock(self):
        await ctx.machine(self).call(HostDriver.set_idle_timeout, value)
        with ctx.write() as tx:
            tx.set(ctx.now(self), console_idle_timeout=value)


def _expiry(ctx: Context, timeout: int) -> DateTime:
    return DateTime.of(ctx.clock.now() + timeout) if timeout else EPOCH


async def _switch_off(ctx: Context, host: Host) -> None:
    """In the automatic mode it is there when the machine starts, until the toolstack is."""
    host = ctx.now(host)
    await ctx.machine(host).call(HostDriver.set_ssh, False, host.ssh_auto_mode)
    with ctx.write() as tx:
        tx.set(ctx.now(host), ssh_enabled=False)


async def _set_auto_mode(ctx: Context, host: Host, value: bool) -> None:
    await ctx.machine(host).call(HostDriver.set_ssh_auto, value)
    with ctx.write() as tx:
        tx.set(ctx.now(host), ssh_auto_mode=value)
    if value:
        # The toolstack is up.
        await _switch_off(ctx, host)
        _closings(ctx.runtime).set(host.ref, 0)


# --- For a while -------------------------------------------------------------------------------------


def _closings(runtime: Runtime) -> Closings:
    found: Closings = runtime.services["ssh_closings"]
    return found


class Closings:
    """When the SSH of which host goes off by itself. By the clock that never jumps."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: dict[str, asyncio.Task[None]] = {}
        """By host, who waits for its time to be over."""

    def resume(self) -> None:
        """After a start: what is recorded still holds, as long as the clock says. What is overdue goes off now."""
        now = self._runtime.clock.now()
        for host in self._runtime.store.all(Host):
            if host.ssh_enabled and host.ssh_expiry != EPOCH:
                left = host.ssh_expiry.seconds() - now
                # A clock that was set back makes it no longer than was asked for.
                self._begin(host.ref, min(max(left, 0.0), host.ssh_enabled_timeout or LONGEST), False)

    def set(self, host: str, seconds: int, auto_mode: bool = False) -> None:
        """Switch it off after so many seconds, 0 is never, and then go back to the automatic mode if it was in it."""
        self._forget(host)
        if seconds:
            self._begin(host, seconds, auto_mode)

    def close(self) -> None:
        """Forget all of them; the records stay for the next start."""
        for host in list(self._waiting):
            self._forget(host)

    def _begin(self, host: str, seconds: float, auto_mode: bool) -> None:
        self._waiting[host] = asyncio.ensure_future(self._switch_off_after(seconds, host, auto_mode))

    def _forget(self, host: str) -> None:
        waiting = self._waiting.pop(host, None)
        # Whoever asks for something else holds the lock, so this one does not: it has yet to begin.
        if waiting is not None and waiting is not asyncio.current_task():
            waiting.cancel()

    async def _switch_off_after(self, seconds: float, ref: str, auto_mode: bool) -> None:
        ctx = Context(self._runtime, self._runtime.tasks.dummy("host.disable_ssh"))
        await ctx.clock.sleep(seconds)
        while (host := ctx.store.find(Host, ref)) is not None:
            try:
                async with ctx.lock(host):
                    await (partial(_set_auto_mode, ctx, host, True) if auto_mode else partial(_switch_off, ctx, host))()
                    break
            except ApiError as error:
                log.error("SSH of host %s stays on, its time is over: %s", host.uuid, error)
            await ctx.clock.sleep(TRY_AGAIN)
        self._forget(ref)
