"""Messages of our own: callable by everybody who knows them, and not listed, so that no client takes them for the API's."""

from __future__ import annotations

from xapid.datamodel.roles import CLIENT_CERT, READ_ONLY, role_set
from xapid.datamodel.types import STRING, STRING_MAP, Object, Param, message


class Own(Object, name="xapid", in_db=False, listed=False, events=False, registered=False):
    """What this daemon offers beside the API."""

    explain = message(
        "Say whether an operation would be refused now, and if so what stands in its way and which call would clear it.",
        Param("ref", STRING, "A reference of the object that the operation is about."),
        Param("operation", STRING, "A value of its allowed_operations, such as start or snapshot."),
        result=STRING_MAP,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        hidden=True,
    )
