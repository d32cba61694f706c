"""`xapid.explain`: a client that is refused learns what stands in the way, since when, and how to clear it."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from tests.machines import MIB, NULL, Workshop, raises_api
from tests.xapi import Xapi
from xapid.auth.sessions import Sessions
from xapid.datamodel import VM
from xapid.datamodel import errors as codes
from xapid.rules.explanation import explain
from xapid.runtime.logs import JsonFormatter


async def explained(xapi: Xapi, ref: str, operation: str) -> dict[str, Any]:
    return dict(await xapi.xapid.explain(ref, operation))


async def test_what_is_allowed_needs_no_reason(workshop: Workshop) -> None:
    vm = await workshop.vm()

    assert await workshop.xapi.xapid.explain(vm, "start") == {"allowed": "true"}


@pytest.mark.parametrize(
    "state, operation, clear",
    [
        ("Running", "start", "VM.clean_shutdown, or VM.hard_shutdown"),
        ("Halted", "pause", "VM.start"),
        ("Suspended", "clone", "VM.hard_shutdown, which discards what the guest had in memory"),
        ("Paused", "clean_shutdown", "VM.unpause"),
    ],
)
async def test_a_wrong_power_state_is_cleared_by_the_call_that_leads_to_another(
    workshop: Workshop, state: str, operation: str, clear: str
) -> None:
    vm = await workshop.vm_in(state)

    told = await explained(workshop.xapi, vm, operation)

    assert (told["allowed"], told["error"], told["ref"]) == ("false", "VM_BAD_POWER_STATE", vm)
    assert told["clear"] == f"{clear} ({vm})"
    assert state.lower() in told["reason"]


async def test_what_goes_on_is_named_with_its_task_and_age(workshop: Workshop) -> None:
    vm = await workshop.vm(name_label="the slow one")
    workshop.faults("domain").delay("start", 0.2)
    starting = asyncio.create_task(workshop.xapi.call("Async.VM.start", vm, False, False))
    await workshop.until(lambda: bool(workshop.row(vm).current_operations))

    told = await explained(workshop.xapi, vm, "destroy")

    task = await starting
    assert (told["error"], told["name_label"]) == ("OTHER_OPERATION_IN_PROGRESS", "the slow one")
    assert (told["task"], told["task_name_label"]) == (task, "Async.VM.start")
    assert 0 <= int(told["task_age"]) < 60
    assert told["clear"] == f"wait until task {task} ends; it cannot be cancelled"
    await workshop.until(workshop.idle)


async def test_what_can_be_cancelled_is_cleared_by_cancelling_it(workshop: Workshop) -> None:
    vm = await workshop.vm(platform={"sim-guest": "deaf"})
    await workshop.started(vm)
    task = await workshop.xapi.call("Async.VM.clean_shutdown", vm)
    await workshop.until(lambda: "cancel" in workshop.row(task).allowed_operations)

    told = await explained(workshop.xapi, vm, "suspend")

    assert told["clear"] == f"task.cancel {task}"
    await workshop.xapi.task.cancel(task)
    await workshop.until(workshop.idle)
    assert await explained(workshop.xapi, vm, "suspend") == {"allowed": "true"}


async def test_a_disk_in_use_names_the_drive_that_holds_it(workshop: Workshop) -> None:
    vdi = await workshop.disk(await workshop.sr())
    vm = await workshop.vm(name_label="the user")
    drive = await workshop.drive(vm, vdi)
    await workshop.started(vm)

    told = await explained(workshop.xapi, vdi, "destroy")

    assert (told["error"], told["class"], told["ref"]) == ("VDI_IN_USE", "VBD", drive)
    assert told["clear"] == f"VBD.unplug {drive}, or shut down the machine {vm}"
    assert "the user" in told["reason"]


async def test_a_start_is_refused_for_a_disk_that_another_machine_writes(workshop: Workshop) -> None:
    vdi = await workshop.disk(await workshop.sr())
    first, second = await workshop.vm(), await workshop.vm()
    holder = await workshop.drive(first, vdi)
    await workshop.drive(second, vdi)
    await workshop.started(first)

    told = await explained(workshop.xapi, second, "start")

    assert (told["error"], told["ref"]) == ("VDI_IN_USE", holder)


async def test_a_start_is_refused_for_want_of_memory(workshop: Workshop) -> None:
    much = 1 << 50
    vm = await workshop.vm(
        memory_static_max=much, memory_dynamic_max=much, memory_dynamic_min=much, memory_static_min=MIB
    )

    told = await explained(workshop.xapi, vm, "start")

    assert told["error"] == "NO_HOSTS_AVAILABLE"
    assert "VM.assert_can_boot_here" in told["clear"]


async def test_what_was_blocked_on_purpose_is_told_with_the_words_of_who_did(workshop: Workshop) -> None:
    vm = await workshop.vm()
    await workshop.xapi.VM.set_blocked_operations(vm, {"destroy": "it is the mail server"})

    told = await explained(workshop.xapi, vm, "destroy")

    assert "it is the mail server" in told["reason"]
    assert told["clear"] == f"VM.remove_from_blocked_operations {vm} destroy"


async def test_an_error_without_advice_of_its_own_still_has_a_reason(workshop: Workshop) -> None:
    (template,) = await workshop.xapi.VM.get_by_name_label("Other install media")

    told = await explained(workshop.xapi, template, "destroy")

    assert (told["allowed"], told["ref"]) == ("false", template)
    assert told["reason"]


@pytest.mark.parametrize(
    ("error", "reason", "clear"),
    [
        (codes.OPERATION_NOT_ALLOWED("the wind blows"), "Reason: the wind blows.", ""),
        (codes.VM_NON_SUSPENDABLE("{vm}", "no drivers"), "Reason: no drivers.", "VM.clean_shutdown {vm}"),
        (codes.VM_INCOMPATIBLE_WITH_THIS_HOST("{vm}", "{host}", "older CPU"), "Reason: older CPU.", ""),
        (
            codes.VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE(3, 2),
            "Vcpu max: 3; cores per socket: 2.",
            "VM.set_VCPUs_max {vm}",
        ),
        (codes.VM_IS_PART_OF_AN_APPLIANCE("{vm}", "x"), "", "VM.set_appliance {vm} OpaqueRef:NULL"),
    ],
)
async def test_what_an_error_says_in_words_is_part_of_the_reason(
    workshop: Workshop, host: str, error: codes.ApiError, reason: str, clear: str
) -> None:
    vm = await workshop.vm()
    made = type(error)(*(arg.format(vm=vm, host=host) for arg in error.args))

    told = explain(workshop.fresh.store, workshop.row(vm), "start", made)

    assert reason in told.reason
    assert clear.format(vm=vm) in told.clear
    assert told.reason.count("OpaqueRef:") == 0


async def test_what_is_in_the_way_of_a_network_is_named_one_by_one(workshop: Workshop) -> None:
    network = await workshop.network()
    nics = [await workshop.nic(await workshop.vm(), network) for _ in range(2)]
    row = workshop.row(network)

    told = explain(workshop.fresh.store, row, "destroy", codes.NETWORK_CONTAINS_VIF(*nics))

    assert told.clear == ", ".join(f"VIF.destroy {nic}" for nic in nics)
    assert (told.blocking.ref, told.reason.endswith("2 interfaces are of it.")) == (nics[0], True)


@pytest.mark.parametrize("ref", ["OpaqueRef:nothing", NULL, ""])
async def test_there_is_nothing_to_explain_about_no_object(xapi: Xapi, ref: str) -> None:
    with raises_api("HANDLE_INVALID", "ref", ref):
        await explained(xapi, ref, "start")


async def test_an_operation_that_the_class_does_not_have_is_refused(workshop: Workshop) -> None:
    vm = await workshop.vm()

    with raises_api("INVALID_VALUE", "operation", "fly"):
        await explained(workshop.xapi, vm, "fly")


async def test_everybody_may_ask(workshop: Workshop) -> None:
    sessions: Sessions = workshop.fresh.runtime.services["sessions"]
    reader = workshop.xapi.beside()
    reader.session = sessions.start("jo", "", superuser=False, roles=frozenset({"read-only"})).ref

    assert await reader.xapid.explain(await workshop.vm(), "start") == {"allowed": "true"}


async def test_the_log_says_the_same_of_a_call_that_was_refused(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    vm = await workshop.vm()
    caplog.set_level(logging.INFO, "xapid.api.dispatch")

    caplog.handler.setFormatter(JsonFormatter())

    with raises_api("VM_BAD_POWER_STATE", vm, "running", "halted"):
        await workshop.xapi.VM.pause(vm)

    (line,) = [json.loads(each) for each in caplog.text.splitlines() if "VM.pause" in each]
    assert "It is halted, and would have to be running." in line["message"]
    assert f"To clear it: VM.start ({vm})" in line["message"]
    assert line["object"] == f"VM {await workshop.xapi.VM.get_uuid(vm)}"


async def test_of_what_nobody_knows_how_to_clear_the_log_says_nothing(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    (pool,) = await workshop.xapi.pool.get_all()
    caplog.set_level(logging.INFO, "xapid.api.dispatch")

    with raises_api("AUTH_UNKNOWN_TYPE", "LDAP"):
        await workshop.xapi.pool.enable_external_auth(pool, {}, "x", "LDAP")

    assert caplog.records[-1].getMessage().endswith("There are no directories of this type; PAM is one. Type: LDAP.")


async def test_of_several_states_that_would_do_it_is_said_that_one_is_enough(workshop: Workshop) -> None:
    told = await workshop.xapi.xapid.explain(await workshop.vm(), "hard_shutdown")

    assert told["reason"].endswith("It is halted, and would have to be paused, suspended or running.")


async def test_the_control_domain_cannot_be_shut_down_so_nobody_is_told_to(workshop: Workshop) -> None:
    (domain,) = [vm.ref for vm in workshop.fresh.store.all(VM) if vm.is_control_domain]

    told = await explained(workshop.xapi, domain, "destroy")

    assert (told["error"], told["clear"]) == ("VM_BAD_POWER_STATE", "")
    assert "the host itself" in told["reason"]


@pytest.mark.parametrize(
    "operation, hard",
    [("clean_shutdown", ", or VM.hard_shutdown"), ("clean_reboot", ", or VM.hard_reboot"), ("checkpoint", "")],
)
async def test_without_tools_a_harder_call_is_named_where_there_is_one(
    workshop: Workshop, operation: str, hard: str
) -> None:
    vm = await workshop.vm_in("Running")
    row = workshop.row(vm)

    told = explain(workshop.fresh.store, row, operation, codes.VM_LACKS_FEATURE(row))

    assert told.clear == f"install the guest tools{hard and f'{hard} {vm}'}"
