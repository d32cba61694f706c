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
    ""

    VM = "VM"
    Host = "Host"
    SR = "SR"
    Pool = "Pool"
    VMPP = "VMPP"
    VMSS = "VMSS"
    PVS_proxy = "PVS_proxy"
    VDI = "VDI"
    Certificate = "Certificate"


class Message(
    Object, name="message", roles=POOL_OPERATOR, since="orlando", in_db=False, persistent=False, listed=False
):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name: str = dynamic(since="rio")
    priority: int = dynamic(since="rio")
    cls: Cls = dynamic()
    obj_uuid: str = dynamic(since="rio")
    timestamp: DateTime = dynamic(since="rio")
    body: str = dynamic(since="rio")

    create = message(
        "",
        Param("name", STRING),
        Param("priority", INT),
        Param("cls", enum_of(Cls)),
        Param("obj_uuid", STRING),
        Param("body", STRING),
        result=ref("message"),
        has_async=False,
    )
    destroy = message("", Param("self", ref("message")), has_async=False)
    destroy_many = message("", Param("messages", set_of(ref("message"))), since="22.19.0", state="prototyped")
    destroy_all = message("", Param("filters", STRING_MAP), since="26.6.0", state="prototyped")
    get = message(
        "",
        Param("cls", enum_of(Cls)),
        Param("obj_uuid", STRING),
        Param("since", DATETIME),
        result=map_of(ref("message"), record("message")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_all = message("", result=set_of(ref("message")), roles=role_set(READ_ONLY, CLIENT_CERT), has_async=False)
    get_since = message(
        "",
        Param("since", DATETIME),
        result=map_of(ref("message"), record("message")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_record = message(
        "",
        Param("self", ref("message")),
        result=record("message"),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_by_uuid = message(
        "",
        Param("uuid", STRING),
        result=ref("message"),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_all_records = message(
        "",
        result=map_of(ref("message"), record("message")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    get_all_records_where = message(
        "",
        Param("expr", STRING),
        result=map_of(ref("message"), record("message")),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
