"""One thing that is not as it should be, with what can be done about it."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Repair = Callable[[], Awaitable[None]]


class Grade(enum.StrEnum):
    """How bad it is."""

    ok = "ok"
    warning = "warning"
    trouble = "trouble"


@dataclass(frozen=True)
class Finding:
    """Where the records of a host and what is really there differ, or something belongs to nothing."""

    name: str
    """By which its repair is asked for: its kind, and a uuid or name."""
    text: str
    """What it is, in a sentence."""
    grade: Grade = Grade.warning
    repair: str = ""
    """What the repair does, in a sentence. Empty: there is none from here."""
    loses: bool = False
    """Whether the repair ends or removes something, so that it is done only where it is named."""
    mend: Repair | None = field(default=None, compare=False)
    """Does the repair, if that is still called for."""

    def told(self) -> dict[str, str]:
        """As clients see it."""
        loses = str(self.loses).lower()
        return {"name": self.name, "grade": self.grade, "text": self.text, "repair": self.repair, "loses": loses}
