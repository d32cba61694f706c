"""Messages of class session: logging in and out, and what a session knows of itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NoReturn

from xapid.auth.client_certificates import ClientCertificates
from xapid.auth.login import Login
from xapid.auth.sessions import Sessions, SessionState
from xapid.datamodel import Session
from xapid.datamodel.errors import (
    CHANGE_PASSWORD_REJECTED,
    HANDLE_INVALID,
    INTERNAL_ERROR,
    NOT_IMPLEMENTED,
    SESSION_AUTHENTICATION_FAILED,
    USER_IS_NOT_LOCAL_SUPERUSER,
)
from xapid.datamodel.roles import CLIENT_CERT
from xapid.datamodel.types import DateTime
from xapid.runtime.context import Context
from xapid.store.rows import copy_row


def _sessions(ctx: Context) -> Sessions:
    sessions: Sessions = ctx.runtime.services["sessions"]
    return sessions


async def login_with_password(ctx: Context, uname: str, pwd: str, version: str, originator: str) -> str:
    """Callers of the Unix socket are trusted, and those with a certificate known; others need the right password, and
    wait after wrong ones."""
    known: ClientCertificates = ctx.runtime.services["client_certificates"]
    if not ctx.origin.trusted and known.accepts(ctx.origin.certificate):
        _sessions(ctx).heard_from(ctx.origin.address, ctx.origin.user_agent)
        state = _sessions(ctx).start(
            uname,
            originator,
            superuser=False,
            roles=frozenset(CLIENT_CERT),
            host=ctx.runtime.localhost,
            client_certificate=True,
        )
        return state.ref
    login: Login = ctx.runtime.services["login"]
    if not ctx.origin.trusted and not await login.attempt(uname, pwd, ctx.origin.address):
        raise SESSION_AUTHENTICATION_FAILED(uname, "Authentication failure")
    _sessions(ctx).heard_from(ctx.origin.address, ctx.origin.user_agent)
    state = _sessions(ctx).start(uname, originator, superuser=True, host=ctx.runtime.localhost)
    return state.ref


async def create_from_db_file(ctx: Context, filename: str) -> NoReturn:
    """A session that reads another database. None is read yet. Raises INTERNAL_ERROR for a file that is not there."""
    if "\0" in filename or not await asyncio.to_thread(Path(filename).is_file):
        raise INTERNAL_ERROR(f"there is no file {filename}")
    raise NOT_IMPLEMENTED("session.create_from_db_file")


async def slave_local_login_with_password(ctx: Context, uname: str, pwd: str) -> str:
    """A session of this host alone: not in the database, and usable in an emergency."""
    login: Login = ctx.runtime.services["login"]
    if not ctx.origin.trusted and not await login.attempt(uname, pwd, ctx.origin.address):
        raise SESSION_AUTHENTICATION_FAILED(uname, "Authentication failure")
    return _sessions(ctx).start(uname, "", superuser=True, local=True).ref


def logout(ctx: Context) -> None:
    _sessions(ctx).end(ctx.session.ref)


def local_logout(ctx: Context) -> None:
    """Ends a local session; of another it does nothing."""
    if ctx.session.local:
        _sessions(ctx).end(ctx.session.ref)


async def change_password(ctx: Context, old_pwd: str, new_pwd: str) -> None:
    """Of the caller. The old one is not asked for: he is logged in, or the Unix socket trusts him."""
    if not ctx.session.superuser:
        raise USER_IS_NOT_LOCAL_SUPERUSER("Only local users have a password here")
    if not new_pwd:
        raise CHANGE_PASSWORD_REJECTED("An empty password is none")
    login: Login = ctx.runtime.services["login"]
    try:
        await login.change(ctx.session.user, new_pwd)
    except OSError as error:
        raise CHANGE_PASSWORD_REJECTED(f"It cannot be written: {error.strerror or error}") from error


def get_all_subject_identifiers(ctx: Context) -> list[str]:
    return sorted({state.user_sid for state in _sessions(ctx).all() if state.user_sid})


def logout_subject_identifier(ctx: Context, subject_identifier: str) -> None:
    """Ends every session of a directory user but the caller's own."""
    for state in _sessions(ctx).all():
        if state.user_sid == subject_identifier and not state.superuser and state is not ctx.session:
            _sessions(ctx).end(state.ref)


def get_record(ctx: Context, self: str) -> Session:
    row, state = _look_up(ctx, self)
    shown = copy_row(row)
    shown.__dict__.update(last_active=DateTime.of(state.last_active), tasks=ctx.runtime.tasks.of_session(self))
    return shown


def get_last_active(ctx: Context, self: str) -> DateTime:
    return DateTime.of(_look_up(ctx, self)[1].last_active)


def get_tasks(ctx: Context, self: str) -> tuple[str, ...]:
    _look_up(ctx, self)
    return ctx.runtime.tasks.of_session(self)


def _look_up(ctx: Context, ref: str) -> tuple[Session, SessionState]:
    row, state = ctx.store.find(Session, ref), _sessions(ctx).find(ref)
    if row is None or state is None:
        raise HANDLE_INVALID("session", ref)
    return row, state
