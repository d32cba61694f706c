"""The class Observer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import (
    BOOL,
    STRING,
    STRING_MAP,
    Object,
    Param,
    Ref,
    Set,
    dynamic,
    message,
    ref,
    rw,
    set_of,
    static,
)

if TYPE_CHECKING:
    from xapid.datamodel.host import Host


class Observer(Object, roles=POOL_ADMIN, since="23.14.0", state="prototyped", constructor=True):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", state="prototyped")
    name_label: str = rw("", "The name, for people; need not be unique.", since="rio")
    name_description: str = rw("", "A description, for people.", since="rio")
    hosts: Set[Ref[Host]] = static((), state="prototyped")
    attributes: dict[str, str] = static({}, state="prototyped")
    endpoints: Set[str] = static((), state="prototyped")
    components: Set[str] = static((), state="prototyped")
    enabled: bool = static(False, state="prototyped")

    register = message("", Param("self", ref("Observer")), Param("host", ref("host")), hidden=True)
    unregister = message("", Param("self", ref("Observer")), Param("host", ref("host")), hidden=True)
    set_hosts = message("", Param("self", ref("Observer")), Param("value", set_of(ref("host"))), state="prototyped")
    set_enabled = message("", Param("self", ref("Observer")), Param("value", BOOL), state="prototyped")
    set_attributes = message("", Param("self", ref("Observer")), Param("value", STRING_MAP), state="prototyped")
    set_endpoints = message("", Param("self", ref("Observer")), Param("value", set_of(STRING)), state="prototyped")
    set_components = message("", Param("self", ref("Observer")), Param("value", set_of(STRING)), state="prototyped")
