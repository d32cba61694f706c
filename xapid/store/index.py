"""The rows of one class, the indexes by which they are found (relations, names), and sums over them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Set
from dataclasses import dataclass
from operator import add, sub
from typing import Any

from xapid.datamodel.types import CLASSES, Object, SetType


def related_fields() -> dict[str, dict[str, str]]:
    """For each class the fields that an inverse set is made of: class -> field -> class of the other end."""
    found: dict[str, dict[str, str]] = {}
    for name, cls in CLASSES.items():
        for field in cls.spec.fields.values():
            if field.inverse_of:
                owner, _, key = field.inverse_of.partition(".")
                found.setdefault(owner, {})[key] = name
    return found


RELATED = related_fields()

LOOKED_UP: dict[str, tuple[str, ...]] = {
    "VM": ("scheduled_to_be_resident_on",),
    "SM": ("type",),
    "message": ("obj_uuid", "name"),
}
"""Fields that are indexed although no inverse set is made of them: class -> fields."""


@dataclass(frozen=True, eq=False)
class Tally:
    """Sums over rows of a class that are kept true at every change, so that nobody has to count."""

    cls: str
    reads: frozenset[str]
    """Stored fields that the functions read; none that are derived."""
    keys: Callable[[Any], Set[Any]]
    """Under what a row counts."""
    amounts: Callable[[Any], tuple[int, ...]]
    """What it counts for, each number by itself."""


class Table:
    """Rows of one class by reference, with an index for each field asked for by value."""

    def __init__(self, cls: type[Object], indexed: Iterable[str]) -> None:
        self.cls = cls
        self.name = cls.spec.name
        self.rows: dict[str, Any] = {}
        self.indexes: dict[str, dict[Any, str | dict[str, None]]] = {field: {} for field in indexed}
        """By field and value: the reference of the only row that has it, or those of several in order."""
        self.filing: set[str] = set(self.indexes)
        """Fields by which rows are filed or counted: to change one of them takes ``put``."""
        self._tallies: dict[Tally, dict[Any, tuple[int, ...]]] = {}
        """Sums by their key; the last number is how many rows they are made of."""
        self.newest = 0
        """Generation that must be on disk before the class as a whole may be shown."""
        self.related = RELATED.get(self.name, {})
        self._sets = frozenset(field for field in self.indexes if isinstance(cls.spec.fields[field].type, SetType))

    def values(self, row: Any, field: str) -> tuple[Any, ...]:
        """Under what a row is filed for a field: its value, or each member of a set."""
        value = row.__dict__[field]
        return value if field in self._sets else (value,)

    def put(self, ref: str, old: Any | None, new: Any | None) -> None:
        """Replace, add or take away a row, and keep the indexes true."""
        for field, index in self.indexes.items():
            before = self.values(old, field) if old is not None else ()
            after = self.values(new, field) if new is not None else ()
            if before == after:
                continue
            for value in before:
                _take_out(index, value, ref)
            for value in after:
                _file(index, value, ref)
        for tally, sums in self._tallies.items():
            _count(tally, sums, old, new)
        if new is None:
            self.rows.pop(ref, None)
        else:
            self.rows[ref] = new

    def sums(self, tally: Tally, key: Any) -> tuple[int, ...] | None:
        """The sums of a tally; None: no row counts under that key. Counted when first asked for, kept from then on."""
        sums = self._tallies.get(tally)
        if sums is None:
            sums = self._tallies[tally] = {}
            self.filing |= tally.reads
            for row in self.rows.values():
                _count(tally, sums, None, row)
        found = sums.get(key)
        return None if found is None else found[:-1]

    def replace(self, ref: str, new: Any) -> None:
        """Replace a row none of whose indexed fields changed."""
        self.rows[ref] = new

    def restore_order(self) -> None:
        """Rows stand in the order in which they were made; who put some back later calls this."""
        ordered = sorted(self.rows.items(), key=lambda item: item[1]._created)
        self.rows.clear()
        self.rows.update(ordered)

    def filed(self, field: str, value: Any) -> Collection[str]:
        """References of the rows that have this value, in the order they came to have it."""
        found = self.indexes[field].get(value, ())
        return (found,) if isinstance(found, str) else found


def _count(tally: Tally, sums: dict[Any, tuple[int, ...]], old: Any | None, new: Any | None) -> None:
    before = (frozenset[Any](), ()) if old is None else (tally.keys(old), (*tally.amounts(old), 1))
    after = (frozenset[Any](), ()) if new is None else (tally.keys(new), (*tally.amounts(new), 1))
    if before == after:
        return
    for key in before[0]:
        left = tuple(map(sub, sums[key], before[1]))
        if left[-1]:
            sums[key] = left
        else:
            del sums[key]
    for key in after[0]:
        sums[key] = tuple(map(add, sums[key], after[1])) if key in sums else after[1]


def _file(index: dict[Any, str | dict[str, None]], value: Any, ref: str) -> None:
    found = index.get(value)
    if found is None:
        # Most values are of one row alone; a dictionary of one would take 200 bytes.
        index[value] = ref
    elif isinstance(found, dict):
        found[ref] = None
    elif found != ref:
        index[value] = {found: None, ref: None}


def _take_out(index: dict[Any, str | dict[str, None]], value: Any, ref: str) -> None:
    found = index.get(value)
    if isinstance(found, dict):
        found.pop(ref, None)
        if not found:
            del index[value]
    elif found == ref:
        del index[value]
