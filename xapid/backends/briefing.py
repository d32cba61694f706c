"""What a driver is told beside its arguments that calls the toolstack back while it works."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Briefing:
    """As whom it calls, and for whom it works. Of use for this call alone."""

    session: str
    """A secret: it stands in no log."""
    socket: str
    """The Unix socket at which the toolstack answers."""
    host: str
    """The reference of the host it works on."""
    task: str = ""
    """The reference of the task it works for; empty: there is none."""


class Briefed(NamedTuple):
    """A call for which a driver is briefed."""

    briefing: Briefing
    end: Callable[[], None]
    """To be called when the call has ended."""


Brief = Callable[[tuple[Any, ...]], Briefed]
"""Briefs a driver for a call with these arguments."""


current: contextvars.ContextVar[Briefing] = contextvars.ContextVar("briefing")
"""The briefing of the call that this thread works on."""
