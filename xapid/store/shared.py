"""Equal values of rows kept once: thousands of machines have the same platform, recommendations, operations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MOST = 1024
"""Values remembered. Beyond, all are forgotten: those that are common are met again soon, the others never."""
LONG = 64
"""Texts of fewer characters are not worth the search."""

WEIGHTY = 16 * 1024
"""Characters of a value that is not remembered: clients send large ones, which are not to outlive their rows."""

_known: dict[Any, Any] = {}


def shared(value: Any) -> Any:
    """The same value, as the first row has it that had it. Values of rows are never changed, so nobody can tell."""
    kind = type(value)
    if kind is str:
        return value if len(value) < LONG else _first(value, value, (value,))
    if kind is not tuple and kind is not dict:
        return value
    parts = value if kind is tuple else (*value, *value.values())
    # Equal is not the same: 1 and 1.0, or a member of an enumeration and its text, are encoded differently.
    types = tuple(map(type, parts))
    found = _first((kind, parts, types), value, parts)
    # 0.0 and -0.0 are equal, and of one type.
    return value if float in types and repr(found) != repr(value) else found


def _first(key: Any, value: Any, parts: tuple[Any, ...]) -> Any:
    """The value that is remembered under a key: this one from now on, if there is none yet."""
    try:
        found = _known.get(key)
    except TypeError:
        # A map of maps.
        return value
    if found is not None:
        return found
    if not _is_weighty(parts):
        if len(_known) >= MOST:
            _known.clear()
        _known[key] = value
    return value


def _is_weighty(parts: Iterable[Any]) -> bool:
    return sum(len(each) for each in parts if isinstance(each, str)) > WEIGHTY
