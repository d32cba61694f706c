"""What a value must be before it is written: a mistake of ours is to fail here, not at a client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from xapid.datamodel.types import IntType, Type
from xapid.wire.raw import INT_HIGHEST, INT_LOWEST


def checked_int(value: Any) -> int:
    """The value, if it is an integer of 64 bits. Raises TypeError or ValueError otherwise."""
    if type(value) is not int:
        raise TypeError(f"not an integer: {value!r}")
    if not INT_LOWEST <= value <= INT_HIGHEST:
        raise ValueError(f"an integer beyond 64 bits: {value}")
    return value


def checked_items(value: Any) -> Iterable[Any]:
    """The value, if it is something like a set. Raises TypeError for texts and maps, which can be iterated too."""
    if type(value) is not tuple and isinstance(value, str | bytes | Mapping):
        raise TypeError(f"not a set: {type(value).__name__}")
    items: Iterable[Any] = value
    return items


def checked_void(value: Any) -> None:
    """Raises TypeError if there is a result where there should be none."""
    if value is not None:
        raise TypeError(f"a result where there should be none: {value!r}")


def key_text(kind: Type) -> Callable[[Any], str]:
    """The function that writes a key of a map: keys are always texts. Raises TypeError for what is not of the type."""
    if isinstance(kind, IntType):
        return lambda key: str(checked_int(key))
    # Of a member of an enumeration this gives the plain text.
    return str.__str__


def sendable(text: str) -> str:
    """The text of an error, which may come from anywhere, with a question mark for each lone surrogate."""
    return text.encode(errors="replace").decode()
