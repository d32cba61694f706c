"""What a host tells to those who look for a fault: where its threads are, how long calls take, who uses which disk."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from xapid.datamodel import PBD, SR, VBD, VDI, VM, Host
from xapid.runtime.context import Context
from xapid.runtime.figures import CallFigures

ROOT = str(Path(__file__).parents[3])
"""Where the package lies, which is left out of names of files."""
DEEPEST = 40
"""Calls within each other that are shown of a thread, the innermost ones."""


def get_thread_diagnostics(ctx: Context, host: Host) -> str:
    """A paragraph for each thread and each coroutine: names of code alone, and no values, which may be secret."""
    return "\n".join(_paragraphs())


def _paragraphs() -> Iterator[str]:
    frames = sys._current_frames()
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        yield _paragraph(f"thread {thread.name}", _stack(frame))
    for task in sorted(asyncio.all_tasks(), key=asyncio.Task.get_name):
        yield _paragraph(f"coroutine {task.get_name()}", _awaited(task.get_coro()))


def _paragraph(head: str, places: Iterator[str]) -> str:
    return "".join((f"{head}\n", *(f"  {place}\n" for place in places)))


def _stack(frame: FrameType | None) -> Iterator[str]:
    """From the innermost call outwards."""
    for _ in range(DEEPEST):
        if frame is None:
            return
        yield _place(frame)
        frame = frame.f_back


def _awaited(coroutine: Any) -> Iterator[str]:
    """From the outermost call inwards, to what it waits for."""
    for _ in range(DEEPEST):
        frame = getattr(coroutine, "cr_frame", None)
        if frame is None:
            return
        yield _place(frame)
        coroutine = coroutine.cr_await


def _place(frame: FrameType) -> str:
    code = frame.f_code
    return f"{code.co_filename.removeprefix(ROOT).lstrip('/')}:{frame.f_lineno} {code.co_qualname}"


def get_diagnostic_timing_stats(ctx: Context, host: Host) -> dict[str, str]:
    figures: CallFigures = ctx.runtime.services["call_figures"]
    counted = {method: (sum(times.counts), times) for method, times in figures.methods.items()}
    return {
        method: f"{times.seconds / count:f} [n = {count}; failed = {times.failed}]"
        for method, (count, times) in counted.items()
    }


def get_sm_diagnostics(ctx: Context, host: Host) -> str:
    """A line for each repository that is attached here, and one for each disk of it that a machine here holds."""
    return "".join(f"{line}\n" for line in _storage(ctx, host))


def _storage(ctx: Context, host: Host) -> Iterator[str]:
    store = ctx.store
    for pbd in store.where(PBD, host=host.ref):
        sr = store.find(SR, pbd.SR)
        if sr is None or not pbd.currently_attached:
            continue
        yield f"SR {sr.uuid} ({sr.type})"
        for vdi in store.where(VDI, SR=sr.ref):
            for vbd in store.where(VBD, VDI=vdi.ref):
                vm = store.find(VM, vbd.VM)
                if vbd.currently_attached and vm is not None and vm.resident_on == host.ref:
                    yield f"  VDI {vdi.uuid} {vbd.mode} by VM {vm.uuid} as {vbd.userdevice}"
