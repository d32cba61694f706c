"""Rows: how photographs of objects are made, and which classes and fields are kept where."""

from __future__ import annotations

import os
from typing import Any, TypeVar, cast

import xapid.datamodel  # noqa: F401 - declares the classes
from xapid.datamodel.types import CLASSES, Field, Object, Ref

R = TypeVar("R", bound=Object)

MESSAGE = "message"
ROLE = "role"

# The original forgets these at a restart, which leaves dangling references and tasks that nobody can ask about.
# Here a task is found again with its outcome, and metrics objects keep their identity.
KEPT_ANYWAY = frozenset({"task", "VIF_metrics", "VBD_metrics", MESSAGE})

STORED: tuple[str, ...] = tuple(name for name, cls in CLASSES.items() if cls.spec.in_db or name == MESSAGE)
"""Classes that have rows."""

PERSISTENT: frozenset[str] = frozenset(
    name for name in STORED if (CLASSES[name].spec.persistent or name in KEPT_ANYWAY) and name != ROLE
)
"""Classes whose rows are on disk. Roles are made anew at each start, from the declarations."""

SILENT: frozenset[str] = frozenset(name for name in STORED if not CLASSES[name].spec.events and name != MESSAGE) | {
    ROLE
}
"""Classes that make no events."""


def stored_fields(cls: type[Object]) -> tuple[Field, ...]:
    """Fields that rows carry: all but inverse sets, which are kept in the index."""
    return tuple(field for field in cls.spec.fields.values() if not field.inverse_of)


def columns_of(cls: type[Object]) -> tuple[Field, ...]:
    """Fields that are on disk."""
    return tuple(field for field in stored_fields(cls) if field.persistent)


COLUMNS: dict[str, frozenset[str]] = {
    name: frozenset(field.name for field in columns_of(CLASSES[name])) for name in STORED
}
"""Names of the fields of a class that are on disk."""

FORGETFUL: frozenset[str] = frozenset(
    name for name in PERSISTENT if len(columns_of(CLASSES[name])) < len(stored_fields(CLASSES[name]))
)
"""Classes with fields that are not on disk, and so begin anew with the daemon."""

_DEFAULTS: dict[str, dict[str, Any]] = {
    name: {field.name: field.empty for field in stored_fields(CLASSES[name])} for name in STORED
}
FIELDS: dict[str, frozenset[str]] = {name: frozenset(values) for name, values in _DEFAULTS.items()}
"""Names of the fields that rows of a class carry."""


def new_ref() -> str:
    return f"OpaqueRef:{new_uuid()}"


def new_uuid() -> str:
    """A random one. The standard library takes 3 us, this 1; the life of a machine needs some thirty."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def make_row(cls: type[R], ref: str, values: dict[str, Any]) -> R:
    """A row with every field: those given, the defaults for the rest. Unknown names raise TypeError."""
    name = cls.spec.name
    if not values.keys() <= FIELDS[name]:
        raise TypeError(f"{name} has no field {sorted(values.keys() - FIELDS[name])}")
    row: R = object.__new__(cls)
    row.__dict__.update(_DEFAULTS[name])
    row.__dict__.update(values)
    if not row.__dict__["uuid"]:
        row.__dict__["uuid"] = new_uuid()
    row.ref = cast("Ref[R]", ref)
    row._gen = row._created = row._wait = 0
    row._volatile = name not in PERSISTENT
    row._xml = row._json = None
    return row


def copy_row(row: R) -> R:
    """A draft of the next photograph. Bytes kept by encoders stay behind."""
    draft: R = object.__new__(type(row))
    draft.__dict__.update(row.__dict__)
    draft.ref, draft._gen, draft._created, draft._wait = row.ref, row._gen, row._created, row._wait
    draft._volatile = row._volatile
    draft._xml = draft._json = None
    return draft
