"""What a storage program serves: an export for each disk, named after the VBD, and below it the nodes of its images."""

from __future__ import annotations

from pathlib import Path

from xapid.backends.datapath import image_nodes
from xapid.backends.datapath.qmp import Qmp
from xapid.backends.storage.interface import VolumeFormat


def exported(monitor: Qmp) -> dict[str, str]:
    """VBD to the node that it writes to."""
    found = monitor.execute("query-block-exports")
    return {each["id"].removeprefix(_id("")): each["node-name"] for each in found if not each["shutting-down"]}


def files(monitor: Qmp) -> dict[str, str]:
    """VBD to the path of the file that it writes to."""
    nodes = {each["node-name"]: each["file"] for each in monitor.execute("query-named-block-nodes", flat=True)}
    return {vbd: nodes[node] for vbd, node in exported(monitor).items()}


def add(monitor: Qmp, vbd: str, path: Path, format: VolumeFormat, *, read_only: bool) -> None:
    """Open an image and export it."""
    node = _new_node(monitor, vbd)
    monitor.execute("blockdev-add", **image_nodes.whole(path, format, node, read_only=read_only))
    _export(monitor, vbd, node, writable=not read_only)


def remove(monitor: Qmp, vbd: str) -> None:
    """Close it, whatever there is of it. Who still reads or writes gets no answer."""
    if vbd in exported(monitor):
        _withdraw(monitor, vbd)
    # An image is held by the one above. Those that came to be together with the one above go with it.
    for node in sorted(_nodes(monitor, vbd), reverse=True):
        if "." not in node:
            monitor.execute("blockdev-del", node_name=node)


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


def _stem(vbd: str) -> str:
    # Names of nodes are at most 31 characters long.
    return f"d{vbd.replace('-', '')[:20]}-"


def _new_node(monitor: Qmp, vbd: str) -> str:
    """A name for the next image of a disk; later ones sort behind."""
    used = [int(name.removeprefix(_stem(vbd)).partition(".")[0]) for name in _nodes(monitor, vbd)]
    return f"{_stem(vbd)}{max(used, default=0) + 1:04}"
