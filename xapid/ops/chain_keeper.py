"""What nobody needs in repositories goes by itself, and chains of images become shorter: one repository at a time."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field

from xapid.backends.storage.interface import Feature, StorageDriver
from xapid.datamodel import SR, VDI
from xapid.datamodel.errors import SR_UNKNOWN_DRIVER, TASK_CANCELLED, VDI_NOT_MANAGED, ApiError
from xapid.datamodel.map_keys import DIRTY, GC_NO_SPACE
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.types import Object
from xapid.datamodel.vm import VmOperations
from xapid.ops import repositories
from xapid.ops import sr as srs
from xapid.ops.chain_steps import LABEL, merge
from xapid.ops.vdi.disks import remove
from xapid.rules import volume_spec
from xapid.rules.chains import Kind, Step, Trees, Way, in_order, touched, way
from xapid.runtime.context import Context, Runtime
from xapid.runtime.guard import URGENT
from xapid.runtime.tasks import TaskHandle

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks at what can be done."""
LOOK_ANYWAY = 60.0
"""Seconds after which it is looked although no disk changed: drives were closed, or what failed may work now."""
RESTS = 100.0
"""How many times as long as a look took nothing is looked at afterwards."""
AGAIN = 600.0
"""Seconds for which a step that failed, and a repository whose task a client cancelled, is left alone."""
BESIDE = 10.0
"""The same for disks that somebody wanted while they were worked on: until he has begun."""
LONG = 20
"""Images in a chain at which nothing is waited for."""
GRACE = 1.0
"""Seconds in which a step may come to its end when somebody wants its disks."""

LETTING_GO = frozenset({StorageOperations.unplug, StorageOperations.destroy, StorageOperations.forget})
"""What is asked for of a repository that is not worked on any more then."""
HARMLESS = frozenset(
    {
        VmOperations.pause,
        VmOperations.unpause,
        VmOperations.changing_dynamic_range,
        VmOperations.changing_shadow_memory_live,
        VmOperations.changing_VCPUs_live,
        VmOperations.awaiting_memory_live,
        VmOperations.send_sysrq,
        VmOperations.send_trigger,
        VmOperations.query_services,
        VmOperations.call_plugin,
        VmOperations.data_source_op,
        VmOperations.metadata_export,
        VmOperations.get_boot_record,
        VmOperations.update_allowed_operations,
    }
)
"""What is asked for of a machine and opens, closes or changes no disk."""


@dataclass
class _Work:
    """What is done to one repository."""

    sr: SR
    handle: TaskHandle
    tree: frozenset[str] = frozenset()
    """References of the disks that the present step keeps from others."""
    displaced: bool = False
    """Somebody wants these disks."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Of the present step."""


