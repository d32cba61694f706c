"""Messages of class SR about its figures over time. Those of now are known; none is kept yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from xapid.datamodel import SR
from xapid.datamodel.errors import INTERNAL_ERROR, NOT_IMPLEMENTED
from xapid.ops import repositories
from xapid.runtime.context import Context


@dataclass(frozen=True)
class _Figure:
    field: str
    """Of the SR."""
    description: str


FIGURES = {
    "physical_utilisation": _Figure("physical_utilisation", "Bytes of the repository that are taken"),
    "size": _Figure("physical_size", "Bytes that the repository has"),
}
"""By name, in the order of the alphabet."""


def get_data_sources(ctx: Context, sr: SR) -> list[dict[str, Any]]:
    """What is told of a repository, which a host has to see."""
    repositories.of(ctx, sr)
    return [
        {
            "name_label": name,
            "name_description": figure.description,
            "enabled": False,
            "standard": True,
            "units": "B",
            "min": 0.0,
            "max": float("inf"),
            "value": 0.0,
        }
        for name, figure in FIGURES.items()
    ]


def query_data_source(ctx: Context, sr: SR, data_source: str) -> float:
    """What a figure is now."""
    repositories.of(ctx, sr)
    return float(getattr(sr, _known(data_source).field))


def record_data_source(ctx: Context, sr: SR, data_source: str) -> NoReturn:
    """Begin to keep a figure."""
    repositories.of(ctx, sr)
    _known(data_source)
    raise NOT_IMPLEMENTED("SR.record_data_source")


def forget_data_source_archives(ctx: Context, sr: SR, data_source: str) -> None:
    """Forget what was kept of a figure: nothing was."""
    repositories.of(ctx, sr)


def _known(data_source: str) -> _Figure:
    figure = FIGURES.get(data_source)
    if figure is None:
        raise INTERNAL_ERROR(f"no figure {data_source!r} is taken of the repository")
    return figure
