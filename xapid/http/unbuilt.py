"""Handlers that are not built: who may not ask is told so, what is wrong is told, and the rest is the page 501."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from xapid.datamodel import SR, VM, Blob, Pool
from xapid.datamodel.errors import DEFAULT_SR_NOT_FOUND, HANDLE_INVALID, NOT_IMPLEMENTED, UUID_INVALID, ApiError
from xapid.datamodel.http_actions import HttpAction
from xapid.datamodel.types import Object
from xapid.http.authentication import Authentication, Parameters, Refused
from xapid.http.exchange import send_reply
from xapid.http.reply import Reply, error_page
from xapid.store.store import Store

NOT_THERE = Reply(404, b"", "", close=True, version="1.0")
"""How the original says that there is no such service, or no figures."""
FIGURES = frozenset({"vm_rrd", "get_vm_rrds", "host_rrd", "get_host_rrds", "sr_rrd", "rrd_updates"})
"""Nothing is measured over time yet: there are none of any object."""
OBJECTS: dict[str, tuple[type[Object], Reply]] = {
    "get_export": (VM, error_page(500)),
    "get_blob": (Blob, Reply(404, b"", "", close=True)),
}
"""What ``ref`` or ``uuid`` has to name, and the answer if it does not."""
LENGTH_NEEDED = frozenset({"post_cli", "post_remote_db_access", "post_remote_db_access_v2"})
"""What these are sent has to say how long it is."""
INTO_REPOSITORY = frozenset({"put_import", "put_import_metadata"})
"""They need a repository: that of ``sr_id``, or the pool's default."""


class Unbuilt:
    """Answers for one declared action."""

    def __init__(self, action: HttpAction, store: Store, authentication: Authentication) -> None:
        self._action = action
        self._store = store
        self._authentication = authentication

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_reply(send, await self._reply(scope))

    async def _reply(self, scope: Scope) -> Reply:
        parameters, name = Parameters(scope), self._action.name
        if self._action.roles and name != "post_cli":
            async with self._authentication.permitted(scope, parameters, name, NOT_IMPLEMENTED.__name__):
                pass
        if name in FIGURES or name == "post_services":
            return NOT_THERE
        if name in OBJECTS and (asked := parameters.get("ref") or parameters.get("uuid")) is not None:
            cls, missing = OBJECTS[name]
            if self._store.find(cls, asked) is None and self._store.find_uuid(cls, asked) is None:
                raise Refused(missing, _missing(cls, asked) if cls is VM else None)
        if name in LENGTH_NEEDED and "content-length" not in parameters.headers:
            return error_page(500)
        if name in INTO_REPOSITORY:
            self._assert_repository(parameters.get("sr_id") or parameters.get("sr_uuid"))
        return error_page(501)

    def _assert_repository(self, named: str | None) -> None:
        wanted = self._store.one(Pool).default_SR if named is None else named
        if self._store.find(SR, wanted) is None and self._store.find_uuid(SR, wanted) is None:
            raise Refused(error_page(500), DEFAULT_SR_NOT_FOUND(wanted) if named is None else _missing(SR, wanted))


def _missing(cls: type[Object], asked: str) -> ApiError:
    error = HANDLE_INVALID if asked.startswith("OpaqueRef:") else UUID_INVALID
    return error(cls.spec.name, asked)
