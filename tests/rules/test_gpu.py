"""Which physical GPU serves a virtual one."""

from __future__ import annotations

import pytest

from tests.rules.rows import World
from xapid.datamodel import PCI, PGPU, VGPU, VM, GPU_group, VGPU_type
from xapid.datamodel.errors import OPERATION_NOT_ALLOWED, VM_REQUIRES_VGPU
from xapid.datamodel.gpu_group import AllocationAlgorithm
from xapid.datamodel.vgpu_type import VgpuTypeImplementation
from xapid.rules.gpu import card_for


class Cards:
    """A group of cards for one virtual GPU."""

    def __init__(self, world: World, algorithm: AllocationAlgorithm = AllocationAlgorithm.depth_first) -> None:
        self.world = world
        self.group = world.make(GPU_group, allocation_algorithm=algorithm)
        self.kind = world.make(VGPU_type, implementation=VgpuTypeImplementation.passthrough)
        self.vgpu = world.make(VGPU, VM=world.make(VM).ref, GPU_group=self.group.ref, type=self.kind.ref)

    def card(self, address: str, capacity: int = 1) -> PGPU:
        return self.world.make(
            PGPU,
            PCI=self.world.make(PCI, pci_id=address, host=self.world.host.ref).ref,
            host=self.world.host.ref,
            GPU_group=self.group.ref,
            enabled_VGPU_types=(self.kind.ref,),
            supported_VGPU_max_capacities={self.kind.ref: capacity},
        )

    def chosen(self) -> str:
        return card_for(self.world.store, self.world.now(self.vgpu), self.world.host).ref


@pytest.mark.parametrize(
    "algorithm, expected", [(AllocationAlgorithm.breadth_first, 1), (AllocationAlgorithm.depth_first, 2)]
)
def test_guests_are_spread_or_fill_one_after_the_other(
    world: World, algorithm: AllocationAlgorithm, expected: int
) -> None:
    cards = Cards(world, algorithm)
    there = [cards.card("0000:03:00.0", 2), cards.card("0000:04:00.0", 3), cards.card("0000:05:00.0", 1)]

    assert cards.chosen() == there[expected].ref


def test_of_cards_that_are_alike_the_first_is_taken(world: World) -> None:
    cards = Cards(world)
    there = [cards.card("0000:05:00.0"), cards.card("0000:03:00.0")]

    assert cards.chosen() == there[1].ref


def test_a_card_that_another_machine_has_or_is_to_have_is_passed_over(world: World) -> None:
    cards = Cards(world)
    served, coming, given, free = (cards.card(f"0000:0{number}:00.0") for number in range(3, 7))
    world.make(VGPU, VM=world.make(VM).ref, type=cards.kind.ref, resident_on=served.ref)
    world.make(VGPU, VM=world.make(VM).ref, type=cards.kind.ref, scheduled_to_be_resident_on=coming.ref)
    world.make(VM, attached_PCIs=(given.PCI,), resident_on=world.host.ref)
    assert cards.chosen() == free.ref

    world.make(VM, other_config={"pci": "0/0000:06:00.0"}, scheduled_to_be_resident_on=world.host.ref)

    with pytest.raises(VM_REQUIRES_VGPU) as error:
        cards.chosen()
    assert error.value.args == (cards.vgpu.VM, cards.group.ref, cards.kind.ref)


def test_a_machine_that_begins_anew_keeps_its_card(world: World) -> None:
    cards = Cards(world)
    cards.card("0000:03:00.0")
    second = cards.card("0000:04:00.0")

    world.set(cards.vgpu, resident_on=second.ref)

    assert cards.chosen() == second.ref


def test_shares_of_a_card_are_not_served(world: World) -> None:
    cards = Cards(world)
    cards.card("0000:03:00.0", 8)
    world.set(cards.kind, implementation=VgpuTypeImplementation.nvidia, vendor_name="NVIDIA", model_name="GRID K100")

    with pytest.raises(OPERATION_NOT_ALLOWED) as error:
        cards.chosen()

    assert error.value.args == ("Virtual GPUs of type NVIDIA GRID K100 need a driver that hosts do not have here",)
