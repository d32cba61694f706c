"""Messages of class Diagnostics: how the daemon uses memory and its database, and what its HTTP handlers had to do."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
from pathlib import Path

from xapid.datamodel import Host
from xapid.runtime.context import Context
from xapid.runtime.figures import RequestFigures
from xapid.store.writer import Times, Writer

log = logging.getLogger(__name__)

STATM = Path("/proc/self/statm")


def gc_compact(ctx: Context, host: Host) -> None:
    """The daemon does nothing else meanwhile: 100 ms for each 100,000 objects that were made since its start."""
    found = gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):  # Only the C library of GNU has it.
        libc.malloc_trim(0)
    log.info("memory was compacted: %d objects were not needed any more", found)


def gc_stats(ctx: Context, host: Host) -> dict[str, str]:
    """By generation, the youngest is 0: how often it was looked through, what was found, and what cannot be freed."""
    found = {
        f"{name}_{generation}": str(number)
        for generation, figures in enumerate(gc.get_stats())
        for name, number in figures.items()
    }
    virtual, resident = map(int, STATM.read_text().split()[:2])
    page = os.sysconf("SC_PAGE_SIZE")
    return {
        **found,
        "frozen": str(gc.get_freeze_count()),
        "virtual_bytes": str(virtual * page),
        "resident_bytes": str(resident * page),
    }


def db_stats(ctx: Context) -> dict[str, str]:
    """Of the commits of SQLite, in seconds, under the names of the original, which tells how long its lock was held."""
    sink = ctx.store.sink
    times = sink.commit_times if isinstance(sink, Writer) else Times()
    return {
        "n": str(times.count),
        "avgtime": f"{times.total / times.count if times.count else 0.0:f}",
        "min": f"{times.least:f}",
        "max": f"{times.most:f}",
    }


def network_stats(ctx: Context, host: Host, params: dict[str, str]) -> list[tuple[str, ...]]:
    """A row a handler that had a request. None comes in the frames that the original has among its own: they are 0."""
    figures: RequestFigures = ctx.runtime.services["request_figures"]
    wanted = params["params"].split(",") if "params" in params else None
    rows = []
    for (method, uri), each in sorted(figures.handlers.items()):
        if _is_other(params, "method", method) or _is_other(params, "uri", uri):
            continue
        row = {
            "method": method,
            "uri": uri,
            "requests": str(each.requests),
            "connections": str(each.connections),
            "framed": "0",
        }
        rows.append(tuple(value for name, value in row.items() if wanted is None or name in wanted))
    return rows


def _is_other(params: dict[str, str], name: str, value: str) -> bool:
    return name in params and params[name].lower() != value.lower()
