"""The end of a host until it is started again: of the machine, with its guests, or of its toolstack alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Literal

from xapid.backends.host.interface import HostDriver
from xapid.datamodel import PBD, VM, Host
from xapid.datamodel.errors import HOST_DISABLED_UNTIL_REBOOT, NOT_IMPLEMENTED, ApiError
from xapid.datamodel.map_keys import AUTO_POWEROFF
from xapid.ops import pbd
from xapid.ops.hooks import CLEAN_SHUTDOWN, XAPI_PRE_SHUTDOWN, run_hooks
from xapid.ops.vm.in_order import in_order
from xapid.ops.vm.life import shut_down_with_host
from xapid.runtime.context import Context, Runtime
from xapid.runtime.ending import Ending
from xapid.runtime.going_down import Descent, forget, keep, kept
from xapid.runtime.guard import STANDARD
from xapid.runtime.local_settings import BOOT, DISABLED_UNTIL_REBOOT, LocalSettings

log = logging.getLogger(__name__)

NOTICE = 10.0
"""Seconds between the answer and what was asked for: clients are to hear that it will be done."""
AGENT_NOTICE = 1.0
"""The same for the toolstack alone."""
SWITCHING_OFF = 30.0
"""Seconds that it takes at most to switch a guest off; who takes longer is left to the end of the host."""


class GoingDown:
    """Who sees to it that hosts go down."""

    def __init__(self) -> None:
        self._work: set[asyncio.Task[None]] = set()

    def see_to(self, ctx: Context, host: Host, descent: Descent) -> None:
        work = asyncio.ensure_future(_go_down(ctx, host, descent))
        # At once, so that it can be cancelled before it has begun.
        ctx.task.work = work
        self._work.add(work)
        work.add_done_callback(self._work.discard)

    def resume(self, runtime: Runtime) -> None:
        """After a start: go on with what the last toolstack was about to do."""
        descent = kept(_settings(runtime))
        if descent is None:
            return
        host = runtime.store.get(Host, runtime.localhost)
        task = runtime.tasks.resumed(descent.task, descent.operation)
        runtime.guard.mark(host, descent.operation, task.ref)
        self.see_to(Context(runtime, task), host, descent)

    async def close(self) -> None:
        """Leave it to the toolstack that starts next."""
        work = list(self._work)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


def going_down(runtime: Runtime) -> GoingDown:
    found: GoingDown = runtime.services["going_down"]
    return found


def check_not_ready(runtime: Runtime, host: Host) -> None:
    """Raises HOST_DISABLED_UNTIL_REBOOT for a host whose guests and storage are gone, since it goes down."""
    if host.ref == runtime.localhost and _settings(runtime).get(DISABLED_UNTIL_REBOOT) == "true":
        raise HOST_DISABLED_UNTIL_REBOOT(host.ref)


def _settings(runtime: Runtime) -> LocalSettings:
    found: LocalSettings = runtime.services["local_settings"]
    return found


# --- The machine -------------------------------------------------------------------------------------


async def shutdown(ctx: Context, host: Host) -> None:
    await _begin(ctx, host, "shutdown", "Host is shutting down")


async def reboot(ctx: Context, host: Host) -> None:
    await _begin(ctx, host, "reboot", "Host is rebooting")


async def _begin(ctx: Context, host: Host, operation: Literal["shutdown", "reboot"], label: str) -> None:
    """Answer once it is certain that it will be done. A task of its own says how far it is."""
    ctx.check(host, operation)
    tasks, guard = ctx.runtime.tasks, ctx.runtime.guard
    with ctx.write():
        task = tasks.create(label, label, session=ctx.task.session, parent=ctx.task.ref)
    try:
        await guard.enter(host, operation, task, STANDARD)
    except BaseException as error:
        tasks.fail(task, error)
        raise
    settings = _settings(ctx.runtime)
    descent = Descent(operation, task.ref, ctx.clock.monotonic(), settings.get(BOOT))
    await _put(
        partial(keep, settings, descent), "a toolstack that starts before the host is down will not go on with it"
    )
    going_down(ctx.runtime).see_to(Context(ctx.runtime, task, ctx.session, ctx.origin), host, descent)


async def _go_down(ctx: Context, host: Host, descent: Descent) -> None:
    task, failure = ctx.task, None
    try:
        with task.cancellable():
            await ctx.clock.sleep(descent.asked + NOTICE - ctx.clock.monotonic())
        await prepare_for_poweroff(ctx, host)
        await ctx.machine(host).call(HostDriver.go_down, descent.operation == "reboot")
    except ApiError as error:
        log.error("host %s does not go down: %s", host.uuid, error)
        failure = error
    except asyncio.CancelledError:
        log.warning("host %s goes down when its toolstack has started anew", host.uuid)
        raise
    finally:
        ctx.runtime.guard.leave(host, task.ref)
    await _put(partial(forget, _settings(ctx.runtime)), "a toolstack that starts now will try again to go down")
    if failure is None:
        ctx.runtime.tasks.succeed(task, "")
    else:
        ctx.runtime.tasks.fail(task, failure)


async def _put(setting: Callable[[], None], otherwise: str) -> None:
    """Have the host keep something for itself. A disk that refuses keeps no host from going down."""
    try:
        await asyncio.to_thread(setting)
    except OSError as error:
        log.warning("%s: %s", otherwise, error)


async def prepare_for_poweroff(ctx: Context, host: Host) -> None:
    """Shut down the guests, and let go of storage. What fails keeps nothing else from it: the host goes down anyway."""
    await _put(
        partial(_settings(ctx.runtime).put, DISABLED_UNTIL_REBOOT, "true"),
        "a toolstack that starts before the host is down will let guests in",
    )
    await end_guests(ctx, host)
    for row in ctx.store.where(PBD, host=host.ref):
        try:
            await pbd.unplug(ctx, row)
        except ApiError as error:
            log.warning("storage %s stays attached while its host goes down: %s", row.uuid, error)


async def end_guests(ctx: Context, host: Host) -> None:
    """Shut down the guests of a host in the reverse of the order in which they start, each as a task of its own.

    Each has its seconds, also for the end of what else goes on with it, and all together have theirs; then they are
    switched off. Those that are not to end before their host are left alone.
    """
    guests, clock = ctx.config.guests, ctx.clock
    deadline = clock.monotonic() + guests.all_end_with_host
    here = [vm for vm in ctx.store.where(VM, resident_on=host.ref) if not vm.is_control_domain]

    async def end(part: Context, vm: VM) -> int:
        seconds = max(0.0, min(guests.end_with_host, deadline - clock.monotonic()))
        try:
            async with asyncio.timeout(seconds + SWITCHING_OFF):
                return await shut_down_with_host(part, vm, seconds)
        except (ApiError, TimeoutError) as error:
            log.warning("machine %s was not shut down before its host: %s", vm.uuid, error or "it hangs")
            return 0

    ending = [vm for vm in here if AUTO_POWEROFF.of(vm)]
    await in_order(ctx, "VM.shutdown", ending, end, backwards=True, deadline=deadline, cancellable=False)


# --- The toolstack -----------------------------------------------------------------------------------


def restart_agent(ctx: Context, host: Host) -> None:
    """Start the toolstack of a host anew; guests go on."""
    if host.ref != ctx.runtime.localhost:
        raise NOT_IMPLEMENTED("host.restart_agent")
    _ending(ctx).ask(AGENT_NOTICE, again=True)


async def shutdown_agent(ctx: Context) -> None:
    """Stop the toolstack of the host that is asked; guests go on, and nobody starts it again. Hooks cannot object."""
    own = ctx.store.get(Host, ctx.runtime.localhost)
    try:
        await run_hooks(ctx, XAPI_PRE_SHUTDOWN, "-hostuuid", own.uuid, reason=CLEAN_SHUTDOWN)
    except ApiError as error:
        log.warning("the toolstack stops although a hook objects: %s", error)
    _ending(ctx).ask(AGENT_NOTICE, again=False)


def _ending(ctx: Context) -> Ending:
    found: Ending = ctx.runtime.services["ending"]
    return found
