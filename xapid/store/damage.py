"""What may be wrong with a database that SQLite itself finds whole."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import orjson
import sqlalchemy as sa

from xapid.datamodel.types import CLASSES
from xapid.store.rows import columns_of
from xapid.store.statements import reading
from xapid.store.tables import DELETED, JOURNAL, META, METADATA, TABLES, Convert
from xapid.store.values import Misfit, from_sql, text

FORGOTTEN = "forgotten:"
"""Beginning of the keys in ``_meta`` that say up to which generation the deletions of a class were dropped."""
SHOWN = 5
"""Things that are missing that one line names."""


def missing(connection: sa.Connection) -> str:
    """The tables and columns of the latest layout that are not there, in words; empty if all are.

    Nothing else tells: of a quoted column that there is not, SQLite makes a text.
    """
    found = []
    for name, table in METADATA.tables.items():
        there = {str(line[1]).casefold() for line in connection.exec_driver_sql(f'PRAGMA table_info("{name}")')}
        if not there:
            found.append(f"the table {name}")
            continue
        found += [f"the column {name}.{column.name}" for column in table.c if column.name.casefold() not in there]
    rest = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + rest


def misfits(connection: sqlite3.Connection) -> Iterator[str]:
    """Each value that its column cannot have, as table, row, column and what should stand there."""
    yield from odd_notes(connection)
    for name in TABLES:
        fields = columns_of(CLASSES[name])
        checks: list[tuple[str, str, Convert]] = [
            ("_ref", "string", text),
            ("_created", "int", _count),
            ("_modified", "int", _count),
        ]
        checks += [(field.column, str(field.type), from_sql(field)) for field in fields]
        for values in connection.execute(reading(name, [field.column for field in fields])):
            for (column, kind, convert), value in zip(checks, values, strict=True):
                try:
                    convert(value)
                except Misfit:
                    yield _place(name, values[0], column, kind)


def odd_notes(connection: sqlite3.Connection) -> Iterator[str]:
    """The same of the tables that are no class's. The connection is of no other use afterwards."""
    # A text that is none in UTF-8 would end the reading.
    connection.text_factory = _decoded
    for key, value in connection.execute(f"SELECT key, value FROM {META.name}"):  # noqa: S608 - names of ours
        of_class = type(key) is str and key.startswith(FORGOTTEN)
        if not of_class and key not in ("format", "generation_ceiling"):
            continue
        if type(value) is not str or not re.fullmatch(r"[0-9]{1,18}", value):
            yield _place(META.name, key, "value", "int")
        if of_class and key.removeprefix(FORGOTTEN) not in CLASSES:
            yield _place(META.name, key, "key", "name of a class")
    deleted = f'SELECT generation, "class", ref, created FROM {DELETED.name}'  # noqa: S608
    for generation, name, ref, created in connection.execute(deleted):
        if type(name) is not str or name not in CLASSES:
            yield _place(DELETED.name, generation, "class", "name of a class")
        if type(ref) is not str:
            yield _place(DELETED.name, generation, "ref", "string")
        if type(created) is not int:
            yield _place(DELETED.name, generation, "created", "int")
    for task, payload in connection.execute(f"SELECT task, payload FROM {JOURNAL.name}"):  # noqa: S608
        if not _is_object(payload):
            yield _place(JOURNAL.name, task, "payload", "undo step")


def _is_object(payload: Any) -> bool:
    try:
        return type(payload) is str and type(orjson.loads(payload)) is dict
    except orjson.JSONDecodeError:
        return False


def _count(value: Any) -> int:
    if type(value) is not int:
        raise Misfit
    return value


def _decoded(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _place(table: str, row: Any, column: str, kind: str) -> str:
    shown = row if type(row) is str and row.isprintable() and len(row) < 80 else repr(row)[:80]
    return f"table {table}, row {shown}, column {column}: what stands there is no {kind}"
