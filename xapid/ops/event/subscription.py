"""What a client asked for: classes or single objects, and the token up to which it knows them."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from xapid.datamodel.errors import EVENT_FROM_TOKEN_PARSE_FAILURE
from xapid.datamodel.types import CLASSES

_NUMBER = re.compile(r"[+-]?(0[xX][0-9a-fA-F][0-9a-fA-F_]*|0[oO][0-7][0-7_]*|0[bB][01][01_]*|[0-9][0-9_]*)")
_LARGEST = 2**62 - 1
LONGEST = 1000
"""Characters of a token: numbers of thousands of digits are none of ours."""
LONGEST_REFERENCE = 256
_BY_LOWER = {name.lower(): name for name in CLASSES}


class Token(NamedTuple):
    """Generations up to which a client has seen objects, and messages."""

    objects: int
    messages: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a token; the empty one is older than everything. Raises EVENT_FROM_TOKEN_PARSE_FAILURE [text]."""
        if text == "":
            return cls(0, 0)
        parts = text.split(",")
        if len(text) > LONGEST or len(parts) != 2 or not all(_NUMBER.fullmatch(part) for part in parts):
            raise EVENT_FROM_TOKEN_PARSE_FAILURE(text)
        numbers = [_number(part) for part in parts]
        if any(abs(number) > _LARGEST for number in numbers):
            raise EVENT_FROM_TOKEN_PARSE_FAILURE(text)
        return cls(*numbers)

    def __str__(self) -> str:
        return f"{self.objects:020d},{self.messages:020d}"


def _number(text: str) -> int:
    plain = text.replace("_", "")
    prefixed = plain.lstrip("+-")[:2].lower() in ("0x", "0o", "0b")
    return int(plain, 0) if prefixed else int(plain)


def matches_something(text: str) -> bool:
    """Whether there may ever be an object that is meant: no reference is as long as a call."""
    name, _, ref = text.partition("/")
    return text == "*" or (name.lower() in _BY_LOWER and len(ref) <= LONGEST_REFERENCE)


class Subscription:
    """Which objects somebody wants to hear of. Unknown classes match nothing."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self.texts = texts
        self.everything = "*" in texts
        self.classes: set[str] = set()
        self.objects: dict[str, set[str]] = {}
        for text in texts:
            name, slash, ref = text.partition("/")
            cls = _BY_LOWER.get(name.lower())
            if cls is None:
                continue
            if slash:
                self.objects.setdefault(cls, set()).add(ref)
            else:
                self.classes.add(cls)

    @property
    def names(self) -> frozenset[str] | None:
        """Classes to wait for; None: all."""
        return None if self.everything else frozenset(self.classes | self.objects.keys())

    def wants(self, cls: str, ref: str) -> bool:
        return self.everything or cls in self.classes or ref in self.objects.get(cls, ())

    def single(self, cls: str) -> set[str] | None:
        """The only references wanted of a class; None: all of them."""
        if self.everything or cls in self.classes:
            return None
        return self.objects.get(cls, set())
