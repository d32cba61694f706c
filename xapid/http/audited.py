"""What the audit log says of who uses the handlers beside the calls."""

from __future__ import annotations

from collections.abc import Callable

from xapid.auth.audit import Entry, Meant, decision_of, subject_of
from xapid.auth.sessions import SessionState
from xapid.datamodel.errors import RBAC_PERMISSION_DENIED


class Uses:
    """Notes who was let in to a handler and who was not, by the name of its action (``get_audit_log``)."""

    def __init__(self, note: Callable[[Entry], None], now: Callable[[], float]) -> None:
        """``now``: seconds since 1970."""
        self._note = note
        self._now = now

    def permitted(self, session: SessionState, action: str, outcome: str, about: tuple[Meant, ...]) -> None:
        self._of(session, action, outcome, about)

    def denied(self, session: SessionState, action: str) -> None:
        self._of(session, action, RBAC_PERMISSION_DENIED.__name__, ())

    def refused(self, action: str, user: str, originator: str, outcome: str) -> None:
        """Of somebody who is not known. ``outcome``: the code of an error."""
        self._note(Entry(self._now(), f"http/{action}", outcome, user=user, subject="", originator=originator))

    def _of(self, session: SessionState, action: str, outcome: str, about: tuple[Meant, ...]) -> None:
        self._note(
            Entry(
                self._now(),
                f"http/{action}",
                outcome,
                decision_of(outcome),
                session.user,
                subject_of(session),
                session.track_id,
                session.originator,
                about=about,
            )
        )
