"""Tables of rules: what stands in the way of which operations, read as a check and as allowed_operations alike."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

from xapid.datamodel.errors import OTHER_OPERATION_IN_PROGRESS, ApiError
from xapid.datamodel.types import Object
from xapid.store.store import Store

Row = TypeVar("Row", bound=Object)
Operation = TypeVar("Operation", bound=enum.StrEnum)

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rule(Generic[Row]):
    """While ``when`` holds, ``operations`` are refused with ``error``.

    ``when`` may also answer with those of the operations that it concerns.
    """

    operations: AbstractSet[str]
    when: Callable[[Store, Row], bool | AbstractSet[str]]
    error: Callable[[Store, Row, str], ApiError]
    strict: bool = False
    """Passed over by a call that a client forces."""
    listed: bool = True
    """Counts for allowed_operations; rules that cost much or concern the call alone do not."""
    checked: bool = True
    """Counts for the call itself."""

    def refused(self, store: Store, row: Row) -> AbstractSet[str]:
        found = self.when(store, row)
        if isinstance(found, bool):
            return self.operations if found else NOTHING
        return found


class Rules(Generic[Row, Operation]):
    """All rules of a class, the first one first: its error is what a client gets."""

    def __init__(self, listed: Iterable[Operation], *rules: Rule[Row]) -> None:
        """``listed``, in the order of their declaration, are the operations that allowed_operations tells of."""
        self._listed = tuple(listed)
        self._all: frozenset[str] = frozenset(self._listed)
        self._rules = rules
        self._in_order = lru_cache(1024)(self._sort)
        self._listing = tuple((rule.operations & self._all, rule.when) for rule in rules if rule.listed)

    def check(self, store: Store, row: Row, operation: str, *, strict: bool = True) -> None:
        """Raise the error of the first rule that refuses the operation now."""
        for rule in self._rules:
            if operation not in rule.operations or not rule.checked or (rule.strict and not strict):
                continue
            if operation in rule.refused(store, row):
                raise rule.error(store, row, operation)

    def allowed(self, store: Store, row: Row) -> tuple[Operation, ...]:
        """The listed operations that no rule refuses."""
        # Called at almost every commit, hence written out: some 10 us for a VM.
        left = self._all
        for operations, when in self._listing:
            if left.isdisjoint(operations):
                continue
            if found := when(store, row):
                left = left.difference(operations if found is True else found)
        return self._in_order(left)

    def _sort(self, operations: frozenset[str]) -> tuple[Operation, ...]:
        return tuple(each for each in self._listed if each in operations)


Error = Callable[[Store, Object, str], ApiError]


def plain(error: type[ApiError]) -> Error:
    """The error without parameters."""
    return lambda store, row, operation: error()


def naming(error: type[ApiError]) -> Error:
    """The error that names the object."""
    return lambda store, row, operation: error(row.ref)


def others_in_progress(cls: str, ref: str, current: Mapping[str, str]) -> OTHER_OPERATION_IN_PROGRESS:
    """The error that names what is going on with an object: operations by the task that does them."""
    if len(current) == 1:
        ((task, operation),) = current.items()
        return OTHER_OPERATION_IN_PROGRESS(cls, ref, operation, task)
    operations, tasks = ",".join(current.values()), ",".join(current)
    return OTHER_OPERATION_IN_PROGRESS(cls, ref, f"{{{operations}}}", f"{{{tasks}}}")


def busy(store: Store, row: Object, operation: str) -> ApiError:
    """The error of an object that has something else to do."""
    return others_in_progress(row.spec.name, row.ref, row.__dict__["current_operations"])
