"""What the messages that fields imply do: read a field, set it, add to it, query a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xapid.datamodel.columns import column_name
from xapid.datamodel.errors import MAP_DUPLICATE_KEY
from xapid.datamodel.types import CLASSES, Field, MessageSpec, Object, Passwords, StringType
from xapid.runtime.context import Context
from xapid.runtime.texts import check_text
from xapid.store.kept_apart import spelled
from xapid.store.query import select
from xapid.wire.records import Rows

Run = Callable[..., Any]


def implicit_run(spec: MessageSpec) -> Run | None:
    """The function of an implicit message; None for those that act, which are written by hand."""
    cls = CLASSES[spec.owner]
    if spec.field is not None:
        return _field_message(cls, spec, spec.field)
    return _OBJECT_MESSAGES[spec.name](cls) if spec.name in _OBJECT_MESSAGES else None


# --- One field ---------------------------------------------------------------------------------------


def _field_message(cls: type[Object], spec: MessageSpec, field: Field) -> Run | None:
    verb = spec.name.removesuffix(field.name).rstrip("_")
    if verb == "get":
        return _inverse_getter(cls, field) if field.inverse_of else _getter(cls, field)
    return _WRITERS[verb](cls, field) if verb in _WRITERS else None


def _getter(cls: type[Object], field: Field) -> Run:
    name = field.name

    def get(ctx: Context, self: str) -> Any:
        row = ctx.store.get(cls, self)
        ctx.shown(row)
        return row.__dict__[name]

    return get


def _inverse_getter(cls: type[Object], field: Field) -> Run:
    name = field.name

    def get(ctx: Context, self: str) -> tuple[str, ...]:
        row = ctx.store.get(cls, self)
        ctx.shown(row)
        return ctx.store.members(row, name)

    return get


def _setter(cls: type[Object], field: Field) -> Run:
    name, plain = field.name, not isinstance(field.type, StringType) and not field.is_map and not field.is_set

    def set_(ctx: Context, self: str, value: Any) -> None:
        row = ctx.store.get(cls, self)
        if not plain:
            check_text(value)
        ctx.change(row, **{name: value})

    return set_


def _adder_to_map(cls: type[Object], field: Field) -> Run:
    name, column, stored = field.name, column_name(field), _stored_keys(field)

    def add_to(ctx: Context, self: str, key: Any, value: Any) -> None:
        row = ctx.store.get(cls, self)
        check_text({key: value})
        present = row.__dict__[name]
        if stored(key) in present:
            raise MAP_DUPLICATE_KEY(cls.spec.name, column, self, key)
        ctx.change(row, **{name: {**present, key: value}})

    return add_to


def _stored_keys(field: Field) -> Callable[[Any], Any]:
    """From the key that a client says to that which the map has for it: another if it is of a password."""
    return spelled if field.passwords is not Passwords.shown else lambda key: key


def _remover_from_map(cls: type[Object], field: Field) -> Run:
    name, stored = field.name, _stored_keys(field)

    def remove_from(ctx: Context, self: str, key: Any) -> None:
        row = ctx.store.get(cls, self)
        present, key = row.__dict__[name], stored(key)
        if key in present:
            ctx.change(row, **{name: {each: value for each, value in present.items() if each != key}})

    return remove_from


def _adder_to_set(cls: type[Object], field: Field) -> Run:
    name = field.name

    def add(ctx: Context, self: str, value: Any) -> None:
        row = ctx.store.get(cls, self)
        check_text(value)
        present = row.__dict__[name]
        if value not in present:
            ctx.change(row, **{name: (*present, value)})

    return add


def _remover_from_set(cls: type[Object], field: Field) -> Run:
    name = field.name

    def remove(ctx: Context, self: str, value: Any) -> None:
        row = ctx.store.get(cls, self)
        present = row.__dict__[name]
        if value in present:
            ctx.change(row, **{name: tuple(each for each in present if each != value)})

    return remove


_WRITERS: dict[str, Callable[[type[Object], Field], Run]] = {
    "set": _setter,
    "add_to": _adder_to_map,
    "remove_from": _remover_from_map,
    "add": _adder_to_set,
    "remove": _remover_from_set,
}


# --- Whole objects -----------------------------------------------------------------------------------


def _get_record(cls: type[Object]) -> Run:
    def get_record(ctx: Context, self: str) -> Object:
        row = ctx.store.get(cls, self)
        ctx.shown(row)
        return row

    return get_record


def _get_by_uuid(cls: type[Object]) -> Run:
    def get_by_uuid(ctx: Context, uuid: str) -> str:
        row = ctx.store.by_uuid(cls, uuid)
        ctx.shown(row)
        return row.ref

    return get_by_uuid


def _get_by_name_label(cls: type[Object]) -> Run:
    def get_by_name_label(ctx: Context, label: str) -> list[str]:
        rows = ctx.store.where(cls, name_label=label)
        ctx.shown(*rows)
        return [row.ref for row in rows]

    return get_by_name_label


def _get_all(cls: type[Object]) -> Run:
    def get_all(ctx: Context) -> list[str]:
        ctx.shown_class(cls)
        return list(ctx.store.tables[cls.spec.name].rows)

    return get_all


def _get_all_records(cls: type[Object]) -> Run:
    def get_all_records(ctx: Context) -> Rows:
        ctx.shown_class(cls)
        return Rows(list(ctx.store.all(cls)))

    return get_all_records


def _get_all_where(cls: type[Object]) -> Run:
    async def get_all_where(ctx: Context, expr: str) -> list[str]:
        found = await select(ctx.store, cls, expr)
        ctx.shown_class(cls)
        return [row.ref for row in found]

    return get_all_where


def _get_all_records_where(cls: type[Object]) -> Run:
    async def get_all_records_where(ctx: Context, expr: str) -> Rows:
        found = await select(ctx.store, cls, expr)
        ctx.shown_class(cls)
        return Rows(found)

    return get_all_records_where


_OBJECT_MESSAGES: dict[str, Callable[[type[Object]], Run]] = {
    "get_record": _get_record,
    "get_by_uuid": _get_by_uuid,
    "get_by_name_label": _get_by_name_label,
    "get_all": _get_all,
    "get_all_records": _get_all_records,
    "get_all_where": _get_all_where,
    "get_all_records_where": _get_all_records_where,
}
