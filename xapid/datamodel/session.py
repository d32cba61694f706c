"""The class session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.errors import HOST_IS_SLAVE, SESSION_AUTHENTICATION_FAILED
from xapid.datamodel.roles import CLIENT_CERT, LOCAL_ROOT, POOL_ADMIN, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import (
    EPOCH,
    NULL,
    STRING,
    DateTime,
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
    from xapid.datamodel.subject import Subject
    from xapid.datamodel.task import Task
    from xapid.datamodel.user import User


class Session(Object, name="session", roles=POOL_ADMIN, persistent=False, events=False, listed=False):
    """A login: who calls, what he may do, and when he was last heard of."""

    uuid: str = dynamic(doc="The identity of the object, which ends with it at the latest restart.")
    this_host: Ref[Host] = dynamic(
        doc="The host that was logged in to; for a session by slave_login, the host that logged in."
    )
    this_user: Ref[User] = dynamic(doc="Always empty: users of the class user do not log in.")
    last_active: DateTime = dynamic(doc="When the last call came that used the session.")
    pool: bool = dynamic(doc="Whether another host of the pool logged in, by the secret that all of them share.")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="miami")
    is_local_superuser: bool = dynamic(
        False,
        "Whether the caller may do everything, as local users and other hosts may; roles are then not asked for.",
        since="george",
    )
    subject: Ref[Subject] = dynamic(
        NULL,
        "The subject by which a user of the directory came in: himself or a group of his; empty for others.",
        since="george",
    )
    validation_time: DateTime = dynamic(
        EPOCH,
        "When it was last found that the user may log in: at login, and now and then for users of the directory.",
        since="george",
    )
    auth_user_sid: str = dynamic("", "The directory's identifier of the user; empty for all others.", since="george")
    auth_user_name: str = dynamic(
        "",
        "The name that was logged in with; for a user of the directory his name there, for a host its reference.",
        since="midnight-ride",
    )
    rbac_permissions: Set[str] = static(
        (),
        "Names of what the user may do, fixed at login; empty for a superuser, who may do everything.",
        since="midnight-ride",
    )
    tasks: Set[Ref[Task]] = dynamic(doc="Tasks that the session started.", since="midnight-ride")
    parent: Ref[Session] = static(NULL, "Always empty: sessions are not nested.", since="midnight-ride")
    originator: str = dynamic(
        "",
        "What the client is, as it said itself, for people and logs; sessions of root are also counted by it.",
        since="clearwater",
    )
    client_certificate: bool = dynamic(
        False, "Whether the client logged in by a certificate of its own instead of a password.", since="21.2.0"
    )

    login_with_password = message(
        (
            "Log in. Callers of the Unix socket and clients with a trusted certificate need no password; a "
            "wrong one is answered after a while."
        ),
        Param("uname", STRING, "The name of the user, local or in the directory."),
        Param("pwd", STRING, "His password."),
        Param("version", STRING, "The version of the API that the client knows; not looked at.", default="1.1"),
        Param("originator", STRING, "What the client is, as its sessions and logs shall show.", default=""),
        result=ref("session"),
        errors=(
            SESSION_AUTHENTICATION_FAILED,
            HOST_IS_SLAVE,
        ),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        session=False,
    )
    logout = message(
        "End the caller's session; event calls that wait on it fail with SESSION_INVALID.",
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    change_password = message(
        "Give the caller a new password. Only local users have one here: USER_IS_NOT_LOCAL_SUPERUSER for others.",
        Param("old_pwd", STRING, "The password so far; not checked, as the caller is logged in."),
        Param(
            "new_pwd", STRING, "The password from now on; CHANGE_PASSWORD_REJECTED if it is empty or cannot be written."
        ),
        roles=LOCAL_ROOT,
        has_async=False,
    )
    slave_login = message(
        "Log another host of the pool in.",
        Param("host", ref("host"), "The host that logs in.", late=True),
        Param("psecret", STRING, "The secret that all hosts of the pool share."),
        result=ref("session"),
        has_async=False,
        session=False,
        hidden=True,
    )
    slave_local_login = message(
        "Log another host of the pool in to this host alone; works in an emergency too.",
        Param("psecret", STRING, "The secret that all hosts of the pool share."),
        result=ref("session"),
        has_async=False,
        session=False,
        hidden=True,
    )
    slave_local_login_with_password = message(
        "Log in to this host alone, also in an emergency; the session is not in the database.",
        Param("uname", STRING, "The name of a local user."),
        Param("pwd", STRING, "His password; not checked for callers of the Unix socket."),
        result=ref("session"),
        has_async=False,
        session=False,
        since="miami",
    )
    create_from_db_file = message(
        "Open a session that reads the records of a backup (`xapid db backup`), and can do nothing else.",
        Param("filename", STRING, "The path of the copy on the host."),
        result=ref("session"),
        roles=LOCAL_ROOT,
        secret=True,
        since="dundee",
    )
    local_logout = message(
        "End the caller's session if it is one of this host alone; otherwise do nothing.",
        has_async=False,
        since="miami",
    )
    get_all_subject_identifiers = message(
        "Who of the directory is logged in: identifiers of users, and of the groups by which they came in.",
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="george",
    )
    logout_subject_identifier = message(
        "End all sessions of a user of the directory, or of those who came in by a group, but not the caller's own.",
        Param("subject_identifier", STRING, "The directory's identifier of the user or the group."),
        roles=POOL_OPERATOR,
        since="george",
    )
