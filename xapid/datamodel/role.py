"""The class role."""

from __future__ import annotations

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import STRING, Object, Param, Ref, Set, dynamic, message, ref, set_of, static


class Role(Object, name="role", roles=POOL_OPERATOR, since="midnight-ride"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name_label: str = static("", "The name, for people; need not be unique.")
    name_description: str = static("", "A description, for people.")
    subroles: Set[Ref[Role]] = static(())
    is_internal: bool = dynamic(False, since="22.5.0")

    get_permissions = message(
        "",
        Param("self", ref("role")),
        result=set_of(ref("role")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_permissions_name_label = message(
        "",
        Param("self", ref("role")),
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_by_permission = message(
        "",
        Param("permission", ref("role"), late=True),
        result=set_of(ref("role")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_by_permission_name_label = message(
        "",
        Param("label", STRING),
        result=set_of(ref("role")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
