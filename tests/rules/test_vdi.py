"""Which operations a VDI takes. The lists are the recorded ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.rows import World
from xapid.datamodel import PBD, SM, SR, VBD, VDI, VM
from xapid.datamodel.errors import ApiError
from xapid.datamodel.pool import PoolAllowedOperations
from xapid.datamodel.vbd import VbdMode, VbdOperations
from xapid.datamodel.vdi import OnBoot, VdiOperations, VdiType
from xapid.rules.vdi import check

TASK = "OpaqueRef:task"
FILE = """
    VDI_CREATE VDI_DELETE VDI_CLONE VDI_SNAPSHOT VDI_RESIZE VDI_MIRROR VDI_GENERATE_CONFIG VDI_CONFIG_CBT VDI_UPDATE
"""
DUMMY = "VDI_CREATE VDI_DELETE VDI_CLONE VDI_SNAPSHOT VDI_RESIZE VDI_INTRODUCE VDI_MIRROR"
FREE = "clone copy destroy forget generate_config resize snapshot update"


def refused(world: World, vdi: VDI, operation: str) -> list[str]:
    """The error of an operation; nothing if it is allowed."""
    try:
        check(world.store, vdi, operation)
    except ApiError as error:
        return error.description
    return []


def repository(world: World, features: str = FILE, *, attached: bool = True, **fields: Any) -> SR:
    """An SR whose driver has these features."""
    kind = fields.setdefault("type", "file")
    world.make(SM, type=kind, features=dict.fromkeys(features.split(), 1))
    sr = world.make(SR, **fields)
    world.make(PBD, SR=sr.ref, host=world.host.ref, currently_attached=attached)
    return sr


def disk(world: World, sr: SR | None = None, **fields: Any) -> VDI:
    fields = {"type": VdiType.user, "managed": True, **fields}
    return world.make(VDI, SR=(sr or repository(world)).ref, **fields)


def open_in(world: World, vdi: VDI, mode: VbdMode = VbdMode.RW, **vm: Any) -> VDI:
    """The disk, open in another machine."""
    world.make(VBD, VM=world.make(VM, **vm).ref, VDI=vdi.ref, mode=mode, currently_attached=True)
    return world.now(vdi)


@pytest.mark.parametrize(
    "kind, allowed",
    [
        *((kind, FREE) for kind in ("system", "user", "ephemeral", "suspend", "crashdump", "metadata", "pvs_cache")),
        ("ha_statefile", "clone destroy forget generate_config resize snapshot update"),
        ("redo_log", "clone destroy forget generate_config resize snapshot update"),
        ("rrd", "clone copy generate_config resize snapshot update"),
        ("cbt_metadata", "destroy forget generate_config update"),
    ],
)
def test_what_may_be_asked_for_by_type(world: World, kind: str, allowed: str) -> None:
    vdi = disk(world, type=VdiType(kind))

    assert sorted(vdi.allowed_operations) == sorted(allowed.split())


def test_the_driver_has_to_be_able_to_do_it(world: World) -> None:
    vdi = disk(world, repository(world, DUMMY, type="dummy"))

    assert sorted(vdi.allowed_operations) == ["clone", "copy", "destroy", "forget", "resize", "snapshot"]
    for operation in ("update", "generate_config", "resize_online", "enable_cbt", "data_destroy", "set_on_boot"):
        assert refused(world, vdi, operation) == ["SR_OPERATION_NOT_SUPPORTED", vdi.SR]


def test_what_a_driver_learns_shows_at_once(world: World) -> None:
    vdi = disk(world)
    (driver,) = world.store.where(SM, type="file")

    world.set(driver, features={"VDI_RESIZE_ONLINE": 1})

    assert sorted(world.now(vdi).allowed_operations) == ["copy", "forget", "resize_online"]


def test_of_an_open_disk_little_may_be_asked(world: World) -> None:
    vdi = open_in(world, disk(world))

    assert sorted(vdi.allowed_operations) == ["clone", "snapshot"]
    for operation in ("destroy", "resize", "copy", "forget", "update", "set_on_boot"):
        assert refused(world, vdi, operation) == ["VDI_IN_USE", vdi.ref, operation]
    for operation in ("mirror", "enable_cbt", "disable_cbt", "blocked", "revert_to"):
        assert refused(world, vdi, operation) == []


def test_what_is_only_read_can_be_copied(world: World) -> None:
    vdi = open_in(world, disk(world), VbdMode.RO)
    assert VdiOperations.copy in vdi.allowed_operations

    vdi = open_in(world, vdi, VbdMode.RW)

    assert VdiOperations.copy not in vdi.allowed_operations


def test_changed_blocks_are_told_of_disks_in_snapshots(world: World) -> None:
    vdi = open_in(world, disk(world), is_a_snapshot=True)
    assert refused(world, vdi, "list_changed_blocks") == []

    vdi = open_in(world, vdi)

    assert refused(world, vdi, "list_changed_blocks")[0] == "VDI_IN_USE"


def test_a_drive_that_is_plugged_just_now_keeps_its_disk(world: World) -> None:
    vdi = disk(world)
    world.make(VBD, VDI=vdi.ref, VM=world.make(VM).ref, current_operations={TASK: VbdOperations.attach})

    assert world.now(vdi).allowed_operations == ()
    assert refused(world, vdi, "snapshot") == ["OTHER_OPERATION_IN_PROGRESS", "VDI", vdi.ref, "attach", TASK]


@pytest.mark.parametrize(
    "going_on, allowed",
    [("copy", "copy"), ("mirror", "destroy"), ("snapshot", ""), ("copy mirror", ""), ("mirror snapshot", "")],
)
def test_few_operations_go_on_beside_others(world: World, going_on: str, allowed: str) -> None:
    marks = {f"{TASK}{number}": VdiOperations(each) for number, each in enumerate(going_on.split())}

    vdi = disk(world, current_operations=marks)

    assert sorted(vdi.allowed_operations) == allowed.split()
    assert refused(world, vdi, "resize")[:3] == ["OTHER_OPERATION_IN_PROGRESS", "VDI", vdi.ref]


def test_a_disk_whose_sr_is_not_attached_is_not_resized(world: World) -> None:
    vdi = disk(world, repository(world, attached=False))

    assert refused(world, vdi, "resize") == ["SR_HAS_NO_PBDS", vdi.SR]
    assert VdiOperations.resize not in vdi.allowed_operations
    assert VdiOperations.snapshot in vdi.allowed_operations


@pytest.mark.parametrize(
    "fields, operation, error",
    [
        ({"type": VdiType.cbt_metadata}, "clone", ["VDI_INCOMPATIBLE_TYPE", "vdi", "CBT metadata"]),
        ({"type": VdiType.cbt_metadata}, "copy", ["VDI_INCOMPATIBLE_TYPE", "vdi", "CBT metadata"]),
        ({"type": VdiType.cbt_metadata}, "revert_to", ["VDI_INCOMPATIBLE_TYPE", "vdi", "CBT metadata"]),
        ({"cbt_enabled": True}, "mirror", ["VDI_CBT_ENABLED", "vdi"]),
        ({"type": VdiType.rrd}, "destroy", ["VDI_HAS_RRDS", "vdi"]),
        ({"type": VdiType.rrd}, "forget", ["VDI_HAS_RRDS", "vdi"]),
        ({"is_a_snapshot": True}, "data_destroy", ["VDI_NO_CBT_METADATA", "vdi"]),
        ({"on_boot": OnBoot.reset}, "snapshot", ["VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"]),
        ({"on_boot": OnBoot.reset}, "copy", ["VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"]),
        ({"on_boot": OnBoot.reset}, "enable_cbt", ["VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION"]),
        ({"type": VdiType.suspend}, "enable_cbt", ["VDI_INCOMPATIBLE_TYPE", "vdi", "Suspend"]),
        ({}, "revert_from", ["REVERT_ONLY_ALLOWED_ON_SNAPSHOT"]),
    ],
)
def test_some_disks_do_not_take_some_operations(
    world: World, fields: dict[str, Any], operation: str, error: list[str]
) -> None:
    vdi = disk(world, **fields)

    assert refused(world, vdi, operation) == [vdi.ref if word == "vdi" else word for word in error]
    assert operation not in vdi.allowed_operations


def test_a_sharable_disk_is_offered_a_snapshot_and_refuses_it(world: World) -> None:
    vdi = disk(world, sharable=True)

    assert refused(world, vdi, "snapshot") == ["VDI_IS_SHARABLE", vdi.ref]
    assert VdiOperations.snapshot in vdi.allowed_operations


@pytest.mark.parametrize(
    "fields, operation",
    [
        ({}, "data_destroy"),
        ({"is_a_snapshot": True}, "enable_cbt"),
        ({"type": VdiType.redo_log}, "copy"),
    ],
)
def test_others_are_refused_with_a_reason(world: World, fields: dict[str, Any], operation: str) -> None:
    assert refused(world, disk(world, **fields), operation)[0] == "OPERATION_NOT_ALLOWED"


def test_a_device_of_the_host_is_not_destroyed(world: World) -> None:
    vdi = disk(world, repository(world, type="udev"))

    assert refused(world, vdi, "destroy") == ["VDI_IS_A_PHYSICAL_DEVICE", vdi.ref]


def test_a_disk_of_the_tools_is_not_destroyed(world: World) -> None:
    vdi = disk(world, repository(world, is_tools_sr=True))

    assert refused(world, vdi, "destroy") == ["SR_OPERATION_NOT_SUPPORTED", vdi.SR]
    assert VdiOperations.destroy not in vdi.allowed_operations


def test_what_high_availability_works_with_stays(world: World) -> None:
    statefile = disk(world, type=VdiType.ha_statefile)

    world.set(world.pool, current_operations={TASK: PoolAllowedOperations.ha_enable})
    assert refused(world, statefile, "destroy") == ["HA_ENABLE_IN_PROGRESS"]
    world.set(world.pool, current_operations={TASK: PoolAllowedOperations.ha_disable})
    assert refused(world, statefile, "forget") == ["HA_DISABLE_IN_PROGRESS"]
    world.set(world.pool, current_operations={}, ha_enabled=True)
    assert refused(world, statefile, "destroy") == ["HA_IS_ENABLED"]

    assert VdiOperations.destroy not in world.now(statefile).allowed_operations


def test_during_an_upgrade_disks_stay_as_they_are(world: World) -> None:
    vdi = disk(world)

    world.set(world.pool, other_config={"rolling_upgrade_in_progress": ""})

    assert world.now(vdi).allowed_operations == ()
    assert refused(world, vdi, "snapshot") == ["NOT_SUPPORTED_DURING_UPGRADE"]


def test_a_disk_without_an_sr_takes_nothing(world: World) -> None:
    vdi = world.make(VDI, SR="OpaqueRef:ghost")

    assert vdi.allowed_operations == ()
    assert refused(world, vdi, "snapshot") == ["HANDLE_INVALID", "SR", "OpaqueRef:ghost"]
