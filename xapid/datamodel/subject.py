"""The class subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import CLIENT_CERT, POOL_ADMIN, READ_ONLY, role_set
from xapid.datamodel.types import STRING, Object, Param, Ref, Set, dynamic, message, ref, set_of, static

if TYPE_CHECKING:
    from xapid.datamodel.role import Role


class Subject(Object, name="subject", roles=POOL_ADMIN, since="george", constructor=True):
    """A user or a group of a directory who may log in here, with the roles they have."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    subject_identifier: str = static("", "The identity of the user or group in the directory.")
    other_config: dict[str, str] = static({}, "Free keys of clients.")
    roles: Set[Ref[Role]] = dynamic(
        (Ref("OpaqueRef:0165f154-ba3e-034e-6b27-5d271af109ba"),),
        "The roles that the user or group has; a user has those of all their groups as well.",
        since="midnight-ride",
    )

    add_to_roles = message(
        "Give the user or group a role; sessions that are under way keep what they may.",
        Param("self", ref("subject"), "The user or group.", late=True),
        Param("role", ref("role"), "The role.", late=True),
        has_async=False,
        since="midnight-ride",
    )
    remove_from_roles = message(
        "Take a role from the user or group; sessions that are under way keep what they may.",
        Param("self", ref("subject"), "The user or group."),
        Param("role", ref("role"), "The role, which they must have."),
        has_async=False,
        since="midnight-ride",
    )
    get_permissions_name_label = message(
        "List the names of what the user or group may do by their own roles, in order.",
        Param("self", ref("subject"), "The user or group."),
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="midnight-ride",
    )
