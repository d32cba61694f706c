"""Every message that a class has by virtue of its fields: called over the wire, and its effect looked at."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.api.implicit_messages import implicit_methods
from tests.conftest import FreshHost
from tests.xapi import Xapi
from xapid.api.methods import Method
from xapid.datamodel.types import (
    BOOL,
    CLASSES,
    DATETIME,
    FLOAT,
    INT,
    STRING,
    DateTime,
    EnumType,
    Field,
    MapType,
    Object,
    RefType,
    SetType,
    Type,
)
from xapid.store.rows import stored_fields

NOBODY = "OpaqueRef:00000000-0000-0000-0000-000000000000"
SIMPLE: dict[Type, tuple[Any, Any]] = {STRING: ("some", "other"), INT: (7, 8), FLOAT: (0.5, 0.25), BOOL: (True, False)}
DAYS = DateTime("20260102T03:04:05Z"), DateTime("20260203T04:05:06Z")
METHODS = implicit_methods()


def values(kind: Type) -> tuple[Any, Any]:
    """Two different values of a type, as rows have them."""
    if kind in SIMPLE:
        return SIMPLE[kind]
    if kind == DATETIME:
        return DAYS
    if isinstance(kind, EnumType):
        members = list(kind.python)
        return members[-1], members[0]
    if isinstance(kind, RefType):
        return NOBODY, "OpaqueRef:NULL"
    if isinstance(kind, SetType):
        one, other = values(kind.item)
        return (one,), (other,)
    assert isinstance(kind, MapType), kind
    (one, other), (first, second) = values(kind.key), values(kind.value)
    return {one: first}, {other: second}


def on_the_wire(kind: Type, value: Any) -> Any:
    """What a client of XML-RPC sees: whole numbers as text."""
    if isinstance(kind, SetType):
        return [on_the_wire(kind.item, each) for each in value]
    if isinstance(kind, MapType):
        return {str(key): on_the_wire(kind.value, each) for key, each in value.items()}
    if kind == DATETIME:
        return xmlrpc.client.DateTime(str(value))
    return str(value) if kind in (INT, STRING) or isinstance(kind, EnumType) else value


@dataclass
class Subject:
    """One object with a value in each field, and how its messages are called."""

    xapi: Xapi
    row: Object

    async def call(self, method: Method, *params: Any) -> Any:
        return await self.xapi.call(method.name, self.row.ref, *params)

    async def get(self, field: Field) -> Any:
        return await self.xapi.call(f"{field.owner}.get_{field.name}", self.row.ref)

    def value(self, field: Field) -> Any:
        return on_the_wire(field.type, self.row.__dict__[field.name])


def an_object(fresh: FreshHost, cls: type[Object]) -> Object:
    """Not all of it makes sense together: these messages look at one field, whatever the others say."""
    given = {
        field.name: values(field.type)[0]
        for field in stored_fields(cls)
        if not field.derived and field.name != "uuid" and not _related(field)
    }
    with fresh.store.write() as tx:
        row = tx.create(cls, **given)
    return fresh.store.get(cls, row.ref)


def _related(field: Field) -> bool:
    """Whether something else follows from the value, which must then be there."""
    item = field.type.item if isinstance(field.type, SetType) else field.type
    return isinstance(item, RefType)


# --- What is expected of each kind of message --------------------------------------------------------


async def getter(subject: Subject, method: Method, field: Field) -> None:
    expected = [] if field.inverse_of else subject.value(field)
    assert await subject.call(method) == expected


async def setter(subject: Subject, method: Method, field: Field) -> None:
    other = on_the_wire(field.type, values(field.type)[1])
    assert await subject.call(method, other) == ""
    assert await subject.get(field) == other


async def adder_to_map(subject: Subject, method: Method, field: Field) -> None:
    before = await subject.get(field)
    ((key, value),) = on_the_wire(field.type, {"a key of its own": values(field.type.value)[0]}).items()  # type: ignore[attr-defined]
    await subject.call(method, key, value)
    assert await subject.get(field) == {**before, key: value}


async def remover_from_map(subject: Subject, method: Method, field: Field) -> None:
    before = await subject.get(field)
    key = next(iter(before))
    await subject.call(method, key)
    assert await subject.get(field) == {each: value for each, value in before.items() if each != key}


async def adder_to_set(subject: Subject, method: Method, field: Field) -> None:
    before = await subject.get(field)
    value = on_the_wire(field.type, values(field.type)[1])[0]
    await subject.call(method, value)
    assert await subject.get(field) == [*before, value]


async def remover_from_set(subject: Subject, method: Method, field: Field) -> None:
    before = await subject.get(field)
    await subject.call(method, before[0])
    assert await subject.get(field) == before[1:]


async def get_record(subject: Subject, method: Method) -> None:
    assert _holds(subject, await subject.call(method))


async def get_by_uuid(subject: Subject, method: Method) -> None:
    assert await subject.xapi.call(method.name, subject.row.uuid) == subject.row.ref  # type: ignore[attr-defined]


async def get_by_name_label(subject: Subject, method: Method) -> None:
    label = subject.row.__dict__["name_label"]
    assert subject.row.ref in await subject.xapi.call(method.name, label)
    assert await subject.xapi.call(method.name, "nothing is called so") == []


async def get_all(subject: Subject, method: Method) -> None:
    assert subject.row.ref in await subject.xapi.call(method.name)


async def get_all_records(subject: Subject, method: Method) -> None:
    assert _holds(subject, (await subject.xapi.call(method.name))[subject.row.ref])


async def get_all_where(subject: Subject, method: Method) -> None:
    assert await subject.xapi.call(method.name, _only(subject)) == [subject.row.ref]


async def get_all_records_where(subject: Subject, method: Method) -> None:
    ((ref, record),) = (await subject.xapi.call(method.name, _only(subject))).items()
    assert ref == subject.row.ref
    assert _holds(subject, record)


def _only(subject: Subject) -> str:
    return f'field "uuid" = "{subject.row.__dict__["uuid"]}"'


def _holds(subject: Subject, record: dict[str, Any]) -> bool:
    """Whether a record has each field of its class, and this object's values."""
    fields = type(subject.row).spec.fields
    stored = [field for field in stored_fields(type(subject.row)) if not field.derived]
    return record.keys() == fields.keys() and all(record[field.name] == subject.value(field) for field in stored)


