"""Texts that clients may store: nothing that no answer could carry."""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import INTERNAL_ERROR
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
