"""By which numbers a host gives guests their parts of its processors."""

from __future__ import annotations

from pathlib import Path

import pytest

from xapid.backends.domain.control_groups import ordinary_shares, require_shares
from xapid.backends.interface import NotSupported


@pytest.mark.parametrize("controllers, shares", [("cpuset cpu io", 100), ("cpuset io", 0)])
def test_a_tree_gives_parts_if_it_has_processors(tmp_path: Path, controllers: str, shares: int) -> None:
    (tmp_path / "cgroup.controllers").write_text(controllers)

    assert ordinary_shares(tmp_path) == shares


def test_a_hierarchy_of_processors_counts_in_its_own_way(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()

    assert ordinary_shares(tmp_path) == 1024


def test_without_control_groups_there_are_no_parts(tmp_path: Path) -> None:
    assert ordinary_shares(tmp_path) == 0


def test_who_would_give_parts_that_are_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotSupported, match="weight and cap"):
        require_shares(tmp_path)

    (tmp_path / "cgroup.controllers").write_text("cpu")
    require_shares(tmp_path)
