"""Images of machines suspended under Xen, read with another description in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from xapid.backends.domain.xen_image import HEAD, MAGIC, with_xml
from xapid.backends.interface import Failed

MEMORY = bytes(range(256)) * 8192


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(HEAD.pack(MAGIC, 2, 7) + b"<old/>\0" + MEMORY)
    return path


def test_what_is_read_has_the_new_description_and_the_same_memory(image: Path, tmp_path: Path) -> None:
    with with_xml(image, "<much-newer/>", tmp_path / "pipe") as pipe:
        read = pipe.read_bytes()

    assert HEAD.unpack(read[: HEAD.size]) == (MAGIC, 2, 14)
    assert read[HEAD.size :] == b"<much-newer/>\0" + MEMORY
    assert {path.name for path in tmp_path.iterdir()} == {"image"}


def test_nobody_waits_for_a_reader_that_never_comes(image: Path, tmp_path: Path) -> None:
    with with_xml(image, "<new/>", tmp_path / "pipe"):
        pass

    assert not (tmp_path / "pipe").exists()


def test_a_reader_may_go_early(image: Path, tmp_path: Path) -> None:
    with with_xml(image, "<new/>", tmp_path / "pipe") as pipe, pipe.open("rb", buffering=0) as reader:
        assert reader.read(4) == MAGIC[:4]


def test_one_that_has_the_pipe_too_and_never_reads_holds_up_nobody(image: Path, tmp_path: Path) -> None:
    with with_xml(image, "<new/>", tmp_path / "pipe") as pipe:
        kept = os.open(pipe, os.O_RDONLY)
    os.close(kept)

    assert not (tmp_path / "pipe").exists()


@pytest.mark.parametrize("content", [b"", b"short", bytes(1000)])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image"
    path.write_bytes(content)

    with pytest.raises(Failed), with_xml(path, "<new/>", tmp_path / "pipe"):
        pass

    assert not (tmp_path / "pipe").exists()
