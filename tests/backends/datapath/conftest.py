"""Open disks for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.datapath.disk_rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    for owner in rig.disks.owners():
        rig.disks.close_all(owner)
    rig.disks.stop()
    rig.devices.close()
