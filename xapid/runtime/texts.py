"""Texts that clients may store: nothing that no answer could carry."""

from __future__ import annotations

from typing import Any

from xapid.datamodel.errors import INTERNAL_ERROR
from xapid.wire.decode import before_xml_illegal, xml_illegal


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


def cut_text(value: Any) -> Any:
    """What the original keeps of a value when an object is made: texts up to the first character of that kind."""
    if isinstance(value, str):
        return before_xml_illegal(value) if xml_illegal(value) else value
    if isinstance(value, dict):
        return {cut_text(key): cut_text(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(cut_text(item) for item in value)
    return value
