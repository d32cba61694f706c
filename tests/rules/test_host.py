"""Which operations a host takes."""

from __future__ import annotations

import pytest

from tests.rules.rows import World
from xapid.datamodel import PBD, SR, Cluster_host, Host, HostMetrics
from xapid.datamodel.errors import ApiError
from xapid.datamodel.host import HostAllowedOperations as Op
from xapid.rules.host import check

TASK = "OpaqueRef:task"


def refused(world: World, host: Host, operation: str) -> list[str]:
    """The error of an operation; nothing if it is allowed."""
    try:
        check(world.store, host, operation)
    except ApiError as error:
        return error.description
    return []


@pytest.mark.parametrize(
    "enabled, live, power_on_mode, allowed",
    [
        (True, True, "", "provision evacuate vm_start vm_resume vm_migrate enable"),
        (
            False,
            True,
            "",
            "provision evacuate vm_start vm_resume vm_migrate enable reboot shutdown apply_updates",
        ),
        (
            False,
            False,
            "wake-on-lan",
            "provision evacuate vm_start vm_resume vm_migrate enable reboot shutdown apply_updates power_on",
        ),
        (
            False,
            False,
            "",
            "provision evacuate vm_start vm_resume vm_migrate enable reboot shutdown apply_updates",
        ),
    ],
)
def test_what_may_be_asked_for(world: World, enabled: bool, live: bool, power_on_mode: str, allowed: str) -> None:
    world.set(world.store.get(HostMetrics, world.host.metrics), live=live)

    host = world.set(world.host, enabled=enabled, power_on_mode=power_on_mode)

    assert sorted(host.allowed_operations) == sorted(allowed.split())


def test_a_host_in_service_is_not_stopped(world: World) -> None:
    for operation in ("reboot", "shutdown", "apply_updates"):
        assert refused(world, world.host, operation) == ["HOST_NOT_DISABLED"]


def test_a_host_is_powered_on_if_it_is_off_and_knows_how(world: World) -> None:
    assert refused(world, world.host, "power_on") == ["HOST_IS_LIVE", world.host.ref]

    world.set(world.store.get(HostMetrics, world.host.metrics), live=False)
    assert refused(world, world.host, "power_on") == ["HOST_POWER_ON_MODE_DISABLED"]

    host = world.set(world.host, power_on_mode="wake-on-lan")
    assert refused(world, host, "power_on") == []


@pytest.mark.parametrize(
    "going_on, excluded",
    [
        ("provision", "evacuate reboot shutdown provision"),
        ("vm_resume", "evacuate reboot shutdown"),
        ("vm_migrate", "evacuate reboot shutdown"),
        ("vm_start", ""),
        ("evacuate", "provision vm_resume vm_migrate"),
        ("reboot", "provision vm_resume vm_migrate shutdown apply_updates"),
        ("shutdown", "provision vm_resume vm_migrate reboot apply_updates"),
        ("apply_updates", "reboot shutdown enable"),
        ("vm_resume apply_updates", "evacuate reboot shutdown enable"),
    ],
)
def test_a_host_is_not_filled_and_emptied_at_once(world: World, going_on: str, excluded: str) -> None:
    free = set(world.set(world.host, enabled=False).allowed_operations)

    marks = {f"{TASK}{number}": Op(each) for number, each in enumerate(going_on.split())}
    host = world.set(world.host, current_operations=marks)

    assert free - set(host.allowed_operations) == {*excluded.split()}
    for operation in excluded.split():
        assert refused(world, host, operation)[:3] == ["OTHER_OPERATION_IN_PROGRESS", "host", host.ref]


def second_member(world: World, enabled: bool) -> HostMetrics:
    metrics = world.make(HostMetrics, live=True)
    world.make(Cluster_host, host=world.make(Host, metrics=metrics.ref).ref, enabled=enabled)
    return metrics


@pytest.mark.parametrize("clustered, member, stays", [(True, True, True), (False, True, False), (True, False, False)])
def test_a_cluster_loses_one_member_at_a_time(world: World, clustered: bool, member: bool, stays: bool) -> None:
    sr = world.make(SR, clustered=clustered)
    world.make(PBD, SR=sr.ref, host=world.host.ref, currently_attached=True)
    other = second_member(world, member)
    world.set(world.host, enabled=False)

    world.set(other, live=False)

    host = world.now(world.host)
    assert refused(world, host, "reboot") == (["CLUSTERED_SR_DEGRADED", sr.ref] if stays else [])
    assert (Op.reboot not in host.allowed_operations) is stays


def test_during_an_upgrade_little_is_offered_but_nothing_refused(world: World) -> None:
    world.set(world.pool, other_config={"rolling_upgrade_in_progress": ""})

    host = world.now(world.host)

    assert sorted(host.allowed_operations) == ["evacuate", "provision"]
    assert refused(world, host, "vm_start") == []
