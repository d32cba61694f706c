"""Which operations a VIF takes, and which hosts a network reaches."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.rows import World
from xapid.datamodel import PIF, VIF, VLAN, VM, Host, Network, NetworkSriov
from xapid.datamodel.errors import ApiError
from xapid.datamodel.vif import VifOperations
from xapid.datamodel.vm import DomainType, VmOperations
from xapid.datamodel.vm import VmPowerState as State
from xapid.datamodel.vm_guest_metrics import TristateType
from xapid.rules.network import is_sriov, reaches
from xapid.rules.vif import check

TASK = "OpaqueRef:task"
HVM, PV = DomainType.hvm, DomainType.pv


def refused(world: World, vif: VIF, operation: str) -> list[str]:
    """The error of an operation; nothing if it is allowed."""
    try:
        check(world.store, vif, operation)
    except ApiError as error:
        return error.description
    return []


def machine(world: World, state: State, runs_as: DomainType = HVM, **guest: Any) -> VM:
    return world.make(VM, power_state=state, **world.guest(runs_as=runs_as, **guest))


@pytest.mark.parametrize(
    "state, runs_as, attached, allowed, plug, unplug",
    [
        (State.Halted, HVM, False, "attach", "VM_BAD_POWER_STATE", "VM_BAD_POWER_STATE"),
        (State.Running, HVM, True, "attach", "DEVICE_ALREADY_ATTACHED", "VM_MISSING_PV_DRIVERS"),
        (State.Running, HVM, False, "attach", "VM_MISSING_PV_DRIVERS", "DEVICE_ALREADY_DETACHED"),
        (State.Running, PV, True, "attach unplug", "DEVICE_ALREADY_ATTACHED", ""),
        (State.Running, PV, False, "attach plug", "", "DEVICE_ALREADY_DETACHED"),
        (State.Paused, PV, True, "attach", "VM_BAD_POWER_STATE", "VM_BAD_POWER_STATE"),
        (State.Suspended, PV, True, "attach", "VM_BAD_POWER_STATE", "VM_BAD_POWER_STATE"),
    ],
)
def test_what_may_be_asked_for(
    world: World, state: State, runs_as: DomainType, attached: bool, allowed: str, plug: str, unplug: str
) -> None:
    vm = machine(world, state, runs_as)

    vif = world.make(VIF, VM=vm.ref, currently_attached=attached)

    assert sorted(vif.allowed_operations) == sorted(allowed.split())
    for operation, error in (("plug", plug), ("unplug", unplug)):
        description = refused(world, vif, operation)
        assert (description or [""])[0] == error
        if error == "VM_BAD_POWER_STATE":
            assert description[1:] == [vm.ref, "running", state.lower()]
        elif error:
            assert description[1] in (vm.ref, vif.ref)


@pytest.mark.parametrize(
    "guest, error",
    [
        ({"PV_drivers_detected": True}, ""),
        ({"can_use_hotplug_vif": TristateType.yes}, ""),
        ({"can_use_hotplug_vbd": TristateType.yes}, "VM_MISSING_PV_DRIVERS"),
        ({"can_use_hotplug_vif": TristateType.no}, "OPERATION_NOT_ALLOWED"),
    ],
)
def test_an_hvm_guest_takes_interfaces_with_the_help_of_drivers(
    world: World, guest: dict[str, Any], error: str
) -> None:
    vif = world.make(VIF, VM=machine(world, State.Running, **guest).ref)

    assert (refused(world, vif, "plug") or [""])[0] == error
    assert (VifOperations.plug in vif.allowed_operations) is (error == "")


def test_an_interface_does_one_thing_at_a_time(world: World) -> None:
    vif = world.make(VIF, VM=machine(world, State.Running, PV).ref, current_operations={TASK: VifOperations.attach})

    assert vif.allowed_operations == ()
    assert refused(world, vif, "plug") == ["OTHER_OPERATION_IN_PROGRESS", "VIF", vif.ref, "{attach}", f"{{{TASK}}}"]


def test_a_vm_that_stops_keeps_its_interfaces(world: World) -> None:
    vm = machine(world, State.Running, PV)
    vif = world.make(VIF, VM=vm.ref, currently_attached=True)

    world.set(vm, current_operations={TASK: VmOperations.clean_shutdown})

    assert world.now(vif).allowed_operations == (VifOperations.attach,)
    assert refused(world, world.now(vif), "unplug")[0] == "OPERATION_NOT_ALLOWED"


def test_domain_zero_takes_no_interfaces(world: World) -> None:
    vm = world.make(VM, power_state=State.Running, is_control_domain=True, resident_on=world.host.ref)
    vif = world.make(VIF, VM=vm.ref)

    world.set(world.host, control_domain=vm.ref)

    assert world.now(vif).allowed_operations == (VifOperations.attach,)
    assert refused(world, vif, "plug")[0] == "OPERATION_NOT_ALLOWED"


def test_an_interface_without_a_vm_takes_nothing(world: World) -> None:
    vif = world.make(VIF, VM="OpaqueRef:ghost")

    assert vif.allowed_operations == ()
    assert refused(world, vif, "attach") == ["HANDLE_INVALID", "VM", "OpaqueRef:ghost"]


@pytest.mark.parametrize("tagged", [False, True])
def test_a_virtual_function_is_not_plugged_while_the_vm_runs(world: World, tagged: bool) -> None:
    network = world.make(Network)
    vif = world.make(VIF, VM=machine(world, State.Running, PV).ref, network=network.ref)
    assert VifOperations.plug in vif.allowed_operations

    if tagged:
        logical = world.make(PIF)
        vlan = world.make(VLAN, tagged_PIF=logical.ref)
        world.make(PIF, network=network.ref, VLAN_master_of=vlan.ref)
    else:
        logical = world.make(PIF, network=network.ref)
    world.make(NetworkSriov, logical_PIF=logical.ref)

    assert is_sriov(world.store, network.ref)
    assert world.now(vif).allowed_operations == (VifOperations.attach,)
    assert refused(world, vif, "plug")[0] == "OPERATION_NOT_ALLOWED"


# Which hosts a network reaches


def test_a_network_reaches_the_hosts_with_an_interface_on_it(world: World) -> None:
    network, other = world.make(Network, managed=True), world.make(Host)
    world.make(PIF, network=network.ref, host=other.ref, currently_attached=False)

    assert reaches(world.store, network, other)
    assert not reaches(world.store, network, world.host)


@pytest.mark.parametrize(
    "fields, state, everywhere",
    [
        ({"managed": True}, State.Running, False),
        ({"managed": True}, State.Paused, True),
        ({"managed": True}, State.Halted, True),
        ({"managed": False}, State.Running, True),
        ({"managed": True, "other_config": {"assume_network_is_shared": "true"}}, State.Running, True),
    ],
)
def test_the_first_running_vm_ties_an_internal_network_to_its_host(
    world: World, fields: dict[str, Any], state: State, everywhere: bool
) -> None:
    network, other = world.make(Network, **fields), world.make(Host)
    vm = world.make(VM, power_state=state, resident_on=other.ref)
    world.make(VIF, VM=vm.ref, network=network.ref)

    assert reaches(world.store, network, other)
    assert reaches(world.store, network, world.host) is everywhere
