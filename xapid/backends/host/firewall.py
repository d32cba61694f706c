"""The firewall of this machine, if it is firewalld: which ports other machines can reach."""

from __future__ import annotations

from collections.abc import Mapping

from xapid.backends.host.logins import SLICES
from xapid.backends.host.tree import Tree
from xapid.backends.process import Run

SERVICE = "firewalld.service"


def set_ports(tree: Tree, run: Run, ports: Mapping[int, bool]) -> None:
    """Open and close TCP ports until the firewall starts anew. Without firewalld there is nothing to do."""
    if not any(tree.is_directory(f"{folder}/{SERVICE}") for folder in SLICES):
        return
    for port, is_open in sorted(ports.items()):
        run(["firewall-cmd", f"--{'add' if is_open else 'remove'}-port={port}/tcp"])
