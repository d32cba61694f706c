"""Which operations a VBD takes, and who may share a disk."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.rows import World
from xapid.datamodel import VBD, VDI, VM
from xapid.datamodel.errors import VDI_IN_USE, VDI_INCOMPATIBLE_TYPE, VDI_READONLY, ApiError
from xapid.datamodel.vbd import VbdMode, VbdOperations, VbdType
from xapid.datamodel.vdi import VdiOperations, VdiType
from xapid.datamodel.vm import DomainType, VmOperations
from xapid.datamodel.vm import VmPowerState as State
from xapid.datamodel.vm_guest_metrics import TristateType
from xapid.rules.vbd import check, check_disk, check_type

TASK = "OpaqueRef:task"


def refused(world: World, vbd: VBD, operation: str) -> list[str]:
    """The error of an operation; nothing if it is allowed."""
    try:
        check(world.store, vbd, operation)
    except ApiError as error:
        return error.description
    return []


def drive(world: World, vm: VM, **fields: Any) -> VBD:
    """A disk in a VM, or, of another type, an empty drive."""
    kind = fields.setdefault("type", VbdType.Disk)
    if kind is VbdType.Disk:
        fields.setdefault("VDI", world.make(VDI, managed=True).ref)
    fields.setdefault("empty", "VDI" not in fields)
    return world.make(VBD, VM=vm.ref, mode=fields.pop("mode", VbdMode.RW), **fields)


def machine(world: World, state: State, runs_as: DomainType = DomainType.hvm, **guest: Any) -> VM:
    return world.make(VM, power_state=state, **world.guest(runs_as=runs_as, **guest))


HVM, PV = DomainType.hvm, DomainType.pv
CD = {"type": VbdType.CD}
CD_WITH_DISC = {"type": VbdType.CD, "VDI": "disc"}
ATTACHED = {"currently_attached": True}


@pytest.mark.parametrize(
    "state, runs_as, fields, allowed",
    [
        (State.Halted, HVM, {}, "attach"),
        (State.Halted, HVM, CD, "attach insert"),
        (State.Halted, HVM, CD_WITH_DISC, "attach eject"),
        (State.Halted, HVM, {"type": VbdType.Floppy}, "attach"),
        (State.Running, HVM, ATTACHED, "attach pause unpause"),
        (State.Running, HVM, {}, "attach pause unpause"),
        (State.Running, HVM, {**CD, **ATTACHED}, "attach insert pause unpause"),
        (State.Running, PV, ATTACHED, "attach pause unpause unplug unplug_force"),
        (State.Running, PV, {}, "attach pause unpause plug"),
        (State.Running, PV, {**ATTACHED, "unpluggable": False}, "attach pause unpause"),
        (State.Paused, PV, ATTACHED, "attach pause unpause"),
        (State.Suspended, PV, {}, "attach"),
        (State.Suspended, PV, CD, "attach"),
    ],
)
def test_what_may_be_asked_for(
    world: World, state: State, runs_as: DomainType, fields: dict[str, Any], allowed: str
) -> None:
    if "VDI" in fields:
        fields = {**fields, "VDI": world.make(VDI, managed=True).ref}

    vbd = drive(world, machine(world, state, runs_as), **fields)

    assert sorted(vbd.allowed_operations) == sorted(allowed.split())


@pytest.mark.parametrize(
    "state, runs_as, fields, operation, error",
    [
        (State.Halted, HVM, {}, "plug", ["VM_BAD_POWER_STATE", "vm", "running", "halted"]),
        (State.Halted, HVM, {"unpluggable": False}, "unplug", ["VBD_NOT_UNPLUGGABLE", "vbd"]),
        (State.Halted, HVM, {"unpluggable": False}, "unplug_force", ["VBD_NOT_UNPLUGGABLE", "vbd"]),
        (State.Halted, HVM, {}, "insert", ["VBD_NOT_REMOVABLE_MEDIA", "vbd"]),
        (State.Halted, HVM, {}, "pause", ["VM_BAD_POWER_STATE", "vm", "running", "halted"]),
        (State.Running, HVM, {**CD, **ATTACHED}, "eject", ["VBD_IS_EMPTY", "vbd"]),
        (State.Running, HVM, {**CD, **ATTACHED}, "plug", ["DEVICE_ALREADY_ATTACHED", "vbd"]),
        (State.Running, HVM, {**CD, **ATTACHED}, "unplug", ["VM_MISSING_PV_DRIVERS", "vm"]),
        (State.Running, HVM, CD, "plug", ["VM_MISSING_PV_DRIVERS", "vm"]),
        (State.Running, HVM, CD, "unplug_force", ["DEVICE_ALREADY_DETACHED", "vbd"]),
        (State.Running, PV, {}, "unplug", ["DEVICE_ALREADY_DETACHED", "vbd"]),
        (State.Running, PV, ATTACHED, "plug", ["DEVICE_ALREADY_ATTACHED", "vbd"]),
        (State.Paused, PV, ATTACHED, "unplug", ["VM_BAD_POWER_STATE", "vm", "running", "paused"]),
        (State.Suspended, PV, CD, "insert", ["VM_BAD_POWER_STATE", "vm", "halted, running", "suspended"]),
    ],
)
def test_the_first_rule_that_refuses_gives_the_error(
    world: World, state: State, runs_as: DomainType, fields: dict[str, Any], operation: str, error: list[str]
) -> None:
    vm = machine(world, state, runs_as)

    vbd = drive(world, vm, **fields)

    assert refused(world, vbd, operation) == [{"vm": vm.ref, "vbd": vbd.ref}.get(word, word) for word in error]


@pytest.mark.parametrize(
    "guest, error",
    [
        ({}, "VM_MISSING_PV_DRIVERS"),
        ({"live": True}, "VM_MISSING_PV_DRIVERS"),
        ({"PV_drivers_detected": True}, ""),
        ({"PV_drivers_version": {"major": "9", "minor": "3"}}, ""),
        ({"can_use_hotplug_vbd": TristateType.yes}, ""),
        ({"can_use_hotplug_vbd": TristateType.no, "PV_drivers_detected": True}, "OPERATION_NOT_ALLOWED"),
    ],
)
def test_an_hvm_guest_takes_disks_with_the_help_of_drivers(world: World, guest: dict[str, Any], error: str) -> None:
    vm = machine(world, State.Running, **guest)

    vbd = drive(world, vm)

    assert (refused(world, vbd, "plug") or [""])[0] == error
    assert (VbdOperations.plug in vbd.allowed_operations) is (error == "")


def test_the_cd_drive_of_an_hvm_guest_stays(world: World) -> None:
    vm = machine(world, State.Running, PV_drivers_detected=True)

    vbd = drive(world, vm, **CD)

    assert refused(world, vbd, "plug")[0] == "OPERATION_NOT_ALLOWED"
    assert refused(world, vbd, "insert") == []


@pytest.mark.parametrize("operation", ["clean_shutdown", "hard_shutdown", "suspend", "pause"])
def test_a_vm_that_stops_keeps_its_devices(world: World, operation: str) -> None:
    vm = machine(world, State.Running, PV)
    vbd = drive(world, vm)

    world.set(vm, current_operations={TASK: VmOperations(operation)})

    vbd = world.now(vbd)
    assert VbdOperations.plug not in vbd.allowed_operations
    assert refused(world, vbd, "plug")[0] == "OPERATION_NOT_ALLOWED"


def test_other_operations_of_the_vm_do_not_concern_its_devices(world: World) -> None:
    vm = machine(world, State.Running, PV)
    vbd = drive(world, vm)
    before = world.now(vbd)

    world.set(vm, current_operations={TASK: VmOperations.snapshot})

    assert world.now(vbd) is before


@pytest.mark.parametrize(
    "going_on, allowed",
    [
        ("attach", "unpause"),
        ("plug", ""),
        ("unplug", ""),
        ("pause", "pause unpause"),
        ("pause unpause", "pause unpause"),
        ("pause attach", "unpause"),
    ],
)
def test_a_drive_does_one_thing_at_a_time(world: World, going_on: str, allowed: str) -> None:
    vbd = drive(world, machine(world, State.Running, PV))

    marks = {f"{TASK}{number}": VbdOperations(each) for number, each in enumerate(going_on.split())}
    vbd = world.set(vbd, current_operations=marks)

    assert sorted(vbd.allowed_operations) == sorted(allowed.split())
    assert refused(world, vbd, "plug")[:3] == ["OTHER_OPERATION_IN_PROGRESS", "VBD", vbd.ref]


def test_a_disk_that_is_busy_is_not_opened(world: World) -> None:
    vbd = drive(world, machine(world, State.Halted))
    vdi = world.store.get(VDI, vbd.VDI)

    world.set(vdi, current_operations={TASK: VdiOperations.snapshot})
    assert refused(world, vbd, "attach") == ["OTHER_OPERATION_IN_PROGRESS", "VDI", vdi.ref, "snapshot", TASK]
    assert VbdOperations.attach not in world.now(vbd).allowed_operations

    world.set(vdi, current_operations={TASK: VdiOperations.mirror, f"{TASK}2": VdiOperations.copy})
    assert refused(world, vbd, "attach") == []


def test_a_hidden_disk_is_not_for_machines(world: World) -> None:
    vbd = drive(world, machine(world, State.Halted), VDI=world.make(VDI, managed=False).ref)

    assert vbd.allowed_operations == ()
    assert refused(world, vbd, "attach") == ["VDI_NOT_MANAGED", vbd.ref]


def test_a_drive_without_a_vm_takes_nothing(world: World) -> None:
    vbd = world.make(VBD, VM="OpaqueRef:ghost")

    assert vbd.allowed_operations == ()
    assert refused(world, vbd, "attach") == ["HANDLE_INVALID", "VM", "OpaqueRef:ghost"]


# Sharing


@pytest.mark.parametrize(
    "mine, other, sharable, clash",
    [
        (VbdMode.RW, VbdMode.RW, False, True),
        (VbdMode.RO, VbdMode.RW, False, True),
        (VbdMode.RW, VbdMode.RO, False, True),
        (VbdMode.RO, VbdMode.RO, False, False),
        (VbdMode.RW, VbdMode.RW, True, False),
    ],
)
def test_a_disk_is_written_by_one_machine_or_read_by_many(
    world: World, mine: VbdMode, other: VbdMode, sharable: bool, clash: bool
) -> None:
    vdi = world.make(VDI, managed=True, sharable=sharable)
    drive(world, machine(world, State.Running), VDI=vdi.ref, mode=other, **ATTACHED)

    vbd = drive(world, machine(world, State.Halted), VDI=vdi.ref, mode=mine)

    assert refused(world, vbd, "attach") == (["VDI_IN_USE", vdi.ref] if clash else [])
    assert VbdOperations.attach in vbd.allowed_operations


@pytest.mark.parametrize(
    "state, vm, vbd, clash",
    [
        (State.Running, {}, {"current_operations": {TASK: VbdOperations.attach}}, True),
        (State.Halted, {}, {}, False),
        (State.Suspended, {}, ATTACHED, False),
        (State.Running, {"other_config": {"is_system_domain": "true"}}, ATTACHED, False),
    ],
)
def test_who_has_a_disk_open(world: World, state: State, vm: dict[str, Any], vbd: dict[str, Any], clash: bool) -> None:
    vdi = world.make(VDI, managed=True)
    drive(world, world.make(VM, power_state=state, **vm), VDI=vdi.ref, **vbd)

    mine = drive(world, machine(world, State.Halted), VDI=vdi.ref)

    assert refused(world, mine, "attach") == (["VDI_IN_USE", vdi.ref] if clash else [])


def test_a_system_domain_may_open_what_others_use(world: World) -> None:
    vdi = world.make(VDI, managed=True)
    drive(world, machine(world, State.Running), VDI=vdi.ref, **ATTACHED)

    mine = drive(world, world.make(VM, other_config={"is_system_domain": "true"}), VDI=vdi.ref)

    assert refused(world, mine, "attach") == []


def test_what_is_attached_is_not_asked_again(world: World) -> None:
    vdi = world.make(VDI, managed=True)
    for _ in range(2):
        vbd = drive(world, machine(world, State.Running), VDI=vdi.ref, **ATTACHED)

    assert refused(world, vbd, "attach") == []


def test_a_read_only_disk_is_read_only(world: World) -> None:
    vdi = world.make(VDI, managed=True, read_only=True)
    vm = machine(world, State.Halted)

    assert refused(world, drive(world, vm, VDI=vdi.ref), "attach") == ["VDI_READONLY", vdi.ref]
    assert refused(world, drive(world, vm, VDI=vdi.ref, mode=VbdMode.RO), "attach") == []


def test_a_disc_is_looked_at_before_it_is_inserted(world: World) -> None:
    empty = drive(world, machine(world, State.Halted), **CD, mode=VbdMode.RW)
    used, read_only = world.make(VDI, managed=True), world.make(VDI, read_only=True)
    drive(world, machine(world, State.Running), VDI=used.ref, **ATTACHED)

    check_disk(world.store, empty, world.make(VDI))
    with pytest.raises(VDI_IN_USE):
        check_disk(world.store, empty, used)
    with pytest.raises(VDI_READONLY):
        check_disk(world.store, empty, read_only)


@pytest.mark.parametrize(
    "kind, words",
    [
        (VdiType.ha_statefile, "HA statefile"),
        (VdiType.redo_log, "Redo log"),
        (VdiType.cbt_metadata, "CBT metadata"),
    ],
)
def test_some_disks_are_not_for_machines(world: World, kind: VdiType, words: str) -> None:
    vdi = world.make(VDI, type=kind)

    with pytest.raises(VDI_INCOMPATIBLE_TYPE) as error:
        check_type(vdi)

    assert error.value.args == (vdi.ref, words)
