"""A machine that is moved on its host gets a new process there, and nothing of its guest is lost."""

from __future__ import annotations

import pytest

from tests.machines import NULL, Workshop, raises_api
from tests.xapi import Xapi
from xapid.backends.interface import Failed
from xapid.datamodel import Host
from xapid.datamodel.errors import (
    HANDLE_INVALID,
    INTERNAL_ERROR,
    OPERATION_NOT_ALLOWED,
    VM_IS_IMMOBILE,
    VM_LACKS_FEATURE,
    ApiError,
)


@pytest.fixture
async def vm(workshop: Workshop) -> str:
    """It runs, and has a disk and a place for its suspend image."""
    sr = await workshop.sr()
    vm = await workshop.vm()
    await workshop.xapi.VM.set_suspend_SR(vm, sr)
    await workshop.drive(vm, await workshop.disk(sr))
    await workshop.nic(vm, await workshop.network())
    return await workshop.started(vm)


def destination(host: str) -> dict[str, str]:
    """What host.migrate_receive would answer."""
    return {"host": host, "session_id": NULL, "master": "http://x", "SM": "http://x", "xenops": "http://x"}


async def test_a_machine_that_moves_to_where_it_is_goes_on_there(
    workshop: Workshop, xapi: Xapi, vm: str, host: str
) -> None:
    before = workshop.row(vm)

    await xapi.VM.pool_migrate(vm, host, {"live": "true"})

    after = workshop.row(vm)
    assert (after.power_state, after.resident_on, after.suspend_VDI) == ("Running", host, NULL)
    assert after.domid == workshop.guest(vm).id != before.domid
    assert workshop.idle()
    assert len(workshop.leases(after.suspend_SR)) == 1


async def test_the_device_models_of_a_machine_can_be_started_anew(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    before = workshop.row(vm).domid

    await xapi.VM.restart_device_models(vm)

    assert workshop.row(vm).power_state == "Running"
    assert workshop.row(vm).domid != before


@pytest.mark.parametrize("state", ["Halted", "Paused", "Suspended"])
async def test_what_does_not_run_has_no_device_models(workshop: Workshop, xapi: Xapi, state: str, host: str) -> None:
    vm = await workshop.vm_in(state)

    with raises_api("VM_BAD_POWER_STATE", vm, "Running", state):
        await xapi.VM.restart_device_models(vm)
    with raises_api("VM_BAD_POWER_STATE", vm, "running", state.lower()):
        await xapi.VM.pool_migrate(vm, host, {})


async def test_a_guest_without_drivers_stays_where_it_is(workshop: Workshop, xapi: Xapi, host: str) -> None:
    vm = await workshop.vm_in("Running", platform={})

    with pytest.raises(VM_LACKS_FEATURE) as error:
        await xapi.VM.pool_migrate(vm, host, {})

    assert error.value.args == (vm,)


async def test_a_machine_that_is_to_stay_moves_only_by_force(workshop: Workshop, xapi: Xapi, host: str) -> None:
    vm = await workshop.vm(platform={"sim-guest": "full", "nomigrate": "true"})
    await xapi.VM.set_suspend_SR(vm, await workshop.sr())
    await workshop.started(vm)

    with pytest.raises(VM_IS_IMMOBILE):
        await xapi.VM.pool_migrate(vm, host, {})
    await xapi.VM.pool_migrate(vm, host, {"force": "true"})

    assert workshop.row(vm).power_state == "Running"


async def test_no_machine_moves_to_another_host_yet(workshop: Workshop, xapi: Xapi, vm: str) -> None:
    with workshop.fresh.store.write() as tx:
        other = tx.create(Host, hostname="other").ref

    with raises_api("NOT_IMPLEMENTED", "VM.pool_migrate"):
        await xapi.VM.pool_migrate(vm, other, {})
    with pytest.raises(HANDLE_INVALID) as error:
        await xapi.VM.pool_migrate(vm, "OpaqueRef:ghost", {})

    assert error.value.args == ("host", "OpaqueRef:ghost")
    assert workshop.row(vm).power_state == "Running"


async def test_a_move_that_fails_at_first_changes_nothing(workshop: Workshop, xapi: Xapi, vm: str, host: str) -> None:
    before = workshop.row(vm).domid
    workshop.faults("domain").fail("suspend", Failed("no"))

    with pytest.raises(ApiError):
        await xapi.VM.pool_migrate(vm, host, {})

    assert (workshop.row(vm).power_state, workshop.row(vm).domid) == ("Running", before)


async def test_a_move_that_fails_half_way_leaves_the_guest_asleep(
    workshop: Workshop, xapi: Xapi, vm: str, host: str
) -> None:
    workshop.faults("domain").fail("resume", Failed("no"))

    with pytest.raises(ApiError):
        await xapi.VM.pool_migrate(vm, host, {})

    assert workshop.row(vm).power_state == "Suspended"
    assert workshop.idle()
    await xapi.VM.resume(vm, False, False)


# --- With its disks ----------------------------------------------------------------------------------


async def test_nothing_moves_where_everything_is_there(workshop: Workshop, xapi: Xapi, vm: str, host: str) -> None:
    before = workshop.row(vm).domid

    await xapi.VM.assert_can_migrate(vm, destination(host), True, {}, {}, {})
    moved = await xapi.VM.migrate_send(vm, destination(host), True, {}, {}, {})

    assert moved == vm
    assert (workshop.row(vm).power_state, workshop.row(vm).domid) == ("Running", before)


async def test_disks_stay_in_their_repository(workshop: Workshop, xapi: Xapi, vm: str, host: str) -> None:
    (vbd,) = await xapi.VM.get_VBDs(vm)
    disk = await xapi.VBD.get_VDI(vbd)
    elsewhere = await workshop.sr("file", location=str(workshop.directory / "elsewhere"))

    await xapi.VM.assert_can_migrate(vm, destination(host), True, {disk: workshop.row(disk).SR}, {}, {})

    with raises_api("NOT_IMPLEMENTED", "VM.migrate_send"):
        await xapi.VM.assert_can_migrate(vm, destination(host), True, {disk: elsewhere}, {}, {})


@pytest.mark.parametrize("key", ["host", "session_id", "master", "SM", "xenops"])
async def test_a_destination_says_all_of_itself(xapi: Xapi, vm: str, host: str, key: str) -> None:
    half = {each: value for each, value in destination(host).items() if each != key}

    with pytest.raises(INTERNAL_ERROR):
        await xapi.VM.assert_can_migrate(vm, half, True, {}, {}, {})
    with pytest.raises(INTERNAL_ERROR):
        await xapi.VM.migrate_send(vm, half, True, {}, {}, {})


async def test_within_a_pool_a_machine_is_moved_as_it_is(workshop: Workshop, xapi: Xapi, vm: str, host: str) -> None:
    (vif,) = await xapi.VM.get_VIFs(vm)
    network = await workshop.network()

    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.VM.migrate_send(vm, destination(host), True, {}, {vif: network}, {})
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.VM.migrate_send(vm, destination(host), True, {}, {}, {"copy": "true"})


async def test_other_pools_cannot_be_reached_yet(xapi: Xapi, vm: str) -> None:
    with raises_api("NOT_IMPLEMENTED", "VM.migrate_send"):
        await xapi.VM.migrate_send(vm, destination("OpaqueRef:elsewhere"), True, {}, {}, {})
