"""Permissions: one name for every message, map key and HTTP action, and the roles that have it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from xapid.datamodel.errors import RBAC_PERMISSION_DENIED
from xapid.datamodel.http_actions import HTTP_ACTIONS
from xapid.datamodel.implicit import all_messages
from xapid.datamodel.own import Own
from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, STATIC_ROLES, Roles, role_set
from xapid.datamodel.types import CLASSES, MessageSpec, Object

DESTROY_ANY_TASK = "task.destroy/any"


class Holder(Protocol):
    """Who has permissions: a session."""

    def may(self, permission: str) -> bool:
        """Whether it has this one."""


@dataclass(frozen=True)
class Permission:
    """Something that a role may be allowed to do."""

    name: str
    """lower case, as shown to clients"""
    original: str
    """as declared; its MD5 is the uuid"""
    roles: Roles


def md5_uuid(text: str) -> str:
    """The MD5 of a text, written as a uuid: the identity that the original gives to roles and permissions."""
    return str(uuid.UUID(bytes=hashlib.md5(text.encode(), usedforsecurity=False).digest()))


def roles_of(message: MessageSpec) -> Roles:
    """The roles that may send a message; empty: the local superuser only."""
    if message.roles is not None:
        return message.roles
    return CLASSES[message.owner].spec.roles if message.owner in CLASSES else ()


def key_permission(method: str, pattern: str) -> str:
    """The name of the permission for one key of a map: ``vm.add_to_other_config/key:folder``."""
    return f"{method.lower()}/key:{pattern.lower()}"


def keyed_roles(message: MessageSpec) -> Mapping[str, Roles]:
    """The keys that need roles of their own, of a message that adds to a map or takes from it."""
    name = message.name.removeprefix("add_to_").removeprefix("remove_from_")
    if name == message.name or message.owner not in CLASSES:
        return {}
    field = CLASSES[message.owner].spec.fields.get(name)
    return field.key_roles if field is not None else {}


@cache
def permissions() -> Mapping[str, Permission]:
    """Every permission by name."""
    found: dict[str, Permission] = {}

    def add(original: str, roles: Roles) -> None:
        found[original.lower()] = Permission(original.lower(), original, roles)

    for method, message in all_messages().items():
        if message.owner == Own.spec.name:
            continue
        add(method, roles_of(message))
        for pattern, key_roles in keyed_roles(message).items():
            add(f"{method}/key:{pattern}", key_roles)
    for action in HTTP_ACTIONS:
        # What anybody may read over HTTP, callers known by their certificate alone may read too.
        add(f"http/{action.name}", role_set(READ_ONLY, CLIENT_CERT) if action.roles == READ_ONLY else action.roles)
        for sub, roles in action.sub_actions.items():
            add(f"http/{action.name}/{sub}", roles)
    add(DESTROY_ANY_TASK, POOL_OPERATOR)
    return found


@cache
def permissions_of_role(role: str) -> frozenset[str]:
    """Names of the permissions that one static role has."""
    return frozenset(name for name, permission in permissions().items() if role in permission.roles)


def permissions_of_roles(roles: frozenset[str]) -> frozenset[str]:
    return frozenset().union(*(permissions_of_role(role) for role in roles if role in STATIC_ROLES))


def matching_pattern(patterns: Mapping[str, Roles], key: str) -> str | None:
    """The pattern of a keyed map that a key falls under: its own text, or a prefix before ``*``."""
    for pattern in patterns:
        if pattern == key or (pattern.endswith("*") and key.startswith(pattern[:-1])):
            return pattern
    return None


def denied(permission: str) -> RBAC_PERMISSION_DENIED:
    """The refusal of what takes a permission, naming the roles that have it."""
    known = permissions().get(permission)
    roles = ", ".join(known.roles) if known is not None and known.roles else "nobody but the local superuser"
    return RBAC_PERMISSION_DENIED(permission, f"No permission. Allowed to: {roles}")


def assert_may_change(
    session: Holder | None, cls: type[Object], field: str, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    """Whether somebody may add and remove each key by which two values of a map differ. Without a session it is us.

    Raises RBAC_PERMISSION_DENIED.
    """
    if session is None:
        return
    patterns, owner = cls.spec.fields[field].key_roles, cls.spec.name
    for key in sorted(key for key in {*before, *after} if before.get(key) != after.get(key)):
        pattern = matching_pattern(patterns, key)
        if pattern is None:
            continue
        for verb, concerned in (("remove_from", key in before), ("add_to", key in after)):
            wanted = key_permission(f"{owner}.{verb}_{field}", pattern)
            if concerned and not session.may(wanted):
                raise denied(wanted)
