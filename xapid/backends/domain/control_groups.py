"""Whether the host can give each guest its part of the processors, and by which numbers."""

from __future__ import annotations

import os
from pathlib import Path

from xapid.backends.interface import NotSupported

GROUPS = Path("/sys/fs/cgroup")
ORDINARY_IN_TREE = 100
ORDINARY_IN_HIERARCHY = 1024
"""What version 2 and version 1 of control groups give a group of which nothing is said."""


def ordinary_shares(groups: Path = GROUPS) -> int:
    """The number of an ordinary part; 0: there are no control groups of processors here that we may make."""
    tree, hierarchy = groups / "cgroup.controllers", groups / "cpu"
    if tree.exists():
        return ORDINARY_IN_TREE if "cpu" in tree.read_text().split() and os.access(groups, os.W_OK) else 0
    return ORDINARY_IN_HIERARCHY if hierarchy.is_dir() and os.access(hierarchy, os.W_OK) else 0


def require_shares(groups: Path = GROUPS) -> None:
    """Raises NotSupported where the parts that guests are to have of the processors are not theirs."""
    if not ordinary_shares(groups):
        raise NotSupported(
            "weight and cap of guests' processors (VCPUs_params) have no effect: this host gives no control groups of "
            f"processors, or {groups} cannot be written"
        )
