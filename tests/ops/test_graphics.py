"""PCI devices of a host, its graphics cards, and who may use them: the host, or guests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import FreshHost
from tests.xapi import Xapi
from xapid.backends.host.interface import PciDevice
from xapid.backends.host.sim import Sim
from xapid.backends.interface import InUse, NotSupported
from xapid.datamodel import PGPU, VGPU, VM, Host, VGPU_type
from xapid.datamodel.errors import (
    BOOT_DEVICE_PASSTHROUGH_DISALLOWED,
    FEATURE_RESTRICTED,
    GPU_GROUP_CONTAINS_PGPU,
    HANDLE_INVALID,
    NVIDIA_SRIOV_MISCONFIGURED,
    OPERATION_NOT_ALLOWED,
    PGPU_IN_USE_BY_VM,
    PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP,
    VGPU_TYPE_NOT_SUPPORTED,
)
from xapid.datamodel.host import HostDisplay
from xapid.main import look_at_devices

GPU = PciDevice(
    "0000:03:00.0", "0300", "10de", "1eb8", "VGA compatible controller", "NVIDIA Corporation", "TU104GL [Tesla T4]",
    "10de", "NVIDIA Corporation", "12a2", "", "nouveau", ("0000:03:00.1",), is_display=True,
)  # fmt: skip
SOUND = PciDevice("0000:03:00.1", "0403", "10de", "10f8", dependencies=("0000:03:00.0",))
TWIN = replace(GPU, address="0000:04:00.0", dependencies=())
OTHER = PciDevice("0000:05:00.0", "0380", "1002", "7312", vendor_name="AMD", device_name="Navi", is_display=True)
SCREEN = PciDevice("0000:00:02.0", "0300", "8086", "3e98", is_display=True, shows_console=True)
DISK = PciDevice("0000:00:17.0", "0106", "8086", "a352", driver="ahci")


@pytest.fixture
def machine(fresh: FreshHost) -> Sim:
    sim: Sim = fresh.driver("host")
    return sim


async def scanned(fresh: FreshHost, *devices: PciDevice) -> dict[str, str]:
    """The references of PCI devices by their addresses, after a start with these."""
    fresh.driver("host").pci = devices
    await look_at_devices(fresh.runtime)
    records = await fresh.xapi.PCI.get_all_records()
    return {record["pci_id"]: ref for ref, record in records.items()}


async def card_of(fresh: FreshHost, pci: str) -> str:
    records = await fresh.xapi.PGPU.get_all_records()
    return next(ref for ref, record in records.items() if record["PCI"] == pci)


# --- Records ----------------------------------------------------------------------------------------


async def test_devices_are_recorded_as_the_host_finds_them(fresh: FreshHost, host: str) -> None:
    refs = await scanned(fresh, GPU, SOUND, DISK)

    record = await fresh.xapi.PCI.get_record(refs[GPU.address])
    del record["uuid"]
    assert record == {
        "class_id": "0300",
        "class_name": "VGA compatible controller",
        "vendor_id": "10de",
        "vendor_name": "NVIDIA Corporation",
        "device_id": "1eb8",
        "device_name": "TU104GL [Tesla T4]",
        "host": host,
        "pci_id": "0000:03:00.0",
        "dependencies": [refs[SOUND.address]],
        "other_config": {},
        "subsystem_vendor_id": "10de",
        "subsystem_vendor_name": "NVIDIA Corporation",
        "subsystem_device_id": "12a2",
        "subsystem_device_name": "",
        "driver_name": "nouveau",
    }
    assert set(await fresh.xapi.host.get_PCIs(host)) == set(refs.values())
    assert await fresh.xapi.PCI.get_driver_name(refs[DISK.address]) == "ahci"


async def test_a_graphics_card_serves_one_guest_whole(fresh: FreshHost, host: str) -> None:
    refs = await scanned(fresh, GPU, SOUND)

    (kind,) = await fresh.xapi.VGPU_type.get_all()
    (group,) = await fresh.xapi.GPU_group.get_all()
    (card,) = (await fresh.xapi.PGPU.get_all_records()).values()
    del card["uuid"]
    assert card == {
        "PCI": refs[GPU.address],
        "GPU_group": group,
        "host": host,
        "other_config": {},
        "supported_VGPU_types": [kind],
        "enabled_VGPU_types": [kind],
        "resident_VGPUs": [],
        "supported_VGPU_max_capacities": {kind: "1"},
        "dom0_access": "enabled",
        "is_system_display_device": False,
        "compatibility_metadata": {},
    }
    assert await fresh.xapi.VGPU_type.get_implementation(kind) == "passthrough"
    record = await fresh.xapi.GPU_group.get_record(group)
    assert record["name_label"] == "Group of NVIDIA Corporation TU104GL [Tesla T4] GPUs"
    assert record["GPU_types"] == ["10de/1eb8"]
    assert (record["supported_VGPU_types"], record["enabled_VGPU_types"]) == ([kind], [kind])


async def test_cards_of_one_type_are_in_one_group(fresh: FreshHost) -> None:
    await scanned(fresh, GPU, SOUND, TWIN, OTHER)

    groups = await fresh.xapi.GPU_group.get_all_records()
    assert sorted(len(record["PGPUs"]) for record in groups.values()) == [1, 2]


async def test_the_next_start_keeps_what_is_still_there(fresh: FreshHost) -> None:
    before = await scanned(fresh, GPU, SOUND, OTHER)
    cards = await fresh.xapi.PGPU.get_all()
    kept = await card_of(fresh, before[GPU.address])

    after = await scanned(fresh, replace(GPU, driver="nvidia"), SOUND, replace(OTHER, device_id="9999"))

    assert after[GPU.address] == before[GPU.address]
    assert after[OTHER.address] != before[OTHER.address]
    assert await fresh.xapi.PCI.get_driver_name(after[GPU.address]) == "nvidia"
    assert set(cards) & set(await fresh.xapi.PGPU.get_all()) == {kept}


async def test_a_group_whose_cards_are_gone_serves_nothing(fresh: FreshHost) -> None:
    await scanned(fresh, GPU, SOUND)
    group = await fresh.the("GPU_group")

    refs = await scanned(fresh)

    record = await fresh.xapi.GPU_group.get_record(group)
    assert refs == {}
    assert (record["PGPUs"], record["supported_VGPU_types"], record["enabled_VGPU_types"]) == ([], [], [])


@pytest.mark.parametrize(
    "display, hidden, given",
    [
        (HostDisplay.enabled, False, False),
        (HostDisplay.enabled, True, False),
        (HostDisplay.disabled, False, False),
        (HostDisplay.disable_on_reboot, True, False),
        (HostDisplay.disabled, True, True),
    ],
)
async def test_the_card_of_the_hosts_own_screen_is_the_hosts_unless_it_does_without(
    fresh: FreshHost, host: str, machine: Sim, display: HostDisplay, hidden: bool, given: bool
) -> None:
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(Host, host), display=display)
    machine.kept = machine.kept_next = frozenset({SCREEN.address} if hidden else ())

    refs = await scanned(fresh, SCREEN)

    card = await fresh.xapi.PGPU.get_record(await card_of(fresh, refs[SCREEN.address]))
    assert card["is_system_display_device"]
    assert card["dom0_access"] == ("disabled" if hidden else "enabled")
    assert bool(card["supported_VGPU_types"]) is given


# --- Which kinds a card may serve -------------------------------------------------------------------


async def test_a_kind_can_be_taken_from_a_card_and_given_back(fresh: FreshHost) -> None:
    refs = await scanned(fresh, GPU, SOUND)
    xapi, card, group, kind = fresh.xapi, await card_of(fresh, refs[GPU.address]), *await both(fresh)
    capacity = [await xapi.PGPU.get_remaining_capacity(card, kind)]

    await xapi.PGPU.remove_enabled_VGPU_types(card, kind)
    capacity.append(await xapi.PGPU.get_remaining_capacity(card, kind))
    taken = await xapi.GPU_group.get_enabled_VGPU_types(group), await xapi.GPU_group.get_supported_VGPU_types(group)
    await scanned(fresh, GPU, SOUND)
    still = await xapi.PGPU.get_enabled_VGPU_types(card)
    await xapi.PGPU.add_enabled_VGPU_types(card, kind)
    capacity.append(await xapi.GPU_group.get_remaining_capacity(group, kind))
    await xapi.PGPU.set_enabled_VGPU_types(card, [])
    none = await xapi.GPU_group.get_enabled_VGPU_types(group)
    await xapi.PGPU.set_enabled_VGPU_types(card, [kind, kind])

    assert capacity == ["1", "0", "1"]
    assert taken == ([], [kind])
    assert still == []
    assert none == []
    assert await xapi.PGPU.get_enabled_VGPU_types(card) == await xapi.GPU_group.get_enabled_VGPU_types(group) == [kind]


async def both(fresh: FreshHost) -> tuple[str, str]:
    return await fresh.the("GPU_group"), await fresh.the("VGPU_type")


async def test_a_kind_that_a_card_cannot_serve_is_not_enabled(fresh: FreshHost) -> None:
    refs = await scanned(fresh, GPU, SOUND)
    card, kind = await card_of(fresh, refs[GPU.address]), await fresh.the("VGPU_type")
    with fresh.store.write() as tx:
        other = tx.create(VGPU_type, model_name="other").ref

    for call in (
        fresh.xapi.PGPU.add_enabled_VGPU_types(card, other),
        fresh.xapi.PGPU.set_enabled_VGPU_types(card, [other]),
    ):
        with pytest.raises(VGPU_TYPE_NOT_SUPPORTED) as error:
            await call
        assert error.value.args == (other, kind)


async def in_use(fresh: FreshHost, card: str, *, scheduled: bool = False) -> str:
    """A machine that has the whole of a card, or shall have it. Such machines are not built yet."""
    row = fresh.store.get(PGPU, card)
    served = {"scheduled_to_be_resident_on" if scheduled else "resident_on": card}
    with fresh.store.write() as tx:
        vm = tx.create(VM).ref
        tx.create(VGPU, VM=vm, GPU_group=row.GPU_group, type=row.supported_VGPU_types[0], **served)
    return str(vm)


async def test_a_card_in_use_keeps_its_kind_and_its_group(fresh: FreshHost) -> None:
    refs = await scanned(fresh, GPU, SOUND)
    card, kind = await card_of(fresh, refs[GPU.address]), await fresh.the("VGPU_type")
    group = await fresh.xapi.GPU_group.create("other", "", {})
    vm = await in_use(fresh, card)

    for call in (
        fresh.xapi.PGPU.remove_enabled_VGPU_types(card, kind),
        fresh.xapi.PGPU.set_enabled_VGPU_types(card, []),
        fresh.xapi.PGPU.set_GPU_group(card, group),
    ):
        with pytest.raises(PGPU_IN_USE_BY_VM) as error:
            await call
        assert error.value.args == (vm,)


@pytest.mark.parametrize("scheduled", [False, True])
async def test_a_card_that_a_guest_has_or_shall_have_has_no_room(fresh: FreshHost, scheduled: bool) -> None:
    refs = await scanned(fresh, GPU, SOUND, TWIN)
    group, kind = await both(fresh)
    before = await fresh.xapi.GPU_group.get_remaining_capacity(group, kind)

    await in_use(fresh, await card_of(fresh, refs[GPU.address]), scheduled=scheduled)

    assert (before, await fresh.xapi.GPU_group.get_remaining_capacity(group, kind)) == ("2", "1")


# --- Groups -----------------------------------------------------------------------------------------


async def test_a_card_moves_to_an_empty_group_which_takes_its_type(fresh: FreshHost) -> None:
    refs = await scanned(fresh, GPU, SOUND)
    xapi, card, before, kind = fresh.xapi, await card_of(fresh, refs[GPU.address]), *await both(fresh)
    group = await xapi.GPU_group.create("mine", "", {})

    await xapi.PGPU.set_GPU_group(card, group)

    assert await xapi.GPU_group.get_PGPUs(group) == [card]
    assert await xapi.GPU_group.get_GPU_types(group) == ["10de/1eb8"]
    assert await xapi.GPU_group.get_enabled_VGPU_types(group) == [kind]
    assert await xapi.GPU_group.get_enabled_VGPU_types(before) == []
    with pytest.raises(GPU_GROUP_CONTAINS_PGPU):
        await xapi.GPU_group.destroy(group)
    await xapi.GPU_group.destroy(before)


async def test_a_group_takes_no_card_of_another_type(fresh: FreshHost) -> None:
    refs = await scanned(fresh, GPU, SOUND, OTHER)
    card, other = await card_of(fresh, refs[GPU.address]), await card_of(fresh, refs[OTHER.address])

    with pytest.raises(PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP) as error:
        await fresh.xapi.PGPU.set_GPU_group(card, await fresh.xapi.PGPU.get_GPU_group(other))

    assert error.value.args == ("10de/1eb8", "[1002/7312]")


async def test_what_a_group_serves_can_be_worked_out_anew(fresh: FreshHost) -> None:
    refs = await scanned(fresh, GPU, SOUND)
    group, kind = await both(fresh)
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(PGPU, await card_of(fresh, refs[GPU.address])), enabled_VGPU_types=())

    await fresh.xapi.GPU_group.update_enabled_VGPU_types(group)
    await fresh.xapi.GPU_group.update_supported_VGPU_types(group)

    assert await fresh.xapi.GPU_group.get_enabled_VGPU_types(group) == []
    assert await fresh.xapi.GPU_group.get_supported_VGPU_types(group) == [kind]


# --- Who uses a device ------------------------------------------------------------------------------


async def test_a_device_is_left_to_guests_from_the_next_boot_on(fresh: FreshHost, machine: Sim) -> None:
    refs = await scanned(fresh, GPU, SOUND)
    xapi, pci, card = fresh.xapi, refs[GPU.address], await card_of(fresh, refs[GPU.address])
    before = await xapi.PCI.get_dom0_access_status(pci)

    answers = [await xapi.PCI.disable_dom0_access(pci), await xapi.PGPU.get_dom0_access(card)]
    machine.kept = machine.kept_next
    answers.append(await xapi.PCI.get_dom0_access_status(pci))
    answers.append(await xapi.PCI.enable_dom0_access(pci))
    answers += [await xapi.PGPU.disable_dom0_access(card), await xapi.PGPU.enable_dom0_access(card)]

    assert before == "enabled"
    assert answers == [
        "disable_on_reboot", "disable_on_reboot", "disabled", "enable_on_reboot", "disabled", "enable_on_reboot",
    ]  # fmt: skip
    assert await xapi.PGPU.get_dom0_access(card) == "enable_on_reboot"


async def test_the_device_that_the_host_boots_from_stays_its_own(fresh: FreshHost, machine: Sim) -> None:
    refs = await scanned(fresh, DISK)
    machine.faults.fail("set_pci_access", InUse("/ is on it", device="/dev/sda1"))

    with pytest.raises(BOOT_DEVICE_PASSTHROUGH_DISALLOWED) as error:
        await fresh.xapi.PCI.disable_dom0_access(refs[DISK.address])

    assert error.value.args == ("/dev/sda1",)


async def test_what_the_machine_cannot_do_is_told(fresh: FreshHost, machine: Sim) -> None:
    refs = await scanned(fresh, GPU, SOUND)
    machine.faults.fail("set_pci_access", NotSupported("the command line of the kernel hides it"))

    with pytest.raises(OPERATION_NOT_ALLOWED) as error:
        await fresh.xapi.PCI.enable_dom0_access(refs[GPU.address])

    assert error.value.args == ("the command line of the kernel hides it",)


async def test_a_licence_can_withhold_the_hosts_card(fresh: FreshHost, pool: str) -> None:
    refs = await scanned(fresh, GPU, SOUND)
    row = fresh.store.find_any(pool)
    assert row is not None
    with fresh.store.write() as tx:
        tx.set(row, restrictions={"restrict_integrated_gpu_passthrough": "true"})

    with pytest.raises(FEATURE_RESTRICTED):
        await fresh.xapi.PGPU.disable_dom0_access(await card_of(fresh, refs[GPU.address]))


async def test_a_card_that_is_not_there_serves_nobody(xapi: Xapi) -> None:
    assert await xapi.PGPU.get_remaining_capacity("OpaqueRef:ghost", "OpaqueRef:ghost") == "0"
    with pytest.raises(HANDLE_INVALID):
        await xapi.PGPU.set_GPU_group("OpaqueRef:ghost", await xapi.GPU_group.create("", "", {}))


# --- One card that becomes several ------------------------------------------------------------------


async def test_a_card_becomes_several_and_one_again(fresh: FreshHost, host: str, machine: Sim) -> None:
    refs = await scanned(fresh, GPU, SOUND)
    machine.pci = (replace(GPU, driver="nvidia"), SOUND)

    await fresh.xapi.host.nvidia_vf_setup(host, refs[GPU.address], True)
    during, driver = machine.shared, await fresh.xapi.PCI.get_driver_name(refs[GPU.address])
    await fresh.xapi.host.nvidia_vf_setup(host, refs[GPU.address], False)

    assert (during, driver) == ({GPU.address}, "nvidia")
    assert machine.shared == frozenset()


async def test_a_card_that_a_machine_has_stays_one(fresh: FreshHost, host: str, machine: Sim) -> None:
    refs = await scanned(fresh, GPU, SOUND)
    with fresh.store.write() as tx:
        vm = tx.create(VM, attached_PCIs=(refs[GPU.address],)).ref

    with pytest.raises(PGPU_IN_USE_BY_VM) as error:
        await fresh.xapi.host.nvidia_vf_setup(host, refs[GPU.address], True)

    assert (error.value.args, machine.shared) == ((vm,), frozenset())


async def test_a_card_without_virtual_functions_is_named(fresh: FreshHost, host: str, machine: Sim) -> None:
    refs = await scanned(fresh, GPU, SOUND)
    machine.faults.fail("share_nvidia_card", NotSupported("it has none"))

    with pytest.raises(NVIDIA_SRIOV_MISCONFIGURED) as error:
        await fresh.xapi.host.nvidia_vf_setup(host, refs[GPU.address], True)

    assert error.value.args == (host, "TU104GL [Tesla T4]")


async def test_cards_of_amd_become_several_together(fresh: FreshHost, host: str, machine: Sim) -> None:
    machine.pci = (OTHER,)

    await fresh.xapi.host.mxgpu_vf_setup(host)

    assert machine.amd_shared
    assert len(await fresh.xapi.PGPU.get_all()) == 1
