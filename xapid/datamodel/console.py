"""The class console."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.roles import VM_ADMIN
from xapid.datamodel.types import Object, Ref, dynamic, rw

if TYPE_CHECKING:
    from xapid.datamodel.vm import VM


class ConsoleProtocol(enum.StrEnum):
    """What is spoken on a console: a serial terminal (vt100), VNC (rfb) or RDP (rdp)."""

    vt100 = "vt100"
    """A serial terminal."""
    rfb = "rfb"
    """That of VNC."""
    rdp = "rdp"
    """That of Windows."""


class Console(
    Object,
    name="console",
    roles=VM_ADMIN,
    constructor=True,
    implicit_docs={
        "create": "Refused with NOT_IMPLEMENTED, by the original too: consoles come with the domain of their machine.",
        "destroy": "Refused with NOT_IMPLEMENTED, by the original too: consoles go with the domain of their machine.",
    },
):
    """A way to see and operate a machine; consoles come and go with its domain, never by hand."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    protocol: ConsoleProtocol = dynamic(doc="What is spoken there; machines have rfb and vt100 consoles.")
    location: str = dynamic(doc="The URL by which it is reached, at the host that the machine runs on.")
    VM: Ref[VM] = dynamic(doc="The machine that it shows.")
    other_config: dict[str, str] = rw(doc="Free keys of clients.")
