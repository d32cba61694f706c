"""Sessions: who is logged in, what he may, and when he was last heard of."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import Any

from xapid.auth.permissions import permissions_of_roles
from xapid.datamodel import Session
from xapid.datamodel.errors import SESSION_INVALID
from xapid.datamodel.types import NULL, DateTime
from xapid.runtime.clock import Clock
from xapid.store.store import Store

IDLE_LIMIT = 24 * 3600.0
"""Seconds after which an idle session ends. Local ones, for emergencies, do not."""
TEXTS = 16 * 1024 * 1024
"""Characters of names and originators of all sessions: each may be as long as a call."""
DRIVER = "SM"
"""The originator of sessions of storage plug-ins."""
AGENTS = 128
"""Addresses of which it is known what logged in from there."""


def track_id_of(session: str) -> str:
    """How logs name a session: its reference is a secret, and so is its uuid, by which anybody finds that."""
    return "trackid=" + hashlib.md5(session.encode(), usedforsecurity=False).hexdigest()


@dataclass(eq=False)
class SessionState:
    """One login. Lives in memory only: sessions end with the daemon, and clients log in again."""

    ref: str
    user: str
    originator: str
    superuser: bool
    permissions: frozenset[str] = frozenset()
    """Fixed at login. Not asked for a superuser."""
    user_sid: str = ""
    local: bool = False
    """Of this host only; usable in emergencies, without a row."""
    pool: bool = False
    client_certificate: bool = False
    """Its owner is known by a certificate alone."""
    repositories: frozenset[str] = frozenset()
    """References of those on which the storage plug-in works that it is for: it alone may write their facts."""
    last_active: float = 0.0
    """Seconds since 1970, to be shown."""
    heard: float = 0.0
    """The same moment by the clock that never jumps: idleness is measured by it."""
    started: float = 0.0
    validated: float = 0.0
    """When it was last found that a user of a directory may be here, by the clock that never jumps."""
    registrations: dict[str, int] | None = None
    """Classes asked for by event.register; None: neither registered nor unregistered yet."""
    elsewhere: Any = None
    """What its calls work with (``runtime.context.Runtime``), if they read the records of another database."""
    position: int = 0
    """How far event.next has read."""
    extra: dict[str, Any] = field(default_factory=dict)

    def may(self, permission: str) -> bool:
        return self.superuser or permission in self.permissions

    @cached_property
    def group(self) -> str:
        """Whom it counts against: the originator of local users, the user of a directory."""
        return f"originator {self.originator}" if self.user in ("", "root") else f"user {self.user}"

    @cached_property
    def track_id(self) -> str:
        return track_id_of(self.ref)


class Sessions:
    """All sessions of this daemon."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        per_group: int = 500,
        most: int = 10_000,
        busy: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        """``per_group``, ``most``: how many there may be of a user or originator, and in all.

        ``busy``: tells the references of sessions for which a task is under way. Such are not idle.
        """
        self._store = store
        self._clock = clock
        self._per_group = per_group
        self._most = most
        self._busy = busy
        # The one longest idle stands first, as it does in each group.
        self._states: OrderedDict[str, SessionState] = OrderedDict()
        self._of_drivers: dict[str, SessionState] = {}
        """Each as long as its call lasts: they have no row, never idle, and count against nobody."""
        self._texts = 0
        self._groups: dict[str, OrderedDict[str, None]] = {}
        self.agents: OrderedDict[str, str] = OrderedDict()
        """The program that logged in last from an address; of the latest addresses."""
        self.ended: dict[str, set[Any]] = {}
        """Futures to fail when a session ends: session -> futures of its waiting event calls."""

    def __len__(self) -> int:
        return len(self._states)

    def start(
        self,
        user: str,
        originator: str,
        *,
        superuser: bool,
        roles: frozenset[str] = frozenset(),
        user_sid: str = "",
        subject: str = NULL,
        host: str = NULL,
        local: bool = False,
        pool: bool = False,
        client_certificate: bool = False,
    ) -> SessionState:
        """Log somebody in. In a full group the session that was idle longest ends."""
        ref = _fresh_ref()
        permissions = frozenset() if superuser else permissions_of_roles(roles)
        now = self._clock.now()
        state = SessionState(
            ref,
            user,
            originator,
            superuser,
            permissions,
            user_sid,
            local,
            pool,
            client_certificate,
            last_active=now,
            started=now,
            heard=self._clock.monotonic(),
            validated=self._clock.monotonic(),
        )
        self._make_room(state)
        self._states[ref] = state
        self._texts += _texts(state)
        self._groups.setdefault(state.group, OrderedDict())[ref] = None
        if not local:
            self._add_row(state, subject, host, now)
        return state

    def start_for_driver(self, repositories: frozenset[str]) -> SessionState:
        """A session for a storage plug-in while it works on repositories, whose facts it alone may write.

        Only who calls over the Unix socket, as root or the daemon's own user, can use it: others may read it in the
        list of processes.
        """
        ref, now = _fresh_ref(), self._clock.now()
        state = SessionState(ref, "", DRIVER, True, repositories=repositories, last_active=now, started=now)
        self._of_drivers[ref] = state
        return state

    def heard_from(self, address: str, user_agent: str) -> None:
        """Remember what logged in from an address."""
        if user_agent:
            self.agents.pop(address, None)
            self.agents[address] = user_agent
            if len(self.agents) > AGENTS:
                self.agents.popitem(last=False)

    def _add_row(self, state: SessionState, subject: str, host: str, now: float) -> None:
        with self._store.write() as tx:
            tx.create(
                Session,
                ref=state.ref,
                this_host=host,
                last_active=DateTime.of(now),
                validation_time=DateTime.of(now),
                pool=state.pool,
                is_local_superuser=state.superuser,
                subject=subject,
                auth_user_sid=state.user_sid,
                auth_user_name=state.user,
                rbac_permissions=tuple(sorted(state.permissions)),
                originator=state.originator,
                client_certificate=state.client_certificate,
            )

    def _make_room(self, coming: SessionState) -> None:
        members = self._groups.get(coming.group)
        if members is not None and len(members) >= self._per_group:
            self._end_longest_idle(members)
        if len(self._states) >= self._most:
            self._end_longest_idle(self._states)
        while self._states and self._texts + _texts(coming) > TEXTS:
            self._end_longest_idle(self._states)

    def _end_longest_idle(self, refs: Iterable[str]) -> None:
        busy = self._in_use()
        self.end(next((ref for ref in refs if ref not in busy), next(iter(refs))))

    def _in_use(self) -> Collection[str]:
        """Sessions whose calls go on: in tasks, or waiting for events, which makes none."""
        return {*self._busy(), *(ref for ref, waiting in self.ended.items() if waiting)}

    def get(self, ref: str, *, trusted: bool = False) -> SessionState:
        """The session of a reference; it counts as active now. Raises SESSION_INVALID.

        ``trusted``: whether who asks may have that of a storage plug-in.
        """
        state = self._states.get(ref)
        if state is None:
            if trusted and (driver := self._of_drivers.get(ref)) is not None:
                return driver
            raise SESSION_INVALID(ref)
        heard = self._clock.monotonic()
        if heard - state.heard > IDLE_LIMIT and not state.local and ref not in self._in_use():
            self.end(ref)
            raise SESSION_INVALID(ref)
        state.last_active = self._clock.now()
        self._move_to_end(state, heard)
        return state

    def answered(self, state: SessionState) -> None:
        """A call that took its time is over: until now the session was not idle."""
        if state.ref in self._states:
            self._move_to_end(state, self._clock.monotonic())

    def _move_to_end(self, state: SessionState, heard: float) -> None:
        state.heard = heard
        self._groups[state.group].move_to_end(state.ref)
        self._states.move_to_end(state.ref)

    def find(self, ref: str) -> SessionState | None:
        return self._states.get(ref) or self._of_drivers.get(ref)

    def all(self) -> list[SessionState]:
        """Those of clients."""
        return list(self._states.values())

    def end(self, ref: str) -> None:
        """Log out. Calls that wait for events on it fail with SESSION_INVALID."""
        if self._of_drivers.pop(ref, None) is None:
            state = self._states.pop(ref, None)
            if state is None:
                return
            self._let_go(state)
        for future in self.ended.pop(ref, ()):
            if not future.done():
                future.set_exception(SESSION_INVALID(ref))

    def _let_go(self, state: SessionState) -> None:
        self._texts -= _texts(state)
        members = self._groups[state.group]
        members.pop(state.ref, None)
        if not members:
            del self._groups[state.group]
        row = self._store.find(Session, state.ref)
        if row is not None:
            with self._store.write() as tx:
                tx.delete(row)

    def close(self) -> None:
        """The daemon stops, and all sessions end with it: who waits for events is told."""
        for ref in list(self.ended):
            for future in self.ended.pop(ref):
                if not future.done():
                    future.set_exception(SESSION_INVALID(ref))

    def expire(self) -> None:
        """End every session that was idle too long."""
        limit, busy = self._clock.monotonic() - IDLE_LIMIT, self._in_use()
        for members in list(self._groups.values()):
            # The one longest idle stands first.
            for ref in list(takewhile(lambda ref: self._states[ref].heard < limit, members)):
                if ref not in busy and not self._states[ref].local:
                    self.end(ref)


def _fresh_ref() -> str:
    return f"OpaqueRef:{uuid.UUID(bytes=secrets.token_bytes(16), version=4)}"


def _texts(state: SessionState) -> int:
    """How long the texts are that its client chose."""
    return len(state.user) + len(state.originator)
