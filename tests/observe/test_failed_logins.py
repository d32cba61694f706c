"""Messages about logins that were refused."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conftest import FreshHost
from tests.xapi import REMOTE
from xapid.auth.failed_logins import CLIENTS, LONGEST, Client, FailedLogins
from xapid.datamodel.errors import ApiError
from xapid.observe.failed_logins import EVERY, FailedLoginWatch


async def guess(fresh: FreshHost, user: str, times: int = 1, agent: str = "guesser/1") -> None:
    beside = fresh.xapi.beside(REMOTE)
    beside.headers = (("user-agent", agent),)
    for _ in range(times):
        with pytest.raises(ApiError):
            await beside.send("session.login_with_password", user, "a guess", "1.0", "test")


async def messages(fresh: FreshHost) -> list[dict[str, Any]]:
    return list((await fresh.xapi.message.get_all_records()).values())


async def test_an_hour_of_guesses_is_one_message(fresh: FreshHost) -> None:
    watch = FailedLoginWatch(fresh.runtime)
    for user, times in (("root", 3), ("<b>", 2), ("admin", 1), ("oracle", 1)):
        await guess(fresh, user, times)
    watch.look()
    early = await messages(fresh)

    fresh.clock.passed += EVERY
    watch.look()
    fresh.clock.passed += EVERY
    watch.look()

    (message,) = await messages(fresh)
    assert early == []
    assert (message["name"], message["priority"], message["cls"]) == ("FAILED_LOGIN_ATTEMPTS", "3", "Pool")
    assert message["obj_uuid"] == await fresh.xapi.pool.get_uuid(await fresh.the("pool"))
    body = ElementTree.fromstring(message["body"])
    assert body.findtext("total") == "7"
    found = [(each.findtext("username"), each.findtext("number")) for each in body.findall("known")]
    assert found == [("root", "3"), ("<b>", "2"), ("admin", "1")]
    first = body.find("known")
    assert first is not None
    assert [first.findtext(each) for each in ("originator", "useragent", "ip")] == ["test", "guesser/1", "192.0.2.7"]


async def test_right_passwords_are_not_spoken_of(fresh: FreshHost) -> None:
    watch = FailedLoginWatch(fresh.runtime)
    fresh.runtime.services["login"].passwords.set("root", "right")
    await fresh.xapi.beside(REMOTE).send("session.login_with_password", "root", "right", "1.0", "test")

    fresh.clock.passed += EVERY
    watch.look()

    assert await messages(fresh) == []


def test_many_clients_with_long_names_take_bounded_memory() -> None:
    failed = FailedLogins()
    for number in range(CLIENTS + 5):
        failed.note(Client(f"{number}" + "x" * 10 * LONGEST, "", "", ""), 0.0)
    failed.note(Client("", "", "", ""), 0.0)

    body = ElementTree.fromstring(failed.report())

    assert (body.findtext("total"), body.findtext("unknown")) == (str(CLIENTS + 6), "6")
    assert all(len(each.findtext("username") or "") == LONGEST for each in body.findall("known"))
    assert failed.report() == ""
