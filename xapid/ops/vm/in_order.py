"""One thing done to many machines: to those of equal order at once, one group after the other."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection
from itertools import groupby

from xapid.datamodel import VM
from xapid.datamodel.errors import TASK_CANCELLED, ApiError
from xapid.runtime.context import Context
from xapid.runtime.tasks import TaskHandle

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
) -> dict[str, ApiError]:
    """Go through all groups, the lowest order first; what fails keeps no other machine from its turn.

    Returns what failed, by the references of the machines. Each machine's part is a task of its own, called ``label``,
    below that of the caller. If that is cancelled no further group begins, and those under way end as soon as they
    can. After the deadline, by the clock that never jumps, nobody waits for seconds to pass.
    """
    course = _Course(ctx, label, step, deadline, len(vms))
    ordered = sorted(vms, key=lambda vm: vm.order, reverse=backwards)
    for _, group in groupby(ordered, key=lambda vm: vm.order):
        await course.take(list(group))
    return course.failed


class _Course:
    """The way through the groups."""

    def __init__(self, ctx: Context, label: str, step: Step, deadline: float, all_: int) -> None:
        self._ctx = ctx
        self._label = label
        self._step = step
        self._deadline = deadline
        self._all = all_
        self._done = 0
        self.failed: dict[str, ApiError] = {}

    async def take(self, vms: list[VM]) -> None:
        """Do it to these, all at once."""
        tasks = [self._task() for _ in vms]
        work = [asyncio.ensure_future(self._one(vm, task)) for vm, task in zip(vms, tasks, strict=True)]
        try:
            with self._ctx.task.cancellable():
                await asyncio.wait(work)
        except TASK_CANCELLED:
            for task in tasks:
                task.cancel()
            await asyncio.wait(work)
            raise
        except asyncio.CancelledError:
            for part in work:
                part.cancel()
            await asyncio.wait(work)
            raise
        for part in work:
            part.result()

    def _task(self) -> TaskHandle:
        mine = self._ctx.task
        return self._ctx.runtime.tasks.create(self._label, session=mine.session, parent=mine.ref, volatile=True)

    async def _one(self, vm: VM, task: TaskHandle) -> None:
        own = Context(self._ctx.runtime, task, self._ctx.session, self._ctx.origin)
        task.work = asyncio.current_task()
        try:
            seconds = await self._step(own, vm)
            with task.cancellable():
                await own.clock.sleep(max(0.0, min(seconds, self._deadline - own.clock.monotonic())))
        except ApiError as error:
            self.failed[vm.ref] = error
        finally:
            self._ctx.until = max(self._ctx.until, own.until)
            self._ctx.runtime.tasks.forget(task)
        self._done += 1
        self._ctx.progress(self._done / self._all)
