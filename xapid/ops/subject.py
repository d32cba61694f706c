"""Messages of class subject: users and groups of a directory, and the roles they have here."""

from __future__ import annotations

from typing import Any, NoReturn

from xapid.datamodel import Role, Subject
from xapid.datamodel.errors import AUTH_IS_DISABLED, ROLE_ALREADY_EXISTS, ROLE_NOT_FOUND
from xapid.ops import role as roles
from xapid.runtime.context import Context


def create(ctx: Context, args: dict[str, Any]) -> NoReturn:
    """What a subject is called comes from the directory, and no host is joined to one."""
    raise AUTH_IS_DISABLED()


def destroy(ctx: Context, self: str) -> None:
    with ctx.write() as tx:
        tx.delete(ctx.store.get(Subject, self))


def add_to_roles(ctx: Context, self: str, role: str) -> None:
    """Sessions that are under way keep what they may."""
    if ctx.store.find(Role, role) is None:
        raise ROLE_NOT_FOUND()
    subject = ctx.store.get(Subject, self)
    if role in subject.roles:
        raise ROLE_ALREADY_EXISTS()
    with ctx.write() as tx:
        tx.set(subject, roles=(*subject.roles, role))


def remove_from_roles(ctx: Context, self: Subject, role: Role) -> None:
    if role.ref not in self.roles:
        raise ROLE_NOT_FOUND()
    with ctx.write() as tx:
        tx.set(self, roles=tuple(ref for ref in self.roles if ref != role.ref))


def get_permissions_name_label(ctx: Context, self: Subject) -> list[str]:
    """What somebody may who has these roles and no others."""
    found = [role for ref in self.roles if (role := ctx.store.find(Role, ref)) is not None]
    return sorted({name for role in found for name in roles.get_permissions_name_label(ctx, role)})
