"""Bridges: there while a guest needs them, and never longer."""

from __future__ import annotations

import asyncio

import pytest

from tests.machines import Workshop
from xapid.backends.interface import AlreadyExists, Failed, InUse
from xapid.backends.network.interface import Bridge
from xapid.datamodel import Host
from xapid.datamodel.errors import BRIDGE_NAME_EXISTS, BRIDGE_NOT_AVAILABLE, INTERNAL_ERROR
from xapid.ops import wires
from xapid.runtime.context import Context


async def test_a_bridge_comes_with_the_first_machine_and_goes_with_the_last(workshop: Workshop) -> None:
    network = await workshop.network()
    vms = [await workshop.vm(), await workshop.vm()]
    for vm in vms:
        await workshop.nic(vm, network)
    bridge = workshop.row(network).bridge

    seen = [bridge in workshop.bridges()]
    for vm in vms:
        await workshop.started(vm)
        seen.append(bridge in workshop.bridges())
    for vm in vms:
        await workshop.xapi.VM.hard_shutdown(vm)
        seen.append(bridge in workshop.bridges())

    assert seen == [False, True, True, True, False]


async def test_the_bridge_of_an_unmanaged_network_is_not_ours_to_make(workshop: Workshop) -> None:
    network = await workshop.network(managed=False, bridge="theirs")
    vm = await workshop.vm()
    vif = await workshop.nic(vm, network)

    await workshop.started(vm)
    during = workshop.bridges()
    await workshop.xapi.VM.hard_shutdown(vm)

    assert "theirs" not in during | workshop.bridges()
    assert workshop.row(vif).currently_attached is False


async def test_the_bridge_of_an_unmanaged_network_must_be_there(workshop: Workshop) -> None:
    network = await workshop.network(managed=False, bridge="theirs")
    vm = await workshop.vm()
    await workshop.nic(vm, network)
    workshop.fresh.driver("network").missing.add("theirs")

    for call in (workshop.xapi.network.attach(network, await workshop.fresh.the("host")), workshop.started(vm)):
        with pytest.raises(BRIDGE_NOT_AVAILABLE) as error:
            await call
        assert error.value.args == ("theirs",)

    assert workshop.row(vm).power_state == "Halted"
    workshop.fresh.driver("network").missing.clear()
    await workshop.started(vm)


async def test_the_bridge_of_a_network_that_leads_out_stays(workshop: Workshop) -> None:
    network = await workshop.xapi.PIF.get_network(await workshop.fresh.the("PIF"))
    vm = await workshop.vm()
    await workshop.nic(vm, network)
    await workshop.started(vm)

    await workshop.xapi.VM.hard_shutdown(vm)

    assert workshop.row(network).bridge in workshop.bridges()


@pytest.mark.parametrize("method", ["ensure_bridge", "start"])
async def test_a_start_that_fails_leaves_no_bridge(workshop: Workshop, method: str) -> None:
    network, vm = await workshop.network(), await workshop.vm()
    vif = await workshop.nic(vm, network)
    workshop.faults("network" if method == "ensure_bridge" else "domain").fail(method, Failed("it will not"))

    with pytest.raises(INTERNAL_ERROR):
        await workshop.started(vm)

    assert workshop.row(network).bridge not in workshop.bridges()
    assert workshop.row(vif).current_operations == {}


@pytest.mark.parametrize("error", [InUse("a foreign port"), Failed("it will not")])
async def test_a_bridge_that_cannot_be_removed_keeps_no_machine_from_ending(
    workshop: Workshop, error: Exception
) -> None:
    network, vm = await workshop.network(), await workshop.vm()
    await workshop.nic(vm, network)
    await workshop.started(vm)
    workshop.faults("network").fail("remove_bridge", error)  # type: ignore[arg-type]  # both are BackendErrors

    await workshop.xapi.VM.hard_shutdown(vm)

    assert workshop.row(vm).power_state == "Halted"


async def test_a_bridge_is_not_removed_under_a_machine_that_starts_meanwhile(workshop: Workshop) -> None:
    network = await workshop.network()
    ends, begins = await workshop.vm(), await workshop.vm()
    for vm in (ends, begins):
        await workshop.nic(vm, network)
    await workshop.started(ends)
    workshop.faults("network").delay("remove_bridge", 0.05)

    await asyncio.gather(workshop.xapi.VM.hard_shutdown(ends), workshop.started(begins))

    assert workshop.row(network).bridge in workshop.bridges()


async def test_what_a_crash_left_behind_goes_at_the_next_start(workshop: Workshop) -> None:
    runtime, network = workshop.fresh.runtime, await workshop.network()
    ctx, host = Context(runtime, runtime.tasks.dummy("start")), runtime.store.one(Host)
    row = workshop.row(network)
    workshop.fresh.driver("network").ensure_bridge(Bridge(row.bridge, row.uuid))

    await wires.remove_unused(ctx, host)

    assert workshop.row(network).bridge not in workshop.bridges()


# --- Beside another daemon ---------------------------------------------------------------------------


async def test_a_bridge_whose_name_another_daemon_has_gets_another_name(workshop: Workshop) -> None:
    network, vm = await workshop.network(), await workshop.vm()
    await workshop.nic(vm, network)
    before = workshop.row(network).bridge
    workshop.faults("network").fail("ensure_bridge", AlreadyExists(f"{before} is another's", bridge=before))

    await workshop.started(vm)

    bridge = workshop.row(network).bridge
    assert bridge != before
    assert bridge in workshop.bridges()
    assert before not in workshop.bridges()


async def test_a_bridge_that_a_client_named_keeps_its_name_and_the_start_says_that_it_is_taken(
    workshop: Workshop,
) -> None:
    network, vm = await workshop.network(bridge="mine"), await workshop.vm()
    await workshop.nic(vm, network)
    workshop.faults("network").fail("ensure_bridge", AlreadyExists("mine is another's", bridge="mine"))

    with pytest.raises(BRIDGE_NAME_EXISTS) as refused:
        await workshop.started(vm)

    assert refused.value.args == ("mine",)
    assert workshop.row(network).bridge == "mine"
