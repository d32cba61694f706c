"""Which operations appliances, virtual TPMs and USB devices take: it depends on the power states of their VMs."""

from __future__ import annotations

import pytest

from tests.rules.rows import World
from xapid.datamodel import VM, VTPM, VUSB, VM_appliance
from xapid.datamodel.errors import ApiError
from xapid.datamodel.types import Object
from xapid.datamodel.vm import VmOperations
from xapid.datamodel.vm import VmPowerState as State
from xapid.datamodel.vm_appliance import VmApplianceOperation
from xapid.datamodel.vtpm import VtpmOperations
from xapid.datamodel.vusb import VusbOperations
from xapid.rules.registry import CHECKS

TASK = "OpaqueRef:task"


def refused(world: World, row: Object, operation: str) -> list[str]:
    """The error of an operation; nothing if it is allowed."""
    try:
        CHECKS[row.spec.name](world.store, row, operation)
    except ApiError as error:
        return error.description
    return []


@pytest.mark.parametrize(
    "states, allowed",
    [
        ([], ""),
        ([State.Halted], "start"),
        ([State.Running], "clean_shutdown hard_shutdown shutdown"),
        ([State.Paused], "hard_shutdown shutdown"),
        ([State.Suspended], "hard_shutdown shutdown"),
        ([State.Halted, State.Paused], "start hard_shutdown shutdown"),
        ([State.Halted, State.Running], "start clean_shutdown hard_shutdown shutdown"),
    ],
)
def test_an_appliance_does_what_one_of_its_vms_can_do(world: World, states: list[State], allowed: str) -> None:
    appliance = world.make(VM_appliance)
    for state in states:
        world.make(VM, appliance=appliance.ref, power_state=state)

    appliance = world.now(appliance)

    assert sorted(appliance.allowed_operations) == sorted(allowed.split())
    for operation in {*VmApplianceOperation} - {*appliance.allowed_operations}:
        assert refused(world, appliance, operation)[0] == "OPERATION_NOT_ALLOWED"


def test_an_appliance_does_one_thing_at_a_time(world: World) -> None:
    appliance = world.make(VM_appliance)
    world.make(VM, appliance=appliance.ref)

    appliance = world.set(appliance, current_operations={TASK: VmApplianceOperation.start})

    assert appliance.allowed_operations == ()
    assert refused(world, appliance, "start") == [
        "OTHER_OPERATION_IN_PROGRESS", "VM_appliance", appliance.ref, "start", TASK,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "state, offered, taken",
    [
        (State.Halted, True, True),
        (State.Suspended, False, True),
        (State.Running, False, False),
        (State.Paused, False, False),
    ],
)
def test_a_tpm_is_taken_from_a_machine_that_is_off(world: World, state: State, offered: bool, taken: bool) -> None:
    vm = world.make(VM, power_state=state)

    vtpm = world.make(VTPM, VM=vm.ref)

    assert (VtpmOperations.destroy in vtpm.allowed_operations) is offered
    expected = [] if taken else ["VM_BAD_POWER_STATE", vm.ref, "halted;suspended", state.lower()]
    assert refused(world, vtpm, "destroy") == expected


@pytest.mark.parametrize(
    "state, attached, allowed, unplug",
    [
        (State.Halted, False, "attach", "VM_BAD_POWER_STATE"),
        (State.Running, True, "attach unplug", ""),
        (State.Running, False, "attach plug", "DEVICE_ALREADY_DETACHED"),
        (State.Paused, True, "attach", "VM_BAD_POWER_STATE"),
    ],
)
def test_a_usb_device_comes_and_goes_while_the_vm_runs(
    world: World, state: State, attached: bool, allowed: str, unplug: str
) -> None:
    vusb = world.make(VUSB, VM=world.make(VM, power_state=state).ref, currently_attached=attached)

    assert sorted(vusb.allowed_operations) == allowed.split()
    assert (refused(world, vusb, "unplug") or [""])[0] == unplug


def test_a_usb_device_does_one_thing_at_a_time(world: World) -> None:
    vusb = world.make(VUSB, VM=world.make(VM).ref, current_operations={TASK: VusbOperations.unplug})

    assert vusb.allowed_operations == ()
    assert refused(world, vusb, "unplug")[:3] == ["OTHER_OPERATION_IN_PROGRESS", "VUSB", vusb.ref]


def test_a_vm_that_stops_keeps_its_usb_devices(world: World) -> None:
    vm = world.make(VM, power_state=State.Running)
    vusb = world.make(VUSB, VM=vm.ref, currently_attached=True)

    world.set(vm, current_operations={TASK: VmOperations.suspend})

    assert world.now(vusb).allowed_operations == (VusbOperations.attach,)
    assert refused(world, vusb, "unplug")[0] == "OPERATION_NOT_ALLOWED"
