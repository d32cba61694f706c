"""The class Rate_limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import FLOAT, Object, Param, Ref, Set, dynamic, inverse, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.caller import Caller


class Rate_limit(Object, roles=POOL_ADMIN, since="26.17.0", state="prototyped", constructor=True):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", state="prototyped")
    name_label: str = rw("", "The name, for people; need not be unique.", state="prototyped")
    name_description: str = rw("", "A description, for people.", state="prototyped")
    callers: Set[Ref[Caller]] = inverse("Caller.rate_limit", state="prototyped")
    burst_size: float = static(0.0, state="prototyped")
    fill_rate: float = static(0.0, state="prototyped")

    add_caller = message("", Param("self", ref("Rate_limit")), Param("caller", ref("Caller")), state="prototyped")
    remove_caller = message("", Param("self", ref("Rate_limit")), Param("caller", ref("Caller")), state="prototyped")
    set_burst_size = message("", Param("self", ref("Rate_limit")), Param("value", FLOAT), state="prototyped")
    set_fill_rate = message("", Param("self", ref("Rate_limit")), Param("value", FLOAT), state="prototyped")
