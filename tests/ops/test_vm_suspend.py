"""Machines sleep in an image on a disk, and wake up from it."""

from __future__ import annotations

import pytest

from tests.machines import MIB, NULL, Workshop, raises_api
from tests.xapi import Xapi
from xapid.datamodel.errors import (
    HANDLE_INVALID,
)


async def test_a_suspended_machine_sleeps_in_its_image(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm()
    sr = await workshop.sr()
    await xapi.VM.set_suspend_SR(vm, sr)
    await workshop.started(vm)

    await xapi.VM.suspend(vm)

    row = workshop.row(vm)
    image = workshop.row(row.suspend_VDI)
    assert (row.power_state, row.resident_on, row.domid) == ("Suspended", NULL, -1)
    assert (image.SR, image.type, image.name_label) == (sr, "suspend", "Suspend image")
    assert image.virtual_size >= 256 * MIB * 1.2
    assert workshop.domains.find(row.uuid) is None


@pytest.mark.parametrize("paused, state", [(False, "Running"), (True, "Paused")])
async def test_a_resumed_machine_goes_on_and_needs_its_image_no_more(
    workshop: Workshop, xapi: Xapi, paused: bool, state: str
) -> None:
    vm = await workshop.vm_in("Suspended")
    image = await xapi.VM.get_suspend_VDI(vm)

    await xapi.VM.resume(vm, paused, False)

    assert (workshop.row(vm).power_state, workshop.row(vm).suspend_VDI) == (state, NULL)
    assert not workshop.is_there(image)


async def test_a_resumed_machine_is_wanted_by_high_availability_again(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Suspended", ha_restart_priority="restart")
    asleep = workshop.row(vm).ha_always_run

    await xapi.VM.resume(vm, False, False)

    assert (asleep, workshop.row(vm).ha_always_run) == (False, True)


async def test_a_machine_resumes_on_the_host_that_is_named(workshop: Workshop, xapi: Xapi, host: str) -> None:
    vm = await workshop.vm_in("Suspended")

    await xapi.VM.resume_on(vm, host, False, False)

    assert (workshop.row(vm).power_state, workshop.row(vm).resident_on) == ("Running", host)


async def test_a_suspend_vdi_can_only_be_replaced_by_itself(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Suspended")
    image = await xapi.VM.get_suspend_VDI(vm)
    other = await workshop.disk(await xapi.VDI.get_SR(image))

    await xapi.VM.set_suspend_VDI(vm, image)

    with raises_api("SUSPEND_VDI_REPLACEMENT_IS_NOT_IDENTICAL", image, other):
        await xapi.VM.set_suspend_VDI(vm, other)
    with pytest.raises(HANDLE_INVALID):
        await xapi.VM.set_suspend_VDI(vm, NULL)


async def test_without_a_place_for_the_image_nothing_is_suspended(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm_in("Running")

    with raises_api("VM_NO_SUSPEND_SR", vm):
        await xapi.VM.suspend(vm)

    assert workshop.row(vm).power_state == "Running"
