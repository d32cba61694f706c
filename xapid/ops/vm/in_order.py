"""One thing done to many machines: to those of equal order at once, one group after the other."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection
from contextlib import nullcontext
from itertools import groupby

from xapid.datamodel import VM
from xapid.datamodel.errors import TASK_CANCELLED, ApiError
from xapid.runtime.context import Context

Step = Callable[[Context, VM], Awaitable[int]]
"""Does it to one machine. The answer: seconds that pass before it is the next group's turn."""


async def in_order(
    ctx: Context,
    label: str,
    vms: Collection[VM],
    step: Step,
    *,
    backwards: bool = False,
    deadline: float = math.inf,
    cancellable: bool = True,
) -> dict[str, ApiError]:
    """Go through all groups, the lowest order first; what fails keeps no other machine from its turn.

    Returns what failed, by the references of the machines. Each machine's part is a task of its own, called ``label``,
    below that of the caller. If that is cancelled no further group begins, and those under way end as soon as they
    can, unless it is not ``cancellable``. After the deadline, by the clock that never jumps, nobody waits for seconds
    to pass.
    """
    course = _Course(ctx, label, step, deadline, len(vms), cancellable)
    ordered = sorted(vms, key=lambda vm: vm.order, reverse=backwards)
    for _, group in groupby(ordered, key=lambda vm: vm.order):
        await course.take(list(group))
    return course.failed


class _Course:
    """The way through the groups."""

    def __init__(self, ctx: Context, label: str, step: Step, deadline: float, all_: int, cancellable: bool) -> None:
        self._ctx = ctx
        self._label = label
        self._step = step
        self._deadline = deadline
        self._all = all_
        self._cancellable = ctx.task.cancellable if cancellable else nullcontext[None]
        self._done = 0
        self._parts: set[Context] = set()
        self.failed: dict[str, ApiError] = {}

    async def take(self, vms: list[VM]) -> None:
        """Do it to these, all at once."""
        with self._cancellable():
            pass  # It may have been cancelled before it is the turn of these.
        work = [asyncio.ensure_future(self._one(vm)) for vm in vms]
        try:
            with self._cancellable():
                await asyncio.wait(work)
        except TASK_CANCELLED:
            for part in self._parts:
                part.task.cancel()
            await asyncio.wait(work)
            raise
        except asyncio.CancelledError:
            for each in work:
                each.cancel()
            await asyncio.wait(work)
            raise
        for each in work:
            each.result()

    async def _one(self, vm: VM) -> None:
        with self._ctx.part(self._label) as part:
            self._parts.add(part)
            try:
                seconds = await self._step(part, vm)
                with part.task.cancellable():
                    await part.clock.sleep(max(0.0, min(seconds, self._deadline - part.clock.monotonic())))
            except ApiError as error:
                self.failed[vm.ref] = error
            finally:
                self._parts.discard(part)
        self._done += 1
        self._ctx.progress(self._done / self._all)
