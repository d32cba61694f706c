"""Who asks for something on a machine can follow it: marks, tasks, events."""

from __future__ import annotations

from tests.machines import Workshop
from tests.xapi import Xapi


async def test_an_operation_is_marked_on_its_machine_by_its_task(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm()

    async with workshop.waiting(vm, xapi.call("Async.VM.start", vm, True, False)) as made:
        task = await made
        during = (workshop.row(vm).current_operations, workshop.row(vm).allowed_operations)
        pending = await xapi.task.get_record(task)
    await workshop.until(lambda: workshop.row(task).status != "pending")
    done = await xapi.task.get_record(task)

    assert during[0] == {task: "start"}
    assert "start" not in during[1]
    assert (pending["name_label"], pending["status"], pending["result"]) == ("Async.VM.start", "pending", "")
    assert (done["status"], done["progress"], done["result"]) == ("success", 1.0, "<value></value>")
    assert workshop.idle()


async def test_a_failure_is_told_by_the_task(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm()

    task = await xapi.call("Async.VM.pause", vm)
    await workshop.until(lambda: workshop.row(task).status != "pending")

    assert workshop.row(task).status == "failure"
    assert workshop.row(task).error_info == ("VM_BAD_POWER_STATE", vm, "running", "halted")


async def test_a_start_is_told_by_events_in_its_order(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm()
    token = (await xapi.event.from_(["vm"], "", 0.0))["token"]

    async with workshop.waiting(vm, xapi.VM.start(vm, False, False)):
        first = await xapi.event.from_(["vm"], token, 5.0)
    second = await xapi.event.from_(["vm"], first["token"], 5.0)

    (before,), (*_, after) = first["events"], second["events"]
    assert (before["operation"], before["ref"]) == ("mod", vm)
    assert list(before["snapshot"]["current_operations"].values()) == ["start"]
    assert before["snapshot"]["power_state"] == "Halted"
    assert (after["ref"], after["snapshot"]["power_state"]) == (vm, "Running")
    assert after["snapshot"]["current_operations"] == {}
    assert "clean_shutdown" in after["snapshot"]["allowed_operations"]
