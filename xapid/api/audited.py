"""What the audit log says of a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xapid.api.methods import Method
from xapid.auth.audit import Entry, Meant, decision_of, subject_of
from xapid.auth.sessions import Sessions, track_id_of
from xapid.datamodel import Session
from xapid.datamodel.types import Object, RefType
from xapid.runtime.context import Context


def known_before(ctx: Context, method: Method, values: Sequence[Any]) -> list[Any]:
    """The parameters of a call that begins, with photographs of what its function gets mere references of: it may
    remove that."""
    given = list(values)
    for number in method.looked_up_late:
        if number < len(given) and isinstance(reference := given[number], str):
            given[number] = ctx.store.find_any(reference) or reference
    return given


def entry_of(ctx: Context, method: Method, given: Sequence[Any], values: Sequence[Any], outcome: str) -> Entry:
    """The entry of a call that ended. ``values`` are the parameters with rows in place of references, ``given`` those
    that ``known_before`` made of them before that; ``outcome`` is OK or the code of an error.

    The caller waits for it: so what can be left to the thread of the log is left to that.
    """
    find, session = ctx.store.find_any, ctx.session
    about = tuple(
        [
            Meant(
                name,
                (find(value) or _gone(given, number) or _unknown(ctx, method, number, value))
                if isinstance(value := values[number], str)
                else value,
            )
            for number, name in method.references
            if number < len(values)
        ]
    )
    if session is None:
        # A login: who it says it is.
        said = {param.name: str(value) for param, value in zip(method.spec.params, given, strict=False)}
        user, subject, track_id, originator = said.get("uname", ""), "", "", said.get("originator", "")
    else:
        user, subject = session.user, subject_of(session)
        track_id, originator = session.track_id, session.originator or ctx.origin.user_agent
    moment, decision = ctx.clock.now(), decision_of(outcome)
    return Entry(moment, method.name, outcome, decision, user, subject, track_id, originator, ctx.task.ref, about)


def _gone(given: Sequence[Any], number: int) -> Object | None:
    """What was there before the call."""
    before = given[number] if number < len(given) else None
    return before if isinstance(before, Object) else None


def _unknown(ctx: Context, method: Method, number: int, reference: str) -> str:
    """How to write down what names no object of ours: not as it came, if it is a session that a reader could use.

    Such are those of this host alone, which are no objects, and those of other pools.
    """
    sessions: Sessions = ctx.runtime.services["sessions"]
    kind = method.spec.params[number].type
    wanted = isinstance(kind, RefType) and kind.target == Session.spec.name
    return track_id_of(reference) if wanted or sessions.find(reference) is not None else reference
