"""Tasks over the wire: those that clients make, those that calls make, and how they end."""

from __future__ import annotations

import asyncio
import xmlrpc.client
from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.machines import Workshop, raises_api
from tests.xapi import Xapi
from xapid.auth.sessions import Sessions
from xapid.datamodel.errors import (
    HANDLE_INVALID,
    INTERNAL_ERROR,
    INVALID_VALUE,
    MAP_DUPLICATE_KEY,
    MESSAGE_METHOD_UNKNOWN,
    MESSAGE_PARAMETER_COUNT_MISMATCH,
    RBAC_PERMISSION_DENIED,
    SESSION_INVALID,
    TASK_CANCELLED,
)
from xapid.datamodel.implicit import all_messages
from xapid.datamodel.types import DateTime, RefType
from xapid.observe.garbage import TASK_KEPT, TASK_STALE, TASKS_KEPT, Collector
from xapid.runtime import tasks_kept, texts

NULL = "OpaqueRef:NULL"
NOBODY = "OpaqueRef:00000000-0000-0000-0000-000000000000"
NEVER = "19700101T00:00:00Z"
NETWORK = {"name_label": "n", "name_description": "", "other_config": {}}
PATIENCE = 10.0


async def ended(xapi: Xapi, task: str) -> dict[str, Any]:
    """The record of a task once it is over."""
    async with asyncio.timeout(PATIENCE):
        token = ""
        while True:
            record: dict[str, Any] = await xapi.task.get_record(task)
            if record["status"] != "pending":
                return record
            token = (await xapi.event.from_([f"task/{task}"], token, 1.0))["token"]


async def somebody(fresh: FreshHost, *roles: str, user: str = "somebody") -> Xapi:
    """A client who is a user of a directory, with these roles."""
    sessions: Sessions = fresh.runtime.services["sessions"]
    client = fresh.xapi.beside()
    client.session = sessions.start(user, "", superuser=False, roles=frozenset(roles), user_sid=f"S-{user}").ref
    return client


def collect(fresh: FreshHost) -> None:
    Collector(fresh.runtime, fresh.runtime.services["sessions"]).collect_tasks()


async def test_what_is_secret_gets_into_no_task(fresh: FreshHost) -> None:
    """Whoever is logged in can read the results of tasks."""
    xapi, reader = fresh.xapi, await somebody(fresh, "read-only")
    token = (await reader.event.from_(["task"], "", 0.0))["token"]

    for spec in (each for each in all_messages().values() if each.secret):
        given = [NULL, NULL, {}][: len(spec.params)]
        with raises_api("Fault", f"No async mode for this operation (rpc: {spec.method})"):
            await xapi.send(f"Async.{spec.method}", xapi.session, *given)
    secret = await xapi.pool.initial_auth()
    await xapi.pool.sync_database()

    seen = [each["snapshot"] for each in (await reader.event.from_(["task"], token, 1.0))["events"]]
    assert not any("initial_auth" in str(each) or secret in str(each) for each in seen)


def test_every_answer_that_is_a_session_is_secret() -> None:
    """But one that is not built, and that XenCenter calls asynchronously."""
    messages = [each for each in all_messages().values() if not each.implicit and each.has_async]
    shown = [each.method for each in messages if each.result == RefType("session") and not each.secret]

    assert shown == ["VDI.open_database"]


# --- Tasks that clients make ------------------------------------------------------------------------------


async def test_a_task_of_a_client_is_pending(fresh: FreshHost, host: str) -> None:
    before = fresh.clock.date()
    task = await fresh.xapi.task.create("a label", "a description")

    record = await fresh.xapi.task.get_record(task)

    assert before <= DateTime(str(record.pop("created"))) <= fresh.clock.date()
    assert record == {
        "uuid": await fresh.xapi.task.get_uuid(task),
        "name_label": "a label",
        "name_description": "a description",
        "allowed_operations": [],
        "current_operations": {},
        "finished": xmlrpc.client.DateTime(NEVER),
        "status": "pending",
        "resident_on": host,
        "progress": 0.0,
        "type": "<none/>",
        "result": "",
        "error_info": [],
        "other_config": {},
        "subtask_of": NULL,
        "subtasks": [],
        "backtrace": "()",
    }
    assert task in await fresh.xapi.task.get_all()
    assert await fresh.xapi.call("session.get_tasks", fresh.xapi.session) == [task]


