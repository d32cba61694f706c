"""The class message."""

from __future__ import annotations

import enum

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import (
    DATETIME,
    INT,
    STRING,
    STRING_MAP,
    DateTime,
    Object,
    Param,
    dynamic,
    enum_of,
    map_of,
    message,
    record,
    ref,
    set_of,
)


class Cls(enum.StrEnum):
    """What kind of object a message is about."""

    VM = "VM"
    """A machine."""
    Host = "Host"
    """One of the hosts."""
    SR = "SR"
    """A repository of disks."""
    Pool = "Pool"
    """The whole pool."""
    VMPP = "VMPP"
    """A policy for backups, of which there are none any more."""
    VMSS = "VMSS"
    """A schedule of snapshots."""
    PVS_proxy = "PVS_proxy"
    """A proxy between a machine and a server that streams its disk."""
    VDI = "VDI"
    """A disk."""
    Certificate = "Certificate"
    """One that a host shows or the pool trusts."""


class Message(
    Object, name="message", roles=POOL_OPERATOR, since="orlando", in_db=False, persistent=False, listed=False
):
    """Something that the toolstack or a client tells the administrator about an object, until it is destroyed."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name: str = dynamic(doc="What happened, in a word that programs know, such as VM_STARTED.", since="rio")
    priority: int = dynamic(doc="How urgent it is: from 1, the most urgent, to 5.", since="rio")
    cls: Cls = dynamic(doc="The kind of object that it is about.")
    obj_uuid: str = dynamic(doc="The uuid of the object that it is about, which may be gone by now.", since="rio")
    timestamp: DateTime = dynamic(doc="When the message was left, by the clock of the server.", since="rio")
    body: str = dynamic(doc="What happened, in words or in a form that depends on the name.", since="rio")

    create = message(
        "Leave a message about an object, which must exist; characters that XML cannot carry are replaced.",
        Param("name", STRING, "What happened, in a word that programs know."),
        Param("priority", INT, "How urgent it is: from 1, the most urgent, to 5."),
        Param("cls", enum_of(Cls), "The kind of object that it is about."),
        Param("obj_uuid", STRING, "The uuid that this object has."),
        Param("body", STRING, "What happened, in words."),
        result=ref("message"),
        has_async=False,
    )
    destroy = message("Remove the message.", Param("self", ref("message"), "The message."), has_async=False)
    destroy_many = message(
        "Remove messages, all or none: if one is not there, the others stay.",
        Param("messages", set_of(ref("message")), "The messages that have to go."),
        since="22.19.0",
        state="prototyped",
    )
    destroy_all = message(
        "Remove every message that all the filters fit; without a filter every message.",
        Param(
            "filters",
            STRING_MAP,
            "Before and after with a moment each, and priority with a number; every key may be left out.",
        ),
        since="26.6.0",
        state="prototyped",
    )
    get = message(
        "Read the messages about one object that were left after a moment, newest first.",
        Param("cls", enum_of(Cls), "The kind of object."),
        Param("obj_uuid", STRING, "The uuid of the object, which must exist."),
        Param("since", DATETIME, "The moment; the epoch for all."),
        result=map_of(ref("message"), record("message")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_all = message(
        "List all messages, newest first.",
        result=set_of(ref("message")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_since = message(
        "Read the messages that were left after a moment, newest first.",
        Param("since", DATETIME, "The moment."),
        result=map_of(ref("message"), record("message")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_record = message(
        "Read one message.",
        Param("self", ref("message"), "The message."),
        result=record("message"),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_by_uuid = message(
        "Find the message with this uuid.",
        Param("uuid", STRING, "The uuid to look for."),
        result=ref("message"),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_all_records = message(
        "Read all messages, newest first.",
        result=map_of(ref("message"), record("message")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_all_records_where = message(
        "Read the messages for which an expression holds, newest first.",
        Param("expr", STRING, 'The expression, over fields written as in field "name" = "VM_STARTED"; true for all.'),
        result=map_of(ref("message"), record("message")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
