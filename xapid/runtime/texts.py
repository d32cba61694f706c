"""Texts that clients may store: nothing that no answer could carry."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

from xapid.datamodel.errors import INTERNAL_ERROR, INVALID_VALUE
from xapid.wire.decode import xml_illegal


def check_text(value: Any) -> None:
    """Refuse characters that no XML answer could carry. Raises INTERNAL_ERROR, as the original does."""
    if isinstance(value, str):
        if xml_illegal(value):
            raise INTERNAL_ERROR("a character that XML cannot carry")
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "":
                raise INTERNAL_ERROR("the key of a map is empty")
            check_text(key)
            check_text(item)
    elif isinstance(value, tuple):
        for item in value:
            check_text(item)


LARGEST = 4 * 1024 * 1024
"""Characters of a map or set that clients add to. What they set whole is no longer than a call."""
FEW = 8
"""Entries that are not looked at: each was no longer than a call."""


def check_room(field: str, present: Mapping[Any, Any] | tuple[Any, ...]) -> None:
    """Refuse to let a map or a set grow without bound: each change writes all of it. Raises INVALID_VALUE."""
    if len(present) <= FEW:
        return
    parts = chain(present.keys(), present.values()) if isinstance(present, Mapping) else present
    if sum(len(each) for each in parts if isinstance(each, str)) > LARGEST:
        raise INVALID_VALUE(field, f"it has more than {LARGEST >> 20} MiB")
