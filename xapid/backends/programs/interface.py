"""The interface to programs of a host: small scripts that extend what its toolstack can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from xapid.backends.interface import DriverInfo

PLUGINS = "plugins"
EXTENSIONS = "extensions"


@dataclass(frozen=True)
class Outcome:
    """How a program ended, and what it printed. What is no UTF-8 shows as U+FFFD."""

    status: int
    """Its exit status; 0 where a signal ended it."""
    signal: str
    """Name of the signal that ended it, ``SIGKILL``; empty if none did."""
    stdout: str
    stderr: str


class ProgramDriver(Protocol):
    """The programs of one host, in folders by what they are for."""

    info: DriverInfo

    def exists(self, folder: str, name: str) -> bool:
        """Whether there is a program of this name in a folder itself, and not above or below it."""

    def names(self, folder: str) -> tuple[str, ...]:
        """The programs in a folder, in order: files that may be run."""

    def run(
        self,
        folder: str,
        name: str,
        arguments: tuple[str, ...],
        reads: str = "",
        environment: tuple[tuple[str, str], ...] = (),
    ) -> Outcome:
        """Run a program to its end; ``reads`` is what it has to read, ``environment`` what it finds besides ours.

        Raises NotFound, and Failed if it cannot be started.
        """
