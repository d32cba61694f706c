"""Images beneath an open disk that are written over those which they continue, in a storage program."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from xapid.backends.datapath import image_nodes
from xapid.backends.datapath.qmp import Qmp
from xapid.backends.interface import Failed, NotFound


def begin(monitor: Qmp, vbd: str, top: str, image: Path, into: Path, speed: int) -> None:
    """Let the program write an image over the one that it continues; the one above continues that then.

    ``top``: the node that is written to. ``speed``: bytes a second at most; 0: any number. Raises NotFound, Failed.
    """
    nodes = {each["node-name"]: each["file"] for each in monitor.execute("query-named-block-nodes", flat=True)}
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


def progress(monitor: Qmp, vbd: str) -> float | None:
    """How far it is, 0 to 1; None: it has ended, or was never begun."""
    job = _find(monitor, vbd)
    if job is None:
        return None
    return job["offset"] / job["len"] if job["len"] else 0.0


def end(monitor: Qmp, vbd: str) -> None:
    """Leave it off, if there is one. What it has open is closed then."""
    if _find(monitor, vbd) is None:
        return
    with contextlib.suppress(Failed):  # It came to its end just now.
        monitor.execute("block-job-cancel", device=_job(vbd))
    monitor.wait_for("JOB_STATUS_CHANGE", id=_job(vbd), status="null")


def _find(monitor: Qmp, vbd: str) -> dict[str, Any] | None:
    jobs: list[dict[str, Any]] = monitor.execute("query-block-jobs")
    return next((job for job in jobs if job["device"] == _job(vbd)), None)


def _job(vbd: str) -> str:
    # It may not begin with a digit.
    return f"merge-{vbd}"


def _node_of(nodes: dict[str, str], path: Path) -> str:
    for node in nodes:
        if nodes.get(image_nodes.file_of(node)) == str(path):
            return node
    raise NotFound(f"{path} is not open", path=str(path))
