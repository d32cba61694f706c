"""The example storage plug-ins, installed for a daemon of a test."""

from __future__ import annotations

import shutil
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).parent / "plugins"
V1, V3 = "example", "example3"
"""The types that they serve."""


@dataclass(frozen=True)
class Installed:
    """Folders as the settings name them, on which a test may work."""

    folder: Path

    @property
    def smapiv1(self) -> Path:
        return self.folder / "sm"

    @property
    def smapiv3(self) -> Path:
        return self.folder / "storage-script"

    @property
    def program(self) -> Path:
        return self.smapiv1 / "ExampleSR"

    @property
    def volume(self) -> Path:
        return self.smapiv3 / "volume" / f"org.xen.xapi.storage.{V3}"

    @property
    def environment(self) -> dict[str, str]:
        """By which a daemon finds them."""
        return {"XAPID_STORAGE_SMAPIV1": str(self.smapiv1), "XAPID_STORAGE_SMAPIV3": str(self.smapiv3)}


def short_folder() -> Path:
    """A new one for a socket: XenAPI.py takes none with an underscore in its path."""
    folder = Path("/tmp") / f"xp-{uuid.uuid4().hex[:12]}"
    folder.mkdir(mode=0o700)
    return folder


def install(folder: Path) -> Installed:
    """Copies of both, run by the Python that has what they need."""
    made = Installed(folder)
    shutil.copytree(EXAMPLES / "smapiv1", made.smapiv1)
    shutil.copytree(EXAMPLES / "smapiv3", made.smapiv3, symlinks=True)
    (made.smapiv3 / "volume" / "org.xen.xapi.storage.example").rename(made.volume)
    for program in (made.program, made.smapiv3 / "example.py"):
        _, _, rest = program.read_text().partition("\n")
        program.write_text(f"#!{sys.executable}\n{rest}")
    return made
