"""Messages of class session: logging in and out, and what a session knows of itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

from xapid.auth.admission import REFUSED, Admission
from xapid.auth.login import Login
from xapid.auth.sessions import Sessions, SessionState
from xapid.datamodel import Session, Subject
from xapid.datamodel.errors import (
    CHANGE_PASSWORD_REJECTED,
    HANDLE_INVALID,
    INTERNAL_ERROR,
    SESSION_AUTHENTICATION_FAILED,
    USER_IS_NOT_LOCAL_SUPERUSER,
)
from xapid.datamodel.roles import READ_ONLY
from xapid.datamodel.types import DateTime
from xapid.runtime.context import Context
from xapid.runtime.database_copy import opened_copy
from xapid.store.copies import BackupError
from xapid.store.database import DatabaseError
from xapid.store.rows import copy_row

COPIES = 4
"""Databases that are read beside the live one, at most: each is in memory whole."""


def _sessions(ctx: Context) -> Sessions:
    sessions: Sessions = ctx.runtime.services["sessions"]
    return sessions


def _admission(ctx: Context) -> Admission:
    admission: Admission = ctx.runtime.services["admission"]
    return admission


async def login_with_password(ctx: Context, uname: str, pwd: str, version: str, originator: str) -> str:
    """Callers of the Unix socket are trusted, and those with a certificate known; others need the right password, and
    wait after wrong ones."""
    admission = _admission(ctx)
    known = admission.by_certificate(ctx.origin.certificates, uname, originator)
    if ctx.origin.trusted:
        state = admission.superuser(uname, originator)
    else:
        state = known or await admission.by_password(uname, pwd, ctx.origin.address, originator, ctx.origin.user_agent)
    _sessions(ctx).heard_from(ctx.origin.address, ctx.origin.user_agent)
    return state.ref


async def slave_login(ctx: Context, host: str, psecret: str) -> str:
    """A session for another host of the pool, which knows its secret."""
    return (await _admission(ctx).by_secret(psecret, ctx.origin.address, host)).ref


async def slave_local_login(ctx: Context, psecret: str) -> str:
    """The same, of this host alone and usable in an emergency."""
    return (await _admission(ctx).by_secret(psecret, ctx.origin.address, "localhost", local=True)).ref


async def create_from_db_file(ctx: Context, filename: str) -> str:
    """A session in which the records of a backup can be read (``xapid db backup``), and nothing else be done.

    Raises INTERNAL_ERROR for what is no such file.
    """
    if not await asyncio.to_thread(_is_file, filename):
        raise INTERNAL_ERROR(f"there is no file {filename}")
    async with ctx.runtime.locks.held("session.create_from_db_file"):
        if sum(state.elsewhere is not None for state in _sessions(ctx).all()) >= COPIES:
            raise INTERNAL_ERROR(f"{COPIES} sessions read copies already: log one of them out")
        try:
            elsewhere = await asyncio.to_thread(opened_copy, Path(filename), ctx.runtime)
        except (BackupError, DatabaseError) as error:
            raise INTERNAL_ERROR(str(error)) from error
        state = _sessions(ctx).start(
            "db-from-file", "xapid", superuser=False, roles=frozenset({READ_ONLY[-1]}), host=ctx.runtime.localhost
        )
        state.elsewhere = elsewhere
    return state.ref


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False  # No file has such a name.


async def slave_local_login_with_password(ctx: Context, uname: str, pwd: str) -> str:
    """A session of this host alone: not in the database, and usable in an emergency."""
    login: Login = ctx.runtime.services["login"]
    if not ctx.origin.trusted and not await login.attempt(uname, pwd, ctx.origin.address):
        raise SESSION_AUTHENTICATION_FAILED(uname, REFUSED)
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
    """Of users of a directory who are logged in, and of the groups by which they are."""
    found = {each for state in _sessions(ctx).all() if not state.superuser for each in _identifiers(ctx, state)}
    return sorted(found - {""})


def _identifiers(ctx: Context, state: SessionState) -> tuple[str, str]:
    """Of the user of a session, and of the subject that spoke for him."""
    row = ctx.store.find(Session, state.ref)
    subject = ctx.store.find(Subject, row.subject) if row is not None else None
    return state.user_sid, subject.subject_identifier if subject is not None else ""


def logout_subject_identifier(ctx: Context, subject_identifier: str) -> None:
    """Ends every session of a user of a directory, or of the users in a group, but the caller's own."""
    for state in _sessions(ctx).all():
        if state.superuser or state is ctx.session or not subject_identifier:
            continue
        if subject_identifier in _identifiers(ctx, state):
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
