"""The class auth."""

from __future__ import annotations

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import STRING, STRING_MAP, Object, Param, message, set_of


class Auth(
    Object, name="auth", roles=POOL_OPERATOR, since="george", in_db=False, persistent=False, events=False, listed=False
):
    """"""

    get_subject_identifier = message(
        "",
        Param("subject_name", STRING),
        result=STRING,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_subject_information_from_identifier = message(
        "",
        Param("subject_identifier", STRING),
        result=STRING_MAP,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_group_membership = message(
        "",
        Param("subject_identifier", STRING),
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
