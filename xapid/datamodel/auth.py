"""The class auth."""

from __future__ import annotations

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import STRING, STRING_MAP, Object, Param, message, set_of


class Auth(
    Object, name="auth", roles=POOL_OPERATOR, since="george", in_db=False, persistent=False, events=False, listed=False
):
    """A name for questions to the directory of users that hosts are joined to; there are no such objects."""

    get_subject_identifier = message(
        "Find the identity of a user or group in the directory; refused with AUTH_IS_DISABLED, since none is joined.",
        Param("subject_name", STRING, "The name of the user or group."),
        result=STRING,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_subject_information_from_identifier = message(
        "Read what the directory says of a user or group; refused with AUTH_IS_DISABLED, since none is joined.",
        Param("subject_identifier", STRING, "The identity of the user or group."),
        result=STRING_MAP,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_group_membership = message(
        "List the groups of a user or group in the directory; refused with AUTH_IS_DISABLED, since none is joined.",
        Param("subject_identifier", STRING, "The identity of the user or group."),
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
