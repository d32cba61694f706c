"""Who asks for a handler beside the calls: by session, by password, by certificate, or over the trusted socket."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, unquote

from starlette.types import Scope

from xapid.auth.admission import Admission
from xapid.auth.audit import Meant
from xapid.auth.permissions import denied
from xapid.auth.sessions import Sessions, SessionState
from xapid.datamodel.errors import SESSION_AUTHENTICATION_FAILED, SESSION_INVALID, ApiError
from xapid.http.audited import Uses
from xapid.http.exchange import PEER, TASK
from xapid.http.peer import Peer
from xapid.http.reply import Reply, error_page, unauthorized


class Refused(Exception):
    """The request is answered with this page. ``error``: how its task fails, where the page alone does not tell."""

    def __init__(self, reply: Reply, error: ApiError | None = None) -> None:
        super().__init__(reply.status)
        self.reply = reply
        self.error = error


class Parameters:
    """Query and cookies of a request. A cookie wins over a query parameter of the same name."""

    def __init__(self, scope: Scope) -> None:
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        pairs = (pair.partition("=") for pair in re.split("[;&]", self.headers.get("cookie", "")))
        self.cookies = {unquote(name.strip()): unquote(value.strip()) for name, _, value in pairs if name.strip()}

    def get(self, name: str) -> str | None:
        return self.cookies.get(name, self.query.get(name))


class Authentication:
    """Finds the session that a request belongs to, or makes one that lasts as long as the request."""

    def __init__(self, sessions: Sessions, admission: Admission, uses: Uses) -> None:
        self._sessions = sessions
        self._admission = admission
        self._uses = uses

    @asynccontextmanager
    async def session(self, scope: Scope, parameters: Parameters, realm: str) -> AsyncIterator[SessionState]:
        """The session, in the original's order: socket, ``session_id``, ``pool_secret``, basic authentication,
        certificate.

        Within the block the task is at work that the request names, if any. Raises Refused: 401; 403 for a session
        that reads the copy of a database, for handlers tell of the live one; and for a task that cannot be entered.
        """
        peer: Peer = scope["extensions"][PEER]
        reference = parameters.get("session_id")
        if reference is not None and not peer.trusted:
            yield _entered(scope, self._by_reference(reference))
            return
        state = await self._temporary(peer, parameters, reference, realm)
        try:
            yield _entered(scope, state)
        finally:
            if state.ref != reference:
                self._sessions.end(state.ref)

    @asynccontextmanager
    async def permitted(
        self, scope: Scope, parameters: Parameters, action: str, outcome: str = "OK"
    ) -> AsyncIterator[SessionState]:
        """The same, of who may use the action. Raises Refused (401, 403). ``outcome``: for the audit log."""
        async with self.session(scope, parameters, action) as session:
            self.permit(session, action)
            self.used(session, action, outcome)
            yield session

    def permit(self, session: SessionState, action: str) -> None:
        """Raises Refused (403) for a session that may not use the action (``connect_console``)."""
        if not session.may(f"http/{action}"):
            self._uses.denied(session, action)
            raise Refused(error_page(403), denied(f"http/{action}"))

    def used(self, session: SessionState, action: str, outcome: str = "OK", about: tuple[Meant, ...] = ()) -> None:
        """Have the audit log say that a session uses an action. ``about``: on which objects."""
        self._uses.permitted(session, action, outcome, about)

    def _by_reference(self, reference: str) -> SessionState:
        try:
            return self._sessions.get(reference)
        except SESSION_INVALID as error:
            raise Refused(error_page(401), SESSION_AUTHENTICATION_FAILED()) from error

    async def _temporary(self, peer: Peer, parameters: Parameters, reference: str | None, realm: str) -> SessionState:
        if peer.trusted:
            found = self._sessions.find(reference) if reference is not None else None
            return found or self._sessions.start("root", "Unix socket", superuser=True, local=True)
        header = parameters.headers.get("authorization", "")
        agent, user = parameters.headers.get("user-agent", "") or "unknown client", ""
        secret = parameters.get("pool_secret")
        try:
            if secret is not None:
                return await self._admission.by_secret(secret, peer.address, "")
            if not header:
                known = self._admission.by_certificate(peer.certificates, "", f"{agent} using a client certificate")
                if known is not None:
                    return known
            user, password = basic_credentials(header, realm)
            originator = f"{agent} using Basic auth"
            return await self._admission.by_password(user, password, peer.address, originator, agent)
        except ApiError as error:
            # Only of who gave a password or secret, and had to wait: others could fill the log.
            self._uses.refused(realm, user, agent, error.code)
            raise Refused(unauthorized(realm)) from error


def _entered(scope: Scope, session: SessionState) -> SessionState:
    """Raises Refused: 403 for a session that reads the copy of a database, and for a task that cannot be entered."""
    if session.elsewhere is not None:
        raise Refused(error_page(403))
    task = scope["extensions"].get(TASK)
    if task is not None:
        task.enter(session)
    return session


def basic_credentials(header: str, realm: str) -> tuple[str, str]:
    """User and password of an Authorization header. Raises Refused: 401, or 500 for another scheme, as the original."""
    scheme, _, encoded = header.partition(" ")
    if scheme and scheme.lower() != "basic":
        raise Refused(error_page(500))
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        if not colon:
            raise ValueError
    except (ValueError, binascii.Error) as error:
        raise Refused(unauthorized(realm)) from error
    return user, password
