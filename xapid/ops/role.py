"""Messages of class role: which role may do what, and who may do it. Every permission is a role too."""

from __future__ import annotations

from collections.abc import Iterable

from xapid.datamodel import Role
from xapid.runtime.context import Context
from xapid.store.store import Store
from xapid.wire.records import Rows


def get_permissions(ctx: Context, self: Role) -> list[str]:
    """The permissions of a role, its own and those of its subroles; a permission is its own."""
    return [role.ref for role in _permissions(ctx.store, self)]


def get_permissions_name_label(ctx: Context, self: Role) -> list[str]:
    return sorted(role.name_label for role in _permissions(ctx.store, self))


def _permissions(store: Store, role: Role) -> list[Role]:
    if not role.subroles:
        return [role]
    return [store.get(Role, ref) for ref in role.subroles]


def get_by_permission(ctx: Context, permission: str) -> list[str]:
    """The roles that have a permission; none for a reference that is no permission."""
    return [role.ref for role in ctx.store.all(Role) if permission in role.subroles]


def get_by_permission_name_label(ctx: Context, label: str) -> list[str]:
    return [ref for role in ctx.store.where(Role, name_label=label) for ref in get_by_permission(ctx, role.ref)]


# Two expressions tell the roles from the permissions. Any other is passed over, as the original does.


def get_all_where(ctx: Context, expr: str) -> list[str]:
    return [role.ref for role in _where(ctx.store, expr)]


def get_all_records_where(ctx: Context, expr: str) -> Rows:
    return Rows(list(_where(ctx.store, expr)))


def _where(store: Store, expr: str) -> Iterable[Role]:
    roles = store.all(Role)
    if expr == "subroles<>[]":
        return [role for role in roles if role.subroles]
    if expr == "subroles=[]":
        return [role for role in roles if not role.subroles]
    return roles
