"""Open disks for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.datapath.disk_rig import Rig
from tests.backends.datapath.kernel_devices import KernelDevices
from tests.backends.datapath.nbd_client import ClientDevices

KERNEL = Path("/sys/module/nbd").exists()
"""Whether it has NBD devices of its own; a host of the lab has."""


@pytest.fixture(params=[ClientDevices, *([KernelDevices] if KERNEL else [])], ids=["client", *(["kernel"] * KERNEL)])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, request.param)
    yield rig
    for owner in rig.disks.owners():
        rig.disks.release_all(owner)
    rig.disks.close()
    rig.devices.close()
