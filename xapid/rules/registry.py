"""Every check of an operation and every derived field: what the guard and the store are built with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xapid.store.derive import Derivation
from xapid.store.store import Store

Check = Callable[[Store, Any, str], None]
"""``check(store, row, operation)`` raises the error a client gets if the operation may not be started now."""

CHECKS: dict[str, Check] = {}
"""By class."""

DERIVATIONS: tuple[Derivation, ...] = ()
"""In no order: none depends on another's field."""
