"""Operations on one object wait their turn, in order, and can be cancelled while they wait."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from xapid.datamodel import VBD, VDI, VM
from xapid.datamodel.errors import OTHER_OPERATION_IN_PROGRESS, TASK_CANCELLED, VM_BAD_POWER_STATE
from xapid.datamodel.types import NULL
from xapid.runtime.clock import Clock
from xapid.runtime.guard import AT_ONCE, STANDARD, Guard
from xapid.runtime.tasks import TaskHandle, Tasks
from xapid.store.store import Store


def one_at_a_time(store: Store, row: Any, operation: str, *, strict: bool = True) -> None:
    """Any operation excludes any other; one called `pause` is allowed only to those who force it."""
    if operation == "pause" and strict:
        raise VM_BAD_POWER_STATE(row.ref, "running", "halted")
    for task, current in row.current_operations.items():
        raise OTHER_OPERATION_IN_PROGRESS("VM", row.ref, current, task)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def guard(store: Store) -> Guard:
    return Guard(store, {"VM": one_at_a_time})


@pytest.fixture
def tasks(store: Store) -> Tasks:
    return Tasks(store, Clock())


@pytest.fixture
def vm(store: Store) -> VM:
    with store.write() as tx:
        return tx.create(VM)


def started(tasks: Tasks, guard: Guard, vm: VM, operation: str, patience: float = STANDARD) -> TaskHandle:
    """A task whose work waits for its turn on the VM."""
    task = tasks.create(operation)
    task.work = asyncio.ensure_future(guard.enter(vm, operation, task, patience))
    return task


async def until_it_waits(tasks: Tasks, task: TaskHandle) -> None:
    row = tasks.store.find_any(task.ref)
    while not row.allowed_operations:  # type: ignore[union-attr]  # a task is there while it waits
        await asyncio.sleep(0)
        row = tasks.store.find_any(task.ref)


async def test_an_operation_is_marked_while_it_lasts(store: Store, guard: Guard, tasks: Tasks, vm: VM) -> None:
    task = tasks.create("VM.start")

    await guard.enter(vm, "start", task, STANDARD)

    assert store.get(VM, vm.ref).current_operations == {task.ref: "start"}
    guard.leave(vm, task.ref)
    assert store.get(VM, vm.ref).current_operations == {}


async def test_a_second_operation_waits_for_the_first(store: Store, guard: Guard, tasks: Tasks, vm: VM) -> None:
    first = tasks.create("VM.start")
    await guard.enter(vm, "start", first, STANDARD)
    second = started(tasks, guard, vm, "suspend")
    await until_it_waits(tasks, second)

    guard.leave(vm, first.ref)
    await second.work  # type: ignore[misc]  # it has work

    assert store.get(VM, vm.ref).current_operations == {second.ref: "suspend"}


async def test_who_came_first_is_served_first(store: Store, guard: Guard, tasks: Tasks, vm: VM) -> None:
    holder = tasks.create("VM.start")
    await guard.enter(vm, "start", holder, STANDARD)
    waiting = []
    for operation in ("suspend", "resume", "clean_reboot"):
        waiting.append(started(tasks, guard, vm, operation))
        await until_it_waits(tasks, waiting[-1])

    served = []
    for task in waiting:
        guard.leave(vm, (served[-1] if served else holder).ref)
        await task.work  # type: ignore[misc]  # it has work
        served.append(task)

    assert [task.label for task in served] == ["suspend", "resume", "clean_reboot"]


async def test_what_is_not_allowed_fails_at_once(guard: Guard, tasks: Tasks, vm: VM) -> None:
    with pytest.raises(VM_BAD_POWER_STATE):
        await guard.enter(vm, "pause", tasks.create("VM.pause"), STANDARD)


async def test_what_a_client_forces_is_let_pass(store: Store, guard: Guard, tasks: Tasks, vm: VM) -> None:
    task = tasks.create("VM.pause")

    guard.check(vm, "pause", strict=False)
    await guard.enter(vm, "pause", task, STANDARD, strict=False)

    assert store.get(VM, vm.ref).current_operations == {task.ref: "pause"}


@dataclass(frozen=True)
class Drive:
    """A drive, the disk in it, and a guard that lets no operation at the disk while the drive is busy."""

    disk: VDI
    drive: VBD
    guard: Guard


@pytest.fixture
def drive(store: Store) -> Drive:
    with store.write() as tx:
        vdi = tx.create(VDI)
        vbd = tx.create(VBD, VDI=vdi.ref)

    def not_while_the_drive_is_busy(store: Store, row: Any, operation: str, *, strict: bool = True) -> None:
        for task, current in store.get(VBD, vbd.ref).current_operations.items():
            raise OTHER_OPERATION_IN_PROGRESS("VDI", vdi.ref, current, task)

    return Drive(vdi, vbd, Guard(store, {"VDI": not_while_the_drive_is_busy}))


async def test_who_waits_for_a_disk_hears_when_its_drive_is_free(store: Store, tasks: Tasks, drive: Drive) -> None:
    plugging, resizing = tasks.create("VBD.plug"), tasks.create("VDI.resize")
    await drive.guard.enter(drive.drive, "plug", plugging, STANDARD)
    resizing.work = asyncio.ensure_future(drive.guard.enter(drive.disk, "resize", resizing, STANDARD))
    await until_it_waits(tasks, resizing)

    drive.guard.leave(drive.drive, plugging.ref)
    async with asyncio.timeout(5):
        await resizing.work

    assert store.get(VDI, drive.disk.ref).current_operations == {resizing.ref: "resize"}


async def test_a_drive_that_was_emptied_meanwhile_frees_the_disk_that_it_held(
    store: Store, tasks: Tasks, drive: Drive
) -> None:
    ejecting, destroying = tasks.create("VBD.eject"), tasks.create("VDI.destroy")
    await drive.guard.enter(drive.drive, "eject", ejecting, STANDARD)
    destroying.work = asyncio.ensure_future(drive.guard.enter(drive.disk, "destroy", destroying, STANDARD))
    await until_it_waits(tasks, destroying)

    with store.write() as tx:
        tx.set(drive.drive, VDI=NULL)
    drive.guard.leave(drive.drive, ejecting.ref)
    async with asyncio.timeout(5):
        await destroying.work

    assert store.get(VDI, drive.disk.ref).current_operations == {destroying.ref: "destroy"}


async def test_without_patience_a_conflict_fails_at_once(guard: Guard, tasks: Tasks, vm: VM) -> None:
    first = tasks.create("VM.start")
    await guard.enter(vm, "start", first, STANDARD)

    with pytest.raises(OTHER_OPERATION_IN_PROGRESS) as error:
        await guard.enter(vm, "call_plugin", tasks.create("VM.call_plugin"), AT_ONCE)

    assert error.value.args == ("VM", vm.ref, "start", first.ref)


async def test_who_waits_can_be_cancelled(store: Store, guard: Guard, tasks: Tasks, vm: VM) -> None:
    first = tasks.create("VM.start")
    await guard.enter(vm, "start", first, STANDARD)
    second = started(tasks, guard, vm, "suspend")
    await until_it_waits(tasks, second)

    second.cancel()

    with pytest.raises(TASK_CANCELLED):
        await second.work  # type: ignore[misc]  # it has work
    assert store.get(VM, vm.ref).current_operations == {first.ref: "start"}


async def test_a_hard_shutdown_overtakes_those_who_wait(store: Store, tasks: Tasks, vm: VM) -> None:
    def lets_hard_shutdown_in(store: Store, row: Any, operation: str, *, strict: bool = True) -> None:
        if operation != "hard_shutdown":
            one_at_a_time(store, row, operation)

    guard = Guard(store, {"VM": lets_hard_shutdown_in})
    first = tasks.create("VM.clean_shutdown")
    await guard.enter(vm, "clean_shutdown", first, STANDARD)
    await until_it_waits(tasks, started(tasks, guard, vm, "start"))

    urgent = tasks.create("VM.hard_shutdown")
    await guard.enter(vm, "hard_shutdown", urgent, STANDARD)

    assert store.get(VM, vm.ref).current_operations[urgent.ref] == "hard_shutdown"
