"""What the toolstack tells the administrator of by itself."""

from __future__ import annotations

from datetime import datetime
from xmlrpc.client import DateTime

import pytest

from tests.machines import Workshop
from tests.xapi import Xapi
from xapid.backends.domain.interface import DomainEventKind
from xapid.datamodel import Message
from xapid.datamodel.errors import VM_BAD_POWER_STATE

LONG_AGO = DateTime(datetime(1970, 1, 1))


async def told_of(xapi: Xapi, vm: str) -> list[str]:
    """Names of the messages about a machine, oldest first."""
    messages = await xapi.message.get("VM", await xapi.VM.get_uuid(vm), LONG_AGO)
    return [message["name"] for message in messages.values()][::-1]


async def test_what_a_client_does_to_a_machine_is_told_of(workshop: Workshop) -> None:
    xapi, vm = workshop.xapi, await workshop.vm()
    await xapi.VM.set_suspend_SR(vm, await workshop.sr())

    await xapi.VM.start(vm, False, False)
    await xapi.VM.pause(vm)
    await xapi.VM.unpause(vm)
    await xapi.VM.suspend(vm)
    await xapi.VM.resume(vm, False, False)
    await xapi.VM.clean_reboot(vm)
    await xapi.VM.hard_reboot(vm)
    await xapi.VM.clean_shutdown(vm)

    assert await told_of(xapi, vm) == [
        "VM_STARTED", "VM_PAUSED", "VM_UNPAUSED", "VM_SUSPENDED", "VM_RESUMED", "VM_REBOOTED", "VM_REBOOTED",
        "VM_SHUTDOWN",
    ]  # fmt: skip


async def test_snapshots_are_told_of_by_the_machine_that_they_are_of(workshop: Workshop) -> None:
    xapi, vm = workshop.xapi, await workshop.vm()
    await xapi.VM.set_suspend_SR(vm, await workshop.sr())

    snapshot = await xapi.VM.snapshot(vm, "before", [])
    await xapi.VM.revert(snapshot)
    await xapi.VM.start(vm, False, False)
    await xapi.VM.checkpoint(vm, "after")

    assert await told_of(xapi, vm) == ["VM_SNAPSHOTTED", "VM_SNAPSHOT_REVERTED", "VM_STARTED", "VM_CHECKPOINTED"]
    assert await told_of(xapi, snapshot) == []


async def test_a_message_names_the_machine_and_the_host(workshop: Workshop, host: str) -> None:
    xapi, vm = workshop.xapi, await workshop.vm(name_label="the guest")

    await xapi.VM.start(vm, False, False)

    (message,) = workshop.fresh.store.all(Message)
    assert (message.priority, message.cls, message.obj_uuid) == (5, "VM", await xapi.VM.get_uuid(vm))
    for named in ("the guest", message.obj_uuid, await xapi.host.get_name_label(host), await xapi.host.get_uuid(host)):
        assert named in message.body


async def test_clones_copies_and_failures_are_not_told_of(workshop: Workshop) -> None:
    xapi, vm = workshop.xapi, await workshop.vm()

    clone = await xapi.VM.clone(vm, "clone")
    copy = await xapi.VM.copy(vm, "copy", "")
    with pytest.raises(VM_BAD_POWER_STATE):
        await xapi.VM.clean_shutdown(vm)

    assert [await told_of(xapi, each) for each in (vm, clone, copy)] == [[], [], []]


async def test_what_a_guest_does_by_itself_is_not_told_of(workshop: Workshop) -> None:
    vm = await workshop.started(await workshop.vm())

    workshop.domains.happen(workshop.row(vm).uuid, DomainEventKind.stopped)
    await workshop.until(lambda: workshop.row(vm).power_state == "Halted")

    assert await told_of(workshop.xapi, vm) == ["VM_STARTED"]


async def test_a_crash_is_urgent_and_its_restart_is_no_start_of_a_client(workshop: Workshop) -> None:
    vm = await workshop.started(await workshop.vm(actions_after_crash="restart"))
    first = workshop.row(vm).domid

    workshop.domains.happen(workshop.row(vm).uuid, DomainEventKind.crashed)
    await workshop.until(lambda: workshop.row(vm).domid not in (-1, first))

    assert await told_of(workshop.xapi, vm) == ["VM_STARTED", "VM_CRASHED"]
    assert [each.priority for each in workshop.fresh.store.all(Message) if each.name == "VM_CRASHED"] == [2]
