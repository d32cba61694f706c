"""The class subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import CLIENT_CERT, POOL_ADMIN, READ_ONLY, role_set
from xapid.datamodel.types import STRING, Object, Param, Ref, Set, dynamic, message, ref, set_of, static

if TYPE_CHECKING:
    from xapid.datamodel.role import Role


class Subject(Object, name="subject", roles=POOL_ADMIN, since="george", constructor=True):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    subject_identifier: str = static("")
    other_config: dict[str, str] = static({}, "Free keys of clients.")
    roles: Set[Ref[Role]] = dynamic((Ref("OpaqueRef:0165f154-ba3e-034e-6b27-5d271af109ba"),), since="midnight-ride")

    add_to_roles = message(
        "",
        Param("self", ref("subject"), late=True),
        Param("role", ref("role"), late=True),
        has_async=False,
        since="midnight-ride",
    )
    remove_from_roles = message(
        "",
        Param("self", ref("subject")),
        Param("role", ref("role")),
        has_async=False,
        since="midnight-ride",
    )
    get_permissions_name_label = message(
        "",
        Param("self", ref("subject")),
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="midnight-ride",
    )
