"""How QEMU's block layer is told to open an image and all that it continues: nothing is left for it to guess.

QEMU would follow what the header of an image says, which may come from a client: to any file, or over the network. So
each file is named, with its format; what a header names counts as the name of a file beside it, whatever it looks like.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from xapid.backends.domain import preflight
from xapid.backends.interface import Failed, NotFound, NotSupported
from xapid.backends.storage import qcow2
from xapid.backends.storage.interface import VolumeFormat

FORMATS = frozenset(each.value for each in VolumeFormat)
DEEPEST = 256
"""How many files one disk may be read through."""


def whole(path: Path, format: VolumeFormat, name: str, *, read_only: bool) -> dict[str, Any]:
    """Options of a node ``name``, which opens an image with all that it continues: nodes ``NAME.1`` and so on."""
    nodes: dict[str, Any] | None = None
    for depth, (file, kind) in reversed(list(enumerate(_chain(path, format)))):
        below, nodes = nodes, _image(file, kind, f"{name}.{depth}" if depth else name)
        if kind is VolumeFormat.qcow2:
            nodes["backing"] = below
    assert nodes is not None
    return nodes | {"read-only": read_only}


def overlay(path: Path, name: str, *, read_only: bool) -> dict[str, Any]:
    """Options of a node that opens an image alone, to be put above an open one."""
    return _image(path, VolumeFormat.qcow2, name) | {"read-only": read_only, "backing": None}


def file_of(name: str) -> str:
    """The node of the file in which the image of a node is."""
    return f"{name}.f"


def path_of(named: str) -> str:
    """The file of an image as QEMU names it: with all that it continues, where the image itself says that otherwise."""
    if not named.startswith("json:"):
        return named
    options = json.loads(named.removeprefix("json:"))
    return str(options.get("file", options)["filename"])


def _image(path: Path, format: VolumeFormat, name: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "driver": format.value,
        "node-name": name,
        "read-only": True,
        "file": {
            "driver": "host_device" if stat.S_ISBLK(path.stat().st_mode) else "file",
            "node-name": file_of(name),
            "filename": str(path),
            "cache": {"direct": preflight.direct(str(path))},
        },
        "discard": "unmap",
    }
    return options


def _chain(path: Path, format: VolumeFormat) -> list[tuple[Path, VolumeFormat]]:
    """Images from the one that is written to that which continues none. Raises NotFound (fact ``path``), Failed."""
    chain = [(path, format)]
    while chain[-1][1] is VolumeFormat.qcow2:
        above = chain[-1][0]
        try:
            below = qcow2.backing(above)
        except FileNotFoundError as error:
            raise NotFound(f"there is no file {above}", path=str(above)) from error
        except OSError as error:
            raise Failed(f"{above}: {error.strerror}", path=str(above)) from error
        if below is None:
            break
        if len(chain) == DEEPEST:
            raise Failed(f"{path} continues more than {DEEPEST} images, or itself", path=str(path))
        if below.format not in FORMATS:
            raise NotSupported(f"{above} continues an image of format {below.format}", path=str(above))
        file = Path(os.path.normpath(above.parent / below.file))
        if file.parent != path.parent or file.is_symlink():
            raise NotSupported(f"{above} continues an image that lies elsewhere", path=str(above))
        chain.append((file, VolumeFormat(below.format)))
    preflight.require_paths(str(file) for file, _ in chain)
    return chain
