"""The messages every class has by virtue of its fields: get_record, set_X, add_to_X, create and their kin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from xapid.datamodel.diagnostics import Diagnostics
from xapid.datamodel.own import Own
from xapid.datamodel.types import (
    CLASSES,
    STRING,
    VOID,
    ClassSpec,
    Field,
    Kind,
    MapType,
    MessageSpec,
    Param,
    RecordType,
    RefType,
    SetType,
    State,
)


def messages_of(spec: ClassSpec) -> dict[str, MessageSpec]:
    """Every message of a class, by name, in the order in which the original lists them.

    One that is declared wins over one made from a field.
    """
    made: dict[str, MessageSpec] = {}
    if spec.in_db:
        made |= _object_messages(spec) | _field_messages(spec)
    declared = dict(spec.messages)
    made |= {name: declared.pop(name) for name in made if name in declared}
    made |= declared
    if (spec.in_db or spec.name == "message") and spec.listed:
        made |= {name: message for name, message in _queries(spec).items() if name not in made}
    for name, roles in spec.implicit_roles.items():
        made[name] = replace(made[name], roles=roles)
    for name, doc in spec.implicit_docs.items():
        made[name] = replace(made[name], doc=doc)
    return made


@cache
def all_messages() -> Mapping[str, MessageSpec]:
    """Every message of every class by ``Class.message``, in the order in which the original lists them; ours come last."""
    classes = dict(CLASSES)
    later = {name: classes.pop(name) for name in list(classes)[list(classes).index("Repository") :]}
    classes |= {Diagnostics.spec.name: Diagnostics, **later, Own.spec.name: Own}
    return {f"{name}.{key}": value for name, cls in classes.items() for key, value in messages_of(cls.spec).items()}


def _implicit(spec: ClassSpec, name: str, doc: str, *params: Param, **options: object) -> MessageSpec:
    options.setdefault("life", spec.life)
    options.setdefault("roles", spec.getter_roles)
    return MessageSpec(
        doc,
        params,
        implicit=True,
        has_async=False,
        owner=spec.name,
        name=name,
        **options,  # type: ignore[arg-type]
    )


def _self(spec: ClassSpec) -> Param:
    return Param("self", RefType(spec.name), "The object.")


def _queries(spec: ClassSpec) -> dict[str, MessageSpec]:
    one, many = RefType(spec.name), SetType(RefType(spec.name))
    records = MapType(one, RecordType(spec.name))
    expression = Param("expr", STRING, 'An expression over the fields, for instance `field "uuid" = "..."`.')
    listed = [
        _implicit(spec, "get_all", f"The references of all {spec.name} objects.", result=many),
        _implicit(
            spec, "get_all_where", f"The references of the {spec.name} objects an expression holds for.",
            expression, result=many, hidden=True,
        ),
        _implicit(
            spec, "get_all_records_where", f"The {spec.name} records an expression holds for, by reference.",
            expression, result=records, hidden=True,
        ),
        _implicit(spec, "get_all_records", f"All {spec.name} records by reference.", result=records),
    ]  # fmt: skip
    return {each.name: each for each in listed}


def _object_messages(spec: ClassSpec) -> dict[str, MessageSpec]:
    one = RefType(spec.name)
    made = [
        _implicit(spec, "get_record", f"All fields of a {spec.name}.", _self(spec), result=RecordType(spec.name)),
        _implicit(
            spec, "get_by_uuid", f"The {spec.name} with a uuid.", Param("uuid", STRING, "The uuid to look for."), result=one
        ),
    ]  # fmt: skip
    if spec.constructor:
        fields = Param("args", RecordType(spec.name), "The fields; those left out take their defaults.")
        constructors = (
            _implicit(spec, "create", f"Make a {spec.name} from its fields.", fields, result=one, roles=spec.roles),
            _implicit(spec, "destroy", f"Destroy a {spec.name}.", _self(spec), roles=spec.roles),
        )
        made += [replace(each, has_async=True) for each in constructors]
    if spec.named and "name_label" in spec.fields:
        label = Param("label", STRING, "The name, compared exactly.")
        doc = f"The {spec.name} objects with a name."
        made.append(_implicit(spec, "get_by_name_label", doc, label, result=SetType(one)))
    return {each.name: each for each in made}


def _field_messages(spec: ClassSpec) -> dict[str, MessageSpec]:
    """First all that read, then all that write."""
    made = [built for each in spec.fields.values() for built in _messages_of_field(spec, each)]
    readers = [each for each in made if each.name.startswith("get_")]
    return {each.name: each for each in (*readers, *(each for each in made if each not in readers))}


def _messages_of_field(spec: ClassSpec, each: Field) -> list[MessageSpec]:
    self, name = _self(spec), each.name
    life = each.life
    getter = _implicit(
        spec, f"get_{name}", f"The field {name} of a {spec.name}.", self,
        result=each.type, field=each, life=life, roles=each.getter_roles or spec.getter_roles,
    )  # fmt: skip
    if each.kind is not Kind.RW or each.inverse_of:
        return [getter]
    roles = each.roles or spec.roles
    made = [
        getter,
        _implicit(
            spec, f"set_{name}", f"Set the field {name} of a {spec.name}.", self,
            Param("value", each.type, "The new value."), result=VOID, field=each, life=life, roles=roles,
        ),
    ]  # fmt: skip
    if isinstance(each.type, MapType):
        key = Param("key", each.type.key, "The key to add or take out.")
        made += [
            _implicit(
                spec, f"add_to_{name}", f"Add one key to the map {name} of a {spec.name}.", self, key,
                Param("value", each.type.value, "Its value."), field=each, life=life, roles=roles,
            ),
            _implicit(
                spec, f"remove_from_{name}", f"Take one key out of the map {name} of a {spec.name}.", self, key,
                field=each, life=life, roles=roles,
            ),
        ]  # fmt: skip
    elif isinstance(each.type, SetType):
        value = Param("value", each.type.item, "The value to add or take out.")
        made += [
            _implicit(
                spec, f"add_{name}", f"Add a value to the set {name} of a {spec.name}.", self, value,
                field=each, life=life, roles=roles,
            ),
            _implicit(
                spec, f"remove_{name}", f"Take a value out of the set {name} of a {spec.name}.", self, value,
                field=each, life=life, roles=roles,
            ),
        ]  # fmt: skip
    return made


def removed(spec: MessageSpec) -> bool:
    """Whether calling it answers MESSAGE_REMOVED."""
    return spec.life.state is State.removed
