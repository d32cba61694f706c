"""The file that takes space for nothing: what is in its place already."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from xapid.store.writer import Ballast

SIZE = 4096


@pytest.fixture
def ballast(tmp_path: Path) -> Ballast:
    return Ballast(tmp_path / "ballast", SIZE)


def test_it_takes_space_for_its_owner_alone_until_it_is_given_back(ballast: Ballast, tmp_path: Path) -> None:
    for _ in range(2):
        assert ballast.take()
    found = (tmp_path / "ballast").stat()
    assert (found.st_size, found.st_mode & 0o777) == (SIZE, 0o600)

    assert ballast.give_back()
    assert not ballast.give_back()


def test_what_a_link_leads_to_is_not_filled(ballast: Ballast, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("somebody's")
    (tmp_path / "ballast").symlink_to(tmp_path / "other")

    assert not ballast.take()
    assert ballast.reason
    assert ballast.take()
    assert (tmp_path / "other").read_text() == "somebody's"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_in_the_way_is_told(ballast: Ballast, tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "ballast"
    make(path)

    assert not ballast.take()
    assert ballast.reason in ("is a directory", "illegal seek")
