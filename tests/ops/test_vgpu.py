"""Graphics cards of a host in its machines: a whole one each, chosen when a machine starts, free when it ends."""

from __future__ import annotations

import asyncio

import pytest

from tests.machines import NULL, Workshop
from tests.ops.test_graphics import GPU, SOUND, TWIN, card_of, scanned
from xapid.backends.domain.interface import PciSpec
from xapid.backends.interface import Failed
from xapid.datamodel import VGPU, VGPU_type
from xapid.datamodel.errors import (
    DEVICE_ALREADY_EXISTS,
    FEATURE_RESTRICTED,
    INTERNAL_ERROR,
    INVALID_DEVICE,
    INVALID_VALUE,
    NO_HOSTS_AVAILABLE,
    OPERATION_NOT_ALLOWED,
    PGPU_IN_USE_BY_VM,
    VGPU_TYPE_NOT_COMPATIBLE,
    VM_BAD_POWER_STATE,
    VM_HAS_PCI_ATTACHED,
    VM_PCI_BUS_FULL,
    VM_REQUIRES_GPU,
    VM_REQUIRES_VGPU,
)

UNSERVED = {"currently_attached": False, "resident_on": NULL, "scheduled_to_be_resident_on": NULL, "PCI": NULL}


@pytest.fixture
async def refs(workshop: Workshop) -> dict[str, str]:
    """PCI devices by their addresses, of a host with one graphics card, which has a device for sound."""
    return await scanned(workshop.fresh, GPU, SOUND)


@pytest.fixture
async def group(workshop: Workshop, refs: dict[str, str]) -> str:
    return await workshop.fresh.the("GPU_group")


@pytest.fixture
async def vgpu(workshop: Workshop, vm: str, group: str) -> str:
    return str(await workshop.xapi.VGPU.create(vm, group))


async def served(workshop: Workshop, vgpu: str) -> dict[str, object]:
    record = await workshop.xapi.VGPU.get_record(vgpu)
    return {name: record[name] for name in UNSERVED}


# --- Coming and going -------------------------------------------------------------------------------


async def test_a_machine_is_given_a_place_for_a_card(workshop: Workshop, vm: str, group: str) -> None:
    vgpu = await workshop.xapi.VGPU.create(vm, group, "0", {"why": "games"})

    record = await workshop.xapi.VGPU.get_record(vgpu)
    kind = await workshop.fresh.the("VGPU_type")
    del record["uuid"]
    assert record == UNSERVED | {
        "VM": vm,
        "GPU_group": group,
        "device": "0",
        "other_config": {"why": "games"},
        "type": kind,
        "compatibility_metadata": {},
        "extra_args": "",
    }
    assert await workshop.xapi.GPU_group.get_VGPUs(group) == [vgpu]
    await workshop.xapi.VGPU.destroy(vgpu)
    assert not workshop.is_there(vgpu)


async def test_a_kind_that_is_whole_is_known_without_any_card(workshop: Workshop, vm: str) -> None:
    group = await workshop.xapi.GPU_group.create("empty", "", {})

    vgpu = await workshop.xapi.VGPU.create(vm, group)

    assert await workshop.xapi.VGPU_type.get_implementation(workshop.row(vgpu).type) == "passthrough"


async def test_a_licence_may_withhold_them(workshop: Workshop, group: str, pool: str) -> None:
    vm = await workshop.vm_in("Running")
    restrictions = await workshop.xapi.pool.get_restrictions(pool)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(pool), restrictions=restrictions | {"restrict_gpu": "true"})

    with pytest.raises(FEATURE_RESTRICTED) as error:
        await workshop.xapi.VGPU.create(vm, group, "99", {}, "OpaqueRef:none")

    assert error.value.args == ()


async def test_a_machine_has_to_be_off(workshop: Workshop, group: str) -> None:
    vm = await workshop.vm_in("Running")

    with pytest.raises(VM_BAD_POWER_STATE) as error:
        await workshop.xapi.VGPU.create(vm, group, "99", {}, "OpaqueRef:none")

    assert error.value.args == (vm, "halted", "running")


async def test_a_kind_has_to_be_there(workshop: Workshop, vm: str, group: str) -> None:
    with pytest.raises(INVALID_VALUE) as error:
        await workshop.xapi.VGPU.create(vm, group, "99", {}, "OpaqueRef:none")

    assert error.value.args == ("type", "OpaqueRef:none")


async def test_not_all_kinds_go_together(workshop: Workshop, vm: str, vgpu: str, group: str) -> None:
    kind = workshop.row(vgpu).type

    with pytest.raises(VGPU_TYPE_NOT_COMPATIBLE) as error:
        await workshop.xapi.VGPU.create(vm, group, "99", {}, kind)

    assert error.value.args == (kind,)


