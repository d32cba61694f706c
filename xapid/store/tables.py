"""The SQL tables, derived from the declarations: one a class, one typed column a field, readable by `sqlite3`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import orjson
import sqlalchemy as sa

from xapid.datamodel.types import (
    CLASSES,
    BoolType,
    DateTimeType,
    EnumType,
    FloatType,
    IntType,
    MapType,
    SetType,
    Type,
)
from xapid.store.rows import PERSISTENT, STORED, columns_of

FORMAT = 1
"""Number of the layout as a whole. A database of a higher one is left alone."""

METADATA = sa.MetaData()

META = sa.Table(
    "_meta",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

JOURNAL = sa.Table(
    "_journal",
    METADATA,
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("payload", sa.Text, nullable=False),
)

DELETED = sa.Table(
    "_deleted",
    METADATA,
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("class", sa.Text, nullable=False),
    sa.Column("ref", sa.Text, nullable=False),
    sa.Column("created", sa.Integer, nullable=False),
)


def _sql_type(kind: Type) -> sa.types.TypeEngine[Any]:
    if isinstance(kind, IntType | BoolType):
        return sa.Integer()
    if isinstance(kind, FloatType):
        return sa.Float()
    return sa.Text()


def _table(name: str) -> sa.Table:
    cls = CLASSES[name]
    fields = [field for field in columns_of(cls) if field.name != "uuid"]
    return sa.Table(
        name,
        METADATA,
        sa.Column("_ref", sa.Text, primary_key=True),
        sa.Column("uuid", sa.Text, nullable=False, unique=True),
        *(sa.Column(field.column, _sql_type(field.type), nullable=True) for field in fields),
        sa.Column("_created", sa.Integer, nullable=False),
        sa.Column("_modified", sa.Integer, nullable=False),
        sa.Column("_epoch", sa.Integer, nullable=False),
        # For extensions: a JSON object of fields that a later version knows, so that pools need no rewrite.
        sa.Column("_extra", sa.Text, nullable=True),
    )


TABLES: dict[str, sa.Table] = {name: _table(name) for name in STORED if name in PERSISTENT}

Convert = Callable[[Any], Any]


def same(value: Any) -> Any:
    """Of fields whose values are those of the column as well."""
    return value


def _to_json(value: Any) -> str:
    if not value:
        return "{}" if type(value) is dict else "[]"
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _number_to_sql(value: float | None) -> Any:
    """SQLite has infinities, but makes NULL of what is no number; so that is written as a text."""
    return "nan" if value is not None and math.isnan(value) else value


def to_sql(kind: Type) -> Convert:
    """From the value of a row to that of its column."""
    if isinstance(kind, BoolType):
        return int
    if isinstance(kind, FloatType):
        return _number_to_sql
    if isinstance(kind, SetType | MapType):
        return _to_json
    if isinstance(kind, EnumType | DateTimeType):
        return str
    return same
