"""The class Rate_limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xapid.datamodel.roles import POOL_ADMIN
from xapid.datamodel.types import FLOAT, Object, Param, Ref, Set, dynamic, inverse, message, ref, rw, static

if TYPE_CHECKING:
    from xapid.datamodel.caller import Caller


class Rate_limit(Object, roles=POOL_ADMIN, since="26.17.0", state="prototyped", constructor=True):
    """A bucket of tokens for the calls of some callers: a call that finds none waits until one has come."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", state="prototyped")
    name_label: str = rw("", "The name, for people; need not be unique.", state="prototyped")
    name_description: str = rw("", "A description, for people.", state="prototyped")
    callers: Set[Ref[Caller]] = inverse("Caller.rate_limit", "The callers whose calls empty it.", state="prototyped")
    burst_size: float = static(0.0, "How many tokens it holds at most; a call takes one.", state="prototyped")
    fill_rate: float = static(0.0, "How many tokens come in a second.", state="prototyped")

    add_caller = message(
        "Let the calls of a caller empty this bucket, and no other from then on.",
        Param("self", ref("Rate_limit"), "The bucket."),
        Param("caller", ref("Caller"), "The caller."),
        state="prototyped",
    )
    remove_caller = message(
        "Let the calls of a caller empty this bucket no longer.",
        Param("self", ref("Rate_limit"), "The bucket."),
        Param("caller", ref("Caller"), "The caller."),
        state="prototyped",
    )
    set_burst_size = message(
        "Say how many tokens the bucket holds at most.",
        Param("self", ref("Rate_limit"), "The bucket."),
        Param("value", FLOAT, "A number above 0."),
        state="prototyped",
    )
    set_fill_rate = message(
        "Say how many tokens come in a second.",
        Param("self", ref("Rate_limit"), "The bucket."),
        Param("value", FLOAT, "A number above 0."),
        state="prototyped",
    )
