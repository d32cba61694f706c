"""Which hypervisor a machine runs."""

from __future__ import annotations

from xapid.backends.host.tree import Tree


def runs_xen(tree: Tree) -> bool:
    """Whether this is the control domain of a Xen host; a guest of one is not."""
    return "control_d" in tree.text("proc/xen/capabilities")
