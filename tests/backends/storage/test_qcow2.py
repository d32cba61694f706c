"""Images whose header we write ourselves are what QEMU takes them for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xapid.backends.interface import Failed
from xapid.backends.process import run
from xapid.backends.storage import qcow2

MIB = 1024 * 1024
SIZES = (2 * MIB, 512 * MIB, 514 * MIB, 2 * 1024**4, 64 * 1024**4)


@pytest.mark.parametrize("size", SIZES)
def test_a_new_image_says_its_size(tmp_path: Path, size: int) -> None:
    qcow2.create(tmp_path / "image", size)

    assert qcow2.virtual_size(tmp_path / "image") == size
    assert (tmp_path / "image").stat().st_size == qcow2.pristine_size(size)


def test_an_image_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "image").write_text("precious")

    with pytest.raises(FileExistsError):
        qcow2.create(tmp_path / "image", MIB)


@pytest.mark.parametrize("content", [b"", b"QFI\xfb", b"\0" * 64, b"#!/bin/sh" * 10])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "image").write_bytes(content)

    with pytest.raises(Failed):
        qcow2.virtual_size(tmp_path / "image")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    qcow2.create(tmp_path / "image", MIB)
    (tmp_path / "link").symlink_to("image")

    with pytest.raises(OSError, match="symbolic"):
        qcow2.virtual_size(tmp_path / "link")


@pytest.mark.libvirt
@pytest.mark.parametrize("size", SIZES)
def test_qemu_finds_no_fault_in_a_new_image(tmp_path: Path, size: int) -> None:
    image = tmp_path / "image"
    qcow2.create(image, size)

    checked = json.loads(run(["qemu-img", "check", "-f", "qcow2", "--output=json", "--", str(image)]))
    facts = json.loads(run(["qemu-img", "info", "-f", "qcow2", "--output=json", "--", str(image)]))

    assert checked["check-errors"] == 0
    assert "leaks" not in checked
    assert (facts["virtual-size"], facts["cluster-size"]) == (size, qcow2.CLUSTER)
    assert facts["format-specific"]["data"]["compat"] == "1.1"


@pytest.mark.libvirt
def test_qemu_reads_through_an_overlay_what_its_base_has(tmp_path: Path) -> None:
    qcow2.create(tmp_path / "base", 4 * MIB)
    run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x61 1M 64k", "--", str(tmp_path / "base")])
    qcow2.create(tmp_path / "overlay", 4 * MIB, qcow2.Backing("base", "qcow2"))

    read = run(["qemu-io", "-f", "qcow2", "-c", "read -P 0x61 1M 64k", "--", str(tmp_path / "overlay")])
    facts = json.loads(run(["qemu-img", "info", "-f", "qcow2", "--output=json", "--", str(tmp_path / "overlay")]))

    assert "verification failed" not in read
    assert (facts["backing-filename"], facts["backing-filename-format"]) == ("base", "qcow2")
