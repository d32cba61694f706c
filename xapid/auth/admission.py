"""Who is let in: by password, from a directory, by certificate or by the pool's secret; and who has to go again."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from xapid.auth.client_certificates import ClientCertificates
from xapid.auth.directory import NAME, Directory, DirectoryFailed, NotKnown, WrongPassword, is_barred
from xapid.auth.failed_logins import LONGEST, Client, FailedLogins
from xapid.auth.login import SUPERUSER, Login
from xapid.auth.pool_secret import PoolSecret
from xapid.auth.sessions import Sessions, SessionState
from xapid.auth.slots import Slots
from xapid.datamodel import Host, Pool, Role, Session, Subject
from xapid.datamodel.errors import (
    RBAC_PERMISSION_DENIED,
    SESSION_AUTHENTICATION_FAILED,
    SESSION_AUTHORIZATION_FAILED,
    ApiError,
)
from xapid.datamodel.roles import CLIENT_CERT, STATIC_ROLES
from xapid.datamodel.types import NULL, DateTime
from xapid.runtime.clock import Clock, Turn
from xapid.store.store import Store

T = TypeVar("T")
log = logging.getLogger(__name__)

REFUSED = "Authentication failure"
LOGIN = "session.login_with_password"
VALIDATED_AGAIN = 1800.0
"""Seconds after which it is asked again whether the user of a session may still be here."""
LOOK = 300.0
"""Seconds between two looks for such sessions."""


class Admitted(NamedTuple):
    """A user of a directory, and by what he may log in."""

    identifier: str
    name: str
    subject: str
    """The reference of the subject that speaks for him: himself, or a group that he is in."""
    roles: frozenset[str]


@dataclass
class _Remembered:
    digest: bytes
    admitted: Admitted
    until: float
    """By the clock that never jumps."""
    subjects: int
    """What the subjects were then."""


class Admission:
    """The door. One in a daemon."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        sessions: Sessions,
        login: Login,
        certificates: ClientCertificates,
        pool_secret: PoolSecret,
        directories: Mapping[str, Directory],
        localhost: Callable[[], str],
    ) -> None:
        """``directories``: by what ``host.external_auth_type`` calls them."""
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._login = login
        self._certificates = certificates
        self._secret = pool_secret
        self.directories = directories
        self._localhost = localhost
        self._asking = Slots(lambda: store.one(Pool).ext_auth_max_threads)
        self._salt = secrets.token_bytes(16)
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._turn = Turn(clock, LOOK, at_once=True)
        self.failed = FailedLogins()

    # --- By password -----------------------------------------------------------------------------

    async def by_password(
        self, user: str, password: str, source: str, originator: str, user_agent: str = ""
    ) -> SessionState:
        """A session for who has the right password, here or in the directory. Raises SESSION_AUTHENTICATION_FAILED,
        SESSION_AUTHORIZATION_FAILED and RBAC_PERMISSION_DENIED, all of them as slowly as guesses are answered.

        ``source``: the address it came from.
        """
        try:
            return await self._by_password(user, password, source, originator)
        except ApiError as error:
            self.failed.note(Client(user, originator, user_agent, source), self._clock.now())
            log.info("a login of %s from %s was refused: %s", user[:LONGEST], source, error.code)
            raise

    async def _by_password(self, user: str, password: str, source: str, originator: str) -> SessionState:
        directory = self.directory()

        async def known() -> Admitted | bool | None:
            # One guess, although root may be known here and there.
            if (directory is None or user == SUPERUSER) and await self._login.check(user, password):
                return True
            return None if directory is None else await self._admitted(directory, user, password)

        admitted = await self._slowly(source, known)
        if not admitted:
            raise SESSION_AUTHENTICATION_FAILED(user, REFUSED)
        if isinstance(admitted, bool):
            return self.superuser(user, originator)
        return self._sessions.start(
            admitted.name,
            originator,
            superuser=False,
            roles=admitted.roles,
            user_sid=admitted.identifier,
            subject=admitted.subject,
            host=self._localhost(),
        )

    async def _slowly(self, source: str, check: Callable[[], Awaitable[T]]) -> T | None:
        """What a check finds; None, after a while, if that is nothing."""
        return await self._login.slowly(source, check)

    def superuser(self, user: str, originator: str) -> SessionState:
        """A session for somebody who is known."""
        return self._sessions.start(user, originator, superuser=True, host=self._localhost())

    # --- By certificate and by secret --------------------------------------------------------------

    def by_certificate(self, certificates: tuple[bytes, ...], user: str, originator: str) -> SessionState | None:
        """A session for a client whose certificate TLS found in order; None if it does not count.

        ``certificates``: its own in DER, and those by which TLS found it in order, the authority's last.
        """
        if not certificates or not self._certificates.accepts(certificates):
            return None
        return self._sessions.start(
            user,
            originator,
            superuser=False,
            roles=frozenset(CLIENT_CERT),
            host=self._localhost(),
            client_certificate=True,
        )

    async def by_secret(self, secret: str, source: str, host: str, *, local: bool = False) -> SessionState:
        """A session for a host of the pool. Raises SESSION_AUTHENTICATION_FAILED."""
        if not await self._slowly(source, lambda: asyncio.to_thread(self._secret.is_right, secret)):
            raise SESSION_AUTHENTICATION_FAILED(host, "Pool credentials invalid")
        return self._sessions.start(
            "" if local else host, "", superuser=True, host=host if host and not local else NULL, pool=True, local=local
        )

    # --- From the directory ------------------------------------------------------------------------

    def directory(self) -> Directory | None:
        """The one that this host is joined to, if any."""
        host = self._store.find(Host, self._localhost())
        return self.directories.get(host.external_auth_type) if host is not None else None

    async def _admitted(self, directory: Directory, user: str, password: str) -> Admitted | None:
        pool = self._store.one(Pool)
        subjects = self._store.tables[Subject.spec.name].newest
        digest = hashlib.sha256(self._salt + password.encode(errors="surrogatepass")).digest()
        known = self._remembered.get(user)
        if (
            pool.ext_auth_cache_enabled
            and known is not None
            and known.subjects == subjects
            and known.until > self._clock.monotonic()
            and hmac.compare_digest(known.digest, digest)
        ):
            return known.admitted
        async with self._asking.taken():
            admitted = await self._asked(directory, user, password)
        if admitted is not None and pool.ext_auth_cache_enabled and pool.ext_auth_cache_size:
            until = self._clock.monotonic() + pool.ext_auth_cache_expiry
            self._remembered.pop(user, None)
            self._remembered[user] = _Remembered(digest, admitted, until, subjects)
            while len(self._remembered) > pool.ext_auth_cache_size:
                self._remembered.popitem(last=False)
        return admitted

    def forget(self) -> None:
        """Whoever was found in the directory lately is asked of it again."""
        self._remembered.clear()

    async def _asked(self, directory: Directory, user: str, password: str) -> Admitted | None:
        try:
            identifier = await directory.authenticate(user, password)
        except WrongPassword as error:
            log.info("the directory refuses a login of %s: %s", user, error)
            return None
        except DirectoryFailed as error:
            raise SESSION_AUTHORIZATION_FAILED(user, str(error)) from error
        try:
            admitted = await self.standing(directory, identifier)
        except (NotKnown, DirectoryFailed) as error:
            raise SESSION_AUTHORIZATION_FAILED(user, f"the directory does not tell who {user} is: {error}") from error
        if admitted is None:
            raise SESSION_AUTHORIZATION_FAILED(user, f"{user} ({identifier}) may not log in to this pool")
        if not admitted.roles:
            raise RBAC_PERMISSION_DENIED(LOGIN, f"{user} ({identifier}) has no role in this pool")
        return admitted

    async def standing(self, directory: Directory, identifier: str) -> Admitted | None:
        """What a user of the directory may do here; None if he may not be here. Raises NotKnown, DirectoryFailed."""
        information = await directory.information(identifier)
        if is_barred(information):
            return None
        known = {identifier, *await directory.groups(identifier)}
        subjects = [each for each in self._store.all(Subject) if each.subject_identifier in known]
        if not subjects:
            return None
        # Who is a subject himself speaks for himself.
        subjects.sort(key=lambda each: each.subject_identifier != identifier)
        found = (self._store.find(Role, ref) for each in subjects for ref in each.roles)
        roles = frozenset(role.name_label for role in found if role is not None and role.name_label in STATIC_ROLES)
        return Admitted(identifier, information.get(NAME, identifier), subjects[0].ref, roles)

    async def validate(self) -> None:
        """End the sessions of users whom the directory or the pool has dropped meanwhile. To be called often."""
        if not self._turn.has_come():
            return
        moment, directory = self._clock.monotonic(), self.directory()
        for state in self._sessions.all():
            if not state.user_sid:
                continue
            if directory is None:
                self._sessions.end(state.ref)
            elif moment - state.validated > VALIDATED_AGAIN and await self._is_gone(directory, state):
                log.info("%s (%s) may not be here any more: a session of his ends", state.user, state.user_sid)
                self._sessions.end(state.ref)

    async def _is_gone(self, directory: Directory, state: SessionState) -> bool:
        try:
            if await self.standing(directory, state.user_sid) is None:
                return True
        except NotKnown:
            return True
        except DirectoryFailed as error:
            log.warning("whether %s may still be here cannot be told: %s", state.user_sid, error)
            return False
        state.validated = self._clock.monotonic()
        row = self._store.find(Session, state.ref)
        if row is not None:
            with self._store.write() as tx:
                tx.set(row, validation_time=DateTime.of(self._clock.now()))
        return False

    def end_external(self) -> None:
        """The directory is left: its users have to go."""
        self.forget()
        for state in self._sessions.all():
            if state.user_sid:
                self._sessions.end(state.ref)
