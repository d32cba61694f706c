"""The class Repository."""

from __future__ import annotations

import enum

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, role_set
from xapid.datamodel.types import BOOL, STRING, Object, Param, dynamic, message, ref, rw, static


class Origin(enum.StrEnum):
    ""

    remote = "remote"
    bundle = "bundle"
    remote_pool = "remote_pool"


class Repository(
    Object,
    roles=POOL_OPERATOR,
    since="1.301.0",
    implicit_roles={
        "set_name_label": role_set(POOL_OPERATOR, CLIENT_CERT),
        "set_name_description": role_set(POOL_OPERATOR, CLIENT_CERT),
    },
):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = rw("", "The name, for people; need not be unique.", since="rio")
    name_description: str = rw("", "A description, for people.", since="rio")
    binary_url: str = static("")
    source_url: str = static("")
    update: bool = static(False)
    hash: str = dynamic("")
    up_to_date: bool = dynamic(False, state="removed", deprecated="23.18.0")
    gpgkey_path: str = static("", since="22.12.0", state="prototyped")
    origin: Origin = static(Origin.remote, since="24.23.0", state="prototyped")
    certificate: str = static("", since="25.7.0", state="prototyped")

    introduce = message(
        "",
        Param("name_label", STRING),
        Param("name_description", STRING),
        Param("binary_url", STRING),
        Param("source_url", STRING),
        Param("update", BOOL),
        Param("gpgkey_path", STRING, default=""),
        result=ref("Repository"),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
    )
    introduce_bundle = message(
        "",
        Param("name_label", STRING),
        Param("name_description", STRING),
        result=ref("Repository"),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="24.23.0",
        state="prototyped",
    )
    introduce_remote_pool = message(
        "",
        Param("name_label", STRING),
        Param("name_description", STRING),
        Param("binary_url", STRING),
        Param("certificate", STRING),
        result=ref("Repository"),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="25.7.0",
        state="prototyped",
    )
    forget = message("", Param("self", ref("Repository")), roles=role_set(POOL_OPERATOR, CLIENT_CERT))
    apply = message("", roles=role_set(POOL_OPERATOR, CLIENT_CERT), hidden=True, arity=1)
    set_gpgkey_path = message(
        "",
        Param("self", ref("Repository")),
        Param("value", STRING),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="22.12.0",
        state="prototyped",
    )
    apply_livepatch = message(
        "",
        Param("host", ref("host")),
        Param("component", STRING),
        Param("base_build_id", STRING),
        Param("base_version", STRING),
        Param("base_release", STRING),
        Param("to_version", STRING),
        Param("to_release", STRING),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        hidden=True,
    )
