"""What can be asked about a machine: its free devices, where it may run, what may be asked of it."""

from __future__ import annotations

import pytest

from tests.machines import NULL, Workshop, raises_api
from tests.xapi import Xapi
from xapid.datamodel.errors import (
    HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED,
    HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED,
    HANDLE_INVALID,
    HOST_DISABLED,
    HOST_NOT_ENOUGH_PCPUS,
    HOST_NOT_LIVE,
    INTERNAL_ERROR,
    NOT_SYSTEM_DOMAIN,
    OPERATION_NOT_ALLOWED,
    VM_BAD_POWER_STATE,
    VM_REQUIRES_SR,
    WLB_NOT_INITIALIZED,
)

# --- Devices -----------------------------------------------------------------------------------------


async def test_places_that_are_taken_are_not_offered(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    before = await xapi.VM.get_allowed_VBD_devices(vm)
    await workshop.drive(vm, userdevice="1")

    after = await xapi.VM.get_allowed_VBD_devices(vm)

    assert before[:3] == ["0", "1", "2"]
    assert set(before) - set(after) == {"1"}


async def test_a_machine_has_sixteen_interfaces_at_most(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    network = await workshop.network()
    offered = await xapi.VM.get_allowed_VIF_devices(vm)

    for device in offered:
        await workshop.nic(vm, network, device=device)

    assert offered == [str(number) for number in range(16)]
    assert await xapi.VM.get_allowed_VIF_devices(vm) == []


# --- Where it may run --------------------------------------------------------------------------------


async def test_a_machine_may_run_where_nothing_keeps_it_from(xapi: Xapi, vm: str, host: str) -> None:
    assert await xapi.VM.assert_can_boot_here(vm, host) == ""
    assert await xapi.VM.get_possible_hosts(vm) == [host]


async def test_what_keeps_a_machine_from_a_host_is_said(workshop: Workshop, xapi: Xapi, host: str) -> None:
    vm = await workshop.vm(VCPUs_max=64)
    sr = await workshop.sr()
    with pytest.raises(HOST_NOT_ENOUGH_PCPUS) as processors:
        await xapi.VM.assert_can_boot_here(vm, host)
    await workshop.drive(vm, await workshop.disk(sr))
    (pbd,) = await xapi.SR.get_PBDs(sr)
    await xapi.PBD.unplug(pbd)
    with pytest.raises(VM_REQUIRES_SR) as storage:
        await xapi.VM.assert_can_boot_here(vm, host)
    await xapi.host.disable(host)

    with pytest.raises(HOST_DISABLED) as disabled:
        await xapi.VM.assert_can_boot_here(vm, host)

    assert processors.value.args == ("64", "8")
    assert storage.value.args == (vm, sr)
    assert disabled.value.args == (host,)
    assert await xapi.VM.get_possible_hosts(vm) == []


async def test_a_host_that_is_not_there_is_not_live(xapi: Xapi, vm: str) -> None:
    with pytest.raises(HOST_NOT_LIVE):
        await xapi.VM.assert_can_boot_here(vm, "OpaqueRef:ghost")


async def test_nobody_recommends_hosts(xapi: Xapi, vm: str) -> None:
    with pytest.raises(WLB_NOT_INITIALIZED):
        await xapi.VM.retrieve_wlb_recommendations(vm)


async def test_what_ties_a_machine_to_its_host_is_said(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    assert await xapi.VM.assert_agile(vm) == ""
    network, sr = await workshop.network(), await workshop.sr()
    await workshop.nic(vm, network)
    with pytest.raises(HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED) as by_network:
        await xapi.VM.assert_agile(vm)
    await workshop.drive(vm, await workshop.disk(sr))

    with pytest.raises(HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED) as by_disk:
        await xapi.VM.assert_agile(vm)

    assert (by_network.value.args, by_disk.value.args) == ((network,), (sr,))


async def test_only_shared_repositories_can_follow_a_machine(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    local = await workshop.sr()
    await workshop.drive(vm, await workshop.disk(local))

    assert await xapi.VM.get_SRs_required_for_recovery(vm, xapi.session) == []
    assert await xapi.VM.assert_can_be_recovered(vm, xapi.session) == ""
    with pytest.raises(HANDLE_INVALID) as error:
        await xapi.VM.assert_can_be_recovered(vm, NULL)
    assert error.value.args == ("session", NULL)


# --- What may be asked for ---------------------------------------------------------------------------


async def test_an_operation_is_valid_if_the_call_would_be_taken(xapi: Xapi, vm: str) -> None:
    allowed = await xapi.VM.get_allowed_operations(vm)

    for operation in allowed:
        await xapi.VM.assert_operation_valid(vm, operation)
    await xapi.VM.update_allowed_operations(vm)

    assert {"start", "start_on", "clone", "copy", "snapshot", "destroy"} <= set(allowed)
    assert await xapi.VM.get_allowed_operations(vm) == allowed
    with pytest.raises(VM_BAD_POWER_STATE) as error:
        await xapi.VM.assert_operation_valid(vm, "pause")
    assert error.value.args == (vm, "running", "halted")


LIFE = frozenset({
    "start", "start_on", "clone", "copy", "destroy", "export", "make_into_template", "snapshot", "unpause",
    "hard_shutdown", "hard_reboot", "resume", "resume_on", "pause", "suspend", "clean_shutdown", "clean_reboot",
})  # fmt: skip


@pytest.mark.parametrize(
    "state, expected",
    [
        ("Halted", {"start", "start_on", "clone", "copy", "destroy", "export", "make_into_template", "snapshot"}),
        ("Paused", {"unpause", "hard_shutdown", "hard_reboot", "snapshot", "checkpoint"}),
        ("Suspended", {"resume", "resume_on", "hard_shutdown", "destroy", "export", "snapshot", "checkpoint"}),
        ("Running", {"pause", "suspend", "clean_shutdown", "clean_reboot", "hard_shutdown", "hard_reboot", "snapshot"}),
    ],
)
async def test_each_state_allows_what_is_known_of_it(workshop: Workshop, state: str, expected: set[str]) -> None:
    vm = await workshop.vm_in(state)

    allowed = set(await workshop.xapi.VM.get_allowed_operations(vm))

    assert allowed & LIFE == expected & LIFE


async def test_a_running_machine_tells_its_settings(xapi: Xapi, workshop: Workshop) -> None:
    vm = await workshop.vm_in("Running")

    record = await xapi.VM.get_boot_record(vm)

    assert record == await xapi.VM.get_record(vm) | {
        name: record[name] for name in ("current_operations", "allowed_operations")
    }


async def test_guests_are_taken_to_obey(xapi: Xapi, vm: str) -> None:
    assert await xapi.VM.get_cooperative(vm) is True


@pytest.mark.parametrize(
    "boot, readiness", [({"firmware": "uefi"}, "disabled"), ({"firmware": "bios"}, "not_supported")]
)
async def test_only_a_guest_of_uefi_could_check_what_it_boots(
    workshop: Workshop, xapi: Xapi, boot: dict[str, str], readiness: str
) -> None:
    vm = await workshop.vm(HVM_boot_params=boot)

    assert await xapi.VM.get_secureboot_readiness(vm) == readiness
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.VM.update_secureboot_certificates_on_boot(vm, True)


async def test_only_system_domains_offer_services(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    with pytest.raises(NOT_SYSTEM_DOMAIN) as error:
        await xapi.VM.query_services(vm)
    await xapi.VM.add_to_other_config(vm, "is_system_domain", "true")

    with raises_api("NOT_IMPLEMENTED", "query_services"):
        await xapi.VM.query_services(vm)

    assert error.value.args == (vm,)


@pytest.mark.parametrize("message", ["send_sysrq", "send_trigger"])
async def test_keys_and_triggers_are_not_sent(workshop: Workshop, message: str) -> None:
    vm = await workshop.vm_in("Running")

    with raises_api("NOT_IMPLEMENTED", message):
        await workshop.xapi.call(f"VM.{message}", vm, "b")


# --- Figures -----------------------------------------------------------------------------------------


async def test_no_figures_are_kept_of_a_machine(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running")

    assert await xapi.VM.get_data_sources(vm) == []
    assert await xapi.VM.forget_data_source_archives(vm, "cpu0") == ""
    for message in ("record_data_source", "query_data_source"):
        with pytest.raises(INTERNAL_ERROR):
            await xapi.call(f"VM.{message}", vm, "cpu0")


@pytest.mark.parametrize("state, word", [("Halted", "halted"), ("Suspended", "suspended")])
async def test_a_figure_is_of_a_machine_that_has_a_domain(workshop: Workshop, state: str, word: str) -> None:
    vm = await workshop.vm_in(state)

    with raises_api("VM_BAD_POWER_STATE", vm, "running;paused", word):
        await workshop.xapi.VM.query_data_source(vm, "cpu0")
