"""USB devices of a host in its machines: given when these start, one machine each, and free when they end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.machines import NULL, SOMEBODY, Workshop, raises_api
from tests.xapi import Xapi
from xapid.backends.domain.interface import DomainEventKind, UsbSpec
from xapid.backends.host.interface import UsbDevice
from xapid.backends.interface import Failed, InUse
from xapid.datamodel import PUSB, VDI, VUSB, Host
from xapid.datamodel.errors import (
    DEVICE_ALREADY_DETACHED,
    DEVICE_DETACH_REJECTED,
    INTERNAL_ERROR,
    NO_HOSTS_AVAILABLE,
    OPERATION_NOT_ALLOWED,
    PUSB_VDI_CONFLICT,
    TOO_MANY_VUSBS,
    USB_ALREADY_ATTACHED,
    USB_GROUP_CONFLICT,
    USB_GROUP_CONTAINS_VUSB,
    VM_BAD_POWER_STATE,
    VM_HAS_VUSBS,
)
from xapid.ops.vm import aftermath
from xapid.runtime.context import Context

STICK = UsbDevice("1-1.4", "0781", "5581", "SanDisk", "Ultra", "4C53", "3.20", 5000.0)
CAMERA = UsbDevice("1-2", "046d", "0825", product="Webcam")


@pytest.fixture
async def stick(workshop: Workshop, host: str) -> str:
    """The PUSB of a device that machines may have."""
    (ref,) = await plugged(workshop, host, STICK)
    await workshop.xapi.PUSB.set_passthrough_enabled(ref, True)
    return ref


@pytest.fixture
async def vusb(workshop: Workshop, vm: str, stick: str) -> str:
    """By which the machine gets it."""
    return await given(workshop, vm, stick)


async def plugged(workshop: Workshop, host: str, *devices: UsbDevice) -> list[str]:
    """PUSBs by the order of their ports."""
    workshop.fresh.driver("host").usb = devices
    await workshop.xapi.PUSB.scan(host)
    return [row.ref for row in sorted(workshop.fresh.store.all(PUSB), key=lambda row: row.path)]


async def given(workshop: Workshop, vm: str, pusb: str) -> str:
    return str(await workshop.xapi.VUSB.create(vm, workshop.row(pusb).USB_group))


def another(workshop: Workshop, vm: str, vusb: str) -> str:
    """A VUSB as no client can make it, whose machine wants a device of the same group."""
    with workshop.fresh.store.write() as tx:
        return str(tx.create(VUSB, VM=vm, USB_group=workshop.row(vusb).USB_group).ref)


def not_available(vusb: str, host: str) -> str:
    return f"VUSB {vusb} is not available on Host {host}"


# --- Coming and going -------------------------------------------------------------------------------


async def test_a_machine_is_given_a_place_for_a_device(workshop: Workshop, vm: str, stick: str) -> None:
    group = workshop.row(stick).USB_group

    vusb = await workshop.xapi.VUSB.create(vm, group, {"why": "keys"})

    record = await workshop.xapi.VUSB.get_record(vusb)
    assert (record["VM"], record["USB_group"], record["other_config"]) == (vm, group, {"why": "keys"})
    assert (record["currently_attached"], record["allowed_operations"]) == (False, ["attach"])
    assert await workshop.xapi.USB_group.get_VUSBs(group) == [vusb]
    with pytest.raises(USB_GROUP_CONTAINS_VUSB) as error:
        await workshop.xapi.USB_group.destroy(group)
    assert error.value.args == (vusb,)
    await workshop.xapi.VUSB.destroy(vusb)
    assert not workshop.is_there(vusb)


async def test_a_group_serves_one_machine(workshop: Workshop, vusb: str) -> None:
    group = workshop.row(vusb).USB_group

    with pytest.raises(USB_GROUP_CONFLICT) as error:
        await workshop.xapi.VUSB.create(await workshop.vm(), group)

    assert error.value.args == (group,)


async def test_a_machine_has_six_at_most(workshop: Workshop, vm: str, host: str) -> None:
    places = await plugged(workshop, host, *(replace(STICK, path=f"1-{port}") for port in range(7)))
    for each in places[:6]:
        await given(workshop, vm, each)

    with pytest.raises(TOO_MANY_VUSBS) as error:
        await given(workshop, vm, places[6])

    assert error.value.args == ("6",)


async def test_a_machine_that_may_start_anywhere_has_none(workshop: Workshop, vm: str, stick: str) -> None:
    await workshop.xapi.VM.set_ha_restart_priority(vm, "restart")

    with pytest.raises(OPERATION_NOT_ALLOWED):
        await given(workshop, vm, stick)


async def test_a_licence_may_withhold_them(workshop: Workshop, vm: str, stick: str, pool: str) -> None:
    restrictions = await workshop.xapi.pool.get_restrictions(pool)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(pool), restrictions=restrictions | {"restrict_usb_passthrough": "true"})

    with raises_api("LICENCE_RESTRICTION", "USB_passthrough"):
        await given(workshop, vm, stick)


# --- Started with it --------------------------------------------------------------------------------


async def test_a_machine_has_its_device_from_start_to_end(workshop: Workshop, vm: str, vusb: str) -> None:
    await workshop.started(vm)
    device = workshop.guest(vm).usbs
    running = await workshop.xapi.VUSB.get_record(vusb)
    with pytest.raises(OPERATION_NOT_ALLOWED) as error:
        await workshop.xapi.VUSB.destroy(vusb)
    await workshop.xapi.VM.hard_shutdown(vm)

    uuid = workshop.row(vusb).uuid
    assert device == {uuid: UsbSpec(uuid, "1-1.4", "0781", "5581")}
    assert (running["currently_attached"], running["current_operations"]) == (True, {})
    assert running["allowed_operations"] == ["attach", "unplug"]
    assert error.value.args == (f"VUSB '{uuid}' still attached to '{workshop.row(vm).uuid}'",)
    assert not workshop.row(vusb).currently_attached


async def test_a_reboot_keeps_it_and_brings_what_came_meanwhile(
    workshop: Workshop, vm: str, vusb: str, host: str
) -> None:
    await workshop.started(vm)
    _, camera = await plugged(workshop, host, STICK, CAMERA)
    await workshop.xapi.PUSB.set_passthrough_enabled(camera, True)
    later = await given(workshop, vm, camera)

    await workshop.xapi.VM.clean_reboot(vm)
    attached = [workshop.row(each).currently_attached for each in (vusb, later)]
    await workshop.xapi.VM.hard_reboot(vm)

    assert attached == [True, False]
    assert [workshop.row(each).currently_attached for each in (vusb, later)] == [True, True]


async def test_a_machine_does_not_start_without_its_device(workshop: Workshop, vm: str, vusb: str, host: str) -> None:
    pusb = workshop.fresh.store.one(PUSB)
    with workshop.fresh.store.write() as tx:
        tx.set(pusb, passthrough_enabled=False)

    with pytest.raises(OPERATION_NOT_ALLOWED) as error:
        await workshop.xapi.VM.start_on(vm, host, False, False)
    with pytest.raises(NO_HOSTS_AVAILABLE):
        await workshop.xapi.VM.start(vm, False, False)

    assert error.value.args == (not_available(vusb, host),)
    assert await workshop.xapi.VM.get_possible_hosts(vm) == []


async def test_a_device_that_was_pulled_out_unseen_lets_no_machine_start(
    workshop: Workshop, vm: str, vusb: str, host: str
) -> None:
    workshop.domains.empty.add(STICK.path)

    with pytest.raises(OPERATION_NOT_ALLOWED) as error:
        await workshop.xapi.VM.start(vm, False, False)

    assert error.value.args == (not_available(vusb, host),)
    row = workshop.row(vusb)
    assert (row.currently_attached, row.current_operations) == (False, {})
    assert (workshop.row(vm).power_state, workshop.row(vm).scheduled_to_be_resident_on) == ("Halted", NULL)
    assert workshop.idle()


async def test_of_two_machines_that_start_at_once_one_has_the_device(
    workshop: Workshop, vm: str, vusb: str, host: str
) -> None:
    rival = await workshop.vm()
    other = another(workshop, rival, vusb)
    workshop.faults("domain").delay("start", 0.05)

    answers = await asyncio.gather(
        *(workshop.xapi.VM.start_on(each, host, False, False) for each in (vm, rival)), return_exceptions=True
    )

    won, lost = (vm, other) if answers[0] == "" else (rival, vusb)
    (refused,) = [each for each in answers if each != ""]
    assert isinstance(refused, OPERATION_NOT_ALLOWED)
    assert refused.args == (not_available(lost, host),)
    assert [each.uuid for each in workshop.domains.domains()] == [workshop.row(won).uuid]
    assert [row.currently_attached for row in workshop.fresh.store.all(VUSB) if won == row.VM] == [True]
    assert not workshop.row(lost).currently_attached


async def test_a_start_that_fails_leaves_the_device_free(workshop: Workshop, vm: str, vusb: str) -> None:
    workshop.faults("domain").fail("start", Failed("no"), done=True)

    with pytest.raises(INTERNAL_ERROR):
        await workshop.xapi.VM.start(vm, False, False)

    assert workshop.domains.domains() == []
    rival = await workshop.vm()
    other = another(workshop, rival, vusb)
    await workshop.started(rival)
    assert workshop.row(other).currently_attached


@pytest.mark.parametrize("end", [DomainEventKind.stopped, DomainEventKind.crashed, None])
async def test_the_device_of_a_machine_that_ends_behind_our_back_is_free(
    workshop: Workshop, vm: str, vusb: str, end: DomainEventKind | None
) -> None:
    await workshop.started(vm)
    uuid = workshop.row(vm).uuid

    if end is None:
        workshop.domains.destroy(uuid)
    else:
        workshop.domains.happen(uuid, end)

    await workshop.until(lambda: workshop.row(vm).power_state == "Halted" and workshop.idle())
    assert not workshop.row(vusb).currently_attached


async def test_a_daemon_that_starts_anew_knows_who_has_a_device(
    workshop: Workshop, vm: str, vusb: str, host: str
) -> None:
    """The records are those of before: of a start that was not recorded, then of an end that was not."""
    await workshop.started(vm)
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vusb), currently_attached=False)
    await workshop.fresh.watch.settle(workshop.row(vm).uuid)
    started = workshop.row(vusb).currently_attached
    rival = await workshop.vm()
    another(workshop, rival, vusb)
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await workshop.xapi.VM.start_on(rival, host, False, False)

    workshop.domains.vanish(workshop.row(vm).uuid)
    await workshop.fresh.watch.settle(workshop.row(vm).uuid)

    assert started
    assert not workshop.row(vusb).currently_attached
    await workshop.started(rival)


async def test_a_machine_that_is_off_has_nothing_once_a_daemon_starts(
    workshop: Workshop, vm: str, vusb: str, host: str
) -> None:
    with workshop.fresh.store.write() as tx:
        tx.set(workshop.row(vusb), currently_attached=True)
    runtime = workshop.fresh.runtime

    await aftermath.tidy(Context(runtime, runtime.tasks.dummy("tidy")), workshop.fresh.store.get(Host, host))

    assert not workshop.row(vusb).currently_attached


async def test_a_machine_with_a_device_stays_what_and_where_it_is(workshop: Workshop, vm: str, vusb: str) -> None:
    await workshop.started(vm)

    for call in (workshop.xapi.VM.suspend(vm), workshop.xapi.VM.snapshot(vm, "no")):
        with pytest.raises(VM_HAS_VUSBS) as error:
            await call
        assert error.value.args == (vm,)


# --- Unplugged --------------------------------------------------------------------------------------


async def test_a_device_is_taken_from_a_running_machine(workshop: Workshop, vm: str, vusb: str) -> None:
    await workshop.started(vm)

    await workshop.xapi.VUSB.unplug(vusb)

    assert workshop.guest(vm).usbs == {}
    row = workshop.row(vusb)
    assert (row.currently_attached, row.current_operations) == (False, {})
    with pytest.raises(DEVICE_ALREADY_DETACHED) as error:
        await workshop.xapi.VUSB.unplug(vusb)
    assert error.value.args == (vusb,)
    await workshop.xapi.VUSB.destroy(vusb)


@pytest.mark.parametrize("state", ["Halted", "Paused"])
async def test_only_a_machine_that_runs_lets_go_of_one(workshop: Workshop, vusb: str, vm: str, state: str) -> None:
    if state == "Paused":
        await workshop.xapi.VM.start(vm, True, False)

    with pytest.raises(VM_BAD_POWER_STATE) as error:
        await workshop.xapi.VUSB.unplug(vusb)

    assert error.value.args == (vm, "running", state.lower())


async def test_what_the_hypervisor_keeps_stays_attached(workshop: Workshop, vm: str, vusb: str) -> None:
    await workshop.started(vm)
    workshop.faults("domain").fail("detach_usb", InUse("no"))

    with pytest.raises(DEVICE_DETACH_REJECTED) as error:
        await workshop.xapi.VUSB.unplug(vusb)

    assert error.value.args == ("VUSB", vusb, "")
    row = workshop.row(vusb)
    assert (row.currently_attached, row.current_operations) == (True, {})


# --- Who uses a device ------------------------------------------------------------------------------


async def test_a_device_that_a_machine_has_is_not_the_hosts(workshop: Workshop, vm: str, vusb: str, stick: str) -> None:
    await workshop.started(vm)

    with pytest.raises(USB_ALREADY_ATTACHED) as error:
        await workshop.xapi.PUSB.set_passthrough_enabled(stick, False)

    assert error.value.args == (stick, vm)
    await workshop.xapi.VM.hard_shutdown(vm)
    await workshop.xapi.PUSB.set_passthrough_enabled(stick, False)
    assert not workshop.row(stick).passthrough_enabled
    assert not workshop.is_there(vusb)


async def test_a_device_that_a_machine_is_being_given_is_not_the_hosts(
    workshop: Workshop, vm: str, vusb: str, stick: str
) -> None:
    async with workshop.waiting(vm, workshop.xapi.VM.start(vm, False, False)):
        workshop.fresh.runtime.guard.mark(workshop.row(vusb), "attach", SOMEBODY)

        with pytest.raises(USB_ALREADY_ATTACHED):
            await workshop.xapi.PUSB.set_passthrough_enabled(stick, False)

        workshop.fresh.runtime.guard.leave(workshop.row(vusb), SOMEBODY)


async def test_disks_on_a_device_are_the_hosts_or_nobodys(workshop: Workshop, xapi: Xapi, vm: str, host: str) -> None:
    (stick,) = await plugged(workshop, host, STICK)
    sr = await workshop.sr("udev")
    workshop.fresh.driver("storage:udev").insert_disc(workshop.row(sr).uuid, "/dev/sdb", 2048, usb_port=STICK.path)
    (pbd,) = await xapi.SR.get_PBDs(sr)
    await xapi.PBD.unplug(pbd)
    await xapi.PBD.plug(pbd)
    (vdi,) = await xapi.SR.get_VDIs(sr)
    assert (await xapi.VDI.get_sm_config(vdi))["usb_path"] == STICK.path
    drive = await workshop.drive(vm, vdi, mode="RO", type="CD")

    with pytest.raises(PUSB_VDI_CONFLICT) as error:
        await xapi.PUSB.set_passthrough_enabled(stick, True)
    assert error.value.args == (stick, vdi)
    assert not workshop.row(stick).passthrough_enabled
    await xapi.VBD.destroy(drive)
    await xapi.PUSB.set_passthrough_enabled(stick, True)
    assert not workshop.is_there(vdi)
    await xapi.PBD.unplug(pbd)
    await xapi.PBD.plug(pbd)
    assert await xapi.SR.get_VDIs(sr) == []

    await xapi.PUSB.set_passthrough_enabled(stick, False)

    assert [workshop.row(each).location for each in await xapi.SR.get_VDIs(sr)] == ["/dev/sdb"]
    assert len(workshop.fresh.store.where(VDI, SR=sr)) == 1


async def test_a_machine_does_not_go_on_with_a_device_that_was_pulled_out(
    workshop: Workshop, vm: str, vusb: str, host: str
) -> None:
    await workshop.started(vm)

    assert await plugged(workshop, host) == []

    assert workshop.guest(vm).usbs == {}
    assert not workshop.is_there(vusb)
    await workshop.xapi.VM.hard_reboot(vm)


async def test_a_device_that_is_pulled_out_of_a_stubborn_machine_is_forgotten_too(
    workshop: Workshop, vm: str, vusb: str, host: str
) -> None:
    await workshop.started(vm)
    workshop.faults("domain").fail("detach_usb", Failed("no"))

    assert await plugged(workshop, host) == []

    assert not workshop.is_there(vusb)


async def test_nobody_waits_for_a_start_to_look_what_is_plugged_in(
    workshop: Workshop, vm: str, vusb: str, host: str
) -> None:
    workshop.domains.empty.add(STICK.path)

    async with workshop.waiting(vm, workshop.xapi.VM.start(vm, False, False)) as start:
        workshop.fresh.runtime.guard.mark(workshop.row(vusb), "attach", SOMEBODY)
        async with asyncio.timeout(5):
            assert await plugged(workshop, host) == []

    assert not workshop.is_there(vusb)
    assert await start == ""
    assert workshop.guest(vm).usbs == {}
    assert workshop.idle()
