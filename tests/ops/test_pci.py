"""PCI devices of a host in its machines: named in their settings, given when these start, one machine each."""

from __future__ import annotations

import asyncio

import pytest

from tests.machines import NULL, Workshop
from tests.ops.test_graphics import DISK, GPU, SOUND, scanned
from xapid.backends.domain.interface import PciSpec
from xapid.backends.interface import Failed
from xapid.datamodel.errors import (
    INTERNAL_ERROR,
    INVALID_VALUE,
    NO_HOSTS_AVAILABLE,
    OPERATION_NOT_ALLOWED,
    VM_HAS_PCI_ATTACHED,
    VM_REQUIRES_IOMMU,
)


@pytest.fixture
async def refs(workshop: Workshop) -> dict[str, str]:
    """PCI devices of the host by their addresses."""
    return await scanned(workshop.fresh, GPU, SOUND, DISK)


async def wanting(workshop: Workshop, *addresses: str, number: int = 0) -> str:
    """A machine that is to have PCI devices."""
    vm = await workshop.vm()
    await workshop.xapi.VM.add_to_other_config(vm, "pci", ",".join(f"{number}/{each}" for each in addresses))
    return vm


def not_available(address: str, host: str) -> str:
    return f"PCI device {address} is not available on Host {host}"


async def test_a_machine_has_the_devices_from_start_to_end(workshop: Workshop, refs: dict[str, str]) -> None:
    vm = await wanting(workshop, GPU.address, SOUND.address.upper(), number=3)

    await workshop.started(vm)
    given, attached = workshop.guest(vm).spec.pcis, set(await workshop.xapi.VM.get_attached_PCIs(vm))
    await workshop.xapi.VM.hard_reboot(vm)
    again = set(await workshop.xapi.VM.get_attached_PCIs(vm))
    await workshop.xapi.VM.hard_shutdown(vm)

    assert given == (PciSpec(GPU.address), PciSpec(SOUND.address))
    assert attached == again == {refs[GPU.address], refs[SOUND.address]}
    assert await workshop.xapi.VM.get_attached_PCIs(vm) == []


async def test_a_device_that_is_none_of_the_hosts_records_is_given_as_well(
    workshop: Workshop, refs: dict[str, str]
) -> None:
    vm = await wanting(workshop, "0000:00:14.0")

    await workshop.started(vm)

    assert workshop.guest(vm).spec.pcis == (PciSpec("0000:00:14.0"),)
    assert await workshop.xapi.VM.get_attached_PCIs(vm) == []


@pytest.mark.parametrize("value", ["0000:03:00.0", "0/0000:03:00.8", "0/03:00.0", "0/0000:03:00.0;1/0000:04:00.0", ","])
async def test_what_names_no_devices_lets_no_machine_start(workshop: Workshop, vm: str, host: str, value: str) -> None:
    await workshop.xapi.VM.add_to_other_config(vm, "pci", value)

    with pytest.raises(INVALID_VALUE) as error:
        await workshop.xapi.VM.start_on(vm, host, False, False)

    assert error.value.args == ("other_config:pci", value)


async def test_a_host_needs_an_iommu(workshop: Workshop, host: str) -> None:
    vm = await wanting(workshop, GPU.address)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(host), chipset_info={"iommu": "false"})

    with pytest.raises(VM_REQUIRES_IOMMU) as error:
        await workshop.xapi.VM.start_on(vm, host, False, False)

    assert error.value.args == (host,)
    await workshop.xapi.VM.remove_from_other_config(vm, "pci")
    await workshop.started(vm)


async def test_what_a_running_machine_has_no_other_gets(workshop: Workshop, refs: dict[str, str], host: str) -> None:
    vm, rival = await wanting(workshop, GPU.address, SOUND.address), await wanting(workshop, SOUND.address)
    await workshop.started(vm)
    # What was given is what it has, whatever its settings say by now.
    await workshop.xapi.VM.remove_from_other_config(vm, "pci")

    with pytest.raises(OPERATION_NOT_ALLOWED) as error:
        await workshop.xapi.VM.start_on(rival, host, False, False)
    with pytest.raises(NO_HOSTS_AVAILABLE):
        await workshop.xapi.VM.start(rival, False, False)

    assert error.value.args == (not_available(SOUND.address, host),)
    await workshop.xapi.VM.hard_shutdown(vm)
    await workshop.started(rival)


