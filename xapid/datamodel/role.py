"""The class role."""

from __future__ import annotations

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import STRING, Object, Param, Ref, Set, dynamic, message, ref, set_of, static


class Role(Object, name="role", roles=POOL_OPERATOR, since="midnight-ride"):
    """A role that users can have, or a permission: the name of something that may be done."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name_label: str = static("", "The name, for people; need not be unique.")
    name_description: str = static("", "A description, for people.")
    subroles: Set[Ref[Role]] = static((), "The permissions that the role has; empty for a permission.")
    is_internal: bool = dynamic(
        False,
        "Whether it is not for users to have: a permission, or the role of hosts with client certificates.",
        since="22.5.0",
    )

    get_permissions = message(
        "List the permissions of the role; that of a permission is itself.",
        Param("self", ref("role"), "The role or permission."),
        result=set_of(ref("role")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_permissions_name_label = message(
        "List the names of the permissions of the role, in order.",
        Param("self", ref("role"), "The role or permission."),
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_by_permission = message(
        "List the roles that have a permission; none if the reference is that of no permission.",
        Param("permission", ref("role"), "The permission, which is a role of its own.", late=True),
        result=set_of(ref("role")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_by_permission_name_label = message(
        "List the roles that have a permission of this name.",
        Param("label", STRING, "The name of the permission, in lower case, such as vm.start."),
        result=set_of(ref("role")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
