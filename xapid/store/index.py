"""The rows of one class, and the indexes by which they are found: relations, names."""

from __future__ import annotations

from collections.abc import Collection, Iterable
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


class Table:
    """Rows of one class by reference, with an index for each field asked for by value."""

    def __init__(self, cls: type[Object], indexed: Iterable[str]) -> None:
        self.cls = cls
        self.name = cls.spec.name
        self.rows: dict[str, Any] = {}
        self.indexes: dict[str, dict[Any, str | dict[str, None]]] = {field: {} for field in indexed}
        """By field and value: the reference of the only row that has it, or those of several in order."""
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
        if new is None:
            self.rows.pop(ref, None)
        else:
            self.rows[ref] = new

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
