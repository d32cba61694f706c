"""What lies in a repository may be another's work: an image is what its record says, and leads nowhere else."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backends.storage.hostile import SECRET, contents, directory, image, put, secret
from tests.backends.storage.rig import MIB, Rig, fresh
from xapid.backends.interface import BackendError, Failed
from xapid.backends.storage import qcow2, sizes
from xapid.backends.storage.interface import Volume, VolumeFormat

Operation = Callable[[Rig, Volume], object]

OPENING: dict[str, Operation] = {
    "attach to read": lambda rig, volume: rig.driver.attach(volume, fresh(), False),
    "attach to write": lambda rig, volume: rig.driver.attach(volume, fresh(), True),
    "copy": lambda rig, volume: rig.driver.copy(volume, rig.sr, rig.new()),
    "resize": lambda rig, volume: rig.driver.resize(volume, 2 * volume.size),
    "snapshot": lambda rig, volume: rig.snapshot(volume),
    "clone": lambda rig, volume: rig.clone(volume),
}


def names(path: Path, backing: str, format: str, size: int = 4 * MIB) -> None:
    """Have an image name what it continues."""
    path.unlink()
    qcow2.create(path, size, qcow2.Backing(backing, format))


# Images that name what they must not


def shadow(rig: Rig) -> tuple[str, str]:
    return str(secret(rig)), "raw"


def above(rig: Rig) -> tuple[str, str]:
    return f"../{secret(rig).name}", "raw"


def pseudo(rig: Rig) -> tuple[str, str]:
    return "json:" + json.dumps({"driver": "raw", "file": {"driver": "file", "filename": str(secret(rig))}}), "raw"


def network(rig: Rig) -> tuple[str, str]:
    return "nbd://127.0.0.1:1/", "raw"


def linked(rig: Rig) -> tuple[str, str]:
    (directory(rig) / "link.raw").symlink_to(secret(rig))
    return "link.raw", "raw"


def anothers_disk(rig: Rig) -> tuple[str, str]:
    other = rig.volume(format=VolumeFormat.raw)
    image(rig, other).write_bytes(SECRET.ljust(4 * MIB, b"\n"))
    return image(rig, other).name, "raw"


LEADING_AWAY = [shadow, above, pseudo, network, linked, anothers_disk]


@pytest.mark.parametrize("operation", OPENING.values(), ids=OPENING)
@pytest.mark.parametrize("away", LEADING_AWAY)
def test_an_image_that_continues_what_no_record_says_is_not_opened(
    file_rig: Rig, away: Callable[[Rig], tuple[str, str]], operation: Operation
) -> None:
    volume = file_rig.volume()
    names(image(file_rig, volume), *away(file_rig))
    before = contents(directory(file_rig))

    with pytest.raises(Failed, match="than its record says"):
        operation(file_rig, volume)

    assert contents(directory(file_rig)) == before


@pytest.mark.parametrize("away", LEADING_AWAY)
def test_a_scan_says_that_it_is_damaged_and_it_can_be_destroyed(
    file_rig: Rig, away: Callable[[Rig], tuple[str, str]]
) -> None:
    volume = file_rig.volume()
    names(image(file_rig, volume), *away(file_rig))

    scan = file_rig.driver.scan(file_rig.sr)
    file_rig.driver.destroy(volume)

    assert scan.damaged == (volume.key,)
    assert volume.key not in [each.key for each in scan.volumes]
    assert not image(file_rig, volume).exists()
    assert file_rig.driver.scan(file_rig.sr).damaged == ()


@pytest.mark.parametrize("operation", OPENING.values(), ids=OPENING)
@pytest.mark.parametrize("away", LEADING_AWAY)
def test_neither_is_one_whose_base_does(
    file_rig: Rig, away: Callable[[Rig], tuple[str, str]], operation: Operation
) -> None:
    volume = file_rig.volume()
    branch = file_rig.snapshot(volume)
    assert branch.base
    names(image(file_rig, branch.base), *away(file_rig))

    with pytest.raises(Failed, match="than its record says"):
        operation(file_rig, branch.active)

    assert file_rig.driver.scan(file_rig.sr).damaged == (branch.base.key,)


@pytest.mark.parametrize("format", ["raw", "qcow2", "vmdk", "", "host_device"])
def test_an_overlay_names_the_format_that_its_base_has(file_rig: Rig, format: str) -> None:
    """A raw base may hold what a guest made look like another image."""
    volume = file_rig.volume(format=VolumeFormat.raw)
    branch = file_rig.snapshot(volume)
    names(image(file_rig, branch.active), f"{volume.key}.raw", format)

    if format == "raw":
        assert file_rig.driver.attach(branch.active, fresh(), False)
        return
    with pytest.raises(Failed):
        file_rig.driver.attach(branch.active, fresh(), False)


def test_an_overlay_without_its_base_is_not_opened_as_if_it_had_none(file_rig: Rig) -> None:
    volume = file_rig.volume()
    branch = file_rig.snapshot(volume)
    image(file_rig, branch.active).unlink()
    qcow2.create(image(file_rig, branch.active), volume.size)

    with pytest.raises(Failed, match="than its record says"):
        file_rig.driver.attach(branch.active, fresh(), False)


def test_a_base_that_is_a_link_is_not_followed(file_rig: Rig, tmp_path: Path) -> None:
    branch = file_rig.snapshot(file_rig.volume())
    assert branch.base
    base = image(file_rig, branch.base)
    base.rename(tmp_path / "elsewhere")
    base.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Failed, match="not a plain file"):
        file_rig.driver.attach(branch.active, fresh(), False)


def test_volumes_that_continue_each_other_are_not_opened(file_rig: Rig) -> None:
    one, other = file_rig.volume(), file_rig.volume()
    for volume, parent in ((one, other), (other, one)):
        path = directory(file_rig) / f"{volume.key}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"parent": parent.key}))
        names(image(file_rig, volume), f"{parent.key}.qcow2", "qcow2")

    for operation in OPENING.values():
        with pytest.raises(Failed, match="itself"):
            operation(file_rig, one)


# Headers, field by field

FIELDS = {
    "magic": (0, 4), "version": (4, 4), "backing offset": (8, 8), "backing size": (16, 4), "cluster bits": (20, 4),
    "size": (24, 8), "encryption": (32, 4), "l1 size": (36, 4), "l1 offset": (40, 8), "refcounts offset": (48, 8),
    "refcounts clusters": (56, 4), "snapshots": (60, 4), "snapshots offset": (64, 8), "features": (72, 8),
    "compatible": (80, 8), "autoclear": (88, 8), "refcount order": (96, 4), "header bytes": (100, 4),
    "extension": (104, 4), "extension bytes": (108, 4),
}  # fmt: skip
ODD = (0, 1, 2, 3, 63, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1)
"""Values, as far as they fit."""
DAMAGED = {
    "magic", "version", "cluster bits", "encryption", "features", "header bytes",
}  # fmt: skip
"""Where none of these values is one that we make."""


def odd(field: str) -> list[bytes]:
    _, size = FIELDS[field]
    return [value.to_bytes(size) for value in ODD if value < 1 << 8 * size]


@pytest.mark.parametrize("field", FIELDS)
def test_whatever_a_field_says_a_scan_goes_on_and_sizes_are_sizes(file_rig: Rig, field: str) -> None:
    volume, whole = file_rig.volume(), file_rig.volume()
    for value in odd(field):
        put(image(file_rig, volume), FIELDS[field][0], value)

        scan = file_rig.driver.scan(file_rig.sr)

        assert {each.key for each in scan.volumes} | {*scan.damaged} == {volume.key, whole.key}
        assert all(0 <= each.size <= sizes.LARGEST for each in scan.volumes)
        ours = (field, int.from_bytes(value)) in {("version", 3), ("version", 2), ("encryption", 0)}
        known = field == "features" and int.from_bytes(value) in (0, 1, 2, 3)
        if field in DAMAGED and not ours and not known:
            assert scan.damaged == (volume.key,), value


@pytest.mark.libvirt
@pytest.mark.slow
@pytest.mark.parametrize("field", FIELDS)
def test_whatever_a_field_says_a_volume_is_opened_or_refused_and_nothing_is_left(file_rig: Rig, field: str) -> None:
    volume = file_rig.volume()
    path = image(file_rig, volume)
    header = path.read_bytes()
    for value in odd(field):
        path.write_bytes(header)
        put(path, FIELDS[field][0], value)
        for operation in ("attach to read", "copy", "resize"):
            before = file_rig.present()
            try:
                OPENING[operation](file_rig, volume)
            except BackendError:
                assert file_rig.present() == before
            else:
                for key in file_rig.present() - {volume.key}:
                    file_rig.driver.destroy(file_rig.volumes()[key])
    assert [each.name for each in (directory(file_rig) / "tmp").iterdir()] == ["lock"]


def test_an_image_that_a_crash_cut_short_is_damaged_or_whole_at_each_byte(file_rig: Rig) -> None:
    branch = file_rig.snapshot(file_rig.volume())
    path = image(file_rig, branch.active)
    header = path.read_bytes()[:256]
    named = header.index(b".qcow2") + len(b".qcow2")
    for length in range(256):
        path.write_bytes(header[:length])

        scan = file_rig.driver.scan(file_rig.sr)

        assert (scan.damaged == (branch.active.key,)) is (length < named), length


@pytest.mark.parametrize(
    "change, message",
    [
        ((8, struct.pack(">QI", 4, 8)), "not in its place"),
        ((8, struct.pack(">QI", 65536 - 4, 8)), "not in its place"),
        ((8, struct.pack(">QI", 4096, 1024)), "not in its place"),
        ((8, struct.pack(">QI", 2**63, 8)), "not in its place"),
        ((8, struct.pack(">QI", 4096, 0)), "not in its place"),
        ((8, struct.pack(">QI", 4096, 8)), "not there"),
        ((104, struct.pack(">I", 0x12345678)), "does not say the format"),
        ((108, struct.pack(">I", 0xFFFFFFF8)), "than its record says"),
        ((72, struct.pack(">Q", qcow2.DATA_ELSEWHERE)), "another file"),
        ((72, struct.pack(">Q", 1 << 40)), "features that are not known"),
    ],
)
def test_what_is_wrong_with_a_header_is_told(file_rig: Rig, change: tuple[int, bytes], message: str) -> None:
    branch = file_rig.snapshot(file_rig.volume())
    put(image(file_rig, branch.active), *change)

    with pytest.raises(Failed, match=message):
        file_rig.driver.attach(branch.active, fresh(), False)
