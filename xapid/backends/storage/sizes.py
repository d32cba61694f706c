"""Sizes of volumes: what a type of repository makes of the size that was asked for."""

from __future__ import annotations

from xapid.backends.interface import BadConfig

SECTOR = 512
"""Bytes that a guest reads or writes at least."""
MIB = 1024 * 1024
TIB = 1024**4
LARGEST = 64 * TIB
"""Bytes of the largest volume that is a file; an image that says more is damaged."""


def rounded(size: int, step: int, limit: int) -> int:
    """The size of a new volume: the next multiple of ``step``, at least one. Raises BadConfig, key ``size``."""
    if not 0 <= size <= limit:
        raise BadConfig(f"a volume cannot have {size} bytes: 0 to {limit} are possible", key="size")
    return max(1, -(-size // step)) * step


def grown(old: int, size: int, step: int, limit: int) -> int:
    """The size of a volume after a resize to ``size``. Raises BadConfig if it would shrink."""
    if size < 0:
        # The original's own check does not see this one: an error without a number of its own.
        raise BadConfig(f"a volume cannot have {size} bytes", key="size", code="1200")
    new = rounded(size, step, limit)
    if new < old:
        raise BadConfig(f"a volume of {old} bytes cannot become smaller ({size})", key="size")
    return new
