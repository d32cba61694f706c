"""What is asked of a guest, or of the host for it."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest

from tests.auth.test_audit import with_role
from tests.clocks import HeldClock
from tests.conftest import FreshHost
from tests.machines import Workshop, raises_api
from tests.xapi import Xapi
from xapid.backends.domain.interface import GuestReport
from xapid.datamodel.errors import (
    RBAC_PERMISSION_DENIED,
    TASK_CANCELLED,
    VM_CALL_PLUGIN_RATE_LIMIT,
    XENAPI_MISSING_PLUGIN,
    XENAPI_PLUGIN_FAILURE,
)

AGENT = "guest-agent-operation"
PLUGIN = """#!/usr/bin/env python3
import sys, xmlrpc.client
(_, args), name = xmlrpc.client.loads(sys.argv[1])
print(xmlrpc.client.dumps(({"Status": "Success", "Value": name + " " + args["a"]},), methodresponse=True))
"""


@pytest.fixture
def clock(fresh: FreshHost) -> HeldClock:
    fresh.runtime.clock = HeldClock()
    return fresh.runtime.clock


@pytest.fixture
async def vm(workshop: Workshop) -> str:
    return await workshop.vm_in("Running")


async def test_a_guest_has_only_the_plugin_of_its_agent(xapi: Xapi, vm: str) -> None:
    with pytest.raises(XENAPI_MISSING_PLUGIN) as error:
        await xapi.VM.call_plugin(vm, "other", "f", {})

    assert error.value.args == ("other",)


@pytest.mark.parametrize(
    "function, status", [("nonsense", "failed to find fn"), ("request-rdp-on", "failed to execute fn")]
)
async def test_an_agent_does_only_what_it_knows(xapi: Xapi, vm: str, function: str, status: str) -> None:
    with pytest.raises(XENAPI_PLUGIN_FAILURE) as error:
        await xapi.VM.call_plugin(vm, AGENT, function, {})

    assert error.value.args[0] == status
    assert error.value.args[1] == error.value.args[2] != ""


@pytest.mark.parametrize("function, allowed", [("request-rdp-on", True), ("request-rdp-off", False)])
async def test_a_guest_that_says_so_lets_users_in(workshop: Workshop, vm: str, function: str, allowed: bool) -> None:
    workshop.domains.say(workshop.row(vm).uuid, GuestReport(other={"feature-ts2": "1"}))
    await workshop.until(lambda: workshop.row(workshop.row(vm).guest_metrics).other.get("feature-ts2") == "1")
    workshop.guest(vm).open_to_users = not allowed

    assert await workshop.xapi.VM.call_plugin(vm, AGENT, function, {}) == ""

    assert workshop.guest(vm).open_to_users is allowed


# --- Scripts -----------------------------------------------------------------------------------------

SCRIPT = {"username": "root", "password": "", "script": "reboot"}


@pytest.fixture
async def scripts(workshop: Workshop) -> None:
    """The pool allows them."""
    pool = await workshop.fresh.the("pool")
    await workshop.xapi.pool.add_to_other_config(pool, "allow_guest_agent_run_script", "true")


@pytest.mark.usefixtures("scripts")
async def test_a_guest_runs_a_script_and_what_it_did_is_told(workshop: Workshop, vm: str) -> None:
    said = await workshop.xapi.VM.call_plugin(vm, AGENT, "run-script", SCRIPT)

    assert json.loads(said) == {"rc": 0, "stdout": "", "stderr": ""}
    assert workshop.guest(vm).scripts == ["reboot"]
    assert workshop.idle()


async def test_a_pool_that_does_not_allow_scripts_runs_none(workshop: Workshop, vm: str) -> None:
    with raises_api("FEATURE_RESTRICTED"):
        await workshop.xapi.VM.call_plugin(vm, AGENT, "run-script", SCRIPT)

    assert workshop.guest(vm).scripts == []


@pytest.mark.usefixtures("scripts")
@pytest.mark.parametrize("name", sorted(SCRIPT))
async def test_a_script_names_its_user(workshop: Workshop, vm: str, name: str) -> None:
    args = {key: value for key, value in SCRIPT.items() if key != name}

    with raises_api("XENAPI_PLUGIN_FAILURE", "missing argument", "", f"the argument {name} is needed"):
        await workshop.xapi.VM.call_plugin(vm, AGENT, "run-script", args)


@pytest.mark.usefixtures("scripts")
@pytest.mark.parametrize("script, ran", [("x" * 1024, True), ("x" * 1025, False), ("\u00e4" * 513, False)])
async def test_a_script_for_a_guest_is_short(workshop: Workshop, vm: str, script: str, ran: bool) -> None:
    with contextlib.nullcontext() if ran else pytest.raises(XENAPI_PLUGIN_FAILURE, match="1024 bytes"):
        await workshop.xapi.VM.call_plugin(vm, AGENT, "run-script", SCRIPT | {"script": script})

    assert workshop.guest(vm).scripts == [script] * ran


@pytest.mark.usefixtures("scripts")
async def test_who_may_not_see_the_memory_of_a_machine_runs_nothing_in_it(workshop: Workshop, vm: str) -> None:
    operator, admin = with_role(workshop.fresh, "vm-operator"), with_role(workshop.fresh, "vm-power-admin")

    with pytest.raises(RBAC_PERMISSION_DENIED) as error:
        await operator.VM.call_plugin(vm, AGENT, "run-script", SCRIPT)
    workshop.fresh.clock.passed += 10
    await admin.VM.call_plugin(vm, AGENT, "run-script", SCRIPT)

    assert error.value.args[0] == "vm.call_plugin"
    assert workshop.guest(vm).scripts == ["reboot"]


@pytest.mark.usefixtures("scripts")
async def test_a_guest_without_an_agent_runs_nothing(workshop: Workshop) -> None:
    vm = await workshop.vm_in("Running", platform={})

    with pytest.raises(XENAPI_PLUGIN_FAILURE) as error:
        await workshop.xapi.VM.call_plugin(vm, AGENT, "run-script", SCRIPT)

    assert error.value.args[0] == "failed to execute fn"


@pytest.mark.usefixtures("scripts")
async def test_a_machine_that_is_switched_off_ends_the_wait_for_its_script(workshop: Workshop, vm: str) -> None:
    workshop.faults("domain").delay("run_script", 3600.0)
    running = asyncio.create_task(workshop.xapi.VM.call_plugin(vm, AGENT, "run-script", SCRIPT))
    await workshop.until(lambda: "call_plugin" in workshop.row(vm).current_operations.values())

    await workshop.xapi.VM.hard_shutdown(vm)

    with pytest.raises(TASK_CANCELLED):
        await running
    assert workshop.row(vm).power_state == "Halted"


# --- Peace, and the host -----------------------------------------------------------------------------


async def test_a_guest_is_left_in_peace_for_ten_seconds(workshop: Workshop, clock: HeldClock, vm: str) -> None:
    xapi = workshop.xapi
    with pytest.raises(XENAPI_PLUGIN_FAILURE):
        await xapi.VM.call_plugin(vm, AGENT, "request-rdp-on", {})
    clock.set_on(4.0)

    with pytest.raises(VM_CALL_PLUGIN_RATE_LIMIT) as error:
        await xapi.VM.call_plugin(vm, AGENT, "request-rdp-on", {})

    assert error.value.args == (vm, "10.", "6.")
    other = await workshop.vm_in("Running")
    with pytest.raises(XENAPI_PLUGIN_FAILURE):
        await xapi.VM.call_plugin(other, AGENT, "request-rdp-on", {})
    clock.set_on(6.0)
    with pytest.raises(XENAPI_PLUGIN_FAILURE):
        await xapi.VM.call_plugin(vm, AGENT, "request-rdp-on", {})


async def test_a_plugin_of_the_host_can_be_called_for_a_machine(fresh: FreshHost, xapi: Xapi, vm: str) -> None:
    path = fresh.runtime.config.programs / "plugins" / "echo"
    path.parent.mkdir(parents=True)
    path.write_text(PLUGIN)
    path.chmod(0o755)

    assert await xapi.VM.call_host_plugin(vm, "echo", "say", {"a": "b"}) == "say b"
    with pytest.raises(XENAPI_MISSING_PLUGIN):
        await xapi.VM.call_host_plugin(vm, "none", "say", {})


@pytest.mark.parametrize("state", ["Halted", "Paused", "Suspended"])
async def test_the_host_does_nothing_for_a_machine_that_does_not_run(workshop: Workshop, state: str) -> None:
    vm = await workshop.vm_in(state)

    with raises_api("VM_BAD_POWER_STATE", vm, "Running", state):
        await workshop.xapi.VM.call_host_plugin(vm, "echo", "say", {})


@pytest.mark.parametrize(
    "unattend, why", [("<x/>", "VM driver does not support sysprep"), ("x" * 32769, "unattend.xml file too large")]
)
async def test_guests_without_drivers_for_it_are_not_prepared_for_being_copied(
    workshop: Workshop, vm: str, unattend: str, why: str
) -> None:
    with raises_api("SYSPREP", workshop.row(vm).uuid, why):
        await workshop.xapi.VM.sysprep(vm, unattend, 60.0)

    assert workshop.idle()


async def test_nobody_waits_for_less_than_nothing(workshop: Workshop, vm: str) -> None:
    with raises_api("INVALID_VALUE", "timeout", "-1."):
        await workshop.xapi.VM.sysprep(vm, "<x/>", -1.0)


# --- Sleep -------------------------------------------------------------------------------------------


async def test_a_guest_sleeps_and_wakes_as_a_computer_that_is_on(workshop: Workshop, vm: str) -> None:
    await workshop.xapi.VM.s3_suspend(vm)
    asleep = workshop.guest(vm).asleep, workshop.row(vm).power_state
    await workshop.xapi.VM.s3_resume(vm)

    assert (asleep, workshop.guest(vm).asleep) == ((True, "Running"), False)


@pytest.mark.parametrize("message", ["s3_suspend", "s3_resume"])
async def test_a_machine_that_is_off_neither_sleeps_nor_wakes(workshop: Workshop, message: str) -> None:
    vm = await workshop.vm()

    with raises_api("VM_BAD_POWER_STATE", vm, "running", "halted"):
        await workshop.xapi.call(f"VM.{message}", vm)