async def test_a_machine_has_places_for_21(workshop: Workshop, vm: str, vgpu: str, group: str) -> None:
    kind: VGPU_type = workshop.row(workshop.row(vgpu).type)
    with workshop.fresh.store.write() as tx:
        tx.set(kind, compatible_types_in_vm=(kind.ref,))

    second = await workshop.xapi.VGPU.create(vm, group, "2")
    with pytest.raises(DEVICE_ALREADY_EXISTS) as twice:
        await workshop.xapi.VGPU.create(vm, group, "2")
    for device in ("21", "-1", "x", ""):
        with pytest.raises(INVALID_DEVICE) as odd:
            await workshop.xapi.VGPU.create(vm, group, device)
        assert odd.value.args == (device,)
    places = [workshop.row(await workshop.xapi.VGPU.create(vm, group)).device for _ in range(19)]
    with pytest.raises(VM_PCI_BUS_FULL) as full:
        await workshop.xapi.VGPU.create(vm, group)

    assert workshop.row(second).device == "2"
    assert twice.value.args == ("2",)
    assert places == ["1", *map(str, range(3, 21))]
    assert full.value.args == (vm,)


# --- Started with it --------------------------------------------------------------------------------


async def test_a_machine_has_a_card_from_start_to_end(
    workshop: Workshop, vm: str, vgpu: str, refs: dict[str, str]
) -> None:
    card = await card_of(workshop.fresh, refs[GPU.address])

    await workshop.started(vm)
    given, attached = workshop.guest(vm).spec.pcis, set(await workshop.xapi.VM.get_attached_PCIs(vm))
    running = await served(workshop, vgpu)
    with pytest.raises(PGPU_IN_USE_BY_VM):
        await workshop.xapi.PGPU.set_enabled_VGPU_types(card, [])
    with pytest.raises(OPERATION_NOT_ALLOWED) as error:
        await workshop.xapi.VGPU.destroy(vgpu)
    with pytest.raises(VM_HAS_PCI_ATTACHED):
        await workshop.xapi.VM.suspend(vm)
    await workshop.xapi.VM.hard_reboot(vm)
    again = await served(workshop, vgpu)
    await workshop.xapi.VM.hard_shutdown(vm)

    assert given == (PciSpec(GPU.address), PciSpec(SOUND.address))
    assert attached == {refs[GPU.address], refs[SOUND.address]}
    assert running == again
    assert running == {
        "currently_attached": True,
        "resident_on": card,
        "scheduled_to_be_resident_on": NULL,
        "PCI": refs[GPU.address],
    }
    assert error.value.args == ("vGPU currently attached to a running VM",)
    assert await served(workshop, vgpu) == UNSERVED
    assert workshop.row(vm).attached_PCIs == ()


async def test_a_machine_with_two_has_two_cards(workshop: Workshop, vm: str, vgpu: str) -> None:
    refs = await scanned(workshop.fresh, GPU, SOUND, TWIN)
    row: VGPU = workshop.row(vgpu)
    with workshop.fresh.store.write() as tx:
        other = tx.create(VGPU, VM=vm, GPU_group=row.GPU_group, type=row.type, device="1").ref

    await workshop.started(vm)

    assert {workshop.row(each).PCI for each in (vgpu, other)} == {refs[GPU.address], refs[TWIN.address]}
    assert workshop.row(vgpu).resident_on != workshop.row(other).resident_on


async def test_each_card_serves_one_machine(
    workshop: Workshop, vm: str, vgpu: str, group: str, host: str, refs: dict[str, str]
) -> None:
    rival = await workshop.vm()
    other = await workshop.xapi.VGPU.create(rival, group)
    await workshop.started(vm)

    with pytest.raises(VM_REQUIRES_VGPU) as error:
        await workshop.xapi.VM.start_on(rival, host, False, False)
    with pytest.raises(NO_HOSTS_AVAILABLE):
        await workshop.xapi.VM.start(rival, False, False)

    assert error.value.args == (rival, group, workshop.row(other).type)
    workshop.domains.destroy(workshop.row(vm).uuid)
    await workshop.until(lambda: workshop.row(vm).power_state == "Halted" and workshop.idle())
    assert await served(workshop, vgpu) == UNSERVED
    await workshop.started(rival)
    assert refs[GPU.address] == workshop.row(other).PCI


async def test_a_group_without_cards_serves_nobody(
    workshop: Workshop, vm: str, refs: dict[str, str], host: str
) -> None:
    empty = await workshop.xapi.GPU_group.create("empty", "", {})
    await workshop.xapi.VGPU.create(vm, empty)

    with pytest.raises(VM_REQUIRES_GPU) as error:
        await workshop.xapi.VM.start_on(vm, host, False, False)

    assert error.value.args == (vm, empty)


