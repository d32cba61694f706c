"""What is asked of a guest, or of the host for it."""

from __future__ import annotations

import pytest

from tests.clocks import HeldClock
from tests.conftest import FreshHost
from tests.machines import Workshop, raises_api
from tests.xapi import Xapi
from xapid.datamodel.errors import (
    SYSPREP,
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
    "function, args, status",
    [
        ("nonsense", {}, "failed to find fn"),
        ("request-rdp-on", {}, "failed to execute fn"),
        ("run-script", {"script": "x"}, "failed to execute fn"),
    ],
)
async def test_an_agent_that_cannot_be_reached_does_nothing(
    xapi: Xapi, vm: str, function: str, args: dict[str, str], status: str
) -> None:
    with pytest.raises(XENAPI_PLUGIN_FAILURE) as error:
        await xapi.VM.call_plugin(vm, AGENT, function, args)

    assert error.value.args[0] == status
    assert error.value.args[1] == error.value.args[2] != ""


@pytest.mark.parametrize("length, why", [(1024, "cannot be reached"), (1025, "more than 1024 bytes")])
async def test_a_script_for_a_guest_is_short(xapi: Xapi, vm: str, pool: str, length: int, why: str) -> None:
    await xapi.pool.add_to_other_config(pool, "allow_guest_agent_run_script", "true")

    with pytest.raises(XENAPI_PLUGIN_FAILURE) as error:
        await xapi.VM.call_plugin(vm, AGENT, "run-script", {"script": "x" * length})

    assert why in error.value.args[1]


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


async def test_guests_cannot_be_prepared_for_being_copied(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    with pytest.raises(SYSPREP) as error:
        await xapi.VM.sysprep(vm, "<unattend/>", 60.0)

    assert error.value.args[0] == workshop.row(vm).uuid
    assert workshop.idle()
