"""Images beneath an open disk that are written over those they continue, by the program that has them open."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from xapid.backends.datapath import image_nodes
from xapid.backends.interface import Failed, NotFound

PATIENCE = 60.0
"""Seconds in which a job that was cancelled is over."""
SHORTLY = 0.02


class Monitor(Protocol):
    """A session with a program that has the images open."""

    def execute(self, command: str, **arguments: Any) -> Any: ...


def begin(monitor: Monitor, vbd: str, top: str, image: Path, into: Path, speed: int) -> None:
    """Let the program write an image over the one that it continues; the one above continues that then.

    ``top``: the node that is written to. ``speed``: bytes a second at most; 0: any number. Raises NotFound, Failed.
    """
    nodes = monitor.execute("query-named-block-nodes", flat=True)
    monitor.execute(
        "block-commit",
        job_id=_job(vbd),
        device=top,
        top_node=_node_of(nodes, image),
        base_node=_node_of(nodes, into),
        # As images name it that lie in one directory.
        backing_file=into.name,
        speed=speed,
    )


def progress(monitor: Monitor, vbd: str) -> float | None:
    """How far it is, 0 to 1; None: it has ended, or was never begun."""
    job = _find(monitor, vbd)
    if job is None:
        return None
    return job["offset"] / job["len"] if job["len"] else 0.0


def end(monitor: Monitor, vbd: str) -> None:
    """Leave it off, if there is one. What it has open is closed then."""
    if _find(monitor, vbd) is None:
        return
    with contextlib.suppress(Failed):  # It came to its end just now.
        monitor.execute("block-job-cancel", device=_job(vbd))
    until = time.monotonic() + PATIENCE
    while _find(monitor, vbd) is not None:
        if time.monotonic() > until:
            raise Failed(f"the merge beneath {vbd} does not end", vbd=vbd)
        time.sleep(SHORTLY)


def close(monitor: Monitor, paths: Iterable[str]) -> None:
    """Let go of images that were merged into others. What is read through them stays open."""
    nodes = monitor.execute("query-named-block-nodes", flat=True)
    for path in paths:
        for node in sorted(_nodes_of(nodes, path), key=_is_file):
            with contextlib.suppress(Failed):  # Somebody needs it.
                monitor.execute("blockdev-del", node_name=node["node-name"])


def _find(monitor: Monitor, vbd: str) -> dict[str, Any] | None:
    jobs: list[dict[str, Any]] = monitor.execute("query-block-jobs")
    return next((job for job in jobs if job["device"] == _job(vbd)), None)


def _job(vbd: str) -> str:
    # It may not begin with a digit.
    return f"merge-{vbd}"


def _node_of(nodes: list[dict[str, Any]], path: Path) -> str:
    if not (found := _nodes_of(nodes, str(path))):
        raise NotFound(f"{path} is not open", path=str(path))
    return str(min(found, key=_is_file)["node-name"])


def _nodes_of(nodes: list[dict[str, Any]], path: str) -> list[dict[str, Any]]:
    return [node for node in nodes if image_nodes.path_of(node["file"]) == path]


def _is_file(node: dict[str, Any]) -> bool:
    """Whether it is the file itself, and not the image in it."""
    return node["drv"] in ("file", "host_device")