async def test_of_two_machines_that_start_at_once_one_has_the_device(
    workshop: Workshop, refs: dict[str, str], host: str
) -> None:
    vms = [await wanting(workshop, DISK.address), await wanting(workshop, DISK.address)]
    workshop.faults("domain").delay("start", 0.05)

    answers = await asyncio.gather(
        *(workshop.xapi.VM.start_on(each, host, False, False) for each in vms), return_exceptions=True
    )

    won, lost = vms if answers[0] == "" else vms[::-1]
    (refused,) = [each for each in answers if each != ""]
    assert isinstance(refused, OPERATION_NOT_ALLOWED)
    assert refused.args == (not_available(DISK.address, host),)
    assert await workshop.xapi.VM.get_attached_PCIs(won) == [refs[DISK.address]]
    row = workshop.row(lost)
    assert (row.power_state, row.attached_PCIs, row.scheduled_to_be_resident_on) == ("Halted", (), NULL)
    assert workshop.idle()


async def test_a_device_that_was_taken_out_unseen_lets_no_machine_start(
    workshop: Workshop, refs: dict[str, str], host: str
) -> None:
    vm = await wanting(workshop, DISK.address)
    workshop.domains.empty.add(DISK.address)

    with pytest.raises(OPERATION_NOT_ALLOWED) as error:
        await workshop.xapi.VM.start(vm, False, False)

    assert error.value.args == (not_available(DISK.address, host),)
    assert workshop.row(vm).attached_PCIs == ()


async def test_a_start_that_fails_leaves_the_device_free(workshop: Workshop, refs: dict[str, str]) -> None:
    vm, rival = await wanting(workshop, DISK.address), await wanting(workshop, DISK.address)
    workshop.faults("domain").fail("start", Failed("no"), done=True)

    with pytest.raises(INTERNAL_ERROR):
        await workshop.xapi.VM.start(vm, False, False)

    await workshop.started(rival)
    assert workshop.row(vm).attached_PCIs == ()


async def test_the_devices_of_a_machine_that_is_destroyed_behind_our_back_are_free(
    workshop: Workshop, refs: dict[str, str]
) -> None:
    vm, rival = await wanting(workshop, DISK.address), await wanting(workshop, DISK.address)
    await workshop.started(vm)

    workshop.domains.destroy(workshop.row(vm).uuid)
    await workshop.until(lambda: workshop.row(vm).power_state == "Halted" and workshop.idle())

    assert workshop.row(vm).attached_PCIs == ()
    await workshop.started(rival)


async def test_a_daemon_that_starts_anew_knows_who_has_a_device(
    workshop: Workshop, refs: dict[str, str], host: str
) -> None:
    vm, rival = await wanting(workshop, DISK.address), await wanting(workshop, DISK.address)
    await workshop.started(vm)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vm), attached_PCIs=())

    await workshop.fresh.watch.settle(workshop.row(vm).uuid)

    assert workshop.row(vm).attached_PCIs == (refs[DISK.address],)
    with pytest.raises(OPERATION_NOT_ALLOWED) as error:
        await workshop.xapi.VM.start_on(rival, host, False, False)
    assert error.value.args == (not_available(DISK.address, host),)


async def test_a_machine_with_a_device_stays_where_it_is(workshop: Workshop, refs: dict[str, str], host: str) -> None:
    vm = await wanting(workshop, DISK.address)
    await workshop.started(vm)

    for call in (workshop.xapi.VM.suspend(vm), workshop.xapi.VM.pool_migrate(vm, host, {})):
        with pytest.raises(VM_HAS_PCI_ATTACHED) as error:
            await call
        assert error.value.args == (vm,)
