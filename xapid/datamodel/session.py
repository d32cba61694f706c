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
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    this_host: Ref[Host] = dynamic()
    this_user: Ref[User] = dynamic()
    last_active: DateTime = dynamic()
    pool: bool = dynamic()
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="miami")
    is_local_superuser: bool = dynamic(False, since="george")
    subject: Ref[Subject] = dynamic(NULL, since="george")
    validation_time: DateTime = dynamic(EPOCH, since="george")
    auth_user_sid: str = dynamic("", since="george")
    auth_user_name: str = dynamic("", since="midnight-ride")
    rbac_permissions: Set[str] = static((), since="midnight-ride")
    tasks: Set[Ref[Task]] = dynamic(doc="Tasks that the session started.", since="midnight-ride")
    parent: Ref[Session] = static(NULL, since="midnight-ride")
    originator: str = dynamic("", since="clearwater")
    client_certificate: bool = dynamic(False, since="21.2.0")

    login_with_password = message(
        "",
        Param("uname", STRING),
        Param("pwd", STRING, secret=True),
        Param("version", STRING, default="1.1"),
        Param("originator", STRING, default=""),
        result=ref("session"),
        errors=(
            SESSION_AUTHENTICATION_FAILED,
            HOST_IS_SLAVE,
        ),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        session=False,
    )
    logout = message("", roles=role_set(READ_ONLY, CLIENT_CERT), has_async=False)
    change_password = message(
        "",
        Param("old_pwd", STRING),
        Param("new_pwd", STRING),
        roles=LOCAL_ROOT,
        has_async=False,
    )
    slave_login = message(
        "",
        Param("host", ref("host"), late=True),
        Param("psecret", STRING, secret=True),
        result=ref("session"),
        has_async=False,
        session=False,
        hidden=True,
    )
    slave_local_login = message(
        "",
        Param("psecret", STRING, secret=True),
        result=ref("session"),
        has_async=False,
        session=False,
        hidden=True,
    )
    slave_local_login_with_password = message(
        "",
        Param("uname", STRING),
        Param("pwd", STRING, secret=True),
        result=ref("session"),
        has_async=False,
        session=False,
        since="miami",
    )
    create_from_db_file = message(
        "",
        Param("filename", STRING),
        result=ref("session"),
        roles=LOCAL_ROOT,
        since="dundee",
    )
    local_logout = message("", has_async=False, since="miami")
    get_all_subject_identifiers = message(
        "",
        result=set_of(STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="george",
    )
    logout_subject_identifier = message("", Param("subject_identifier", STRING), roles=POOL_OPERATOR, since="george")