class ChainKeeper:
    """One look after another."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._seen = -1
        """Generation of the disks when it was looked last."""
        self._next = 0.0
        """When it is looked anyway, by the clock that never jumps."""
        self._rests = 0.0
        """Until when it is not looked, by the same clock."""
        self._since: dict[str, float] = {}
        """When a repository was first seen to have something to be done, by its reference."""
        self._left: dict[str, float] = {}
        """Until when repositories and disks are left alone, by their references."""
        self._merging: dict[str, bool] = {}
        """Whether drivers can merge, by the type of repositories."""
        self._stale: set[str] = set()
        """References of repositories whose records may say what was true before a step that failed."""
        self._work: _Work | None = None
        self._going: asyncio.Task[None] | None = None
        runtime.guard.background = self

    # Looking

    def look(self) -> None:
        """Begin what is due; to be called often."""
        now, newest = self._runtime.clock.monotonic(), self._runtime.store.tables["VDI"].newest
        if self._going is not None or now < self._rests or (newest == self._seen and now < self._next):
            return
        self._seen, self._next = newest, now + LOOK_ANYWAY
        after, due = self._runtime.config.storage.merge_after, []
        known, self._since = self._since, {}
        for sr in self._runtime.store.all(SR):
            if not self._is_ours(sr):
                continue
            if DIRTY.of(sr):
                # Its records may be of before a crash: the scan that is owed comes first.
                self._next = min(self._next, now + EVERY)
                continue
            if (found := self._possible(sr)) is None:
                continue
            since = self._since[sr.ref] = known.get(sr.ref, now)
            self._next = min(self._next, since + after)
            if now >= since + after or found[0].depth >= LONG:
                due.append((found[0].depth, sr))
        # Of many disks it takes its time, which others are to have.
        self._rests = now + (self._runtime.clock.monotonic() - now) * RESTS
        if due:
            _, sr = max(due, key=lambda each: each[0])
            self._going = asyncio.ensure_future(self.collect(sr))
            self._going.add_done_callback(self._ended)

    def _ended(self, going: asyncio.Task[None]) -> None:
        self._going = None
        # What else there is to do is seen at the next look.
        self._next = 0.0
        if not going.cancelled() and (error := going.exception()) is not None:
            log.error("chains of images cannot be made shorter", exc_info=error)

    async def close(self) -> None:
        """Leave off what is under way."""
        if self._going is not None:
            self._going.cancel()
            await asyncio.wait({self._going})

    def _is_ours(self, sr: SR) -> bool:
        """Whether this host works on it, and reaches it, and there is anything to be gained."""
        pbd = volume_spec.working_pbd(self._runtime.store, sr)
        if pbd is None or pbd.host != self._runtime.localhost or not self._merging.get(sr.type, True):
            return False
        try:
            agent = self._runtime.backends.agent(pbd.host, f"storage:{sr.type}")
        except SR_UNKNOWN_DRIVER:
            return False
        # Images that are not there take no space.
        return not agent.ephemeral

    def _possible(self, sr: SR) -> tuple[Step, Trees, Way] | None:
        """What is done next to a repository, the way it can be done now; None: nothing."""
        store, now = self._runtime.store, self._runtime.clock.monotonic()
        self._left = {ref: until for ref, until in self._left.items() if until > now}
        if sr.ref in self._left:
            return None
        trees = Trees.of(store, sr)
        lacking = 0
        for step in in_order(trees.steps(sr)):
            how = None if step.vdi.ref in self._left else way(store, trees, step)
            if how is None:
                continue
            free = sr.physical_size - sr.physical_utilisation
            if step.kind is Kind.garbage or step.vdi.physical_utilisation <= free:
                self._note_lacking(sr, 0)
                return step, trees, how
            lacking = lacking or step.vdi.physical_utilisation - free
        self._note_lacking(sr, lacking)
        return None

    def _note_lacking(self, sr: SR, size: int) -> None:
        """Say how much space a repository lacks for that, or that it lacks none."""
        said = str(size) if size else ""
        latest = self._runtime.store.find(SR, sr.ref)
        if latest is None or GC_NO_SPACE.of(latest) == said:
            return
        config = {key: value for key, value in latest.sm_config.items() if key != GC_NO_SPACE.name}
        with self._runtime.store.write() as tx:
            tx.set(latest, sm_config=config | ({GC_NO_SPACE.name: said} if said else {}))

    # Doing

    async def collect(self, sr: SR) -> None:
        """Do all that can be done to a repository now, in a task that clients see."""
        if not await self._can_merge(sr):
            return
        tasks = self._runtime.tasks
        handle = tasks.create(LABEL, f"Garbage collection for SR {sr.uuid}")
        handle.work = asyncio.current_task()
        ctx = Context(self._runtime, handle)
        work = self._work = _Work(sr, handle)
        try:
            await self._collect(ctx, work)
            tasks.succeed(handle, "")
        except TASK_CANCELLED as error:
            self._left[sr.ref] = self._runtime.clock.monotonic() + AGAIN
            tasks.fail(handle, error)
        except BaseException as error:
            tasks.fail(handle, error)
            raise
        finally:
            self._work = None

    async def _can_merge(self, sr: SR) -> bool:
        if sr.type not in self._merging:
            agent = self._runtime.backends.agent(self._runtime.localhost, f"storage:{sr.type}")
            self._merging[sr.type] = Feature.MERGE in (await agent.info()).features
        return self._merging[sr.type]

    async def _collect(self, ctx: Context, work: _Work) -> None:
        done = 0
        while (sr := ctx.store.find(SR, work.sr.ref)) is not None:
            if sr.ref in self._stale:
                await srs.look(ctx, sr)
                self._stale.discard(sr.ref)
                continue
            if volume_spec.working_pbd(ctx.store, sr) is None or (found := self._possible(sr)) is None:
                return
            step, trees, how = found
            left = sum(1 for _ in trees.steps(sr))
            work.handle.portion = done / (done + left), (done + 1) / (done + left)
            await self._do(ctx, work, step, trees, how)
            done += 1
            ctx.progress(1.0)

    async def _do(self, ctx: Context, work: _Work, step: Step, trees: Trees, how: Way) -> None:
        lowest = trees.parent(step.vdi) if step.kind is not Kind.garbage else None
        work.tree = frozenset(each.ref for each in trees.above(step.vdi if lowest is None else lowest))
        work.displaced, work.ended = False, asyncio.Event()
        try:
            if step.kind is Kind.garbage:
                await _remove(ctx, work.sr, step.vdi)
            else:
                await merge(ctx, work.sr, step, how, self._runtime.config.storage.merge_speed)
        except TASK_CANCELLED:
            self._stale.add(work.sr.ref)
            if not work.displaced:
                raise
            self._left |= dict.fromkeys(work.tree, self._runtime.clock.monotonic() + BESIDE)
            log.info("somebody else wants %s, which is left as it is for now", step.vdi.uuid)
        except ApiError as error:
            self._stale.add(work.sr.ref)
            self._left[step.vdi.ref] = self._runtime.clock.monotonic() + AGAIN
            log.warning("%s stays as it is: %s", step.vdi.uuid, error)
        finally:
            if work.displaced:
                work.handle.cancel_requested = False
            work.tree = frozenset()
            work.ended.set()

    # Giving way

    def is_in_the_way(self, row: Object, operation: str) -> bool:
        work = self._work
        if work is None or not work.tree or operation in URGENT or operation in HARMLESS:
            return False
        if isinstance(row, SR):
            return row.ref == work.sr.ref and operation in LETTING_GO
        return any(vdi.ref in work.tree for vdi in touched(self._runtime.store, row))

    async def give_way(self, row: Object) -> None:
        work = self._work
        if work is None or not work.tree:
            return
        ended = work.ended
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await ended.wait()
        if not ended.is_set():
            work.displaced = True
            work.handle.cancel()
            await ended.wait()


async def _remove(ctx: Context, sr: SR, vdi: VDI) -> None:
    """Destroy an inner node that nothing continues."""
    async with ctx.lock(sr):
        repository = repositories.of(ctx, sr)
        volume = repository.volume(ctx.now(vdi))
        if not (await repository.channel.call(StorageDriver.stat, volume)).hidden:
            raise VDI_NOT_MANAGED(vdi.ref)  # The repository knows better: it is somebody's disk.
        await repository.channel.call(StorageDriver.destroy, volume)
        with ctx.write() as tx:
            remove(tx, ctx.store, ctx.now(vdi))