@pytest.mark.parametrize(
    "message, value, shown",
    [
        ("progress", 0.25, 0.25),
        ("progress", -3.5, -3.5),
        ("result", "any <text>", "any <text>"),
        ("error_info", ["CODE", "a", ""], ["CODE", "a", ""]),
        ("status", "success", "success"),
        ("status", "FAILURE", "failure"),
        ("status", "Cancelling", "cancelling"),
        ("other_config", {"a": "b"}, {"a": "b"}),
    ],
)
async def test_a_client_keeps_its_task_itself(xapi: Xapi, message: str, value: Any, shown: Any) -> None:
    task = await xapi.task.create("t", "")
    before = await xapi.task.get_record(task)

    assert await xapi.call(f"task.set_{message}", task, value) == ""

    assert await xapi.task.get_record(task) == {**before, message: shown}


@pytest.mark.parametrize("status", ["done", "", "pending "])
async def test_a_status_that_is_none_is_refused(xapi: Xapi, status: str) -> None:
    task = await xapi.task.create("t", "")

    with pytest.raises(INTERNAL_ERROR):
        await xapi.task.set_status(task, status)

    assert await xapi.task.get_status(task) == "pending"


@pytest.mark.parametrize("status", ["success", "failure", "cancelled"])
async def test_a_task_that_is_over_can_be_forgotten(xapi: Xapi, status: str) -> None:
    task = await xapi.task.create("t", "")
    await xapi.task.set_status(task, status)

    assert await xapi.task.destroy(task) == ""

    for message in ("get_record", "cancel", "destroy"):
        with pytest.raises(HANDLE_INVALID) as error:
            await xapi.call(f"task.{message}", task)
        assert error.value.args == ("task", task)
    assert await xapi.call("session.get_tasks", xapi.session) == []


@pytest.mark.parametrize("status", ["pending", "cancelling"])
async def test_a_task_that_is_not_over_is_forgotten_when_it_is(fresh: FreshHost, status: str) -> None:
    xapi = fresh.xapi
    task = await xapi.task.create("t", "")
    await xapi.task.set_status(task, status)

    await xapi.task.destroy(task)

    assert await xapi.task.get_current_operations(task) == {"task": "destroy"}
    with pytest.raises(MAP_DUPLICATE_KEY):
        await xapi.task.destroy(task)
    collect(fresh)
    assert task in await xapi.task.get_all()
    await xapi.task.set_status(task, "success")
    collect(fresh)
    assert task not in await xapi.task.get_all()


@pytest.mark.parametrize("status", ["pending", "success", "cancelled"])
async def test_to_cancel_what_nobody_works_on_is_only_noted(xapi: Xapi, status: str) -> None:
    task = await xapi.task.create("t", "")
    await xapi.task.set_status(task, status)

    assert await xapi.task.cancel(task) == ""

    assert await xapi.task.get_status(task) == status
    ((key, operation),) = (await xapi.task.get_current_operations(task)).items()
    assert (key.split("|")[0], operation) == ("DummyRef:", "cancel")


# --- Tasks that calls make --------------------------------------------------------------------------------


