"""The declarations equal the recorded contract, letter for letter."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import xapid.datamodel  # noqa: F401 - declares the classes
from xapid.datamodel import errors, roles
from xapid.datamodel.http_actions import HTTP_ACTIONS
from xapid.datamodel.implicit import all_messages, messages_of
from xapid.datamodel.own import Own
from xapid.datamodel.roles import HIGHEST_FIRST, READ_ONLY
from xapid.datamodel.types import CLASSES, MISSING, Field, MessageSpec, Object, RecordType, StringType, Type

REFERENCE = Path(__file__).parent.parent / "reference" / "datamodel.json.gz"
CONTRACT: dict[str, Any] = json.loads(gzip.decompress(REFERENCE.read_bytes()))


def type_text(kind: Type) -> str:
    return "<class> record" if kind == RecordType("Object") else str(kind)


def default_text(field: Field) -> str | None:
    """The default of a field in the spelling of the contract."""
    value = field.default
    if value is MISSING:
        return None
    if isinstance(field.type, StringType):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" + ("." if value.is_integer() else "")
    if isinstance(value, tuple):
        return "{" + ", ".join(str(item) for item in value) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" -> "{item}"' for key, item in value.items()) + "}"
    return str(value)


def field_facts(field: Field) -> dict[str, Any]:
    facts = {
        "type": type_text(field.type), "qualifier": field.kind.value, "state": str(field.life.state),
        "since": field.life.since, "default": default_text(field), "deprecated": field.life.deprecated or None,
    }  # fmt: skip
    return {key: value for key, value in facts.items() if value is not None}


def message_facts(cls: type[Object], message: MessageSpec) -> dict[str, Any]:
    allowed = cls.spec.roles if message.roles is None else message.roles
    named = [role for role in allowed if role in HIGHEST_FIRST]
    facts: dict[str, Any] = {
        "implicit": message.implicit,
        "params": [
            [param.name, str(param.type), True]
            if not param.optional
            else [param.name, str(param.type), False, plain(param.default)]
            for param in message.all_params
        ],
        "result": type_text(message.result),
        "errors": list(message.errors),
        "role": named[-1] if named else None,
        "state": str(message.life.state),
        "since": message.life.since,
    }
    if "client-cert" in allowed:
        facts["other_roles"] = ["client-cert"]
    if message.life.deprecated:
        facts["deprecated"] = message.life.deprecated
    if message.life.removed:
        facts["removed"] = message.life.removed
    if not message.implicit or message.name == "get_driver_filename":
        facts |= {"async": message.has_async, "session": message.session}
    return facts


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def wanted_default(facts: dict[str, Any]) -> dict[str, Any]:
    # Two spellings of the null reference stand in the contract.
    null = {"default": "OpaqueRef:NULL"} if facts.get("default") == "Null" else {}
    return {key: value for key, value in facts.items() if key != "persist"} | null


def test_the_same_classes_are_declared() -> None:
    assert list(CLASSES) == list(CONTRACT["classes"])


@pytest.mark.parametrize("name", CONTRACT["classes"])
def test_a_class_has_the_fields_of_the_contract(name: str) -> None:
    wanted = {key: wanted_default(facts) for key, facts in CONTRACT["classes"][name]["fields"].items()}

    declared = {key: field_facts(field) for key, field in CLASSES[name].spec.fields.items()}

    assert declared == wanted
    assert list(declared) == list(wanted)


@pytest.mark.parametrize("name", CONTRACT["classes"])
def test_a_class_has_the_messages_of_the_contract(name: str) -> None:
    wanted = CONTRACT["classes"][name]["messages"]

    declared = {
        key: message_facts(CLASSES[name], message)
        for key, message in messages_of(CLASSES[name].spec).items()
        if not message.hidden
    }

    assert {key: value for key, value in declared.items() if value != wanted.get(key)} == {}
    assert set(declared) == set(wanted)


@pytest.mark.parametrize("name", CONTRACT["classes"])
def test_a_class_is_kept_and_told_of_as_in_the_contract(name: str) -> None:
    wanted, spec = CONTRACT["classes"][name], CLASSES[name].spec

    enums = {key: [member.value for member in enum] for key, enum in used_enums(CLASSES[name]).items()}

    assert (str(spec.life.state), spec.life.since) == (wanted["state"], wanted["since"])
    assert (spec.in_db, spec.persistent, spec.events) == (wanted["in_db"], bool(wanted["persist"]), wanted["events"])
    assert spec.constructor == wanted["implicit_create_destroy"]
    assert {key: enums.get(key) for key in wanted["enums"]} == wanted["enums"]


def used_enums(cls: type[Object]) -> dict[str, Any]:
    from xapid.datamodel.types import api_enum_name

    return {api_enum_name(enum): enum for enum in cls.spec.enums.values()}


def test_relations_are_those_of_the_contract() -> None:
    inverses = {
        (field.inverse_of, f"{name}.{key}")
        for name, cls in CLASSES.items()
        for key, field in cls.spec.fields.items()
        if field.inverse_of
    }
    declared = {tuple(pair) for pair in CONTRACT["relations"]} | {tuple(pair)[::-1] for pair in CONTRACT["relations"]}

    assert inverses <= declared


def test_every_error_is_declared_with_its_parameters() -> None:
    wanted = CONTRACT["errors"] | CONTRACT["errors_undeclared"]

    declared = {
        name: list(error.params)
        for name, error in vars(errors).items()
        if isinstance(error, type) and issubclass(error, errors.ApiError) and name.isupper()
    }

    assert declared == wanted


def test_the_roles_are_in_the_order_of_strength() -> None:
    assert list(HIGHEST_FIRST) == [name.lower().replace("_", "-") for name in CONTRACT["roles_highest_first"]]
    assert READ_ONLY == HIGHEST_FIRST


def test_every_hidden_message_is_declared_with_as_many_parameters() -> None:
    # The contract counts those that must be given; the recordings show that more may be.
    declared = {
        method: sum(not param.optional for param in message.params) if message.arity is None else message.arity
        for method, message in all_messages().items()
        if message.hidden and not message.implicit and message.owner != Own.spec.name
    }

    assert declared == {key: facts["parameters"] for key, facts in CONTRACT["hidden_messages"].items()}


def test_every_http_handler_is_declared() -> None:
    spelled = {
        "READ_ONLY": READ_ONLY,
        "POOL_OP": roles.POOL_OPERATOR,
        "POOL_ADMIN": roles.POOL_ADMIN,
        "VM_OP": roles.VM_OPERATOR,
        "VM_ADMIN": roles.VM_ADMIN,
        "VM_POWER_ADMIN": roles.VM_POWER_ADMIN,
        "CLIENT_CERT": roles.CLIENT_CERT,
        "LOCAL_ROOT_ONLY": roles.LOCAL_ROOT,
    }
    wanted = [
        (
            each["method"],
            each["path"],
            each["in_sdk"],
            tuple(tuple(pair) for pair in each["query"]),
            roles.role_set(*(spelled[name] for name in each["role"].split(" ++ "))),
        )
        for each in CONTRACT["http"]
    ]

    declared = [(each.method, each.path, each.in_sdk, each.query, each.roles) for each in HTTP_ACTIONS]

    assert declared == wanted
