"""The class Repository."""

from __future__ import annotations

import enum

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, role_set
from xapid.datamodel.types import BOOL, STRING, Object, Param, dynamic, message, ref, rw, static


class Origin(enum.StrEnum):
    """Where a source of updates gets them: from a web server, from files brought by hand, or from another pool."""

    remote = "remote"
    """From a web server."""
    bundle = "bundle"
    """From an archive that was sent."""
    remote_pool = "remote_pool"
    """From another pool that has them."""


class Repository(
    Object,
    roles=POOL_OPERATOR,
    since="1.301.0",
    implicit_roles={
        "set_name_label": role_set(POOL_OPERATOR, CLIENT_CERT),
        "set_name_description": role_set(POOL_OPERATOR, CLIENT_CERT),
    },
):
    """A source of updates for the hosts of the pool."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = rw("", "The name, for people; need not be unique.", since="rio")
    name_description: str = rw("", "A description, for people.", since="rio")
    binary_url: str = static("", "The web address of the packages; empty for bundles.")
    source_url: str = static("", "The web address of the packages' sources; empty if there is none.")
    update: bool = static(False, "Whether it describes updates (updateinfo.xml), rather than only holding packages.")
    hash: str = dynamic(
        "", "The SHA-256 hash of the descriptions of the updates that were last synchronised; empty if never."
    )
    up_to_date: bool = dynamic(
        False, "Removed: whether all hosts had the latest updates.", state="removed", deprecated="23.18.0"
    )
    gpgkey_path: str = static(
        "",
        "The name of the file with the key by which packages are signed; empty for the usual one.",
        since="22.12.0",
        state="prototyped",
    )
    origin: Origin = static(Origin.remote, "Where it gets the updates.", since="24.23.0", state="prototyped")
    certificate: str = static(
        "",
        "The certificate of the other pool's coordinator, in PEM; empty for other origins.",
        since="25.7.0",
        state="prototyped",
    )

    introduce = message(
        "Make the record of a source of updates on a web server; pool.set_repositories puts it to use.",
        Param("name_label", STRING, "Its name, which no other has."),
        Param("name_description", STRING, "Its description."),
        Param("binary_url", STRING, "The http or https address of the packages, which no other has."),
        Param("source_url", STRING, "The http or https address of their sources."),
        Param("update", BOOL, "Whether it describes updates (updateinfo.xml), rather than only holding packages."),
        Param(
            "gpgkey_path",
            STRING,
            "The name of the file with the key by which packages are signed; empty for the usual one.",
            default="",
        ),
        result=ref("Repository"),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
    )
    introduce_bundle = message(
        "Make the record of the one source of updates that is filled with files by hand.",
        Param("name_label", STRING, "Its name, which no other has."),
        Param("name_description", STRING, "Its description."),
        result=ref("Repository"),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="24.23.0",
        state="prototyped",
    )
    introduce_remote_pool = message(
        "Make the record of a source of updates that is another pool.",
        Param("name_label", STRING, "Its name, which no other has."),
        Param("name_description", STRING, "Its description."),
        Param("binary_url", STRING, "The https address of the pool's coordinator, ending in /repository/enabled."),
        Param("certificate", STRING, "The certificate of that coordinator, in PEM."),
        result=ref("Repository"),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="25.7.0",
        state="prototyped",
    )
    forget = message(
        "Remove the record; the pool must not use the source.",
        Param("self", ref("Repository"), "The source of updates."),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
    )
    apply = message(
        "Meant to apply the updates of the source. Not built yet: it answers NOT_IMPLEMENTED.",
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        hidden=True,
        arity=1,
    )
    set_gpgkey_path = message(
        "Say by which key packages are signed.",
        Param("self", ref("Repository"), "The source of updates."),
        Param(
            "value",
            STRING,
            "The name of a key file, of letters, digits, dashes and underscores; empty for the usual one.",
        ),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        since="22.12.0",
        state="prototyped",
    )
    apply_livepatch = message(
        "Meant to apply a live patch to a host. Not built yet: it answers NOT_IMPLEMENTED.",
        Param("host", ref("host"), "The host."),
        Param("component", STRING, "What is to be patched, such as the kernel."),
        Param("base_build_id", STRING, "The build that runs there."),
        Param("base_version", STRING, "The version that runs there."),
        Param("base_release", STRING, "The release of that version."),
        Param("to_version", STRING, "The version that it is to be like."),
        Param("to_release", STRING, "The release of that version."),
        roles=role_set(POOL_OPERATOR, CLIENT_CERT),
        hidden=True,
    )