async def test_an_asynchronous_call_gives_a_task_with_the_result(fresh: FreshHost, host: str) -> None:
    xapi = fresh.xapi
    task = await xapi.call("Async.network.create", NETWORK)

    record = await ended(xapi, task)

    (network,) = [ref for ref, each in (await xapi.network.get_all_records()).items() if each["name_label"] == "n"]
    assert (record["status"], record["result"], record["error_info"]) == ("success", f"<value>{network}</value>", [])
    assert (record["progress"], record["name_label"], record["resident_on"]) == (1.0, "Async.network.create", host)
    assert (record["allowed_operations"], record["backtrace"]) == ([], "()")
    assert str(record["created"]) <= str(record["finished"]) != NEVER


@pytest.mark.parametrize("prefix", ["Async", "InternalAsync"])
async def test_a_call_without_a_result_leaves_an_empty_value(xapi: Xapi, prefix: str) -> None:
    network = await xapi.network.create(NETWORK)

    record = await ended(xapi, await xapi.call(f"{prefix}.network.destroy", network))

    assert (record["status"], record["result"]) == ("success", "<value></value>")


async def test_a_set_is_an_array_in_the_result(xapi: Xapi, workshop: Workshop, host: str) -> None:
    record = await ended(xapi, await xapi.call("Async.VM.get_possible_hosts", await workshop.vm()))

    assert record["result"] == f"<value><array><data><value>{host}</value></data></array></value>"


async def test_a_failure_is_told_by_the_task(xapi: Xapi, workshop: Workshop) -> None:
    vm = await workshop.vm()

    record = await ended(xapi, await xapi.call("Async.VM.pause", vm))

    assert (record["status"], record["progress"], record["result"]) == ("failure", 1.0, "")
    assert record["error_info"] == ["VM_BAD_POWER_STATE", vm, "running", "halted"]
    assert record["backtrace"].startswith("(((process xapid)(filename ")
    assert str(record["finished"]) != NEVER


async def test_a_dead_reference_is_told_by_the_task(xapi: Xapi) -> None:
    record = await ended(xapi, await xapi.call("Async.VM.pause", NOBODY))

    assert record["error_info"] == ["HANDLE_INVALID", "VM", NOBODY]


