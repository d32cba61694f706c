"""Roles and permissions, asked from either side."""

from __future__ import annotations

import pytest

from tests.xapi import Xapi
from xapid.datamodel.errors import HANDLE_INVALID


async def the_role(xapi: Xapi, name: str) -> str:
    (ref,) = await xapi.role.get_by_name_label(name)
    return str(ref)


async def test_a_role_has_the_permissions_of_those_below_it(xapi: Xapi) -> None:
    operator = await xapi.role.get_permissions_name_label(await the_role(xapi, "vm-operator"))
    admin = await xapi.role.get_permissions_name_label(await the_role(xapi, "vm-admin"))

    assert "vm.start" in operator
    assert set(operator) < set(admin)
    assert "pool.join" not in admin


async def test_permissions_are_roles_too(xapi: Xapi) -> None:
    admin = await the_role(xapi, "pool-admin")

    permissions = await xapi.role.get_permissions(admin)

    assert permissions == await xapi.role.get_subroles(admin)
    assert len(await xapi.role.get_all()) == len(permissions) + 7


async def test_a_permission_has_itself(xapi: Xapi) -> None:
    start = await the_role(xapi, "vm.start")

    assert await xapi.role.get_permissions(start) == [start]
    assert await xapi.role.get_permissions_name_label(start) == ["vm.start"]


async def test_the_roles_that_have_a_permission_are_found(xapi: Xapi) -> None:
    join = await the_role(xapi, "pool.join")
    names = [await the_role(xapi, name) for name in ("pool-admin", "pool-operator")]

    assert await xapi.role.get_by_permission(join) == names
    assert await xapi.role.get_by_permission_name_label("pool.join") == names


async def test_nobody_has_what_is_no_permission(xapi: Xapi) -> None:
    assert await xapi.role.get_by_permission("OpaqueRef:ghost") == []
    assert await xapi.role.get_by_permission_name_label("no such thing") == []


async def test_a_dead_role_has_no_permissions(xapi: Xapi) -> None:
    with pytest.raises(HANDLE_INVALID) as error:
        await xapi.role.get_permissions("OpaqueRef:ghost")

    assert error.value.args == ("role", "OpaqueRef:ghost")


@pytest.mark.parametrize(
    "expression, roles, permissions",
    [("subroles<>[]", True, False), ("subroles=[]", False, True), ('field "uuid" = "x"', True, True)],
)
async def test_two_expressions_tell_roles_from_permissions(
    xapi: Xapi, expression: str, roles: bool, permissions: bool
) -> None:
    admin, start = await the_role(xapi, "pool-admin"), await the_role(xapi, "vm.start")

    found = await xapi.role.get_all_where(expression)

    assert (admin in found, start in found) == (roles, permissions)
    assert (await xapi.role.get_all_records_where(expression)).keys() == set(found)
