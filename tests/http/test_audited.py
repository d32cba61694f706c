"""Handlers beside the calls in the audit log: who was let in to which, and who was not."""

from __future__ import annotations

import base64
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.console_client import connect, console
from tests.daemon import Daemon, UnixConnection
from tests.xapi import REMOTE
from xapid.auth.audit import Entry, line
from xapid.auth.sessions import Sessions, SessionState
from xapid.http.audited import Uses
from xapid.http.authentication import Authentication, Parameters, Refused
from xapid.http.exchange import PEER


class Door:
    """Lets in to handlers, and hears what is noted."""

    def __init__(self, fresh: FreshHost) -> None:
        self.heard: list[Entry] = []
        self.sessions: Sessions = fresh.runtime.services["sessions"]
        uses = Uses(self.heard.append, fresh.runtime.clock.now)
        self.authentication = Authentication(self.sessions, fresh.runtime.services["admission"], uses)

    def session(self, role: str) -> SessionState:
        return self.sessions.start("jo", "script", superuser=False, roles=frozenset({role}), user_sid="S-1-5-7")

    async def use(self, action: str, query: str = "", **headers: str) -> None:
        scope: dict[str, Any] = {
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "query_string": query.encode(),
            "extensions": {PEER: REMOTE},
        }
        async with self.authentication.permitted(scope, Parameters(scope), action):
            pass


@pytest.fixture
def door(fresh: FreshHost) -> Door:
    return Door(fresh)


async def test_who_is_let_in_is_noted_with_who_it_is(door: Door) -> None:
    session = door.session("read-only")

    await door.use("get_audit_log", f"session_id={session.ref}")

    (entry,) = door.heard
    said = f"('{session.track_id}' 'S-1-5-7' 'jo' 'ALLOWED' 'OK' 'HTTP' 'http/get_audit_log' ())"
    assert line(entry, "h").endswith(f"|h||script|audit] {said}\n")


async def test_who_may_not_is_noted_as_denied(door: Door) -> None:
    session = door.session("read-only")

    with pytest.raises(Refused):
        await door.use("get_host_backup", f"session_id={session.ref}")

    (entry,) = door.heard
    assert (entry.decision, entry.outcome, entry.call) == ("DENIED", "RBAC_PERMISSION_DENIED", "http/get_host_backup")


async def test_a_wrong_password_is_noted_with_the_name_and_not_the_password(door: Door) -> None:
    basic = base64.b64encode(b"mallory:open sesame").decode()

    with pytest.raises(Refused):
        await door.use("get_audit_log", authorization=f"Basic {basic}", **{"user-agent": "curl"})

    (entry,) = door.heard
    said = "('' '' 'mallory' 'ALLOWED' 'SESSION_AUTHENTICATION_FAILED' 'HTTP' 'http/get_audit_log' ())"
    assert line(entry, "h").endswith(f"|h||curl|audit] {said}\n")


async def test_who_gives_nothing_that_must_be_looked_at_cannot_fill_the_log(door: Door) -> None:
    for query in ("", "session_id=OpaqueRef:nope"):
        with suppress(Refused):
            await door.use("get_audit_log", query)

    assert door.heard == []


@pytest.mark.slow
def test_on_which_machine_a_console_was_opened_is_noted(tmp_path: Path) -> None:
    with Daemon(tmp_path) as daemon, closing(daemon.client()) as client:
        (template,) = client.call("VM.get_by_name_label", "Other install media")
        vm = client.call("VM.clone", template, "seen")
        client.call("VM.provision", vm)
        client.call("VM.add_to_platform", vm, "sim-guest", "full")
        client.call("VM.start", vm, False, False)
        uuid = client.call("VM.get_uuid", vm)

        connect(daemon.socket, client, console(client, vm, "rfb")).close()
        connection = UnixConnection(str(daemon.socket))
        connection.request("GET", "/audit_log")
        log = connection.getresponse().read().decode()

    connection.close()
    assert f"'ALLOWED' 'OK' 'HTTP' 'http/connect_console' (('vm' 'seen' '{uuid}' '{vm}'))" in log
