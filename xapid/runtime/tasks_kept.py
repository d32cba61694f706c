"""Tasks that clients write into: nobody ends them but they, so each user has a bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from xapid.datamodel import Task

MOST = 2000
"""Tasks of one user that he wrote into."""
TEXTS = 16 * 1024 * 1024
"""Characters of all of them."""


class TasksKept:
    """How much of what is kept in tasks was written by each user."""

    def __init__(self) -> None:
        self._sizes: dict[str, OrderedDict[str, int]] = {}
        self._owners: dict[str, str] = {}

    def wrote(self, owner: str, task: Task, is_at_work: Callable[[str], bool]) -> list[str]:
        """A client has written into a task of this user. Returns those that have to go for it, the oldest first.

        Those stay in which something is at work: they end by themselves.
        """
        sizes = self._sizes.setdefault(owner, OrderedDict())
        sizes[task.ref] = _texts(task)
        self._owners[task.ref] = owner
        count, texts = len(sizes), sum(sizes.values())
        going = []
        for ref, size in sizes.items():
            if count <= MOST and texts <= TEXTS:
                break
            if ref != task.ref and not is_at_work(ref):
                going.append(ref)
                count, texts = count - 1, texts - size
        return going

    def forget(self, ref: str) -> None:
        """The task is gone."""
        owner = self._owners.pop(ref, None)
        if owner is not None:
            self._sizes[owner].pop(ref, None)
            if not self._sizes[owner]:
                del self._sizes[owner]


def _texts(task: Task) -> int:
    written = (task.name_label, task.name_description, task.result, *task.error_info)
    return sum(map(len, written)) + sum(len(key) + len(value) for key, value in task.other_config.items())
