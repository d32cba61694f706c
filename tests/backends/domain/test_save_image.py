"""The head of a save image, and the file that holds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from xapid.backends.domain import save_image
from xapid.backends.interface import Failed

OLD = "5d1f9a3e-0000-4000-8000-000000000001"
NEW = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


def image(path: Path, magic: bytes = save_image.MAGIC) -> Path:
    xml = f"<domain><name>{OLD}</name><uuid>{OLD}</uuid></domain>\0".encode()
    path.write_bytes(save_image.HEAD.pack(magic, 2, len(xml)) + xml + f"memory of {OLD}".encode())
    return path


def test_a_renamed_image_names_the_new_machine_and_keeps_the_memory(tmp_path: Path) -> None:
    path = image(tmp_path / "image")
    length = path.stat().st_size

    save_image.rename(path, OLD, NEW)

    content = path.read_bytes()
    assert f"<name>{NEW}</name><uuid>{NEW}</uuid>".encode() in content
    assert content.endswith(f"memory of {OLD}".encode())
    assert len(content) == length


def test_an_image_that_was_not_finished_is_not_touched(tmp_path: Path) -> None:
    path = image(tmp_path / "image", b"LibvirtQemudPart")
    before = path.read_bytes()

    with pytest.raises(Failed):
        save_image.rename(path, OLD, NEW)

    assert path.read_bytes() == before


def test_an_image_file_keeps_at_least_the_size_of_its_volume(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(1000))
    file = save_image.ImageFile(path)

    path.write_bytes(b"short")
    file.settle()
    after_a_short_one = path.stat().st_size
    path.write_bytes(bytes(2000))
    file.settle()

    assert after_a_short_one == 1000
    assert path.stat().st_size == 2000
