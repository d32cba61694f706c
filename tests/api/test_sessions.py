"""Logging in and out over the wire: who is let in, what a session shows, and when it ends."""

from __future__ import annotations

import asyncio
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.machines import Workshop
from tests.xapi import REMOTE, Xapi
from xapid.auth.passwords import PasswordFile
from xapid.auth.sessions import IDLE_LIMIT, Sessions
from xapid.datamodel.errors import CHANGE_PASSWORD_REJECTED, HANDLE_INVALID, SESSION_INVALID, OtherError
from xapid.datamodel.types import DateTime

NULL = "OpaqueRef:NULL"
LOGIN = "session.login_with_password"
PER_ORIGINATOR = 500


@pytest.fixture(scope="module")
def password_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The contents of a password file; a hash takes its time."""
    passwords = PasswordFile(tmp_path_factory.mktemp("passwords") / "passwords")
    passwords.set("root", "right")
    return passwords.path.read_bytes()


@pytest.fixture
def remote(fresh: FreshHost, password_file: bytes) -> Xapi:
    """A client on another machine, where root has the password ``right``."""
    fresh.runtime.config.passwords.write_bytes(password_file)
    return fresh.xapi.beside(REMOTE)


def sessions(fresh: FreshHost) -> Sessions:
    found: Sessions = fresh.runtime.services["sessions"]
    return found


async def log_in(client: Xapi, *params: Any) -> str:
    return str(await client.send(LOGIN, *(params or ("root", ""))))


@contextmanager
def refused(user: str) -> Iterator[None]:
    """The code and, other than the contract declares, the user and a reason."""
    with pytest.raises(OtherError) as error:
        yield
    assert (error.value.code, error.value.args[0], len(error.value.args)) == ("SESSION_AUTHENTICATION_FAILED", user, 2)


async def is_alive(client: Xapi, session: str) -> bool:
    """Asking makes it active."""
    try:
        await client.send("pool.get_all", session)
    except SESSION_INVALID as error:
        assert error.args == (session,)
        return False
    return True


# --- Who is let in ----------------------------------------------------------------------------------------


async def test_the_right_password_lets_in(remote: Xapi) -> None:
    assert await is_alive(remote, await log_in(remote, "root", "right"))


@pytest.mark.parametrize("version", [(), ("1.0",), ("2.23", "somebody"), ("", "")])
async def test_version_and_originator_may_be_left_out(remote: Xapi, version: tuple[str, ...]) -> None:
    assert await is_alive(remote, await log_in(remote, "root", "right", *version))


@pytest.mark.parametrize(
    "user, password", [("root", "wrong"), ("root", ""), ("root", "right "), ("nobody", "right"), ("", "")]
)
async def test_a_wrong_name_or_password_is_refused(fresh: FreshHost, remote: Xapi, user: str, password: str) -> None:
    before = len(sessions(fresh))

    with refused(user):
        await log_in(remote, user, password)

    assert len(sessions(fresh)) == before


async def test_nobody_is_let_in_from_afar_before_there_is_a_password(fresh: FreshHost) -> None:
    with refused("root"):
        await log_in(fresh.xapi.beside(REMOTE), "root", "")


@pytest.mark.parametrize("user, password", [("root", ""), ("root", "wrong"), ("anybody", ""), ("", "")])
async def test_the_trusted_socket_needs_no_password(fresh: FreshHost, remote: Xapi, user: str, password: str) -> None:
    assert await is_alive(fresh.xapi, await log_in(fresh.xapi, user, password))


async def test_a_changed_password_counts_from_the_next_login_on(fresh: FreshHost, remote: Xapi) -> None:
    old = await log_in(remote, "root", "right")

    PasswordFile(fresh.runtime.config.passwords).set("root", "another")

    with refused("root"):
        await log_in(remote, "root", "right")
    assert await is_alive(remote, await log_in(remote, "root", "another"))
    assert await is_alive(remote, old)


@pytest.mark.parametrize("user, changed", [("alice", "alice"), ("somebody whom the socket trusts", "root")])
async def test_who_is_logged_in_may_change_his_password(fresh: FreshHost, user: str, changed: str) -> None:
    passwords = PasswordFile(fresh.runtime.config.passwords)
    passwords.set("alice", "old")
    session = await log_in(fresh.xapi, user, "")

    assert await fresh.xapi.send("session.change_password", session, "not asked for", "new") == ""

    assert passwords.check(changed, "new")
    assert passwords.users() == {"alice", changed}


async def test_an_empty_password_is_none(fresh: FreshHost) -> None:
    with pytest.raises(CHANGE_PASSWORD_REJECTED):
        await fresh.xapi.call("session.change_password", "", "")


async def test_a_password_that_cannot_be_written_is_rejected(fresh: FreshHost) -> None:
    fresh.runtime.config.passwords.mkdir()

    with pytest.raises(CHANGE_PASSWORD_REJECTED):
        await fresh.xapi.call("session.change_password", "", "new")


async def test_several_may_log_in_at_once(remote: Xapi) -> None:
    found = await asyncio.gather(*(log_in(remote, "root", "right") for _ in range(3)))

    assert len(set(found)) == 3
    assert all([await is_alive(remote, session) for session in found])


# --- What a session shows ---------------------------------------------------------------------------------


async def test_a_session_shows_who_it_is(fresh: FreshHost, host: str) -> None:
    before = fresh.clock.date()
    session = await log_in(fresh.xapi, "root", "", "1.0", "my program")

    record = await fresh.xapi.call("session.get_record", session)

    times = [DateTime(str(record.pop(name))) for name in ("last_active", "validation_time")]
    assert all(before <= each <= fresh.clock.date() for each in times)
    assert record == {
        "uuid": await fresh.xapi.call("session.get_uuid", session),
        "this_host": host,
        "this_user": NULL,
        "pool": False,
        "other_config": {},
        "is_local_superuser": True,
        "subject": NULL,
        "auth_user_sid": "",
        "auth_user_name": "root",
        "rbac_permissions": [],
        "tasks": [],
        "parent": NULL,
        "originator": "my program",
        "client_certificate": False,
    }


async def test_the_last_activity_is_exact(fresh: FreshHost) -> None:
    watched = await log_in(fresh.xapi)
    for seconds in (1, 59, 7000):
        fresh.clock.passed += seconds
        before = fresh.clock.date()
        assert await is_alive(fresh.xapi, watched)
        after = fresh.clock.date()
        fresh.clock.passed += 3

        shown = await fresh.xapi.call("session.get_last_active", watched)
        record = await fresh.xapi.call("session.get_record", watched)

        assert isinstance(shown, xmlrpc.client.DateTime)
        assert before <= DateTime(str(shown)) <= after
        assert record["last_active"] == shown


async def test_looking_at_another_session_does_not_make_that_one_active(fresh: FreshHost) -> None:
    watched = await log_in(fresh.xapi)
    shown = [await fresh.xapi.call("session.get_last_active", watched)]

    fresh.clock.passed += 100
    shown += [await fresh.xapi.call("session.get_last_active", watched) for _ in range(2)]

    assert len({str(each) for each in shown}) == 1


async def test_a_refused_call_is_activity_too(fresh: FreshHost) -> None:
    watched = await log_in(fresh.xapi)
    fresh.clock.passed += 100
    before = fresh.clock.date()

    with pytest.raises(HANDLE_INVALID):
        await fresh.xapi.send("VM.get_record", watched, NULL)

    assert DateTime(str(await fresh.xapi.call("session.get_last_active", watched))) >= before


async def test_a_session_has_a_map_of_its_own(xapi: Xapi) -> None:
    session = xapi.session

    await xapi.call("session.add_to_other_config", session, "key", "value")

    assert await xapi.call("session.get_other_config", session) == {"key": "value"}


async def test_a_session_of_this_host_alone_has_no_record(fresh: FreshHost, remote: Xapi) -> None:
    with refused("root"):
        await remote.send("session.slave_local_login_with_password", "root", "wrong")
    local = await remote.send("session.slave_local_login_with_password", "root", "right")

    assert await is_alive(remote, local)
    with pytest.raises(HANDLE_INVALID):
        await fresh.xapi.call("session.get_record", local)
    await remote.send("session.local_logout", local)
    assert not await is_alive(remote, local)


# --- How a session ends -----------------------------------------------------------------------------------


async def test_after_a_logout_the_session_is_no_more(fresh: FreshHost) -> None:
    session, other = await log_in(fresh.xapi), await log_in(fresh.xapi)

    assert await fresh.xapi.send("session.logout", session) == ""

    assert not await is_alive(fresh.xapi, session)
    with pytest.raises(SESSION_INVALID):
        await fresh.xapi.send("session.logout", session)
    with pytest.raises(HANDLE_INVALID):
        await fresh.xapi.call("session.get_record", session)
    assert await is_alive(fresh.xapi, other)


@pytest.mark.parametrize("idle, alive", [(IDLE_LIMIT - 60, True), (IDLE_LIMIT + 1, False)])
async def test_a_session_ends_after_a_day_without_a_call(fresh: FreshHost, idle: float, alive: bool) -> None:
    session = await log_in(fresh.xapi)

    fresh.clock.passed += idle

    assert await is_alive(fresh.xapi, session) is alive


async def test_a_local_session_stays_for_the_emergency(fresh: FreshHost) -> None:
    local = await fresh.xapi.send("session.slave_local_login_with_password", "root", "")

    fresh.clock.passed += 10 * IDLE_LIMIT
    sessions(fresh).expire()

    assert await fresh.xapi.send("host.get_all", local)


async def test_a_call_now_and_then_keeps_a_session(fresh: FreshHost) -> None:
    session = await log_in(fresh.xapi)
    for _ in range(5):
        fresh.clock.passed += IDLE_LIMIT - 60
        assert await is_alive(fresh.xapi, session)


async def test_idle_sessions_are_tidied_away(fresh: FreshHost) -> None:
    for number in range(5):
        await log_in(fresh.xapi, "root", "", "1.0", f"program {number}")
    fresh.clock.passed += IDLE_LIMIT - 10
    busy = await log_in(fresh.xapi)
    fresh.clock.passed += 20

    sessions(fresh).expire()

    assert [state.ref for state in sessions(fresh).all()] == [busy]


async def test_the_session_idle_longest_makes_room_for_one_more(fresh: FreshHost) -> None:
    xapi = fresh.xapi
    found = [await log_in(xapi, "root", "", "1.0", "one") for _ in range(PER_ORIGINATOR)]
    other = await log_in(xapi, "root", "", "1.0", "another")
    assert await is_alive(xapi, found[0])

    new = await log_in(xapi, "root", "", "1.0", "one")

    assert not await is_alive(xapi, found[1])
    alive = [await is_alive(xapi, session) for session in (found[0], *found[2:], new, other, xapi.session)]
    assert alive == [True] * (PER_ORIGINATOR + 2)


async def test_a_session_whose_task_is_under_way_is_not_idle(fresh: FreshHost, workshop: Workshop) -> None:
    xapi, vm = fresh.xapi, await workshop.vm()
    session = await log_in(xapi, "root", "", "1.0", "one")
    async with workshop.waiting(vm, xapi.send("VM.start", session, vm, False, False)):
        fresh.clock.passed += IDLE_LIMIT + 1
        sessions(fresh).expire()
        for _ in range(PER_ORIGINATOR):
            await log_in(xapi, "root", "", "1.0", "one")

    assert await is_alive(xapi, session)


async def test_tasks_do_not_keep_more_sessions_than_there_may_be(fresh: FreshHost) -> None:
    xapi = fresh.xapi
    found = [await log_in(xapi, "root", "", "1.0", "one") for _ in range(PER_ORIGINATOR)]
    for session in found:
        await xapi.send("task.create", session, "mine", "")

    await log_in(xapi, "root", "", "1.0", "one")

    assert not await is_alive(xapi, found[0])
    assert await is_alive(xapi, found[1])


async def test_who_waits_for_events_is_not_idle(fresh: FreshHost) -> None:
    xapi = fresh.xapi
    first = await log_in(xapi, "root", "", "1.0", "one")
    token = (await xapi.event.from_(["*"], "", 0.0))["token"]
    waiting = asyncio.create_task(xapi.send("event.from", first, ["network"], token, 60.0))
    await asyncio.sleep(0)

    for _ in range(2 * PER_ORIGINATOR):
        await log_in(xapi, "root", "", "1.0", "one")

    assert await is_alive(xapi, first)
    await xapi.network.create({"name_label": "new", "name_description": "", "other_config": {}})
    assert (await asyncio.wait_for(waiting, 10))["events"]


async def test_a_wait_for_events_ends_when_its_session_makes_room(fresh: FreshHost) -> None:
    xapi = fresh.xapi
    token = (await xapi.event.from_(["*"], "", 0.0))["token"]
    waiting = []
    for _ in range(PER_ORIGINATOR):
        session = await log_in(xapi, "root", "", "1.0", "one")
        waiting.append(asyncio.create_task(xapi.send("event.from", session, ["network"], token, 60.0)))
        await asyncio.sleep(0)

    await log_in(xapi, "root", "", "1.0", "one")

    with pytest.raises(SESSION_INVALID):
        await asyncio.wait_for(waiting[0], 10)
    await xapi.network.create({"name_label": "new", "name_description": "", "other_config": {}})
    answers = await asyncio.wait_for(asyncio.gather(*waiting[1:]), 10)
    assert all(answer["events"] for answer in answers)
