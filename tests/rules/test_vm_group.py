"""When the machines of a group are too near each other."""

from __future__ import annotations

import pytest

from tests.rules.rows import World
from xapid.datamodel import VM, Host, HostMetrics, VM_group
from xapid.datamodel.vm import VmPowerState as State
from xapid.datamodel.vm_group import PlacementPolicy
from xapid.rules.vm_group import crowded


def other_host(world: World, *, enabled: bool = True, live: bool = True) -> Host:
    return world.make(Host, enabled=enabled, metrics=world.make(HostMetrics, live=live).ref)


def group(world: World, placement: PlacementPolicy, *members: tuple[State, Host]) -> VM_group:
    made = world.make(VM_group, placement=placement)
    for state, host in members:
        world.make(VM, groups=(made.ref,), power_state=state, resident_on=host.ref)
    return made


@pytest.mark.parametrize(
    "placement, states, is_crowd",
    [
        (PlacementPolicy.anti_affinity, (State.Running, State.Running), True),
        (PlacementPolicy.anti_affinity, (State.Running, State.Running, State.Halted), True),
        (PlacementPolicy.anti_affinity, (State.Running,), False),
        (PlacementPolicy.anti_affinity, (State.Running, State.Suspended), False),
        (PlacementPolicy.anti_affinity, (), False),
        (PlacementPolicy.normal, (State.Running, State.Running), False),
    ],
)
def test_machines_that_are_to_keep_apart_and_run_together_are_a_crowd(
    world: World, placement: PlacementPolicy, states: tuple[State, ...], is_crowd: bool
) -> None:
    other_host(world)

    found = crowded(world.store, group(world, placement, *((state, world.host) for state in states)))

    assert (found and found.ref) == (world.host.ref if is_crowd else None)


def test_one_of_them_elsewhere_is_enough(world: World) -> None:
    members = [(State.Running, world.host), (State.Running, world.host), (State.Running, other_host(world))]

    assert crowded(world.store, group(world, PlacementPolicy.anti_affinity, *members)) is None


@pytest.mark.parametrize("enabled, live", [(False, True), (True, False)])
def test_where_no_other_host_takes_guests_nothing_can_be_done(world: World, enabled: bool, live: bool) -> None:
    other_host(world, enabled=enabled, live=live)
    together = [(State.Running, world.host)] * 2

    assert crowded(world.store, group(world, PlacementPolicy.anti_affinity, *together)) is None
