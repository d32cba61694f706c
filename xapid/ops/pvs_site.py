"""Messages of class PVS_site. Streaming disks to guests needs a virtual switch, and hosts have plain bridges."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel.errors import OPENVSWITCH_NOT_ACTIVE
from xapid.runtime.context import Context


def introduce(ctx: Context, name_label: str, name_description: str, PVS_uuid: str) -> NoReturn:
    raise OPENVSWITCH_NOT_ACTIVE()