async def test_of_two_machines_that_start_at_once_one_has_the_card(
    workshop: Workshop, vm: str, vgpu: str, group: str, host: str
) -> None:
    rival = await workshop.vm()
    other = await workshop.xapi.VGPU.create(rival, group)
    workshop.faults("domain").delay("start", 0.05)

    answers = await asyncio.gather(
        *(workshop.xapi.VM.start_on(each, host, False, False) for each in (vm, rival)), return_exceptions=True
    )

    won, lost = (vgpu, other) if answers[0] == "" else (other, vgpu)
    (refused,) = [each for each in answers if each != ""]
    assert isinstance(refused, VM_REQUIRES_VGPU)
    assert workshop.row(won).currently_attached
    assert await served(workshop, lost) == UNSERVED
    assert workshop.idle()


@pytest.mark.parametrize("gone", [True, False])
async def test_a_start_that_fails_leaves_the_card_free(
    workshop: Workshop, vm: str, vgpu: str, group: str, host: str, gone: bool
) -> None:
    if gone:
        workshop.domains.empty.add(SOUND.address)
    else:
        workshop.faults("domain").fail("start", Failed("no"), done=True)

    with pytest.raises(OPERATION_NOT_ALLOWED if gone else INTERNAL_ERROR):
        await workshop.xapi.VM.start(vm, False, False)

    assert await served(workshop, vgpu) == UNSERVED
    assert await workshop.xapi.GPU_group.get_remaining_capacity(group, workshop.row(vgpu).type) == "1"


async def test_a_card_that_is_chosen_keeps_its_place_meanwhile(
    workshop: Workshop, vm: str, vgpu: str, refs: dict[str, str]
) -> None:
    card = await card_of(workshop.fresh, refs[GPU.address])

    async with workshop.waiting(vm, workshop.xapi.VM.start(vm, False, False)) as work:
        workshop.faults("domain").delay("start", 0.05)
    await work

    assert workshop.row(vgpu).resident_on == card
    assert workshop.row(vgpu).scheduled_to_be_resident_on == NULL


async def test_what_is_about_to_be_served_is_not_destroyed(workshop: Workshop, vm: str, vgpu: str) -> None:
    workshop.faults("domain").delay("start", 0.05)
    start = asyncio.create_task(workshop.xapi.VM.start(vm, False, False))
    await workshop.until(lambda: workshop.row(vgpu).scheduled_to_be_resident_on != NULL)

    with pytest.raises(OPERATION_NOT_ALLOWED):
        await workshop.xapi.VGPU.destroy(vgpu)

    await start
    assert workshop.row(vgpu).currently_attached


async def test_a_daemon_that_starts_anew_knows_who_has_a_card(
    workshop: Workshop, vm: str, vgpu: str, refs: dict[str, str]
) -> None:
    """The records are those of before a start that was not recorded."""
    await workshop.started(vm)
    before = await served(workshop, vgpu)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vgpu), currently_attached=False, resident_on=NULL, PCI=NULL)

    await workshop.fresh.watch.settle(workshop.row(vm).uuid)

    assert await served(workshop, vgpu) == before


# --- Copies -----------------------------------------------------------------------------------------


async def test_copies_have_places_of_their_own(workshop: Workshop, vm: str, vgpu: str, group: str) -> None:
    await workshop.started(vm)
    snapshot = await workshop.xapi.VM.snapshot(vm, "snapshot")
    await workshop.xapi.VM.hard_shutdown(vm)
    clone = await workshop.xapi.VM.clone(vm, "clone")

    for copy in (snapshot, clone):
        (copied,) = await workshop.xapi.VM.get_VGPUs(copy)
        row = workshop.row(copied)
        assert copied != vgpu
        assert (row.GPU_group, row.type, row.device) == (group, workshop.row(vgpu).type, "0")
        assert await served(workshop, copied) == UNSERVED


async def test_a_machine_that_goes_back_has_what_it_had(workshop: Workshop, vm: str, vgpu: str, group: str) -> None:
    snapshot = await workshop.xapi.VM.snapshot(vm, "snapshot")
    await workshop.xapi.VGPU.destroy(vgpu)

    await workshop.xapi.VM.revert(snapshot)

    (again,) = await workshop.xapi.VM.get_VGPUs(vm)
    assert workshop.row(again).GPU_group == group
    assert len(workshop.fresh.store.all(VGPU)) == 2


async def test_a_machine_that_is_destroyed_takes_its_places_with_it(workshop: Workshop, vm: str, vgpu: str) -> None:
    await workshop.xapi.VM.destroy(vm)

    assert not workshop.is_there(vgpu)
