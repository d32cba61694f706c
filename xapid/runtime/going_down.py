"""That a host is to go down, as it is kept while the toolstack may start anew."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

import msgspec

from xapid.runtime.local_settings import BOOT, GOING_DOWN, LocalSettings

LONGEST = 600.0
"""Seconds after which nobody counts on it any more: a toolstack that starts later leaves the machine alone."""


class Descent(msgspec.Struct, frozen=True):
    """What was asked for."""

    operation: Literal["shutdown", "reboot"]
    task: str
    """The task that tells how far it is."""
    asked: float
    """When, by the clock that never jumps."""
    boot: str
    """In which boot of the machine."""


def keep(settings: LocalSettings, descent: Descent) -> None:
    """Have a toolstack that starts anew go on with it. Blocks; raises OSError."""
    settings.put(GOING_DOWN, msgspec.json.encode(descent).decode())


def forget(settings: LocalSettings) -> None:
    """It is over. Blocks; raises OSError."""
    settings.put(GOING_DOWN, "")


def kept(settings: LocalSettings) -> Descent | None:
    """What the last toolstack left, whatever became of it; None too for a text that somebody else wrote there."""
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(settings.get(GOING_DOWN), type=Descent)
    return None


def spared(settings: LocalSettings) -> str:
    """The task that does not end with the toolstack, if there is one."""
    descent = kept(settings)
    return "" if descent is None else descent.task


def is_due(settings: LocalSettings, descent: Descent, now: float) -> bool:
    """Whether it is still to be done: in the boot in which it was asked for, and not long ago."""
    return descent.boot == settings.get(BOOT) and 0 <= now - descent.asked <= LONGEST