@pytest.mark.parametrize(
    "method, params, error",
    [
        ("Async.VM.fly", (NULL,), MESSAGE_METHOD_UNKNOWN),
        ("Async.VM.pause", (), MESSAGE_PARAMETER_COUNT_MISMATCH),
        ("Async.VM.start", (NULL, "x", False), INTERNAL_ERROR),
    ],
)
async def test_a_call_that_is_wrong_in_itself_makes_no_task(
    xapi: Xapi, method: str, params: tuple[Any, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await xapi.call(method, *params)

    assert await xapi.task.get_all() == []


async def test_a_call_of_nobody_makes_no_task(xapi: Xapi) -> None:
    with pytest.raises(SESSION_INVALID):
        await xapi.send("Async.VM.pause", NOBODY, NULL)

    assert await xapi.task.get_all() == []


async def test_calls_about_tasks_and_events_give_a_task_that_is_none(xapi: Xapi) -> None:
    task = await xapi.task.create("t", "")

    dummy = await xapi.call("Async.task.cancel", task)

    assert dummy.startswith("DummyRef:")
    with pytest.raises(HANDLE_INVALID):
        await xapi.task.get_record(dummy)
    assert await xapi.task.get_all() == [task]


async def test_a_synchronous_call_has_a_task_while_it_lasts(xapi: Xapi, workshop: Workshop) -> None:
    vm = await workshop.vm()
    async with workshop.waiting(vm, xapi.VM.start(vm, False, False)):
        ((ref, record),) = (await xapi.task.get_all_records()).items()
        assert (record["name_label"], record["status"]) == ("VM.start", "pending")
        assert ref in await xapi.VM.get_current_operations(vm)

    assert await xapi.task.get_all() == []


async def test_who_waits_for_tasks_hears_of_that_of_a_call_that_is_over_at_once(xapi: Xapi) -> None:
    token = (await xapi.event.from_(["*"], "", 1.0))["token"]
    waiting = asyncio.create_task(xapi.event.from_(["task"], token, PATIENCE))
    await asyncio.sleep(0)

    network = await xapi.network.create(NETWORK)

    (event,) = (await waiting)["events"]
    assert (event["operation"], event["snapshot"]["name_label"]) == ("add", "network.create")
    assert await xapi.network.get_name_label(network) == "n"


async def test_who_registered_for_tasks_hears_of_that_of_a_call_that_is_over_at_once(xapi: Xapi) -> None:
    await xapi.event.register(["task"])

    await xapi.network.create(NETWORK)

    told = await xapi.event.next()
    assert [each["operation"] for each in told][:: len(told) - 1] == ["add", "del"]
    assert {each["snapshot"]["name_label"] for each in told} == {"network.create"}


async def test_the_task_of_a_call_that_is_over_at_once_leaves_nothing_behind(xapi: Xapi) -> None:
    token = (await xapi.event.from_(["*"], "", 1.0))["token"]

    await xapi.network.create(NETWORK)

    told = (await xapi.event.from_(["task", "network"], token, 0.0))["events"]
    assert [(each["class"], each["operation"]) for each in told] == [("network", "add")]


# --- Headers of a request ---------------------------------------------------------------------------------


async def test_a_request_may_name_the_parent_of_its_task(xapi: Xapi) -> None:
    parent = await xapi.task.create("parent", "")
    xapi.headers = (("subtask-of", parent),)

    task = await xapi.call("Async.network.create", NETWORK)

    xapi.headers = ()
    assert (await ended(xapi, task))["subtask_of"] == parent
    assert await xapi.task.get_subtasks(parent) == [task]


async def test_a_request_may_bring_a_configuration_for_its_task(xapi: Xapi) -> None:
    xapi.headers = (("x-http-other-config-color", "green"), ("x-http-other-config-a", ""))

    task = await xapi.call("Async.network.create", NETWORK)

    xapi.headers = ()
    assert (await ended(xapi, task))["other_config"] == {"http:color": "green", "http:a": ""}


async def test_a_request_may_run_in_a_task_which_it_does_not_end(xapi: Xapi, workshop: Workshop) -> None:
    vm = await workshop.vm()
    task = await xapi.task.create("mine", "")
    xapi.headers = (("task-id", task),)
    start = xapi.VM.start(vm, False, False)

    async with workshop.waiting(vm, start):
        xapi.headers = ()
        assert await xapi.VM.get_current_operations(vm) == {task: "start"}
        assert await xapi.task.get_all() == [task]

    assert await xapi.VM.get_power_state(vm) == "Running"
    assert await xapi.task.get_status(task) == "pending"


async def test_nobody_runs_anything_in_or_below_the_task_of_another(fresh: FreshHost) -> None:
    """Else what is under way there could be cancelled no more, or shows steps that are none of its own."""
    task = await fresh.xapi.task.create("mine", "")
    reader, another = await somebody(fresh, "read-only"), await somebody(fresh, "read-only", user="another")
    theirs = await another.task.create("theirs", "")
    (host,) = await fresh.xapi.host.get_all()

    for header, method in (("task-id", "host.compute_free_memory"), ("subtask-of", "Async.host.compute_free_memory")):
        for foreign in (task, theirs):
            reader.headers = ((header, foreign),)
            with pytest.raises(RBAC_PERMISSION_DENIED):
                await reader.call(method, host)
        reader.headers = ((header, NOBODY),)
        await reader.call(method, host)
        another.headers = ((header, theirs),)
        await another.call(method, host)
    assert await fresh.xapi.task.get_subtasks(task) == []


async def test_what_a_user_keeps_in_tasks_is_bounded_and_the_oldest_go(
    fresh: FreshHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks_kept, "MOST", 3)
    monkeypatch.setattr(tasks_kept, "TEXTS", 1000)
    reader = await somebody(fresh, "read-only")
    others = await fresh.xapi.task.create("root's", "x" * 5000)

    rest = [await reader.task.create(f"{number}", "") for number in range(4)][1:]
    assert sorted(await reader.task.get_all()) == sorted([others, *rest])

    await reader.task.add_to_other_config(rest[2], "key", "x" * 600)
    await reader.task.set_result(rest[1], "x" * 600)
    assert sorted(await reader.task.get_all()) == sorted([others, rest[1]])

    await reader.task.destroy(rest[1])
    again = [await reader.task.create("x" * 300, "") for _ in range(3)]
    assert sorted(await reader.task.get_all()) == sorted([others, *again])


@pytest.mark.parametrize("field, entry", [("other_config", ["key", "x"]), ("tags", ["x"])])
async def test_a_map_or_set_does_not_grow_for_ever(
    xapi: Xapi, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, field: str, entry: list[str]
) -> None:
    monkeypatch.setattr(texts, "LARGEST", 10_000)
    vm = await workshop.vm()
    add = f"VM.add_to_{field}" if len(entry) == 2 else f"VM.add_{field}"

    async def grow() -> None:
        for number in range(100):
            await xapi.call(add, vm, *[f"{each}{number}" + each * 1000 for each in entry])

    with pytest.raises(INVALID_VALUE, match=field):
        await grow()

    assert 10_000 < len(str(await xapi.call(f"VM.get_{field}", vm))) < 50_000


async def test_between_hosts_a_task_is_made_whatever_the_request_says(xapi: Xapi) -> None:
    task = await xapi.task.create("mine", "")
    xapi.headers = (("task-id", task),)

    another = await xapi.call("InternalAsync.network.create", NETWORK)

    xapi.headers = ()
    assert another != task
    assert (await ended(xapi, another))["status"] == "success"
    assert await xapi.task.get_status(task) == "pending"


# --- Cancelling -------------------------------------------------------------------------------------------


async def test_who_waits_can_be_cancelled(xapi: Xapi, workshop: Workshop) -> None:
    vm = await workshop.vm()
    async with workshop.waiting(vm, xapi.call("Async.VM.start", vm, False, False)) as call:
        task = await call
        assert await xapi.task.get_allowed_operations(task) == ["cancel"]

        await xapi.task.cancel(task)

        record = await ended(xapi, task)

    assert (record["status"], record["error_info"], record["result"]) == ("cancelled", [], "")
    assert (record["progress"], record["allowed_operations"]) == (1.0, [])
    assert await xapi.VM.get_power_state(vm) == "Halted"
    assert await xapi.VM.get_current_operations(vm) == {}


async def test_who_called_what_is_cancelled_is_told_the_task(xapi: Xapi, workshop: Workshop) -> None:
    vm = await workshop.vm()
    async with workshop.waiting(vm, xapi.VM.start(vm, False, False)) as call:
        (task,) = await xapi.task.get_all()

        await xapi.task.cancel(task)

        with pytest.raises(TASK_CANCELLED) as error:
            await asyncio.wait_for(call, PATIENCE)

    assert error.value.args == (task,)
    assert await xapi.task.get_all() == []
    await xapi.VM.start(vm, True, False)


async def test_a_task_that_is_over_stays_as_it_ended(xapi: Xapi) -> None:
    task = await xapi.call("Async.network.create", NETWORK)
    before = await ended(xapi, task)

    await xapi.task.cancel(task)

    after = await xapi.task.get_record(task)
    assert len(after.pop("current_operations")) == 1
    assert after == {name: value for name, value in before.items() if name != "current_operations"}


async def test_a_client_that_ended_the_task_of_its_call_is_not_overruled(xapi: Xapi, workshop: Workshop) -> None:
    vm = await workshop.vm()
    async with workshop.waiting(vm, xapi.call("Async.VM.start", vm, False, False)) as call:
        task = await call
        await xapi.task.set_status(task, "failure")

    async with asyncio.timeout(PATIENCE):
        while await xapi.VM.get_current_operations(vm):
            await xapi.event.from_([f"VM/{vm}"], "", 0.1)
    assert await xapi.VM.get_power_state(vm) == "Running"
    assert (await xapi.task.get_record(task))["status"] == "failure"


# --- Whose task it is -------------------------------------------------------------------------------------

DEEDS = [
    ("cancel", ()),
    ("destroy", ()),
    ("set_status", ("success",)),
    ("set_progress", (0.5,)),
    ("set_result", ("r",)),
    ("set_error_info", (["E"],)),
    ("set_other_config", ({"a": "b"},)),
    ("add_to_other_config", ("a", "b")),
    ("remove_from_other_config", ("a",)),
]


@pytest.mark.parametrize("message, params", DEEDS)
async def test_a_task_is_its_users_own(fresh: FreshHost, message: str, params: tuple[Any, ...]) -> None:
    owner = await somebody(fresh, "read-only")
    stranger = await somebody(fresh, "vm-power-admin", user="stranger")
    task = await owner.task.create("t", "")
    before = await owner.task.get_record(task)

    with pytest.raises(RBAC_PERMISSION_DENIED) as error:
        await stranger.call(f"task.{message}", task, *params)

    assert error.value.args[0] == "task.destroy/any"
    assert await stranger.task.get_record(task) == before
    same_user = await somebody(fresh, "read-only")
    assert await same_user.call(f"task.{message}", task, *params) == ""


@pytest.mark.parametrize("message, params", DEEDS)
async def test_an_operator_may_touch_every_task(fresh: FreshHost, message: str, params: tuple[Any, ...]) -> None:
    owner = await somebody(fresh, "read-only")
    operator = await somebody(fresh, "pool-operator", user="operator")
    task = await owner.task.create("t", "")

    assert await operator.call(f"task.{message}", task, *params) == ""


async def test_what_a_user_may_not_do_is_told_by_the_task(fresh: FreshHost) -> None:
    reader = await somebody(fresh, "read-only")

    record = await ended(reader, await reader.call("Async.network.create", NETWORK))

    assert (record["status"], record["error_info"][:2]) == ("failure", ["RBAC_PERMISSION_DENIED", "network.create"])
    with pytest.raises(RBAC_PERMISSION_DENIED):
        await reader.network.create(NETWORK)


# --- Tasks that go by themselves --------------------------------------------------------------------------


@pytest.mark.parametrize("age, there", [(TASK_KEPT - 60, True), (TASK_KEPT + 1, False)])
async def test_a_task_that_is_over_is_kept_for_65_minutes(fresh: FreshHost, age: float, there: bool) -> None:
    task = await fresh.xapi.call("Async.network.create", NETWORK)
    await ended(fresh.xapi, task)

    fresh.clock.passed += age
    collect(fresh)

    assert (task in await fresh.xapi.task.get_all()) is there


async def test_a_pending_task_in_which_nothing_moves_goes_after_a_day(fresh: FreshHost) -> None:
    xapi, collector = fresh.xapi, Collector(fresh.runtime, fresh.runtime.services["sessions"])
    await xapi.task.create("still", "")
    moving = await xapi.task.create("moving", "")
    collector.collect_tasks()

    fresh.clock.passed += TASK_STALE + 1
    await xapi.log_in()
    await xapi.task.set_progress(moving, 0.5)
    collector.collect_tasks()

    assert await xapi.task.get_all() == [moving]


async def test_of_too_many_tasks_the_oldest_that_are_over_go(fresh: FreshHost) -> None:
    xapi = fresh.xapi
    pending = [await xapi.task.create("pending", "") for _ in range(20)]
    over = [await xapi.task.create("over", "") for _ in range(TASKS_KEPT + 30)]
    for task in over:
        fresh.clock.passed += 1
        fresh.runtime.tasks.succeed(fresh.runtime.tasks.active[task], "")

    collect(fresh)

    left = await xapi.task.get_all()
    assert sorted(left) == sorted(pending + over[50:])
