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
    if kind is dict:
        key: Any = (*value, *value.values())
    elif kind is tuple or (kind is str and len(value) >= LONG):
        key = value
    else:
        return value
    try:
        found = _known.get((kind, key))
    except TypeError:
        # A map of maps.
        return value
    # Equal is not the same: 1 and 1.0, or a member of an enumeration and its text, are encoded differently.
    if found is None:
        if _is_weighty(key):
            return value
        if len(_known) >= MOST:
            _known.clear()
        _known[kind, key] = value
        return value
    return found if _same(found, value, kind) else value


def _is_weighty(key: Any) -> bool:
    texts = (key,) if isinstance(key, str) else key
    return sum(len(each) for each in texts if isinstance(each, str)) > WEIGHTY


def _same(found: Any, value: Any, kind: type) -> bool:
    if kind is str:
        return True
    # 0.0 and -0.0 are equal, and of one type.
    if float in map(type, found.values() if kind is dict else found):
        return repr(found) == repr(value)
    if kind is dict:
        return _types(found) == _types(value) and _types(found.values()) == _types(value.values())
    return _types(found) == _types(value)


def _types(values: Iterable[Any]) -> list[type]:
    return list(map(type, values))
