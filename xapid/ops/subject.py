"""Messages of class subject: users and groups of a directory, and the roles they have here."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import Host, Role, Subject
from xapid.datamodel.errors import ROLE_ALREADY_EXISTS, ROLE_NOT_FOUND, SUBJECT_ALREADY_EXISTS
from xapid.ops import auth
from xapid.ops import role as roles
from xapid.ops.host.authentication import tell_hook
from xapid.runtime.context import Context


async def create(ctx: Context, args: dict[str, Any]) -> str:
    """Somebody whom the directory knows may log in, once he has a role. What is known of him comes from there."""
    identifier = args.get("subject_identifier", "")
    _refuse_another(ctx, identifier)
    known = await auth.information(ctx, identifier)
    _refuse_another(ctx, identifier)
    with ctx.write() as tx:
        made = tx.create(Subject, subject_identifier=identifier, other_config=known, roles=())
    await _tell(ctx, "after-subject-add")
    return str(made.ref)


def _refuse_another(ctx: Context, identifier: str) -> None:
    if any(each.subject_identifier == identifier for each in ctx.store.all(Subject)):
        raise SUBJECT_ALREADY_EXISTS()


async def destroy(ctx: Context, self: str) -> None:
    """Who is logged in by it stays until it is asked again whether he may, which is every half hour."""
    with ctx.write() as tx:
        tx.delete(ctx.store.get(Subject, self))
    await _tell(ctx, "after-subject-remove")


async def _tell(ctx: Context, event: str) -> None:
    """Every host that is joined to a directory hears of it."""
    for host in ctx.store.all(Host):
        if host.external_auth_type:
            await tell_hook(ctx, host, event)


async def add_to_roles(ctx: Context, self: str, role: str) -> None:
    """Sessions that are under way keep what they may."""
    if ctx.store.find(Role, role) is None:
        raise ROLE_NOT_FOUND()
    subject = ctx.store.get(Subject, self)
    if role in subject.roles:
        raise ROLE_ALREADY_EXISTS()
    with ctx.write() as tx:
        tx.set(subject, roles=(*subject.roles, role))
    await _tell(ctx, "after-roles-update")


async def remove_from_roles(ctx: Context, self: Subject, role: Role) -> None:
    if role.ref not in self.roles:
        raise ROLE_NOT_FOUND()
    with ctx.write() as tx:
        tx.set(self, roles=tuple(ref for ref in self.roles if ref != role.ref))
    await _tell(ctx, "after-roles-update")


def get_permissions_name_label(ctx: Context, self: Subject) -> list[str]:
    """What somebody may who has these roles and no others."""
    found = [role for ref in self.roles if (role := ctx.store.find(Role, ref)) is not None]
    return sorted({name for role in found for name in roles.get_permissions_name_label(ctx, role)})
