"""Which operations an SR takes. The lists are the recorded ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.rows import World
from xapid.datamodel import PBD, SM, SR, VDI
from xapid.datamodel.errors import ApiError
from xapid.datamodel.sr import StorageOperations
from xapid.datamodel.vdi import VdiType
from xapid.rules.sr import check

TASK = "OpaqueRef:task"
FILE = "SR_UPDATE VDI_CREATE VDI_DELETE VDI_CLONE VDI_SNAPSHOT VDI_RESIZE VDI_MIRROR VDI_CONFIG_CBT"
ATTACHED = """
    pbd_create pbd_destroy plug scan unplug update vdi_clone vdi_create vdi_data_destroy vdi_destroy vdi_disable_cbt
    vdi_enable_cbt vdi_list_changed_blocks vdi_mirror vdi_resize vdi_snapshot
"""
DUMMY = "VDI_CREATE VDI_DELETE VDI_SNAPSHOT VDI_RESIZE VDI_MIRROR VDI_INTRODUCE"
INTRODUCED = """
    forget pbd_create pbd_destroy plug scan unplug vdi_clone vdi_create vdi_destroy vdi_introduce vdi_mirror
    vdi_resize vdi_snapshot
"""


def refused(world: World, sr: SR, operation: str) -> list[str]:
    """The error of an operation; nothing if it is allowed."""
    try:
        check(world.store, sr, operation)
    except ApiError as error:
        return error.description
    return []


def repository(world: World, features: str = FILE, **fields: Any) -> SR:
    """An SR that no host has."""
    world.make(SM, type="kind", features=dict.fromkeys(features.split(), 1), **fields.pop("driver", {}))
    return world.make(SR, type="kind", **fields)


def plugged(world: World, sr: SR, attached: bool) -> SR:
    world.make(PBD, SR=sr.ref, host=world.host.ref, currently_attached=attached)
    return world.now(sr)


@pytest.mark.parametrize(
    "features, attached, allowed",
    [
        (FILE, True, ATTACHED),
        (FILE, False, f"{ATTACHED} destroy forget"),
        (f"{FILE} VDI_RESET_ON_BOOT", True, f"{ATTACHED} vdi_set_on_boot"),
        (f"{FILE} VDI_REVERT", True, f"{ATTACHED} vdi_revert"),
        (DUMMY, False, f"{INTRODUCED} destroy"),
        (DUMMY, None, INTRODUCED),
    ],
)
def test_what_may_be_asked_for(world: World, features: str, attached: bool | None, allowed: str) -> None:
    sr = repository(world, features)
    if attached is not None:
        sr = plugged(world, sr, attached)

    assert sorted(sr.allowed_operations) == sorted(allowed.split())


def test_an_sr_in_use_is_neither_destroyed_nor_forgotten(world: World) -> None:
    sr = plugged(world, repository(world), True)

    assert refused(world, sr, "destroy") == ["SR_HAS_PBD", sr.ref]
    assert refused(world, sr, "forget") == ["SR_HAS_PBD", sr.ref]


def test_an_sr_that_no_host_knows_is_not_destroyed(world: World) -> None:
    sr = repository(world)

    assert refused(world, sr, "destroy") == ["SR_HAS_NO_PBDS", sr.ref]
    assert refused(world, sr, "forget") == []


@pytest.mark.parametrize(
    "fields, empty",
    [({"managed": True}, False), ({"managed": False}, True), ({"managed": True, "type": VdiType.rrd}, True)],
)
def test_an_sr_with_disks_is_not_destroyed(world: World, fields: dict[str, Any], empty: bool) -> None:
    sr = plugged(world, repository(world), False)
    assert StorageOperations.destroy in sr.allowed_operations

    world.make(VDI, SR=sr.ref, **fields)

    assert refused(world, sr, "destroy") == ([] if empty else ["SR_NOT_EMPTY"])
    assert (StorageOperations.destroy in world.now(sr).allowed_operations) is empty


def test_the_tools_are_not_changed(world: World) -> None:
    sr = repository(world, is_tools_sr=True)

    assert refused(world, sr, "vdi_create") == ["SR_OPERATION_NOT_SUPPORTED", sr.ref]
    assert {"vdi_create", "vdi_destroy"}.isdisjoint(sr.allowed_operations)


def test_nothing_can_be_done_with_disks_of_a_type_nobody_serves(world: World) -> None:
    sr = world.make(SR, type="unknown")

    assert sorted(sr.allowed_operations) == [
        "forget", "pbd_create", "pbd_destroy", "plug", "scan", "unplug", "vdi_clone",
    ]  # fmt: skip


@pytest.mark.parametrize("going_on, allowed", [("plug", "plug"), ("scan", ""), ("vdi_create", ""), ("plug scan", "")])
def test_hosts_are_plugged_in_together_and_all_else_alone(world: World, going_on: str, allowed: str) -> None:
    sr = plugged(world, repository(world), True)

    marks = {f"{TASK}{number}": StorageOperations(each) for number, each in enumerate(going_on.split())}
    sr = world.set(sr, current_operations=marks)

    assert sorted(sr.allowed_operations) == allowed.split()
    assert refused(world, sr, "update")[:3] == ["OTHER_OPERATION_IN_PROGRESS", "SR", sr.ref]


def test_one_cluster_stack_is_active_at_a_time(world: World) -> None:
    sr = repository(world, driver={"required_cluster_stack": ("corosync",)})
    assert refused(world, sr, "plug") == []

    world.set(world.pool, ha_enabled=True, ha_cluster_stack="xhad")
    assert refused(world, sr, "plug") == ["INCOMPATIBLE_CLUSTER_STACK_ACTIVE", "xhad"]
    assert StorageOperations.plug not in world.now(sr).allowed_operations

    world.set(world.pool, ha_cluster_stack="corosync")
    assert refused(world, sr, "plug") == []


def test_during_an_upgrade_only_what_both_versions_know_is_allowed(world: World) -> None:
    sr = plugged(world, repository(world), True)

    world.set(world.pool, other_config={"rolling_upgrade_in_progress": ""})

    assert refused(world, sr, "vdi_mirror") == ["NOT_SUPPORTED_DURING_UPGRADE"]
    assert refused(world, sr, "vdi_create") == []
    assert StorageOperations.vdi_enable_cbt not in world.now(sr).allowed_operations
