"""What every domain driver promises."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from tests.backends.domain.hypervisor import MIB, PATIENCE, Hypervisor, within
from xapid.backends.domain.interface import DomainEventKind, DomainKind, DomainState, Feature, PciSpec, UsbSpec
from xapid.backends.domain.sim import SimDomains
from xapid.backends.interface import AlreadyExists, BackendError, DomainUsage, InUse, NotFound, NotSupported
from xapid.backends.storage.interface import VolumeFormat


def test_a_started_machine_runs_and_is_found(hypervisor: Hypervisor) -> None:
    drive, nic = hypervisor.drive(), hypervisor.nic()
    kind = hypervisor.kind or DomainKind.pvh
    spec = hypervisor.spec(name='<"a" & b>', kind=kind, disks=(drive,), nics=(nic,))

    domain = hypervisor.driver.start(spec, paused=False)

    assert (domain.uuid, domain.name, domain.kind) == (spec.uuid, spec.name, kind)
    assert (domain.state, domain.vcpus) == (DomainState.running, 1)
    # Xen counts a few pages of its own with it.
    assert 64 * MIB <= domain.memory <= 129 * MIB
    assert domain.start_time > 1_600_000_000
    assert (domain.disks, domain.nics) == ((drive.vbd,), (nic.vif,))
    # One without a screen has its line as one, where the host has what that needs.
    assert {each.protocol for each in domain.consoles} >= ({"rfb", "vt100"} if hypervisor.screens else {"vt100"})
    found = hypervisor.driver.find(spec.uuid)
    assert found is not None
    assert replace(found, memory=domain.memory) == domain
    assert [each.uuid for each in hypervisor.driver.domains()] == [spec.uuid]


def test_a_start_is_told(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()

    domain = hypervisor.driver.start(spec, paused=False)

    assert hypervisor.events.wait(spec.uuid, DomainEventKind.started).id == domain.id


def test_a_machine_can_start_paused(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()

    domain = hypervisor.driver.start(spec, paused=True)

    assert domain.state is DomainState.paused


def test_what_does_not_run_is_not_found(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()

    assert hypervisor.driver.find(spec.uuid) is None
    assert hypervisor.driver.domains() == []


def test_a_machine_starts_once(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()
    first = hypervisor.driver.start(spec, paused=False)

    with pytest.raises(AlreadyExists):
        hypervisor.driver.start(spec, paused=False)

    found = hypervisor.driver.find(spec.uuid)
    assert found is not None
    assert found.id == first.id


def test_each_start_has_a_number_of_its_own(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()

    first = hypervisor.driver.start(spec, paused=True).id
    hypervisor.driver.destroy(spec.uuid)
    second = hypervisor.driver.start(spec, paused=True).id

    assert 0 < first < second


def test_pausing_and_unpausing_can_be_repeated_and_are_told_once(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()
    hypervisor.driver.start(spec, paused=False)
    hypervisor.events.wait(spec.uuid, DomainEventKind.started)

    for _ in range(2):
        hypervisor.driver.pause(spec.uuid)
    paused = hypervisor.driver.find(spec.uuid)
    for _ in range(2):
        hypervisor.driver.unpause(spec.uuid)
    running = hypervisor.driver.find(spec.uuid)

    assert paused is not None and paused.state is DomainState.paused
    assert running is not None and running.state is DomainState.running
    hypervisor.events.wait(spec.uuid, DomainEventKind.paused)
    hypervisor.events.wait(spec.uuid, DomainEventKind.resumed)
    assert hypervisor.events.of(spec.uuid) == []


def test_destroying_ends_a_machine_and_can_be_repeated(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()
    hypervisor.driver.start(spec, paused=False)

    for _ in range(2):
        hypervisor.driver.destroy(spec.uuid)

    assert hypervisor.driver.find(spec.uuid) is None
    assert hypervisor.events.wait(spec.uuid, DomainEventKind.stopped).reason == "destroyed"


@pytest.mark.parametrize("call", ["pause", "unpause", "request_shutdown", "request_reboot", "reset"])
def test_a_machine_that_is_gone_cannot_be_asked(hypervisor: Hypervisor, call: str) -> None:
    spec = hypervisor.spec()

    with pytest.raises(NotFound) as error:
        getattr(hypervisor.driver, call)(spec.uuid)

    assert error.value.facts["domain"] == spec.uuid


def test_a_reset_machine_runs_on_under_the_same_uuid_and_is_told_to_have_rebooted_once(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()
    hypervisor.driver.start(spec, paused=False)

    domain = hypervisor.driver.reset(spec.uuid)

    assert (domain.uuid, domain.state) == (spec.uuid, DomainState.running)
    hypervisor.events.wait(spec.uuid, DomainEventKind.rebooted)
    hypervisor.driver.destroy(spec.uuid)
    hypervisor.events.wait(spec.uuid, DomainEventKind.stopped)
    assert hypervisor.events.of(spec.uuid) == []


def test_a_guest_shuts_down_when_asked(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()
    hypervisor.booted(spec)

    hypervisor.driver.request_shutdown(spec.uuid)

    assert hypervisor.events.wait(spec.uuid, DomainEventKind.stopped).reason == "shutdown"
    assert hypervisor.driver.find(spec.uuid) is None


def test_a_guest_reboots_when_asked_and_can_be_shut_down_afterwards(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()
    line = hypervisor.booted(spec)

    hypervisor.driver.request_reboot(spec.uuid)
    hypervisor.events.wait(spec.uuid, DomainEventKind.rebooted)
    if line is not None:
        line.wait_for("ready", hypervisor.patience)
    hypervisor.driver.request_shutdown(spec.uuid)

    assert hypervisor.events.wait(spec.uuid, DomainEventKind.stopped).reason == "shutdown"


def test_a_suspended_machine_goes_on_where_it_was(hypervisor: Hypervisor) -> None:
    drive = hypervisor.drive()
    spec = hypervisor.spec(disks=(drive, hypervisor.drive(3, device="cdrom", disk=None)), nics=(hypervisor.nic(),))
    hypervisor.booted(spec)
    image = hypervisor.image()

    hypervisor.driver.suspend(spec.uuid, image)
    assert hypervisor.driver.find(spec.uuid) is None
    assert hypervisor.events.wait(spec.uuid, DomainEventKind.stopped).reason == "saved"
    domain = hypervisor.driver.resume(spec, image, paused=False)

    assert domain.state is DomainState.running
    seen = {each.vbd for each in spec.disks if hypervisor.has_drives or each.disk is not None}
    assert (set(domain.disks), domain.nics) == (seen, (spec.nics[0].vif,))
    assert hypervisor.events.wait(spec.uuid, DomainEventKind.started).reason == "restored"


def test_a_machine_can_be_resumed_paused(hypervisor: Hypervisor) -> None:
    spec, image = hypervisor.spec(), hypervisor.image()
    hypervisor.booted(spec)
    hypervisor.driver.suspend(spec.uuid, image)

    domain = hypervisor.driver.resume(spec, image, paused=True)

    assert domain.state is DomainState.paused


def test_an_image_is_a_plain_file(hypervisor: Hypervisor) -> None:
    spec, image = hypervisor.spec(), hypervisor.image()
    hypervisor.booted(spec)

    with pytest.raises(NotSupported):
        hypervisor.driver.suspend(spec.uuid, replace(image, format=VolumeFormat.qcow2))
    assert hypervisor.driver.find(spec.uuid) is not None
    hypervisor.driver.suspend(spec.uuid, image)

    with pytest.raises(NotSupported):
        hypervisor.driver.resume(spec, replace(image, format=VolumeFormat.qcow2), paused=True)
    assert hypervisor.driver.find(spec.uuid) is None


def test_a_copy_of_a_suspended_machine_can_be_resumed_beside_it(hypervisor: Hypervisor) -> None:
    spec, image = hypervisor.spec(disks=(hypervisor.drive(),)), hypervisor.image()
    hypervisor.booted(spec)
    hypervisor.driver.suspend(spec.uuid, image)
    copy = hypervisor.spec(disks=(hypervisor.drive(),))

    domain = hypervisor.driver.resume(copy, image, paused=True)

    assert (domain.uuid, domain.disks) == (copy.uuid, (copy.disks[0].vbd,))


def test_disks_and_interfaces_are_plugged_once_and_unplugged_for_good(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()
    line = hypervisor.booted(spec)
    drive, nic = hypervisor.drive(1), hypervisor.nic()

    for _ in range(2):
        hypervisor.driver.attach_disk(spec.uuid, drive)
        hypervisor.driver.attach_nic(spec.uuid, nic)
    plugged = hypervisor.driver.find(spec.uuid)
    if line is not None:
        line.wait_for(" 16 MiB")
    for _ in range(2):
        hypervisor.driver.detach_disk(spec.uuid, drive.vbd, force=False)
        hypervisor.driver.detach_nic(spec.uuid, nic.vif)
    unplugged = hypervisor.driver.find(spec.uuid)

    assert plugged is not None and (plugged.disks, plugged.nics) == ((drive.vbd,), (nic.vif,))
    assert unplugged is not None and (unplugged.disks, unplugged.nics) == ((), ())


def test_a_medium_can_be_put_in_and_taken_out(hypervisor: Hypervisor) -> None:
    drive = hypervisor.drive(3, device="cdrom", disk=None, read_only=True)
    spec = hypervisor.spec(disks=(drive,))
    hypervisor.booted(spec)
    medium = hypervisor.medium()

    if hypervisor.has_drives:
        hypervisor.driver.change_medium(spec.uuid, drive.vbd, medium)
    else:
        hypervisor.driver.attach_disk(spec.uuid, replace(drive, disk=medium))
    with_medium = hypervisor.datapath.open_files(spec.uuid)
    hypervisor.driver.change_medium(spec.uuid, drive.vbd, None)

    assert with_medium == {drive.vbd: medium.path}
    assert hypervisor.datapath.open_files(spec.uuid) == {}


def test_there_is_no_medium_without_a_drive(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()
    hypervisor.driver.start(spec, paused=True)

    with pytest.raises(NotFound):
        hypervisor.driver.change_medium(spec.uuid, hypervisor.drive(disk=None).vbd, None)


def test_an_interface_moves_only_to_where_there_is_one(hypervisor: Hypervisor) -> None:
    nic = hypervisor.nic()
    spec = hypervisor.spec(nics=(nic,))
    hypervisor.driver.start(spec, paused=True)

    hypervisor.driver.move_nic(spec.uuid, nic)
    with pytest.raises(NotFound):
        hypervisor.driver.move_nic(spec.uuid, hypervisor.nic())

    domain = hypervisor.driver.find(spec.uuid)
    assert domain is not None and domain.nics == (nic.vif,)


def test_a_machine_has_usb_devices_of_the_host_until_they_are_taken(hypervisor: Hypervisor) -> None:
    if not isinstance(hypervisor.driver, SimDomains):
        pytest.skip("nothing is plugged into the ports of this host that could be given away")
    stick, camera = UsbSpec(str(uuid4()), "1-1.4", "0781", "5581"), UsbSpec(str(uuid4()), "1-2", "046d", "0825")
    spec = hypervisor.spec(usbs=(stick, camera))
    domain = hypervisor.driver.start(spec, paused=False)

    for _ in range(2):
        hypervisor.driver.detach_usb(spec.uuid, stick.vusb)

    left = hypervisor.driver.find(spec.uuid)
    assert domain.usbs == (stick.vusb, camera.vusb)
    assert left is not None and left.usbs == (camera.vusb,)


def test_a_usb_device_that_is_not_there_lets_no_machine_start(hypervisor: Hypervisor) -> None:
    if isinstance(hypervisor.driver, SimDomains):
        hypervisor.driver.empty.add("99-9.9")
    spec = hypervisor.spec(usbs=(UsbSpec(str(uuid4()), "99-9.9", "0781", "5581"),))

    with pytest.raises(NotFound) as error:
        hypervisor.driver.start(spec, paused=False)

    assert error.value.facts["vusb"] == spec.usbs[0].vusb
    assert hypervisor.driver.find(spec.uuid) is None


def test_a_pci_device_that_is_not_there_lets_no_machine_start(hypervisor: Hypervisor) -> None:
    if isinstance(hypervisor.driver, SimDomains):
        hypervisor.driver.empty.add("ffff:ff:1f.7")
    spec = hypervisor.spec(pcis=(PciSpec("ffff:ff:1f.7"),))

    with pytest.raises(NotFound) as error:
        hypervisor.driver.start(spec, paused=False)

    assert error.value.facts["pci"] == "ffff:ff:1f.7"
    assert hypervisor.driver.find(spec.uuid) is None


def test_a_pci_device_is_one_machines(hypervisor: Hypervisor) -> None:
    if not isinstance(hypervisor.driver, SimDomains):
        pytest.skip("this host has no device that could be given away")
    spec = hypervisor.spec(pcis=(PciSpec("0000:03:00.0"),))
    domain = hypervisor.driver.start(spec, paused=False)
    rival = hypervisor.spec(pcis=spec.pcis)

    with pytest.raises(InUse):
        hypervisor.driver.start(rival, paused=False)
    hypervisor.driver.destroy(spec.uuid)

    assert domain.pcis == ("0000:03:00.0",)
    assert hypervisor.driver.start(rival, paused=False).pcis == domain.pcis


def test_memory_and_processors_follow_within_their_limits(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()
    hypervisor.booted(spec)

    hypervisor.driver.set_memory(spec.uuid, 96 * MIB)
    hypervisor.driver.set_vcpus(spec.uuid, hypervisor.vcpus)
    with pytest.raises(BackendError):
        hypervisor.driver.set_memory(spec.uuid, 1024 * MIB)
    with pytest.raises(BackendError):
        hypervisor.driver.set_vcpus(spec.uuid, 3)

    domain = hypervisor.driver.find(spec.uuid)
    assert domain is not None and domain.vcpus == hypervisor.vcpus


def test_what_the_driver_offers_its_guests_can_do(hypervisor: Hypervisor) -> None:
    spec = hypervisor.spec()

    domain = hypervisor.driver.start(spec, paused=True)

    assert domain.features == hypervisor.driver.info.features
    assert domain.features >= {Feature.suspend, Feature.clean_shutdown, Feature.hotplug_disk, Feature.hotplug_nic}


def test_nobody_elses_machines_are_listed_as_ours(hypervisor: Hypervisor) -> None:
    assert hypervisor.driver.foreign() == []


def test_what_a_guest_uses_is_counted_by_its_devices(hypervisor: Hypervisor) -> None:
    drive, nic = hypervisor.drive(), hypervisor.nic()
    spec = hypervisor.spec(disks=(drive,), nics=(nic,))
    hypervisor.booted(spec)

    def used() -> list[DomainUsage]:
        return [each for each in hypervisor.driver.usage() if each.uuid == spec.uuid]

    assert within(PATIENCE, lambda: bool(used()) and used()[0].vcpus.get(0, 0.0) > 0.0)
    (usage,) = used()
    domain = hypervisor.driver.find(spec.uuid)
    assert domain is not None
    assert usage.id == domain.id
    assert (usage.vcpus.keys(), usage.disks.keys(), usage.nics.keys()) == ({0}, {drive.vbd}, {nic.vif})
    hypervisor.driver.destroy(spec.uuid)
    assert used() == []
