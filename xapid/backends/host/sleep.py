"""How deep the processors of this machine may sleep while they are idle, by the kernel's files for it."""

from __future__ import annotations

import re

from xapid.backends.host.tree import Tree
from xapid.backends.interface import NotSupported

CPUS = "sys/devices/system/cpu"
POLLING = "POLL"
"""A processor in this state does not sleep: it waits in a loop."""
STATE = re.compile(r"C([0-9]+)(E?)")
"""Depth, and whether it is the deeper of two of this depth; drivers add words of their own."""


def depth(name: str) -> tuple[int, int]:
    """State and substate by the name that the kernel's driver gives it. What it calls otherwise may be deepest."""
    if name == POLLING:
        return 0, 0
    found = STATE.match(name)
    return (int(found[1]), 1 if found[2] else 0) if found else (99, 0)


def set_max_cstate(tree: Tree, state: int | None, substate: int | None) -> None:
    """Switch off all states that are deeper. Raises NotSupported if there are none."""
    known = False
    for cpu in (name for name in tree.names(CPUS) if re.fullmatch(r"cpu[0-9]+", name)):
        for entry in tree.names(f"{CPUS}/{cpu}/cpuidle"):
            known = True
            folder = f"{CPUS}/{cpu}/cpuidle/{entry}"
            tree.set(
                f"{folder}/disable", "1" if _is_deeper(depth(tree.line(f"{folder}/name")), state, substate) else "0"
            )
    if not known and state is not None:
        raise NotSupported("the kernel of this host does not let its processors sleep, or does not say how")


def _is_deeper(found: tuple[int, int], state: int | None, substate: int | None) -> bool:
    if state is None or found[0] < state:
        return False
    return found[0] > state or (substate is not None and found[1] > substate)
