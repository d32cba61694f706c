"""What a benchmark prints: one line a goal, with the figure reached, the goal, and whether it is met."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Goal:
    """What is to be reached: at least, or at most, so much."""

    limit: float
    at_most: bool = False

    def met(self, figure: float) -> bool:
        return figure <= self.limit if self.at_most else figure >= self.limit


def at_least(limit: float) -> Goal:
    return Goal(limit)


def at_most(limit: float) -> Goal:
    return Goal(limit, at_most=True)


def say(what: str, figure: float, unit: str, goal: Goal | None = None, beside: str = "") -> None:
    """Print a line. ``unit`` is what follows the figure: ``x the empty route``; ``beside``: what explains it."""
    number = f"{figure:.0%}" if unit.startswith("%") else f"{figure:.2f}"
    said = f"{number} {unit.removeprefix('%').strip()}"
    aim = ""
    if goal is not None:
        limit = f"{goal.limit:.0%}" if unit.startswith("%") else f"{goal.limit:g}"
        aim = f"goal {'<=' if goal.at_most else '>='} {limit:6} {'ok' if goal.met(figure) else 'SHORT'}"
    print(f"{what:54} {said:34} {aim:24} {beside}".rstrip(), flush=True)


def middle(figures: Iterable[float]) -> float:
    return float(median(figures))


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, to the nanosecond: others use this machine too."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def children_seconds() -> float:
    """Processor time of the processes that this one started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def quick() -> bool:
    """Whether ``--quick`` was asked for: less time, rougher figures."""
    return "--quick" in sys.argv


def load_average() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
