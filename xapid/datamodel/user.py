"""The class user."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import Object, dynamic, rw, static


class User(
    Object,
    name="user",
    roles=POOL_ADMIN,
    state="deprecated",
    deprecated="george",
    events=False,
    constructor=True,
    listed=False,
):
    """Deprecated: a record of a local user; who may log in, and by which password, is not decided by it."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    short_name: str = static(doc="The name that the user logs in with, such as root.")
    fullname: str = rw(doc="The user's name in full.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="orlando")
