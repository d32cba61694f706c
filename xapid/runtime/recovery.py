"""After a crash: take back what was half done, and end the tasks that nobody works on any more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, get_type_hints

import msgspec

from xapid.backends.agent import INTERFACES
from xapid.backends.interface import BackendError, NotFound
from xapid.datamodel import Task
from xapid.datamodel.errors import ApiError
from xapid.datamodel.task import TaskStatusType
from xapid.runtime.context import Backends
from xapid.runtime.tasks import PENDING
from xapid.runtime.undo import UndoLine
from xapid.store.database import JournalLine
from xapid.store.store import Store

log = logging.getLogger(__name__)

BY_NAME = {interface.__name__: interface for interface in INTERFACES.values()}
"""The driver interfaces, whose methods the journal names."""

REASON = "The toolstack stopped while this was under way; what it had not recorded as done was taken back."


async def take_back(lines: Iterable[JournalLine], store: Store, backends: Backends, *, of_plugins: bool = False) -> int:
    """Run the undo steps of every unfinished task, latest first, then forget them. Returns how many ran.

    A step that cannot be run now (its back end is away) stays in the journal, for the next start. ``of_plugins``: the
    tasks in which programs of third parties have a part, who call back: once we answer.
    """
    done = 0
    for task, steps in _by_task(lines).items():
        if any(_is_of_plugin(step, backends) for step in steps) != of_plugins:
            continue
        results = [await _run(step, backends) for step in steps]
        done += len(results)
        if all(results):
            with store.write() as tx:
                tx.journal(task, 0, None)
    return done


def _by_task(lines: Iterable[JournalLine]) -> dict[str, list[JournalLine]]:
    found: dict[str, list[JournalLine]] = {}
    for line in sorted(lines, key=lambda line: -line.number):
        found.setdefault(line.task, []).append(line)
    return found


def _is_of_plugin(line: JournalLine, backends: Backends) -> bool:
    kind, _, host = msgspec.json.decode(line.payload, type=UndoLine).target.partition("@")
    try:
        return backends.agent(host, kind).spec.foreign
    except ApiError:
        return False  # Of a type that nobody knows any more.


async def _run(line: JournalLine, backends: Backends) -> bool:
    step = msgspec.json.decode(line.payload, type=UndoLine)
    kind, _, host = step.target.partition("@")
    method = _method(step.method)
    try:
        await backends.agent(host, kind).call(method, *_arguments(method, step.args))
    except NotFound as error:
        log.info("undo step %s of task %s had nothing to undo: %s", step.method, line.task, error)
    except (BackendError, ApiError) as error:
        log.error("undo step %s of task %s failed: %s", step.method, line.task, error)
        return False
    else:
        log.info("undo step %s of task %s was run", step.method, line.task)
    return True


def _method(qualified: str) -> Callable[..., Any]:
    interface, _, name = qualified.partition(".")
    method: Callable[..., Any] = getattr(BY_NAME[interface], name)
    return method


def _arguments(method: Callable[..., Any], raw: list[msgspec.Raw]) -> list[Any]:
    hints = [hint for name, hint in get_type_hints(method).items() if name != "return"]
    return [msgspec.json.decode(each, type=hint) for each, hint in zip(raw, hints, strict=False)]


def end_orphans(store: Store, finished: Any, spared: str = "") -> int:
    """Fail every task that was pending when the daemon died: nobody works on it any more, and the session of a client
    that kept one itself has ended too. ``spared`` is one that goes on. Returns how many there were.
    """
    orphans = [row for row in store.all(Task) if row.status in PENDING and row.ref != spared]
    with store.write() as tx:
        for row in orphans:
            tx.set(
                row,
                status=TaskStatusType.failure,
                error_info=("INTERNAL_ERROR", REASON),
                progress=1.0,
                finished=finished,
                allowed_operations=(),
                current_operations={},
            )
    return len(orphans)
