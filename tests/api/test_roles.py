"""Every role against every message, setter, map key and HTTP action: allowed as declared, and refused over the wire."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.machines import Workshop
from tests.xapi import REMOTE, Xapi
from xapid.api.methods import Method
from xapid.auth.permissions import key_permission, keyed_roles, permissions, permissions_of_role, roles_of
from xapid.auth.sessions import Sessions, SessionState
from xapid.datamodel.errors import RBAC_PERMISSION_DENIED, ApiError, OtherError
from xapid.datamodel.http_actions import HTTP_ACTIONS
from xapid.datamodel.roles import HIGHEST_FIRST, STATIC_ROLES
from xapid.datamodel.types import (
    BOOL,
    CLASSES,
    DATETIME,
    FLOAT,
    INT,
    EnumType,
    MapType,
    RecordType,
    SetType,
    State,
    Type,
)

NULL = "OpaqueRef:NULL"
DENIED = "RBAC_PERMISSION_DENIED"
SAMPLES: dict[Type, Any] = {INT: 0, FLOAT: 0.0, BOOL: False, DATETIME: "19700101T00:00:00Z"}


def sample(kind: Type) -> Any:
    """A value of a type, such as a client may send."""
    if kind in SAMPLES:
        return SAMPLES[kind]
    match kind:
        case SetType():
            return []
        case MapType():
            return {}
        case RecordType():
            fields = CLASSES[kind.target].spec.fields.items()
            return {name: sample(field.type) for name, field in fields if not field.inverse_of}
        case EnumType():
            return kind.values[0]
    return NULL


def arguments(method: Method, key: str = "") -> list[Any]:
    given = [sample(param.type) for param in method.spec.params] or [NULL] * method.required
    if key:
        given[1] = key
    return given


def client(fresh: FreshHost, role: str) -> tuple[Xapi, SessionState]:
    sessions: Sessions = fresh.runtime.services["sessions"]
    state = sessions.start("jo", "", superuser=False, roles=frozenset({role}), user_sid="S-1")
    xapi = fresh.xapi.beside(REMOTE)
    xapi.session = state.ref
    return xapi, state


async def answer(xapi: Xapi, method: str, given: list[Any]) -> list[str]:
    """The error of a call that is to fail."""
    with pytest.raises((ApiError, OtherError)) as error:
        await xapi.call(method, *given)
    return error.value.description


def callable_by_clients(method: Method) -> bool:
    return method.session and not method.removed and not method.own and method.spec.life.state is not State.removed


def every(methods: Any) -> list[Method]:
    return [method for name, method in methods.items() if name == method.name and callable_by_clients(method)]


@pytest.mark.parametrize("role", STATIC_ROLES)
async def test_a_role_is_refused_every_message_that_is_declared_for_stronger_ones(
    fresh: FreshHost, methods: Any, role: str
) -> None:
    xapi, state = client(fresh, role)
    refused = [method for method in every(methods) if role not in roles_of(method.spec)]
    wrong = {}

    for method in refused:
        code, *said = await answer(xapi, method.name, arguments(method))
        if (code, said[:1]) != (DENIED, [method.permission]) or state.may(method.permission):
            wrong[method.name] = [code, *said]

    assert wrong == {}
    assert len(refused) > (500 if role in ("read-only", "client-cert") else 20)


@pytest.mark.parametrize("role", STATIC_ROLES)
def test_a_role_has_the_permission_for_every_message_that_is_declared_for_it(methods: Any, role: str) -> None:
    granted = permissions_of_role(role)
    allowed = {method.permission for method in every(methods) if role in roles_of(method.spec)}

    assert allowed <= granted


@pytest.mark.parametrize("role", STATIC_ROLES)
async def test_keys_of_maps_need_the_role_that_is_declared_for_them(fresh: FreshHost, methods: Any, role: str) -> None:
    xapi, _ = client(fresh, role)
    keyed = [
        (method, pattern, roles) for method in every(methods) for pattern, roles in keyed_roles(method.spec).items()
    ]
    assert len(keyed) > 20

    for method, pattern, roles in keyed:
        for key in {pattern.replace("*", "anything"), pattern.replace("*", "")}:
            code, *said = await answer(xapi, method.name, arguments(method, key))
            expected = [DENIED, key_permission(method.name, pattern)] if role not in roles else ["HANDLE_INVALID"]
            assert [code, *said][: len(expected)] == expected, f"{method.name} {key}"


async def test_a_key_that_is_not_declared_needs_the_role_of_the_map(fresh: FreshHost, methods: Any) -> None:
    operator, _ = client(fresh, "vm-operator")
    admin, _ = client(fresh, "vm-admin")

    assert (await answer(operator, "VM.add_to_other_config", [NULL, "folder", "x"]))[0] == "HANDLE_INVALID"
    assert (await answer(operator, "VM.add_to_other_config", [NULL, "mine", "x"]))[0] == DENIED
    assert (await answer(admin, "VM.add_to_other_config", [NULL, "mine", "x"]))[0] == "HANDLE_INVALID"
    assert (await answer(admin, "VM.add_to_other_config", [NULL, "pci", "x"]))[0] == DENIED


async def test_who_is_refused_learns_who_is_not(fresh: FreshHost) -> None:
    xapi, _ = client(fresh, "vm-operator")

    code, permission, text = await answer(xapi, "pool.set_name_label", [NULL, "mine"])

    assert (code, permission) == (DENIED, "pool.set_name_label")
    assert re.search(r"\bpool-admin\b.*\bpool-operator\b", text)
    assert "vm-admin" not in text


@pytest.mark.parametrize("role", HIGHEST_FIRST)
def test_a_role_may_all_that_weaker_ones_may(role: str) -> None:
    weaker = HIGHEST_FIRST[HIGHEST_FIRST.index(role) + 1 :]

    assert all(permissions_of_role(each) <= permissions_of_role(role) for each in weaker)


@pytest.mark.parametrize("action", HTTP_ACTIONS, ids=lambda action: f"{action.method} {action.path}")
def test_an_http_action_needs_the_role_that_is_declared_for_it(action: Any) -> None:
    for name, roles in {"": action.roles, **action.sub_actions}.items():
        permission = f"http/{action.name}".lower() + (f"/{name}" if name else "")
        holders = {role for role in HIGHEST_FIRST if permission in permissions_of_role(role)}
        assert holders == set(roles) & set(HIGHEST_FIRST)
        assert permission in permissions()


@pytest.mark.parametrize(
    "field, key", [("other_config", "pci"), ("other_config", "hvm_serial"), ("platform", "hvm_serial")]
)
async def test_keys_come_by_no_other_way_than_those_who_may_add_them(
    fresh: FreshHost, workshop: Workshop, field: str, key: str
) -> None:
    """Neither with the whole map, nor with a whole machine; what was there before may stay, and not go."""
    xapi, _ = client(fresh, "vm-admin")
    vm, free = await workshop.vm(), {"mine": "1"}
    record = await workshop.xapi.VM.get_record(vm)

    with pytest.raises(RBAC_PERMISSION_DENIED, match=f"vm.add_to_{field}/key:{key}"):
        await getattr(xapi.VM, f"set_{field}")(vm, {**record[field], key: "x"})
    with pytest.raises(RBAC_PERMISSION_DENIED, match=f"vm.add_to_{field}/key:{key}"):
        await xapi.VM.create({**record, field: {**record[field], key: "x"}})
    await getattr(workshop.xapi.VM, f"add_to_{field}")(vm, key, "none")
    with pytest.raises(RBAC_PERMISSION_DENIED, match=f"vm.remove_from_{field}/key:{key}"):
        await getattr(xapi.VM, f"set_{field}")(vm, free)
    await getattr(xapi.VM, f"set_{field}")(vm, {**free, key: "none"})

    assert workshop.row(vm).__dict__[field] == {**free, key: "none"}