OF_OBJECTS: dict[str, Callable[[Subject, Method], Awaitable[None]]] = {
    each.__name__: each
    for each in (
        get_record, get_by_uuid, get_by_name_label, get_all, get_all_records, get_all_where, get_all_records_where,
    )
}  # fmt: skip
OF_FIELDS: tuple[tuple[str, Callable[[Subject, Method, Field], Awaitable[None]]], ...] = (
    ("add_to_", adder_to_map),
    ("remove_from_", remover_from_map),
    ("add_", adder_to_set),
    ("remove_", remover_from_set),
    ("get_", getter),
    ("set_", setter),
)


async def _check(subject: Subject, method: Method) -> None:
    field = method.spec.field
    if field is None:
        await OF_OBJECTS[method.spec.name](subject, method)
    else:
        verb = method.spec.name.removesuffix(field.name)
        await dict(OF_FIELDS)[verb](subject, method, field)


@pytest.mark.parametrize("cls", list(METHODS))
async def test_messages_made_from_fields_do_what_their_names_say(fresh: FreshHost, cls: str) -> None:
    failed: dict[str, str] = {}

    for method in METHODS[cls]:
        # An object for each, so that none depends on what another left.
        subject = Subject(fresh.xapi, an_object(fresh, CLASSES[cls]))
        try:
            await _check(subject, method)
        except Exception as error:
            failed[method.name] = f"{type(error).__name__}: {error}".partition("\n")[0]

    assert failed == {}
