"""The class secret."""

from __future__ import annotations

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import STRING, Object, Param, dynamic, message, ref, rw


class Secret(
    Object,
    name="secret",
    roles=POOL_OPERATOR,
    getter_roles=POOL_OPERATOR,
    since="midnight-ride",
    events=False,
    constructor=True,
    implicit_roles={"get_other_config": role_set(READ_ONLY, CLIENT_CERT)},
):
    """A text that must not be read by everybody, such as a password; other objects keep its uuid instead."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    value: str = rw(doc="The text.", since="rio")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="rio")

    introduce = message(
        "Make a secret with a given uuid, as a joining host brings it along.",
        Param("uuid", STRING, "Its uuid, which no other object may have; empty for any."),
        Param("value", STRING, "The text that it keeps."),
        result=ref("secret"),
        hidden=True,
    )
