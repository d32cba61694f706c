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
    """What is to be traced of calls to the toolstack, and where the traces go."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", state="prototyped")
    name_label: str = rw("", "The name, for people; need not be unique.", since="rio")
    name_description: str = rw("", "A description, for people.", since="rio")
    hosts: Set[Ref[Host]] = static((), "The hosts that are traced; empty for all of the pool.", state="prototyped")
    attributes: dict[str, str] = static({}, "Keys and values that are added to every trace.", state="prototyped")
    endpoints: Set[str] = static(
        (), "Where traces go: http or https addresses, or bugtool for files on the host.", state="prototyped"
    )
    components: Set[str] = static(
        (), "The daemons that are traced: xapi, xenopsd, xapi-clusterd, smapi; empty for all.", state="prototyped"
    )
    enabled: bool = static(False, "Whether anything is traced.", state="prototyped")

    register = message(
        "Begin tracing on one host what the observer says. Hosts do so by themselves; the hosts of a pool tell each other.",
        Param("self", ref("Observer"), "The observer."),
        Param("host", ref("host"), "The host."),
        hidden=True,
        runs_on="host",
    )
    unregister = message(
        "End tracing on one host, until the observer is registered there again or the daemon of the host starts anew.",
        Param("self", ref("Observer"), "The observer."),
        Param("host", ref("host"), "The host."),
        hidden=True,
        runs_on="host",
    )
    set_hosts = message(
        "Say which hosts are traced.",
        Param("self", ref("Observer"), "The observer."),
        Param("value", set_of(ref("host")), "The hosts; empty for all of the pool."),
        state="prototyped",
    )
    set_enabled = message(
        "Say whether anything is traced, from the next call on.",
        Param("self", ref("Observer"), "The observer."),
        Param("value", BOOL, "True to trace."),
        state="prototyped",
    )
    set_attributes = message(
        "Say which keys and values are added to every trace.",
        Param("self", ref("Observer"), "The observer."),
        Param(
            "value",
            STRING_MAP,
            "Keys of lower-case letters, digits, dots and underscores; values of fewer than 4095 characters.",
        ),
        state="prototyped",
    )
    set_endpoints = message(
        "Say where traces go.",
        Param("self", ref("Observer"), "The observer."),
        Param(
            "value", set_of(STRING), "Addresses of http or https without a password, or bugtool for files on the host."
        ),
        state="prototyped",
    )
    set_components = message(
        "Say which daemons are traced.",
        Param("self", ref("Observer"), "The observer."),
        Param("value", set_of(STRING), "Any of xapi, xenopsd, xapi-clusterd and smapi; empty for all."),
        state="prototyped",
    )
