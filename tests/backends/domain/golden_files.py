"""Files with XML that somebody has looked at: a change of what is made is a diff that somebody reads."""

from __future__ import annotations

import os
from pathlib import Path


def looked_at(folder: Path, name: str, made: str) -> str:
    """What stands in a file; with XAPID_WRITE_GOLDEN=1 it is written anew first."""
    path = folder / f"{name}.xml"
    if os.environ.get("XAPID_WRITE_GOLDEN"):
        path.write_text(made)
    return path.read_text()
