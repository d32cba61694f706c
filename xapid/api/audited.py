"""What the audit log says of a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xapid.api.methods import Method
from xapid.auth.audit import ALLOWED, DENIED, LOCAL_SUPERUSER, Entry, Meant
from xapid.datamodel.errors import RBAC_PERMISSION_DENIED
from xapid.runtime.context import Context


def entry_of(ctx: Context, method: Method, given: Sequence[Any], values: Sequence[Any], outcome: str) -> Entry:
    """The entry of a call that ended. ``values`` are the parameters with rows in place of references, ``given`` those
    before that; ``outcome`` is OK or the code of an error.

    The caller waits for it: so what can be left to the thread of the log is left to that.
    """
    find, session = ctx.store.find_any, ctx.session
    about = tuple(
        [
            Meant(name, (find(value) or value) if isinstance(value := values[number], str) else value)
            for number, name in method.references
            if number < len(values)
        ]
    )
    decision = DENIED if outcome == RBAC_PERMISSION_DENIED.__name__ else ALLOWED
    if session is None:
        # A login: who it says it is.
        said = {param.name: str(value) for param, value in zip(method.spec.params, given, strict=False)}
        user, subject, track_id, originator = said.get("uname", ""), "", "", said.get("originator", "")
    else:
        user, subject = session.user, LOCAL_SUPERUSER if session.superuser else session.user_sid
        track_id, originator = session.track_id, session.originator or ctx.origin.user_agent
    return Entry(
        ctx.clock.now(), method.name, outcome, decision, user, subject, track_id, originator, ctx.task.ref, about
    )
