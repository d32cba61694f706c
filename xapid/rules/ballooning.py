"""How guests share the memory of their host: what each is to have, and by which steps they get there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xapid.rules.memory import MIB


@dataclass(frozen=True)
class Holder:
    """A guest that can be given memory and asked it back, in bytes."""

    least: int
    most: int
    holds: int
    """What it has, or was told that it may have, whichever is more. 0: it is about to start."""
    came: bool = True
    """Whether it runs; memory for one that is about to start is kept for it."""


def balanced(available: int, holders: Mapping[str, Holder]) -> dict[str, int]:
    """What each is to have: its least, and beyond that the same part of its range as all others.

    In sum no more than is available, unless their least alone is more: then each gets that.
    """
    spare = available - sum(each.least for each in holders.values())
    wanted = sum(each.most - each.least for each in holders.values())
    if spare >= wanted:
        return {name: each.most for name, each in holders.items()}
    return {name: each.least + _part(each.most - each.least, max(0, spare), wanted) for name, each in holders.items()}


def _part(size: int, spare: int, wanted: int) -> int:
    """In whole MiB, rounded down."""
    return size * spare // wanted // MIB * MIB


@dataclass(frozen=True)
class Step:
    """What guests are told now, and what they do not have yet."""

    tell: Mapping[str, int]
    """New targets, by the guest; those first that give something back."""
    kept: Mapping[str, int]
    """What those who are about to start can have by now; at most what they are to have."""
    reached: bool
    """Whether those who are about to start can have what they are to have."""


def step(available: int, holders: Mapping[str, Holder]) -> Step:
    """The next step towards the balance that never gives away what nobody has given back yet."""
    targets = balanced(available, holders)
    lower = {name: targets[name] for name, each in holders.items() if each.came and targets[name] < each.holds}
    # Who was asked for something has it until it is given back.
    room = available - sum(each.holds for each in holders.values())
    kept: dict[str, int] = {}
    for name, each in holders.items():
        if not each.came:
            kept[name] = min(targets[name], max(0, room))
            room -= targets[name]
    higher: dict[str, int] = {}
    for name, each in holders.items():
        more = min(targets[name] - each.holds, room) if each.came else 0
        if more > 0:
            higher[name] = each.holds + more
            room -= more
    return Step(lower | higher, kept, all(kept[name] >= targets[name] for name in kept))
