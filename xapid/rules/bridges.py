"""Names of the bridges that networks are made of."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection

from xapid.datamodel import Network
from xapid.datamodel.errors import BRIDGE_NAME_EXISTS, INVALID_VALUE
from xapid.store.store import Store

OURS = "xapi"
"""Bridges of networks whose creator named none are numbered after this."""

RESERVED = ("xen", OURS, "vif", "tap", "eth")
"""Names of interfaces that hosts make themselves begin like this."""

_LINUX_NAME = re.compile(r"[^/\s:]{1,15}")


def check_name(store: Store, name: str) -> None:
    """Whether a client may call the bridge of a new network this. Raises INVALID_VALUE, BRIDGE_NAME_EXISTS."""
    if not _LINUX_NAME.fullmatch(name) or name in (".", "..") or name.startswith(RESERVED):
        raise INVALID_VALUE("bridge", name)
    if name in _names(store):
        raise BRIDGE_NAME_EXISTS(name)


def free_name(store: Store, others: Collection[str] = ()) -> str:
    """A name for the bridge of a network whose creator gave none. ``others``: what else is not to be had."""
    taken = _names(store).union(others)
    return next(name for name in map(f"{OURS}{{}}".format, itertools.count()) if name not in taken)


def is_numbered(name: str) -> bool:
    """Whether a bridge was named by us, so that its number means nothing to anybody."""
    return name.startswith(OURS) and name.removeprefix(OURS).isdecimal()


def _names(store: Store) -> set[str]:
    return {network.bridge for network in store.all(Network)}
