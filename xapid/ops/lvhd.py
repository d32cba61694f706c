"""Messages of class LVHD. They are extensions of the API, and no host has a program for them."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import Host
from xapid.datamodel.errors import MESSAGE_METHOD_UNKNOWN
from xapid.runtime.context import Context


def enable_thin_provisioning(
    ctx: Context, host: Host, SR: str, initial_allocation: int, allocation_quantum: int
) -> NoReturn:
    raise MESSAGE_METHOD_UNKNOWN("LVHD.enable_thin_provisioning")
