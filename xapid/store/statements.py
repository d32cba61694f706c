"""What is read from the database and written to it, in plain SQL: few statements, each for many rows.

SQLAlchemy needs 64 us to build a statement and 10 to bind a row, for which SQLite itself takes 4. And one statement
writes many rows, since the interpreter's lock is let go and fought for anew at each.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from xapid.datamodel.types import CLASSES
from xapid.store.rows import columns_of
from xapid.store.tables import DELETED, JOURNAL, TABLES, Convert, same, to_sql
from xapid.store.transaction import Batch, JournalWrite, Write

ROWS = 64
"""Most rows of one statement. There are statements for few numbers of rows, so that each is prepared just once: for the
powers of two, and where it does not matter whether a row comes twice, also for one and a half times those."""

_CONVERT: dict[str, dict[str, Convert]] = {
    name: {field.name: to_sql(field.type) for field in columns_of(CLASSES[name])} for name in TABLES
}


_NUMBERS = sorted({1, *(1 << each for each in range(1, 7)), *(3 << each for each in range(5))})
_UPWARDS = [next(number for number in _NUMBERS if number >= count) for count in range(1 + ROWS)]
"""For how many rows there is a statement: the least number that is enough."""


class Change:
    """One kind of change: of so many rows it makes one statement."""

    def __init__(self, kind: str, table: str, columns: tuple[str, ...]) -> None:
        """``kind``: insert, update or delete. ``columns``: what is given of a row; the first one of an update or a
        delete says which row is meant."""
        self.kind = kind
        self._table = f'"{table}"'
        self._columns = [f'"{column}"' for column in columns]
        self._texts: dict[int, str] = {}

    def text(self, count: int) -> str:
        """The statement for so many rows."""
        text = self._texts.get(count)
        if text is None:
            text = self._texts[count] = self._made(count)
        return text

    def _made(self, count: int) -> str:
        table, (first, *others) = self._table, self._columns
        row = f"({', '.join('?' * len(self._columns))})"
        match self.kind, count:
            case "insert", _:
                columns = ", ".join(self._columns)
                return f"INSERT OR REPLACE INTO {table} ({columns}) VALUES {', '.join([row] * count)}"
            case "delete", _:
                return f"DELETE FROM {table} WHERE {first} IN ({', '.join('?' * count)})"
            case _, 1:
                changes = ", ".join(f"{column} = ?{number}" for number, column in enumerate(others, 2))
                return f"UPDATE {table} SET {changes} WHERE {first} = ?1"
            case _:
                changes = ", ".join(f"{column} = new.column{number}" for number, column in enumerate(others, 2))
                values = f"(VALUES {', '.join([row] * count)}) AS new"
                return f"UPDATE {table} SET {changes} FROM {values} WHERE {table}.{first} = new.column1"


class Statement(NamedTuple):
    """SQL and its values."""

    text: str
    values: Sequence[Any]


def reading(table: str, columns: Iterable[str]) -> str:
    """The statement that reads all rows of a class, in the order in which they were made."""
    names = ", ".join(f'"{column}"' for column in ("_ref", "_created", "_modified", *columns))
    return f'SELECT {names} FROM "{table}" ORDER BY _created'


def statements(batches: Sequence[Batch]) -> Iterator[Statement]:
    """What brings the database to the state after all these batches, within one transaction."""
    for change, rows in _grouped(batches).items():
        if len(rows) == 1:
            yield Statement(change.text(1), rows[0])
            continue
        start = 0
        while start < len(rows):
            part = rows[start : start + ROWS]
            if change.kind == "insert":
                part = part[: 1 << len(part).bit_length() - 1]
            start += len(part)
            part += part[-1:] * (_UPWARDS[len(part)] - len(part))
            yield Statement(change.text(len(part)), list(chain.from_iterable(part)))


def _grouped(batches: Sequence[Batch]) -> dict[Change, list[Sequence[Any]]]:
    """The rows of each kind of change, in order."""
    groups: dict[Change, list[Sequence[Any]]] = {}
    for write, epoch in _merged(batches):
        change, convert = _change(write.kind, write.cls.spec.name, tuple(write.values))
        rows = groups.setdefault(change, [])
        if write.kind == "delete":
            rows.append((write.ref,))
            if write.cls.spec.events:
                gone = (write.generation, write.cls.spec.name, write.ref, write.created)
                groups.setdefault(_GONE, []).append(gone)
            continue
        values = [*write.values.values()]
        for place, make in convert:
            values[place] = make(values[place])
        made = (write.created,) if write.kind == "insert" else ()
        rows.append((write.ref, *values, write.generation, epoch, *made))
    if any(batch.journal for batch in batches):
        for change, row in _journalled(batches):
            groups.setdefault(change, []).append(row)
    return groups


def _merged(batches: Sequence[Batch]) -> Collection[tuple[Write, int]]:
    """One write an object, with its epoch: later values over earlier ones."""
    if len(batches) == 1:
        # A batch itself has no more than one.
        return [(write, batches[0].epoch) for write in batches[0].writes]
    merged: dict[str, tuple[Write, int]] = {}
    for batch in batches:
        for write in batch.writes:
            before = merged.get(write.ref)
            if before is not None and write.kind == "update":
                kept = before[0]
                write = kept._replace(values={**kept.values, **write.values}, generation=write.generation)
            merged[write.ref] = (write, batch.epoch)
    return merged.values()


def _journalled(batches: Iterable[Batch]) -> Iterator[tuple[Change, tuple[Any, ...]]]:
    """What becomes of the journal: the ends first, then the lines that no later end has dropped.

    All rows of one change go out at once, so a line that comes after its task's end must not go before it.
    """
    ended: dict[str, None] = {}
    lines: dict[str, list[JournalWrite]] = {}
    for line in (line for batch in batches for line in batch.journal):
        if line.payload is None:
            ended[line.task] = None
            lines.pop(line.task, None)
        else:
            lines.setdefault(line.task, []).append(line)
    for task in ended:
        yield _ENDED, (task,)
    for line in (line for each in lines.values() for line in each):
        yield _LINE, (line.task, line.number, line.payload)


_GONE = Change("insert", DELETED.name, ("generation", "class", "ref", "created"))
_ENDED = Change("delete", JOURNAL.name, ("task",))
_LINE = Change("insert", JOURNAL.name, ("task", "number", "payload"))


@functools.cache
def _change(kind: str, name: str, fields: tuple[str, ...]) -> tuple[Change, tuple[tuple[int, Convert], ...]]:
    """The change of rows of a class, and what makes columns' values of those that are none yet, by their places."""
    if kind == "delete":
        return Change(kind, name, ("_ref",)), ()
    made = ("_created",) if kind == "insert" else ()
    columns = ("_ref", *fields, "_modified", "_epoch", *made)
    convert = ((place, _CONVERT[name][field]) for place, field in enumerate(fields))
    return Change(kind, name, columns), tuple((place, make) for place, make in convert if make is not same)
