"""Requests for handlers that name a task: they work in it, and it ends as their answer does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.conftest import FreshHost
from tests.daemon import Client as ApiClient
from tests.http.client import Response
from tests.http.live import Live
from tests.xapi import REMOTE
from xapid.auth.sessions import Sessions, SessionState
from xapid.datamodel import Task
from xapid.datamodel.http_actions import HTTP_ACTIONS
from xapid.http.audited import Uses
from xapid.http.authentication import Authentication, Parameters
from xapid.http.exchange import PEER, ROUTE, send_reply
from xapid.http.reply import Reply
from xapid.http.routes import Handlers
from xapid.http.unbuilt import Unbuilt

# --- Through a whole daemon ----------------------------------------------------------------------


@pytest.fixture
def client(live: Live) -> Iterator[ApiClient]:
    with closing(live.daemon.client()) as client:
        yield client


def get(live: Live, target: str, *headers: str, kind: str = "tcp") -> Response:
    with live.dial(kind) as connection:
        method, _, path = target.rpartition(" ")
        lines = (f"{method or 'GET'} {path} HTTP/1.1", "host: it", "connection: close", *headers, "", "")
        connection.send("\r\n".join(lines).encode())
        return connection.response()


def ended(client: ApiClient, task: str) -> tuple[str, list[str]]:
    """Status and error of a task that is over."""
    record = client.call("task.get_record", task)
    assert record["progress"] == 1.0
    assert record["finished"] != "19700101T00:00:00Z"
    assert record["allowed_operations"] == []
    return record["status"], record["error_info"]


@pytest.mark.parametrize(
    "path", ["/system-status?output=zip&", "/system-status?list&", "/host_logs_download?", "/audit_log?", "/metrics?"]
)
def test_a_task_succeeds_when_the_answer_is_out(live: Live, client: ApiClient, path: str) -> None:
    task = client.call("task.create", "transfer", "")

    reply = get(live, f"{path}session_id={client.session}&task_id={task}")

    assert reply.status == 200
    assert ended(client, task) == ("success", [])
    assert client.call("task.get_result", task) == ""


@pytest.mark.parametrize(
    "headers",
    [("cookie: session_id={session}; task_id={task}",), ("cookie: session_id={session}", "task-id: {task}")],
)
def test_a_task_may_be_named_beside_the_query(live: Live, client: ApiClient, headers: tuple[str, ...]) -> None:
    task = client.call("task.create", "transfer", "")

    get(live, "/system-status?list", *(each.format(session=client.session, task=task) for each in headers))

    assert ended(client, task) == ("success", [])


@pytest.mark.parametrize(
    ("target", "status", "error"),
    [
        ("/export?uuid={vm_uuid}&", 501, ["NOT_IMPLEMENTED", "http/get_export"]),
        ("/export?uuid=nope&", 500, ["UUID_INVALID", "VM", "nope"]),
        ("/export?ref=OpaqueRef:nope&", 500, ["HANDLE_INVALID", "VM", "OpaqueRef:nope"]),
        ("PUT /import?sr_uuid=nope&", 500, ["UUID_INVALID", "SR", "nope"]),
        ("PUT /import?", 500, ["DEFAULT_SR_NOT_FOUND", "OpaqueRef:NULL"]),
        ("/host_rrd?", 404, ["INTERNAL_ERROR", "HTTP 404: Not Found"]),
        ("/blob?ref=x&", 404, ["INTERNAL_ERROR", "HTTP 404: Not Found"]),
        ("/vncsnapshot?uuid=nope&", 500, ["INTERNAL_ERROR", "HTTP 500: Internal Error"]),
    ],
)
def test_a_task_fails_with_what_is_wrong(
    live: Live, client: ApiClient, target: str, status: int, error: list[str]
) -> None:
    task = client.call("task.create", "transfer", "")

    reply = get(live, f"{target.format(vm_uuid=live.vm_uuid)}session_id={client.session}&task_id={task}")

    assert reply.status == status
    assert ended(client, task) == ("failure", error)


@pytest.mark.parametrize("headers", [(), ("cookie: session_id=OpaqueRef:nope",)])
@pytest.mark.parametrize("path", ["/system-status", "/export", "/metrics"])
def test_a_task_fails_if_nobody_is_known_to_ask(
    live: Live, client: ApiClient, path: str, headers: tuple[str, ...]
) -> None:
    task = client.call("task.create", "transfer", "")

    reply = get(live, f"{path}?task_id={task}", *headers)

    assert reply.status == 401
    assert ended(client, task) == ("failure", ["SESSION_AUTHENTICATION_FAILED"])


@pytest.mark.parametrize("path", ["/system-status?list&", "/export?uuid=nope&", "/blob?ref=x&", "/metrics?"])
def test_a_task_that_is_not_there_is_refused(live: Live, path: str) -> None:
    for kind in ("tcp", "unix"):
        reply = get(live, f"{path}session_id={live.session}&task_id=OpaqueRef:ghost", kind=kind)
        assert reply.status == 500


def test_a_task_that_is_over_stays_as_it_is(live: Live, client: ApiClient) -> None:
    task = client.call("task.create", "transfer", "")
    get(live, f"/metrics?session_id={client.session}&task_id={task}")
    before = client.call("task.get_record", task)

    again = get(live, f"/metrics?session_id={client.session}&task_id={task}")
    failing = get(live, f"/export?uuid=nope&session_id={client.session}&task_id={task}")
    unknown = get(live, f"/export?task_id={task}")

    assert (again.status, failing.status, unknown.status) == (200, 500, 401)
    assert client.call("task.get_record", task) == before


def test_a_task_that_was_cancelled_before_is_not_begun(live: Live, client: ApiClient) -> None:
    task = client.call("task.create", "transfer", "")
    client.call("task.cancel", task)
    assert client.call("task.get_status", task) == "pending"

    reply = get(live, f"/system-status?session_id={client.session}&task_id={task}")

    assert reply.status == 500
    assert ended(client, task) == ("cancelled", [])


# --- Handlers of our own, and users of a directory ----------------------------------------------


class Door:
    """Handlers as clients with roles reach them: one that works until it is let go on, and those that are not built."""

    def __init__(self, fresh: FreshHost) -> None:
        self.tasks = fresh.runtime.tasks
        self.sessions: Sessions = fresh.runtime.services["sessions"]
        uses = Uses(lambda _: None, fresh.runtime.clock.now)
        self.authentication = Authentication(self.sessions, fresh.runtime.services["admission"], uses)
        self.begun, self.goes_on, self.client_gone = asyncio.Event(), asyncio.Event(), False
        unbuilt = {each.name: Unbuilt(each, fresh.runtime.store, self.authentication) for each in HTTP_ACTIONS}
        handlers: dict[str, ASGIApp] = {**unbuilt, "get_audit_log": self.works}
        self.app = Handlers(handlers, fresh.runtime.tasks)

    async def works(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.authentication.permitted(scope, Parameters(scope), "get_audit_log"):
            self.begun.set()
            await self.goes_on.wait()
            await send_reply(send, Reply(200, b"all of it", "text/plain"))

    def session(self, role: str, user: str = "S-1-5-7") -> SessionState:
        return self.sessions.start(user, "script", superuser=False, roles=frozenset({role}), user_sid=user)

    async def ask(self, action: str, session: SessionState, **query: str) -> int:
        """The status; 0: none."""
        said: list[int] = []

        async def send(message: Message) -> None:
            if self.client_gone:
                raise ConnectionResetError("the client has gone")
            if message["type"] == "http.response.start":
                said.append(message["status"])

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        pairs = "&".join(f"{name}={value}" for name, value in {"session_id": session.ref, **query}.items())
        scope: dict[str, Any] = {
            "headers": [],
            "query_string": pairs.encode(),
            "extensions": {PEER: REMOTE, ROUTE: action},
        }
        await self.app(scope, receive, send)
        return said[0] if said else 0

    def task(self, session: SessionState) -> str:
        return self.tasks.create("t", session=session.ref, owner=session.user_sid).ref

    def subtasks(self, ref: str) -> list[Task]:
        return list(self.tasks.store.where(Task, subtask_of=ref))

    def row(self, ref: str) -> Task:
        return self.tasks.store.get(Task, ref)


@pytest.fixture
def door(fresh: FreshHost) -> Door:
    return Door(fresh)


async def test_who_may_not_ask_has_a_task_that_says_so(door: Door) -> None:
    session = door.session("read-only")
    task = door.task(session)

    status = await door.ask("get_host_backup", session, task_id=task)

    row = door.row(task)
    assert (status, row.status) == (403, "failure")
    assert row.error_info == (
        "RBAC_PERMISSION_DENIED",
        "http/get_host_backup",
        "No permission. Allowed to: pool-admin",
    )


@pytest.mark.parametrize("action", ["get_audit_log", "get_host_backup", "vm_rrd"])
async def test_the_task_of_another_is_left_alone(door: Door, action: str) -> None:
    owner, other = door.session("pool-admin", "S-1-5-8"), door.session("read-only")
    task = door.task(owner)
    door.goes_on.set()

    assert await door.ask(action, other, task_id=task) == 403
    assert await door.ask(action, other, subtask_of=task) == 403

    assert (door.row(task).status, door.subtasks(task)) == ("pending", [])


@pytest.mark.parametrize(("role", "user"), [("pool-operator", "S-1-5-9"), ("read-only", "S-1-5-8")])
async def test_who_may_touch_a_task_may_name_it(door: Door, role: str, user: str) -> None:
    task = door.task(door.session("read-only", "S-1-5-8"))
    door.goes_on.set()

    assert await door.ask("get_audit_log", door.session(role, user), task_id=task) == 200

    assert door.row(task).status == "success"


async def test_a_task_is_at_work_until_the_answer_is_out_and_can_be_cancelled(door: Door) -> None:
    session = door.session("read-only")
    task = door.task(session)
    asked = asyncio.create_task(door.ask("get_audit_log", session, task_id=task))
    await door.begun.wait()
    assert (door.row(task).status, door.row(task).allowed_operations) == ("pending", ("cancel",))

    door.tasks.active[task].cancel()

    assert await asked == 0
    assert (door.row(task).status, door.row(task).allowed_operations) == ("cancelled", ())


async def test_a_client_that_goes_in_the_middle_leaves_a_task_that_failed(door: Door) -> None:
    session = door.session("read-only")
    task = door.task(session)
    door.client_gone = True
    door.goes_on.set()

    with suppress(ConnectionResetError):
        await door.ask("get_audit_log", session, task_id=task)

    assert door.row(task).status == "failure"
    assert door.row(task).error_info == ("INTERNAL_ERROR", "ConnectionResetError: the client has gone")


async def test_who_is_unknown_does_not_end_a_task_in_which_something_is_done(door: Door) -> None:
    session = door.session("read-only")
    task = door.task(session)
    asked = asyncio.create_task(door.ask("get_audit_log", session, task_id=task))
    await door.begun.wait()

    assert await door.ask("vm_rrd", session, session_id="OpaqueRef:nope", task_id=task) == 401
    assert door.row(task).status == "pending"

    door.goes_on.set()
    assert await asked == 200
    assert door.row(task).status == "success"


async def test_with_a_parent_alone_the_request_has_a_task_as_long_as_it_lasts(door: Door) -> None:
    session = door.session("read-only")
    parent = door.task(session)
    asked = asyncio.create_task(door.ask("get_audit_log", session, subtask_of=parent))
    await door.begun.wait()
    (child,) = door.subtasks(parent)
    assert (child.name_label, child.status) == ("get_audit_log", "pending")

    door.goes_on.set()

    assert await asked == 200
    assert (door.row(parent).status, door.subtasks(parent)) == ("pending", [])
