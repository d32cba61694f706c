"""What a storage program serves: an export for each disk, named after the VBD, and below it the nodes of its images."""

from __future__ import annotations

import contextlib
from pathlib import Path

from xapid.backends.datapath import image_nodes, merges
from xapid.backends.datapath.qmp import Qmp
from xapid.backends.interface import BackendError, Failed, NotFound
from xapid.backends.storage.interface import VolumeFormat


def exported(monitor: Qmp) -> dict[str, str]:
    """VBD to the node that it writes to."""
    found = monitor.execute("query-block-exports")
    return {each["id"].removeprefix(_id("")): each["node-name"] for each in found if not each["shutting-down"]}


def files(monitor: Qmp) -> dict[str, str]:
    """VBD to the path of the file that it writes to."""
    nodes = {each["node-name"]: each["file"] for each in monitor.execute("query-named-block-nodes", flat=True)}
    return {vbd: nodes[image_nodes.file_of(node)] for vbd, node in exported(monitor).items()}


def add(monitor: Qmp, vbd: str, path: Path, format: VolumeFormat, *, read_only: bool) -> None:
    """Open an image and export it. Nothing of this disk is open."""
    node = _new_node(monitor, vbd)
    monitor.execute("blockdev-add", **image_nodes.whole(path, format, node, read_only=read_only))
    _export(monitor, vbd, node, writable=not read_only)


def remove(monitor: Qmp, vbd: str) -> None:
    """Close it, whatever there is of it. Who still reads or writes gets no answer."""
    if vbd in exported(monitor):
        _withdraw(monitor, vbd)
    merges.end(monitor, vbd)
    # An image is held by the one above. Those that came to be together with the one above go with it.
    for node in sorted(_nodes(monitor, vbd), reverse=True):
        if "." not in node:
            monitor.execute("blockdev-del", node_name=node)


def switch(monitor: Qmp, moves: dict[str, tuple[Path, bool]]) -> None:
    """Go on in overlays of what is open now, all at one moment, or none: VBD to path, and whether to read only."""
    tops = exported(monitor)
    above: dict[str, str] = {}
    try:
        for vbd, (path, read_only) in moves.items():
            tidy(monitor, vbd)
            node = _new_node(monitor, vbd)
            monitor.execute("blockdev-add", **image_nodes.overlay(path, node, read_only=read_only))
            above[tops[vbd]] = node
        steps = [{"type": "blockdev-snapshot", "data": {"node": old, "overlay": new}} for old, new in above.items()]
        monitor.execute("transaction", actions=steps)
    except BaseException:
        for node in above.values():
            with contextlib.suppress(BackendError):
                monitor.execute("blockdev-del", node_name=node)
        raise


def resize(monitor: Qmp, vbd: str, size: int, *, read_only: bool) -> None:
    """Its clients are gone afterwards, whether that succeeds or not: the size of an export never changes."""
    node = exported(monitor)[vbd]
    tidy(monitor, vbd)
    _withdraw(monitor, vbd)
    try:
        monitor.execute("block_resize", node_name=node, size=size)
    finally:
        renew(monitor, vbd, read_only=read_only)


def renew(monitor: Qmp, vbd: str, *, read_only: bool) -> None:
    """Export once more what is open already, if need be. Raises NotFound if it is not."""
    if vbd not in exported(monitor):
        _export(monitor, vbd, _top(monitor, vbd), writable=not read_only)


def _export(monitor: Qmp, vbd: str, node: str, *, writable: bool) -> None:
    monitor.execute("block-export-add", type="nbd", id=_id(vbd), name=vbd, node_name=node, writable=writable)


def _withdraw(monitor: Qmp, vbd: str) -> None:
    monitor.execute("block-export-del", id=_id(vbd), mode="hard")
    monitor.wait_for("BLOCK_EXPORT_DELETED", id=_id(vbd))


def _id(vbd: str) -> str:
    # It may not begin with a digit.
    return f"disk-{vbd}"


def _nodes(monitor: Qmp, vbd: str) -> list[str]:
    names = (each["node-name"] for each in monitor.execute("query-named-block-nodes", flat=True))
    return [name for name in names if name.startswith(_stem(vbd))]


def tidy(monitor: Qmp, vbd: str) -> None:
    """Close images that a disk is not read through: of a move that never happened, or merged into another since."""
    top = exported(monitor)[vbd]
    for node in _nodes(monitor, vbd):
        if node != top and "." not in node:
            with contextlib.suppress(Failed):  # The one above needs it.
                monitor.execute("blockdev-del", node_name=node)


def _top(monitor: Qmp, vbd: str) -> str:
    if not (nodes := [node for node in _nodes(monitor, vbd) if "." not in node]):
        raise NotFound(f"the disk {vbd} is not open", vbd=vbd)
    return max(nodes)


def _stem(vbd: str) -> str:
    # Names of nodes are at most 31 characters long.
    return f"d{vbd.replace('-', '')[:18]}-"


def _new_node(monitor: Qmp, vbd: str) -> str:
    """A name for the next image of a disk; later ones sort behind."""
    used = [int(name.removeprefix(_stem(vbd)).partition(".")[0]) for name in _nodes(monitor, vbd)]
    return f"{_stem(vbd)}{max(used, default=0) + 1:04}"
