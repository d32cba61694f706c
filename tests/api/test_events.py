"""What happened, as clients hear of it: by event.from, each object once, and by event.next, in order."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.machines import Workshop, raises_api
from tests.xapi import Xapi
from xapid.auth.sessions import Sessions
from xapid.datamodel import Network
from xapid.datamodel.errors import (
    EVENT_FROM_TOKEN_PARSE_FAILURE,
    EVENTS_LOST,
    HANDLE_INVALID,
    SESSION_INVALID,
    SESSION_NOT_REGISTERED,
)
from xapid.ops.event import log
from xapid.ops.event.log import KEPT, heartbeat
from xapid.store.feed import DELETIONS_KEPT

NOBODY = "OpaqueRef:00000000-0000-0000-0000-000000000000"
SILENT = {"session", "user", "secret"}
PATIENCE = 10.0


async def since(xapi: Xapi, token: str, *classes: str, seconds: float = 0.0) -> tuple[list[dict[str, Any]], str]:
    """Events after a token, and the next token."""
    answer = await xapi.event.from_(list(classes), token, seconds)
    assert answer.keys() == {"events", "valid_ref_counts", "token"}
    return answer["events"], answer["token"]


async def now(xapi: Xapi) -> str:
    """The token of this moment."""
    _, token = await since(xapi, "", "*")
    return token


def told(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(each["class"], each["operation"], each["ref"]) for each in events]


async def network(xapi: Xapi, label: str = "n") -> str:
    return str(await xapi.network.create({"name_label": label, "name_description": "", "other_config": {}}))


async def waits(work: asyncio.Task[Any]) -> bool:
    """Whether a call goes on waiting although everybody else had a turn."""
    for _ in range(20):
        await asyncio.sleep(0)
    return not work.done()


# --- event.from: what is told -----------------------------------------------------------------------------


async def test_without_a_token_every_object_is_told_of_as_added(xapi: Xapi) -> None:
    events, _ = await since(xapi, "", "network", "VM")

    assert sorted(told(events)) == sorted(
        [("network", "add", ref) for ref in await xapi.network.get_all()]
        + [("vm", "add", ref) for ref in await xapi.VM.get_all()]
    )


async def test_an_event_has_the_record_of_its_object(xapi: Xapi) -> None:
    ref = await network(xapi, "mine")

    ((event,), _) = await since(xapi, "", f"network/{ref}")

    assert event == {
        "id": event["id"],
        "timestamp": "0.0",
        "class": "network",
        "operation": "add",
        "ref": ref,
        "snapshot": await xapi.network.get_record(ref),
    }
    assert int(event["id"]) > 0


async def test_everything_is_told_but_sessions_users_and_secrets(xapi: Xapi) -> None:
    await xapi.secret.create({"value": "x", "other_config": {}})

    events, _ = await since(xapi, "", "*")

    classes = {event["class"] for event in events}
    assert classes > {"pool", "host", "network", "vm", "console", "host_metrics", "pif", "sm"}
    assert not classes & SILENT


async def test_every_class_is_counted_whatever_was_asked_for(xapi: Xapi) -> None:
    answer = await xapi.event.from_(["network"], "", 0.0)

    counts = answer["valid_ref_counts"]
    assert (counts["pool"], counts["session"], counts["event"]) == (1, 1, 0)
    assert counts["network"] == len(await xapi.network.get_all())
    assert counts["vm"] == len(await xapi.VM.get_all())


@pytest.mark.parametrize("spelling", ["network", "NETWORK", "NetWork", "network/{ref}", "NETWORK/{ref}", "*"])
async def test_a_change_is_told_to_who_asks_for_its_class_or_its_object(xapi: Xapi, spelling: str) -> None:
    ref = await network(xapi)
    token = await now(xapi)

    await xapi.network.set_name_label(ref, "changed")

    events, _ = await since(xapi, token, spelling.format(ref=ref))
    (event,) = (event for event in events if event["class"] != "task")
    assert told([event]) == [("network", "mod", ref)]
    assert event["snapshot"]["name_label"] == "changed"


@pytest.mark.parametrize("spelling", ["VM", "network/", f"network/{NOBODY}", "network:{ref}", "nosuch", "", "VM/{ref}"])
async def test_a_change_is_not_told_to_who_asks_for_something_else(xapi: Xapi, spelling: str) -> None:
    ref = await network(xapi)
    token = await now(xapi)

    await xapi.network.set_name_label(ref, "changed")

    assert await since(xapi, token, spelling.format(ref=ref)) == ([], token)


async def test_who_asks_for_nothing_hears_nothing(xapi: Xapi) -> None:
    assert (await since(xapi, ""))[0] == []


async def test_many_changes_of_an_object_are_one(xapi: Xapi) -> None:
    known = await network(xapi)
    token = await now(xapi)

    new = await network(xapi)
    for label in ("a", "b", "c"):
        await xapi.network.set_name_label(known, label)
        await xapi.network.set_name_label(new, label)

    events, _ = await since(xapi, token, "network")
    assert told(events) == [("network", "add", new), ("network", "mod", known)]
    assert [event["snapshot"]["name_label"] for event in events] == ["c", "c"]


async def test_what_came_and_went_between_two_looks_is_not_told(xapi: Xapi) -> None:
    token = await now(xapi)

    await xapi.network.destroy(await network(xapi))

    assert await since(xapi, token, "network") == ([], token)


async def test_a_deletion_has_no_record(xapi: Xapi) -> None:
    ref = await network(xapi)
    token = await now(xapi)

    await xapi.network.destroy(ref)

    ((event,), _) = await since(xapi, token, "network")
    assert (event["operation"], event["ref"]) == ("del", ref)
    assert "snapshot" not in event


async def test_messages_come_first_then_what_was_added_changed_and_deleted(xapi: Xapi, pool: str) -> None:
    changed, deleted = await network(xapi), await network(xapi)
    token = await now(xapi)

    await xapi.network.destroy(deleted)
    await xapi.network.set_name_label(changed, "x")
    added = await network(xapi)
    message = await xapi.message.create("HELLO", 3, "Pool", await xapi.pool.get_uuid(pool), "")

    events, _ = await since(xapi, token, "network", "message")
    assert told(events) == [
        ("message", "add", message),
        ("network", "add", added),
        ("network", "mod", changed),
        ("network", "del", deleted),
    ]


async def test_a_value_written_again_is_no_change(xapi: Xapi) -> None:
    ref = await network(xapi, "same")
    token = await now(xapi)

    await xapi.network.set_name_label(ref, "same")
    await xapi.network.remove_tags(ref, "not there")

    assert await since(xapi, token, "network") == ([], token)


async def test_both_ends_of_a_relation_change(xapi: Xapi, workshop: Workshop) -> None:
    vm, net = await workshop.vm(), await network(xapi)
    token = await now(xapi)

    vif = await workshop.nic(vm, net)

    events, token = await since(xapi, token, "VM", "network", "VIF")
    assert sorted(told(events)) == sorted([("vif", "add", vif), ("network", "mod", net), ("vm", "mod", vm)])
    await xapi.VIF.destroy(vif)
    events, _ = await since(xapi, token, "VM", "network", "VIF")
    assert sorted(told(events)) == sorted([("vif", "del", vif), ("network", "mod", net), ("vm", "mod", vm)])


# --- event.from: tokens and time --------------------------------------------------------------------------


async def test_tokens_are_ordered_as_texts(xapi: Xapi) -> None:
    tokens = [await now(xapi)]
    for _ in range(3):
        await network(xapi)
        tokens.append((await since(xapi, tokens[-1], "*"))[1])

    assert sorted(set(tokens)) == tokens
    assert {len(token) for token in tokens} == {41}


async def test_a_token_serves_any_session(fresh: FreshHost) -> None:
    token = await now(fresh.xapi)
    ref = await network(fresh.xapi)

    other = fresh.xapi.beside()
    await other.log_in()

    assert told((await since(other, token, "network"))[0]) == [("network", "add", ref)]


@pytest.mark.parametrize(
    "token", ["x", "1", "1,", ",1", "1,2,3", " 1,1", "1, 1", "1.0,1", "0o_,1", f"{2**63},0", "\u0661,1"]
)
async def test_what_is_no_token_is_refused(xapi: Xapi, token: str) -> None:
    with pytest.raises(EVENT_FROM_TOKEN_PARSE_FAILURE) as error:
        await since(xapi, token, "*")

    assert error.value.args == (token,)


async def test_a_wait_in_vain_gives_the_token_back_in_full(xapi: Xapi) -> None:
    assert await since(xapi, "999999999999,7", "network", seconds=0.01) == ([], f"{999999999999:020d},{7:020d}")


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), 1e12, float("inf"), 60.0])
async def test_a_wait_ends_with_a_change_of_what_was_asked_for(fresh: FreshHost, seconds: float) -> None:
    xapi = fresh.xapi
    token = await now(xapi)
    work = asyncio.create_task(since(xapi, token, "network", seconds=seconds))
    assert await waits(work)

    await xapi.pool.set_name_label(await fresh.the("pool"), "another class")
    assert await waits(work)
    ref = await network(xapi)

    async with asyncio.timeout(PATIENCE):
        events, _ = await work
    assert told(events) == [("network", "add", ref)]


async def test_a_change_right_after_the_look_is_not_missed(fresh: FreshHost) -> None:
    """The change comes when the call has found nothing and is about to wait."""
    token = await now(fresh.xapi)

    def change() -> None:
        with fresh.store.write() as tx:
            tx.create(Network, name_label="in between")

    for turns in range(8):
        after(turns, change)
        async with asyncio.timeout(PATIENCE):
            events, token = await since(fresh.xapi, token, "network", seconds=60.0)
        assert [event["operation"] for event in events] == ["add"]


def after(turns: int, function: Any) -> None:
    """Call it in a later turn of the loop."""
    loop = asyncio.get_running_loop()
    loop.call_soon(after, turns - 1, function) if turns else loop.call_soon(function)


async def test_who_asks_the_same_is_told_the_same_until_something_changes(fresh: FreshHost) -> None:
    token = await now(fresh.xapi)
    first = await network(fresh.xapi)
    other = fresh.xapi.beside()
    await other.log_in()
    asked = ("network",), token, 0.0

    answers = [await each.event.from_(*asked) for each in (fresh.xapi, other, fresh.xapi)]
    another = await other.event.from_(["VM"], token, 0.0)
    second = await network(other)
    later = [await each.event.from_(*asked) for each in (fresh.xapi, other)]

    assert answers == [answers[0]] * 3
    assert told(answers[0]["events"]) == [("network", "add", first)]
    assert another["events"] == []
    assert later == [later[0]] * 2
    assert sorted(told(later[0]["events"])) == sorted([("network", "add", first), ("network", "add", second)])
    assert later[0]["valid_ref_counts"]["network"] == answers[0]["valid_ref_counts"]["network"] + 1


async def test_many_clients_are_each_told_once(fresh: FreshHost) -> None:
    clients = [fresh.xapi.beside() for _ in range(100)]
    for client in clients:
        await client.log_in()
    token = await now(fresh.xapi)
    waiting = [asyncio.create_task(since(client, token, "*", seconds=60.0)) for client in clients]
    assert all([await waits(work) for work in waiting])

    ref = await network(fresh.xapi)

    async with asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(*waiting)
    assert [("network", "add", ref) in told(events) for events, _ in answers] == [True] * len(clients)
    ends = [await since(client, token, "network") for client, (_, token) in zip(clients, answers, strict=True)]
    assert [events for events, _ in ends] == [[]] * len(clients)


async def test_a_logout_ends_the_wait(fresh: FreshHost) -> None:
    client = fresh.xapi.beside()
    await client.log_in()
    await client.event.register(["network"])
    token = await now(client)
    waiting = [
        asyncio.create_task(since(client, token, "network", seconds=60.0)),
        asyncio.create_task(client.event.next()),
    ]
    assert all([await waits(work) for work in waiting])

    await client.call("session.logout")

    for work in waiting:
        with pytest.raises(SESSION_INVALID) as error:
            await asyncio.wait_for(work, PATIENCE)
        assert error.value.args == (client.session,)


async def test_who_knew_objects_whose_end_is_forgotten_is_told_that_events_were_lost(fresh: FreshHost) -> None:
    token = await now(fresh.xapi)
    feed = fresh.store.feed.classes["network"]
    for number in range(DELETIONS_KEPT + 1):
        feed.delete(f"OpaqueRef:{number}", fresh.store.generation + 1 + number, 1)

    with pytest.raises(EVENTS_LOST):
        await since(fresh.xapi, token, "network")

    events, _ = await since(fresh.xapi, "", "network")
    assert {event["operation"] for event in events} == {"add"}
    assert (await since(fresh.xapi, token, "VM"))[0] == []


# --- event.inject -----------------------------------------------------------------------------------------


async def test_an_injected_change_comes_after_its_token(xapi: Xapi) -> None:
    ref = await network(xapi)
    before = await now(xapi)

    token = await xapi.event.inject("network", ref)

    events, after = await since(xapi, before, "network")
    assert told(events) == [("network", "mod", ref)]
    assert token < after
    assert told((await since(xapi, token, "network"))[0]) == [("network", "mod", ref)]


@pytest.mark.parametrize("cls", ["Network", "VM", "nosuch", "", "message", "event", "*"])
async def test_only_an_object_of_just_this_class_can_be_injected(xapi: Xapi, cls: str) -> None:
    ref = await network(xapi)

    with pytest.raises(HANDLE_INVALID) as error:
        await xapi.event.inject(cls, ref)

    assert error.value.args == (cls, ref)


# --- event.register, unregister, next ---------------------------------------------------------------------


async def test_who_has_not_registered_has_no_next_event(xapi: Xapi) -> None:
    with pytest.raises(SESSION_NOT_REGISTERED) as error:
        await xapi.event.next()

    (tracked,) = error.value.args
    assert tracked.startswith("trackid=")
    assert xapi.session not in tracked


async def test_events_come_one_by_one_in_order(xapi: Xapi) -> None:
    await network(xapi, "before the registration")
    await xapi.event.register(["network"])
    first = int(await xapi.event.get_current_id())
    began = time.time()

    ref = await network(xapi, "one")
    await xapi.network.set_name_label(ref, "two")
    await xapi.network.set_name_label(ref, "three")
    await xapi.network.destroy(ref)

    events = await xapi.event.next()
    assert told(events) == [("network", operation, ref) for operation in ("add", "mod", "mod", "del")]
    assert [event["snapshot"]["name_label"] for event in events] == ["one", "two", "three", "three"]
    numbers = [int(event["id"]) for event in events]
    assert first < numbers[0]
    assert sorted(set(numbers)) == numbers
    assert numbers[-1] <= int(await xapi.event.get_current_id())
    assert all(began - 1 <= float(event["timestamp"]) <= time.time() + 1 for event in events)


async def test_next_waits_for_what_was_registered(fresh: FreshHost) -> None:
    xapi = fresh.xapi
    await xapi.event.register(["network", "VM"])
    await xapi.event.unregister(["VM"])
    work = asyncio.create_task(xapi.event.next())
    assert await waits(work)

    await xapi.pool.set_name_label(await fresh.the("pool"), "another class")
    assert await waits(work)
    ref = await network(xapi)

    assert told(await asyncio.wait_for(work, PATIENCE)) == [("network", "add", ref)]


async def test_what_is_registered_is_bounded(fresh: FreshHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "REGISTRATIONS", 3)
    sessions: Sessions = fresh.runtime.services["sessions"]
    await fresh.xapi.event.register(["network", "NETWORK", "vm/OpaqueRef:1", "no class", "vm/" + "x" * 10_000])

    with raises_api("INVALID_VALUE", "classes", "more than 3 are registered"):
        await fresh.xapi.event.register(["host"])

    state = sessions.find(fresh.xapi.session)
    assert state is not None and state.registrations is not None
    assert list(state.registrations) == ["network", "NETWORK", "vm/OpaqueRef:1"]


async def test_who_registered_for_nothing_waits(fresh: FreshHost) -> None:
    await fresh.xapi.event.unregister(["VM"])
    work = asyncio.create_task(fresh.xapi.event.next())

    await network(fresh.xapi)

    assert await waits(work)
    work.cancel()


async def test_calls_of_one_session_share_the_events_between_them(fresh: FreshHost) -> None:
    xapi = fresh.xapi
    await xapi.event.register(["network"])
    waiting = [asyncio.create_task(xapi.event.next()) for _ in range(3)]
    assert all([await waits(work) for work in waiting])

    refs = []
    for _ in range(3):
        refs.append(await network(xapi))
        await asyncio.sleep(0)

    async with asyncio.timeout(PATIENCE):
        heard = [ref for answer in await asyncio.gather(*waiting) for _, _, ref in told(answer)]
    assert sorted(heard) == sorted(refs)


async def test_each_session_hears_everything(fresh: FreshHost) -> None:
    clients = [fresh.xapi.beside() for _ in range(3)]
    for client in clients:
        await client.log_in()
        await client.event.register(["*"])

    ref = await network(fresh.xapi)

    for client in clients:
        assert ("network", "add", ref) in told(await client.event.next())


async def test_who_registered_for_the_pool_hears_now_and_then_that_it_is_there(fresh: FreshHost, pool: str) -> None:
    xapi = fresh.xapi
    await xapi.event.register(["pool"])
    next_, from_ = (
        asyncio.create_task(xapi.event.next()),
        asyncio.create_task(since(xapi, await now(xapi), "pool", seconds=60)),
    )
    assert await waits(next_)

    heartbeat(fresh.store)

    assert told(await asyncio.wait_for(next_, PATIENCE)) == [("pool", "mod", pool)]
    assert await waits(from_)
    from_.cancel()


async def test_who_does_not_read_is_told_once_that_events_were_lost(fresh: FreshHost) -> None:
    xapi = fresh.xapi
    await xapi.event.register(["network"])
    ref = await network(xapi)
    for _ in range(KEPT):
        with fresh.store.write() as tx:
            tx.touch(fresh.store.get(Network, ref))

    with pytest.raises(EVENTS_LOST):
        await xapi.event.next()

    await xapi.event.unregister(["network"])
    await xapi.event.register(["network"])
    await xapi.network.set_name_label(ref, "after that")
    (event,) = await xapi.event.next()
    assert event["snapshot"]["name_label"] == "after that"


async def test_a_call_that_can_be_a_task_is_one_while_it_lasts(xapi: Xapi) -> None:
    await xapi.event.register(["task"])

    await network(xapi)
    await xapi.network.get_all()
    await xapi.task.get_all()

    events = await xapi.event.next()
    assert [event["snapshot"]["name_label"] for event in events] == ["network.create"] * len(events)
    assert [event["operation"] for event in events] == ["add", "mod", "del"]
    assert [event["snapshot"]["status"] for event in events] == ["pending", "success", "success"]
