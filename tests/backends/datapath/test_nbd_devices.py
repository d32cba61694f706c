"""The tests of open disks, on a host of the lab: it has the kernel's NBD devices."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.lab_host import lab_host

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[3]
FOLDER = "tests/backends/datapath"
TESTS = (f"{FOLDER}/test_open_disks.py", f"{FOLDER}/test_moving_disks.py")
PACKAGES = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments", "msgspec", "pyroute2")
"""What they import."""


def test_disks_are_open_as_devices_of_the_kernel() -> None:
    with lab_host("--plain") as host:
        host.push(ROOT / "xapid", "/srv/xapid")
        host.push(ROOT / "tests", "/srv/xapid")
        for name in PACKAGES:
            host.push(_place(name), "/srv/xapid")

        # Nothing of the other tests' fixtures and settings is there.
        run = (
            f"python3 -m pytest -q -x -W ignore -c /dev/null --rootdir . --confcutdir {FOLDER} --import-mode importlib"
        )
        said = host.run(
            f"modprobe nbd max_part=0; cd /srv/xapid; {run} -k kernel {' '.join(TESTS)} 2>&1 && echo all passed;"
            " echo left: /sys/block/nbd*/backend; pgrep -a qemu-storage-d; true"
        )

    assert said.endswith("all passed\nleft: /sys/block/nbd*/backend"), said


def _place(package: str) -> Path:
    """Its folder, or file."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    found = Path(spec.origin)
    return found.parent if found.name == "__init__.py" else found
