"""What the driver for QEMU does beyond what every driver promises: real files, links and sockets, and their absence."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.backends.domain.hypervisor import (
    MIB,
    Hypervisor,
    SerialLine,
    links,
    process_of,
    screen,
    serial,
    user_of,
)
from tests.told import lives
from xapid.backends.domain import embed
from xapid.backends.domain.control_groups import ordinary_shares
from xapid.backends.domain.interface import (
    DomainDriver,
    DomainEventKind,
    DomainState,
    Feature,
    Hardware,
    Kept,
    Scheduling,
    Screen,
)
from xapid.backends.interface import Failed, InUse, NotFound, NotSupported
from xapid.backends.storage.interface import Disk, VolumeFormat

if TYPE_CHECKING:
    from libvirt import virConnect

pytestmark = pytest.mark.libvirt

FOREIGN = """
<domain type='qemu'>
  <name>theirs</name>
  <uuid>5d1f9a3e-0000-4000-8000-00000000f0f0</uuid>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
</domain>
"""
FOREIGN_UUID = "5d1f9a3e-0000-4000-8000-00000000f0f0"


@pytest.fixture
def foreign(libvirt_connection: virConnect) -> Iterator[str]:
    """A machine that somebody else runs in the same libvirt."""
    import libvirt

    domain = libvirt_connection.createXML(FOREIGN)
    yield domain.UUIDString()
    with contextlib.suppress(libvirt.libvirtError):
        domain.destroy()


@pytest.fixture
def impatient(real: Hypervisor) -> Iterator[DomainDriver]:
    """A driver of the same machines that does not wait long for guests."""
    from xapid.backends.domain.libvirt_driver import LibvirtDomains
    from xapid.backends.domain.qemu_xml import Accel

    driver = LibvirtDomains(embed.uri(real.folder / "root"), real.folder, Accel.tcg, detach_seconds=1.0)
    yield driver
    driver.close()


def test_what_the_guest_printed_can_be_read_later(real: Hypervisor) -> None:
    spec = real.spec()
    real.booted(spec)

    domain = real.driver.find(spec.uuid)

    assert domain is not None
    assert "ready" in Path(serial(domain).log).read_text()


def test_a_guest_runs_as_who_is_to_run_guests(real: Hypervisor) -> None:
    root = real.folder / "root"
    spec = real.spec(disks=(real.drive(),))

    real.driver.start(spec, paused=True)

    assert user_of(process_of(root, spec.uuid)) == embed.guests_of(root).user


def test_a_guest_finds_what_it_is_told_among_the_strings_of_its_firmware(real: Hypervisor) -> None:
    line = real.booted(real.spec(xenstore_data={"vm-data/greeting": "good day"}, bios_strings={"oem-1": "ours"}))
    assert line is not None

    line.send("tr '\\0' '\\n' </sys/firmware/dmi/entries/11-0/raw | grep vm-data/\n")

    assert line.wait_for("vm-data/greeting=") == "good day"


def test_a_clock_that_the_guest_sets_is_known_while_it_runs_and_when_it_is_gone(real: Hypervisor) -> None:
    spec = real.spec(clock_offset=3600)
    line = real.booted(spec)
    assert line is not None
    before = real.driver.kept(spec.uuid).clock_offset

    line.send("date -u -s '2001-02-03 04:05:06' && hwclock -u -w && echo s''et\n")
    line.wait_for("set")
    running = real.driver.kept(spec.uuid).clock_offset
    real.driver.destroy(spec.uuid)
    gone = real.driver.kept(spec.uuid).clock_offset
    real.driver.forget(spec.uuid)

    assert before == 3600
    assert running is not None and running < -20 * 365 * 86400
    assert gone == running
    assert real.driver.kept(spec.uuid) == Kept()


def test_a_machine_with_everything_starts(real: Hypervisor) -> None:
    data = {f"vm-data/{number:04}": "x" * 20 for number in range(8000)} | {"vm-data/long": "y" * 65536}
    spec = real.spec(
        cores_per_socket=2,
        scheduling=Scheduling(512, 150, ((0,), (0, 5000))),
        screen=Screen("cirrus", 4, "de"),
        hardware=Hardware(nx=False, hpet=False, viridian=frozenset({"base", "stimer"}), usb=True, tablet=True),
        clock_offset=-3600,
        generation_id="5d1f9a3e-0000-4000-8000-00000000face",
        bios_strings={"oem-1": "ours"},
        xenstore_data=data,
    )

    domain = real.driver.start(spec, paused=True)

    assert domain.state is DomainState.paused
    assert len((real.folder / "run" / spec.uuid / "vm-data.json").read_bytes()) > 8000 * 30


def test_a_guest_without_acpi_cannot_be_asked_to_shut_down(real: Hypervisor) -> None:
    domain = real.driver.start(real.spec(hardware=Hardware(acpi=False)), paused=True)

    assert Feature.clean_shutdown not in domain.features


def test_keys_reach_the_guest_by_its_serial_line(real: Hypervisor) -> None:
    spec = real.spec()
    line = real.booted(spec)
    assert line is not None

    line.send("echo $((6 * 7)) sevens\n")

    assert line.wait_for("42 sevens") == ""


def test_the_screen_speaks_rfb(real: Hypervisor) -> None:
    domain = real.driver.start(real.spec(), paused=True)

    with socket.socket(socket.AF_UNIX) as viewer:
        viewer.settimeout(10)
        viewer.connect(screen(domain).path)

        assert viewer.recv(12) == b"RFB 003.008\n"


def test_the_host_s_ends_of_interfaces_have_the_names_that_were_asked_for(real: Hypervisor) -> None:
    before = links(real.bridge)
    spec = real.spec(nics=(real.nic(),))
    real.driver.start(spec, paused=True)
    more = real.nic(position=1)

    real.driver.attach_nic(spec.uuid, more)

    assert links(real.bridge) - before == {spec.nics[0].link, more.link}


def test_destroying_returns_when_process_links_and_sockets_are_gone(real: Hypervisor) -> None:
    before = links(real.bridge)
    spec = real.spec(nics=(real.nic(mtu=1400), real.nic(position=1)))
    domain = real.driver.start(spec, paused=False)
    pid = process_of(real.folder / "root", spec.uuid)
    taps = links(real.bridge) - before

    real.driver.destroy(spec.uuid)

    assert len(taps) == 2
    assert links(real.bridge) == before
    assert not lives(pid)
    assert not any(Path(each.path).exists() for each in domain.consoles)
    assert list((real.folder / "run").iterdir()) == []


def test_a_guest_that_shuts_down_by_itself_leaves_nothing(real: Hypervisor) -> None:
    before = links(real.bridge)
    spec = real.spec(nics=(real.nic(),))
    line = real.booted(spec)
    assert line is not None

    line.send("/sbin/poweroff\n")

    assert real.events.wait(spec.uuid, DomainEventKind.stopped).reason == "shutdown"
    assert links(real.bridge) == before
    assert list((real.folder / "run").iterdir()) == []


def test_a_guest_that_reboots_by_itself_stays_the_same_domain(real: Hypervisor) -> None:
    spec = real.spec()
    line = real.booted(spec)
    before = real.driver.find(spec.uuid)
    assert line is not None

    line.send("/sbin/reboot\n")

    event = real.events.wait(spec.uuid, DomainEventKind.rebooted)
    assert before is not None and event.id == before.id
    line.wait_for("ready")


def test_a_guest_that_may_not_reboot_ends(real: Hypervisor) -> None:
    spec = real.spec(on_reboot="destroy")
    line = real.booted(spec)
    assert line is not None

    line.send("/sbin/reboot\n")

    real.events.wait(spec.uuid, DomainEventKind.stopped)


@pytest.mark.parametrize("missing", ["kernel", "ramdisk"])
def test_a_missing_kernel_is_named(real: Hypervisor, missing: str) -> None:
    spec = real.spec(**{missing: "/nowhere/vmlinuz"})

    with pytest.raises(NotFound) as error:
        real.driver.start(spec, paused=False)

    assert error.value.facts == {"path": "/nowhere/vmlinuz"}


def test_a_missing_disk_is_named(real: Hypervisor) -> None:
    spec = real.spec(disks=(real.drive(disk=Disk("/nowhere/disk", VolumeFormat.qcow2)),))

    with pytest.raises(NotFound) as error:
        real.driver.start(spec, paused=False)

    assert error.value.facts == {"path": "/nowhere/disk"}


def test_a_missing_bridge_is_named(real: Hypervisor) -> None:
    spec = real.spec(nics=(real.nic(bridge="nowhere"),))

    with pytest.raises(NotFound) as error:
        real.driver.start(spec, paused=False)

    assert error.value.facts == {"bridge": "nowhere"}


def test_a_qemu_that_dies_at_once_is_quoted_and_leaves_nothing(real: Hypervisor) -> None:
    before = links(real.bridge)
    rubbish = real.folder / "rubbish"
    rubbish.write_bytes(b"no kernel" * 1000)
    spec = real.spec(kernel=str(rubbish), nics=(real.nic(),))

    with pytest.raises(Failed, match="kernel too old"):
        real.driver.start(spec, paused=False)

    assert real.driver.find(spec.uuid) is None
    assert links(real.bridge) == before
    assert list((real.folder / "run").iterdir()) == []


def test_the_next_start_after_a_failed_one_is_fine(real: Hypervisor) -> None:
    drive = real.drive()
    with pytest.raises(Failed):
        real.driver.start(real.spec(disks=(drive,), memory_static_max=1 << 50), paused=False)

    assert real.driver.start(real.spec(disks=(drive,)), paused=False).state is DomainState.running


def test_a_disk_that_another_guest_writes_is_in_use(real: Hypervisor) -> None:
    drive = real.drive()
    real.driver.start(real.spec(disks=(drive,)), paused=False)

    with pytest.raises(InUse):
        real.driver.start(real.spec(disks=(drive,)), paused=False)


def test_a_disk_of_the_wrong_format_is_refused_rather_than_guessed(real: Hypervisor) -> None:
    disk = real.disk()

    with pytest.raises(Failed):
        real.driver.start(real.spec(disks=(real.drive(disk=Disk(real.medium().path, disk.format)),)), paused=False)


def test_a_suspend_image_keeps_the_size_of_its_volume(real: Hypervisor) -> None:
    spec, image = real.spec(), real.image(300 * MIB)
    real.driver.start(spec, paused=False)

    real.driver.suspend(spec.uuid, image)

    assert Path(image.path).stat().st_size == 300 * MIB


@pytest.mark.parametrize(
    "image", [Disk("/nowhere", VolumeFormat.qcow2), Disk("/nowhere", VolumeFormat.raw, kind="nbd")]
)
def test_an_image_that_libvirt_cannot_write_is_refused_and_the_guest_runs_on(real: Hypervisor, image: Disk) -> None:
    spec = real.spec()
    real.driver.start(spec, paused=False)

    with pytest.raises(NotSupported):
        real.driver.suspend(spec.uuid, image)

    found = real.driver.find(spec.uuid)
    assert found is not None and found.state is DomainState.running


def test_what_is_no_image_cannot_be_resumed(real: Hypervisor) -> None:
    spec = real.spec()

    with pytest.raises(Failed):
        real.driver.resume(spec, real.image(), paused=False)
    with pytest.raises(NotFound):
        real.driver.resume(spec, Disk("/nowhere", VolumeFormat.raw), paused=False)

    assert real.driver.find(spec.uuid) is None


def test_a_guest_that_does_not_let_go_of_a_disk_keeps_it(real: Hypervisor, impatient: DomainDriver) -> None:
    drive = real.drive()
    spec = real.spec(disks=(drive,))
    real.driver.start(spec, paused=True)

    for _ in range(2):
        with pytest.raises(InUse):
            impatient.detach_disk(spec.uuid, drive.vbd, force=False)

    found = real.driver.find(spec.uuid)
    assert found is not None and found.disks == (drive.vbd,)


def test_drives_for_cds_cannot_be_plugged(real: Hypervisor) -> None:
    spec = real.spec()
    real.driver.start(spec, paused=True)

    with pytest.raises(NotSupported):
        real.driver.attach_disk(spec.uuid, real.drive(3, device="cdrom", disk=real.medium()))
    with pytest.raises(NotSupported):
        real.driver.attach_disk(spec.uuid, real.drive(2, device="cdrom", disk=None))


def test_a_medium_changes_although_the_machine_closed_the_open_tray_when_it_looked_for_its_drives(
    real: Hypervisor, libvirt_connection: virConnect
) -> None:
    import libvirt_qemu

    second = real.medium()
    drive = real.drive(3, device="cdrom", disk=real.medium(), read_only=True)
    spec = real.spec(disks=(drive,))
    line = SerialLine(serial(real.driver.start(spec, paused=True)))
    real.lines.append(line)
    command = {"execute": "blockdev-open-tray", "arguments": {"id": f"ua-{drive.vbd}", "force": True}}
    libvirt_qemu.qemuMonitorCommand(libvirt_connection.lookupByUUIDString(spec.uuid), json.dumps(command), 0)
    real.driver.unpause(spec.uuid)
    line.wait_for("ready")

    real.driver.change_medium(spec.uuid, drive.vbd, second)

    assert real.datapath.open_files(spec.uuid) == {drive.vbd: second.path}


def test_machines_of_others_are_named_and_left_alone(real: Hypervisor, foreign: str) -> None:
    real.driver.destroy(foreign)
    with pytest.raises(NotFound):
        real.driver.pause(foreign)

    assert real.driver.foreign() == ["theirs"]
    assert real.driver.domains() == []
    assert real.driver.find(foreign) is None
    assert lives(process_of(real.folder / "root", "theirs"))


def test_nothing_is_told_of_machines_of_others(real: Hypervisor, foreign: str) -> None:
    os.kill(process_of(real.folder / "root", "theirs"), signal.SIGKILL)

    # Something of ours, later, to know that all is told.
    spec = real.spec()
    real.driver.start(spec, paused=True)
    real.events.wait(spec.uuid, DomainEventKind.started)

    assert real.events.of(FOREIGN_UUID) == []


def test_a_weight_that_has_no_effect_is_said(real: Hypervisor, caplog: pytest.LogCaptureFixture) -> None:
    spec = real.spec(scheduling=Scheduling(weight=512))

    real.driver.start(spec, paused=True)

    said = [each for each in caplog.messages if "weight and cap" in each and spec.uuid in each]
    assert len(said) == (0 if ordinary_shares() else 1)
