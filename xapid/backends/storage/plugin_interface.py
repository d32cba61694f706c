"""The interface to storage plug-ins of third parties: which there are, and what they say of themselves."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from xapid.backends.interface import DriverInfo


class Dialect(enum.StrEnum):
    """How a plug-in is spoken to."""

    smapiv1 = "smapiv1"
    """A program for each type: a call of XML-RPC is its argument, and it writes records by calling back."""
    smapiv3 = "smapiv3"
    """A folder of programs for each type: JSON in and out."""


@dataclass(frozen=True)
class Plugin:
    """A plug-in that can be used."""

    type: str
    """Of the repositories that it serves."""
    dialect: Dialect
    path: str
    info: DriverInfo


class PluginDriver(Protocol):
    """The storage plug-ins of one host."""

    info: DriverInfo

    def find(self) -> tuple[Plugin, ...]:
        """Those that can be used now. Of others the log says why not, once for each version of their files."""
