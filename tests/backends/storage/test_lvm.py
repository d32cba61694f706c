"""What the driver of volume groups promises besides: space, what is active when, and disks of others."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.storage.loop_device import loop_device
from tests.backends.storage.loop_groups import LoopGroups
from tests.backends.storage.rig import MIB, Rig, fresh, whole, write
from xapid.backends.interface import AlreadyExists, BackendError, BadConfig, Failed, InUse, NoSpace, NotFound
from xapid.backends.storage import block_devices
from xapid.backends.storage.group_state import RECORDS
from xapid.backends.storage.interface import Sr, Volume, VolumeFormat
from xapid.backends.storage.lvm import Lvm
from xapid.backends.storage.lvm_commands import EXTENT, LvmCommands, config

NEEDS_ROOT = pytest.mark.root
TOOLS = pytest.mark.libvirt
"""They run qemu-img."""


@contextmanager
def repository(folder: Path, size: int = 1024 * MIB, **sm_config: str) -> Iterator[tuple[Rig, LoopGroups]]:
    groups = LoopGroups(folder, size)
    driver = Lvm(place=folder / "opened", commands=lambda devices: groups)
    with loop_device(folder / "disk", MIB) as device:
        sr = Sr(fresh(), "lvm", {"device": str(device)}, sm_config)
        driver.create_sr(sr, 0)
        driver.attach_sr(sr)
        try:
            yield Rig(driver, sr, "device"), groups
        finally:
            groups.tidy()


@pytest.fixture
def thick(tmp_path: Path) -> Iterator[Rig]:
    with repository(tmp_path) as (rig, _):
        yield rig


@pytest.fixture
def thin(tmp_path: Path) -> Iterator[Rig]:
    with repository(tmp_path, allocation="thin") as (rig, _):
        yield rig


def lvs(rig: Rig, tmp_path: Path) -> dict[str, int]:
    """Sizes of logical volumes, without that of the records."""
    found = LoopGroups(tmp_path, 0).group(f"VG_XenStorage-{rig.sr.uuid}")
    assert found
    return {name: size for name, size in found.volumes.items() if name != RECORDS}


def active(rig: Rig, tmp_path: Path) -> set[str]:
    return LoopGroups(tmp_path, 0).active(f"VG_XenStorage-{rig.sr.uuid}") - {RECORDS}


# Space


@NEEDS_ROOT
def test_a_thick_volume_has_all_its_space_at_once(thick: Rig, tmp_path: Path) -> None:
    volume = thick.volume(64 * MIB)

    assert volume.physical == lvs(thick, tmp_path)[f"QCOW2-{volume.key}"]
    assert 64 * MIB < volume.physical <= 72 * MIB


@NEEDS_ROOT
@TOOLS
def test_a_snapshot_leaves_below_it_only_what_was_written(thick: Rig) -> None:
    volume = thick.written(thick.volume(64 * MIB), (0, b"x" * 10 * MIB))

    branch = thick.snapshot(volume)

    assert branch.base
    assert (branch.active.physical, branch.new.physical) == (volume.physical, EXTENT)
    assert 10 * MIB <= branch.base.physical <= 16 * MIB


@NEEDS_ROOT
def test_a_clone_has_all_its_space_too(thick: Rig) -> None:
    volume = thick.volume(64 * MIB)

    branch = thick.clone(volume)

    assert (branch.active.physical, branch.new.physical) == (volume.physical, volume.physical)


@NEEDS_ROOT
@TOOLS
def test_what_a_guest_writes_below_a_snapshot_keeps_its_space_until_the_guest_has_moved(thick: Rig) -> None:
    volume = thick.volume(64 * MIB)
    thick.driver.attach(volume, "guest", True)
    branch = thick.snapshot(volume)
    assert branch.base
    thick.driver.attach(branch.active, "guest", True)
    meanwhile = thick.driver.stat(branch.base).physical

    thick.driver.detach(volume, "guest")

    assert (meanwhile, thick.driver.stat(branch.base).physical) == (volume.physical, EXTENT)


@NEEDS_ROOT
def test_a_snapshot_that_somebody_writes_gets_its_space_then(thick: Rig) -> None:
    snapshot = thick.snapshot(thick.volume(64 * MIB)).new

    thick.driver.attach(snapshot, "guest", True)

    assert thick.driver.stat(snapshot).physical > 64 * MIB


@NEEDS_ROOT
@TOOLS
def test_a_thin_volume_has_its_space_while_it_is_written(thin: Rig) -> None:
    volume = thin.volume(64 * MIB)
    before = volume.physical
    disk = thin.driver.attach(volume, "guest", True)
    write(disk, (0, b"x" * 10 * MIB))
    meanwhile = thin.driver.stat(volume).physical

    thin.driver.detach(volume, "guest")

    assert before == EXTENT
    assert meanwhile > 64 * MIB
    assert 10 * MIB <= thin.driver.stat(volume).physical <= 16 * MIB


@NEEDS_ROOT
@TOOLS
@pytest.mark.parametrize("size", [4 * MIB, 62 * MIB, 600 * MIB])
def test_every_byte_of_a_volume_can_be_written(thick: Rig, size: int) -> None:
    disk = thick.driver.attach(thick.volume(size), "guest", True)

    command = ["qemu-io", "-f", disk.format, "-c", f"write -P 1 0 {size}", disk.path]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)

    assert f"wrote {size}/{size} bytes" in done.stdout


@NEEDS_ROOT
@pytest.mark.parametrize("call", ["create", "clone", "attach"])
def test_a_full_group_says_so_and_nothing_is_left(tmp_path: Path, call: str) -> None:
    with repository(tmp_path, 200 * MIB) as (rig, _):
        volume = rig.volume(64 * MIB)
        snapshot = rig.snapshot(volume).new
        rig.volume(60 * MIB)
        before, there = rig.volumes(), lvs(rig, tmp_path)

        with pytest.raises(NoSpace):
            match call:
                case "create":
                    rig.volume(64 * MIB)
                case "clone":
                    rig.clone(snapshot)
                case "attach":
                    rig.driver.attach(snapshot, "guest", True)

        assert (rig.volumes(), lvs(rig, tmp_path), rig.driver.leases(rig.sr)) == (before, there, {})


@NEEDS_ROOT
@TOOLS
@pytest.mark.parametrize("format", VolumeFormat)
def test_a_volume_that_a_guest_writes_has_room_before_it_grows(thick: Rig, format: VolumeFormat) -> None:
    volume = thick.volume(4 * MIB, format)
    disk = thick.driver.attach(volume, "guest", True)

    size = thick.driver.make_room(volume, 65 * MIB)

    if format is VolumeFormat.qcow2:
        subprocess.run(["qemu-img", "resize", "-q", "-f", "qcow2", disk.path, str(size)], check=True)
    thick.driver.detach(volume, "guest")
    grown = thick.driver.stat(volume)
    assert grown.size == (65 * MIB if format is VolumeFormat.qcow2 else 68 * MIB)
    assert grown.physical >= 65 * MIB
    assert not any(whole(thick.driver.attach(volume, "reader", False)))


@NEEDS_ROOT
@TOOLS
def test_a_raw_volume_shows_nothing_of_what_lay_there_before(thick: Rig) -> None:
    volume = thick.volume(8 * MIB, VolumeFormat.raw)
    grown = thick.driver.resize(volume, 16 * MIB)

    found = whole(thick.driver.attach(grown, "reader", False))

    assert (len(found), any(found)) == (16 * MIB, False)


# What is active


@NEEDS_ROOT
def test_a_volume_and_what_it_continues_is_active_while_somebody_has_it_open(thick: Rig, tmp_path: Path) -> None:
    branch = thick.snapshot(thick.volume())
    assert branch.base
    idle = active(thick, tmp_path)
    thick.driver.attach(branch.active, "guest", True)
    thick.driver.attach(branch.active, "reader", False)
    thick.driver.detach(branch.active, "guest")
    read = active(thick, tmp_path)

    thick.driver.detach(branch.active, "reader")

    assert (idle, active(thick, tmp_path)) == (set(), set())
    assert read == {f"QCOW2-{branch.active.key}", f"QCOW2-{branch.base.key}"}


@NEEDS_ROOT
def test_what_another_continues_stays_active_for_it(thick: Rig, tmp_path: Path) -> None:
    branch = thick.snapshot(thick.volume())
    assert branch.base
    for each in (branch.active, branch.new):
        thick.driver.attach(each, "guest", False)

    thick.driver.detach(branch.new, "guest")

    assert active(thick, tmp_path) == {f"QCOW2-{branch.active.key}", f"QCOW2-{branch.base.key}"}


@NEEDS_ROOT
def test_what_died_with_a_volume_open_is_forgotten_at_the_next_plug(thick: Rig, tmp_path: Path) -> None:
    volume = thick.volume()
    group = thick.driver._store(thick.sr)  # type: ignore[attr-defined]
    with group.locked():
        group.open(volume.key, group.record(volume.key), f"borrower-{2**30}-x", False)

    thick.driver.attach_sr(thick.sr)

    assert active(thick, tmp_path) == set()


# What others made


@NEEDS_ROOT
def test_a_volume_whose_logical_volume_is_gone_is_damaged_and_hides_no_other(thick: Rig, tmp_path: Path) -> None:
    hurt, kept = thick.volume(), thick.volume()
    LoopGroups(tmp_path, 0).remove(f"VG_XenStorage-{thick.sr.uuid}", [f"QCOW2-{hurt.key}"])

    scan = thick.driver.scan(thick.sr)

    assert ([each.key for each in scan.volumes], scan.damaged) == ([kept.key], (hurt.key,))


@NEEDS_ROOT
@TOOLS
@pytest.mark.parametrize("below", ["/etc/shadow", "nbd:127.0.0.1:1", "QCOW2-", "../../etc/shadow"])
def test_an_image_that_continues_something_else_is_not_opened(thick: Rig, below: str) -> None:
    volume = thick.volume()
    path = thick.driver.attach(volume, "guest", True).path
    subprocess.run(["qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", below, path], check=True)
    thick.driver.detach(volume, "guest")

    with pytest.raises(Failed, match="continues something else"):
        thick.driver.attach(volume, "guest", False)


@NEEDS_ROOT
@pytest.mark.parametrize(
    "head",
    [b"LABELONE".rjust(520, b"\0") + b"LVM2 001", b"QFI\xfb\0\0\0\3", b"\x55\xaa".rjust(512, b"\0")],
)
def test_a_raw_disk_stays_raw_whatever_a_guest_writes_to_it(thick: Rig, head: bytes) -> None:
    volume = thick.volume(4 * MIB, VolumeFormat.raw)
    write(thick.driver.attach(volume, "guest", True), (0, head))

    disk = thick.driver.attach(volume, "guest", True)

    assert (disk.format, disk.kind) == (VolumeFormat.raw, "block")
    assert thick.driver.scan(thick.sr).volumes == (volume,)


# Configurations


@pytest.mark.parametrize(
    "name",
    [
        "/dev/sda; reboot",
        "/dev/$(reboot)",
        "-o",
        "/dev/a\nb",
        "::1",
        "/dev/../etc/shadow",
        '/dev/a"|r|',
        "/dev/a|b",
        "sda",
    ],
)
def test_a_device_whose_name_could_mean_something_else_is_refused(name: str) -> None:
    with pytest.raises(BackendError) as error:
        Lvm().create_sr(Sr(fresh(), "lvm", {"device": name}), 0)

    assert error.value.facts["code"] == "91"


@pytest.mark.parametrize("path", ['/dev/a"b', "/dev/a|b", "/dev/a b", "/etc/x", "/dev/a\nb"])
def test_no_such_name_is_told_to_lvm(path: str) -> None:
    with pytest.raises(BadConfig):
        config([Path(path)])


def test_lvm_is_shown_the_devices_of_the_repository_and_no_other() -> None:
    said = config([Path("/dev/sdb"), Path("/dev/disk/by-id/x.y+z")])

    assert '"a|^/dev/sdb$|", "a|^/dev/disk/by-id/x[.]y[+]z$|", "r|.*|"' in said
    assert "scan_lvs=0" in said


@NEEDS_ROOT
@pytest.mark.parametrize("allocation", ["xlvhd", "", "thin\n"])
def test_another_allocation_is_refused(tmp_path: Path, allocation: str) -> None:
    with loop_device(tmp_path / "disk", MIB) as device:
        sr = Sr(fresh(), "lvm", {"device": str(device)}, {"allocation": allocation})
        if not allocation:
            assert Lvm(place=tmp_path, commands=lambda devices: LoopGroups(tmp_path, MIB))._store(sr)
            return
        with pytest.raises(BadConfig) as error:
            Lvm().create_sr(sr, 0)

    assert error.value.facts["key"] == "allocation"


# LVM itself, which needs no device-mapper for that


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    with loop_device(tmp_path / "lvm", 64 * MIB) as found:
        yield found


@NEEDS_ROOT
def test_groups_on_other_devices_are_not_seen(device: Path, tmp_path: Path) -> None:
    LvmCommands([device]).create_group("mine")
    with loop_device(tmp_path / "other", 64 * MIB) as other:
        LvmCommands([other]).create_group("theirs")

        assert LvmCommands([device]).groups() == ["mine"]
        assert LvmCommands([device]).group("theirs") is None
        assert LvmCommands([device, other]).group("theirs")


@NEEDS_ROOT
def test_a_group_says_how_large_it_is_and_leaves_nothing_when_it_goes(device: Path) -> None:
    lvm = LvmCommands([device])
    lvm.create_group("VG_XenStorage-x")
    found = lvm.group("VG_XenStorage-x")

    for _ in range(2):
        lvm.remove_group("VG_XenStorage-x")

    assert found
    assert (found.size % EXTENT, found.free, found.volumes) == (0, found.size, {})
    assert block_devices.signature(device) == {}


@NEEDS_ROOT
def test_a_foreign_group_is_not_taken(device: Path) -> None:
    LvmCommands([device]).create_group("theirs")

    with pytest.raises(InUse) as error:
        Lvm().create_sr(Sr(fresh(), "lvm", {"device": str(device)}), 0)

    assert error.value.facts["code"] == "16"
    assert LvmCommands([device]).groups() == ["theirs"]


@NEEDS_ROOT
def test_the_group_of_another_repository_is_not_taken(device: Path) -> None:
    LvmCommands([device]).create_group(f"VG_XenStorage-{fresh()}")

    with pytest.raises(AlreadyExists) as error:
        Lvm().create_sr(Sr(fresh(), "lvm", {"device": str(device)}), 0)

    assert error.value.facts["code"] == "42"


@NEEDS_ROOT
def test_a_repository_that_is_not_attached_is_not_found(device: Path, tmp_path: Path) -> None:
    sr = Sr(fresh(), "lvm", {"device": str(device)})

    for call in (Lvm(place=tmp_path).attach_sr, Lvm(place=tmp_path).scan):
        with pytest.raises(NotFound) as error:
            call(sr)
        assert error.value.facts["code"] == "47"


@NEEDS_ROOT
@pytest.mark.spare
def test_a_disk_of_a_guest_that_looks_like_a_device_of_lvm_is_never_looked_at(tmp_path: Path) -> None:
    driver = Lvm(place=tmp_path / "opened")
    with loop_device(tmp_path / "disk", 256 * MIB) as device, loop_device(tmp_path / "other", 32 * MIB) as theirs:
        LvmCommands([theirs]).create_group("theirs")
        with theirs.open("rb") as file:
            label = file.read(4 * MIB)
        sr = Sr(fresh(), "lvm", {"device": str(device)})
        driver.create_sr(sr, 0)
        driver.attach_sr(sr)
        rig = Rig(driver, sr)
        LvmCommands([theirs]).remove_group("theirs")
        volume = rig.volume(32 * MIB, VolumeFormat.raw)
        disk = driver.attach(volume, "guest", True)
        write(disk, (0, label))
        try:
            assert Path(disk.path).samefile(f"/dev/VG_XenStorage-{sr.uuid}/LV-{volume.key}")
            assert LvmCommands([device]).groups() == [f"VG_XenStorage-{sr.uuid}"]
            said = subprocess.run(
                ["vgs", "--noheadings", "-o", "vg_name"], stdout=subprocess.PIPE, text=True, check=True
            )
            assert "theirs" not in said.stdout
            assert rig.present() == {volume.key}
        finally:
            driver.detach(volume, "guest")
            driver.detach_sr(sr)


@NEEDS_ROOT
def test_a_volume_that_is_not_there_has_no_room(thick: Rig) -> None:
    with pytest.raises(NotFound):
        thick.driver.make_room(replace(Volume(thick.sr, fresh(), fresh(), 1, VolumeFormat.raw)), MIB)
