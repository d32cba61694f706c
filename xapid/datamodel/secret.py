"""The class secret."""

from __future__ import annotations

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import Object, dynamic, message, rw


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
        (
            "Meant to make a secret with a given uuid, as a joining host brings it along. Not built yet: it "
            "answers NOT_IMPLEMENTED."
        ),
        hidden=True,
        arity=2,
    )
