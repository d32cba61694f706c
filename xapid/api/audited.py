"""What the audit log says of a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xapid.api.methods import Method
from xapid.auth.audit import ALLOWED, DENIED, LOCAL_SUPERUSER, Entry, Meant
from xapid.datamodel.errors import RBAC_PERMISSION_DENIED
from xapid.datamodel.types import Object, RefType
from xapid.runtime.context import Context


def entry_of(ctx: Context, method: Method, given: Sequence[Any], values: Sequence[Any], outcome: str) -> Entry:
    """The entry of a call that ended. ``values`` are the parameters with rows in place of references, ``given`` those
    before that; ``outcome`` is OK or the code of an error."""
    session, params = ctx.session, method.spec.params
    about = tuple(
        _meant(ctx, param.name, value)
        for param, value in zip(params, values, strict=False)
        if isinstance(value, Object) or (isinstance(param.type, RefType) and isinstance(value, str))
    )
    entry = Entry(
        ctx.clock.now(),
        method.name,
        outcome,
        DENIED if outcome == RBAC_PERMISSION_DENIED.__name__ else ALLOWED,
        task=ctx.task.ref,
        about=about,
    )
    if session is None:
        # A login: who it says it is.
        said = {param.name: str(value) for param, value in zip(params, given, strict=False)}
        return entry._replace(user=said.get("uname", ""), subject="", originator=said.get("originator", ""))
    return entry._replace(
        user=session.user,
        subject=LOCAL_SUPERUSER if session.superuser else session.user_sid,
        track_id=session.track_id,
        originator=session.originator or ctx.origin.user_agent,
    )


def _meant(ctx: Context, name: str, value: Object | str) -> Meant:
    """An object, or what was taken for the reference of one; one that is gone by now has no name."""
    row = ctx.store.find_any(value) if isinstance(value, str) else value
    if row is None:
        return Meant(name, "", "", str(value))
    return Meant(name, row.__dict__.get("name_label", ""), row.__dict__.get("uuid", ""), row.ref)
