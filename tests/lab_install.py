"""xapid as `make install-host` leaves it, on a virtual host of the lab."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from tests.daemon import ROOT, Client
from tests.demo_guest import CACHE, demo_guest
from tests.lab_host import LabHost, lab_host

DEBIANS_PYTHON = "/usr/bin/python3"
BOOT_LIMIT = 600.0
"""Seconds for a guest emulated on a host that is emulated, or for systemd to have the daemon back."""
SCRIPTS = Path(__file__).with_name("lab_scripts")
XENS_SCRIPTS = "/etc/xen/scripts"
TESTS = "/root/tests"
PYTEST = ("pytest", "pytest-asyncio", "pluggy", "iniconfig", "packaging", "pygments", "XenAPI")
"""What tests need there beside xapid. It is Python alone, so that Debian's takes it."""


def stage(tree: Path) -> Path:
    """Install below a folder, with the Python that Debian's hosts have."""
    subprocess.run(["make.d/prepare.sh", "packages", "venv"], cwd=ROOT, check=True)
    subprocess.run(
        ["make", "install-host", f"DESTDIR={tree}"], cwd=ROOT, check=True, env={**os.environ, "PYTHON": DEBIANS_PYTHON}
    )
    return tree


@dataclass(frozen=True)
class Installed:
    """A host on which it was installed."""

    host: LabHost
    socket: Path

    def client(self) -> Client:
        return Client(self.socket, BOOT_LIMIT)

    def start(self) -> None:
        """Returns once it answers here, too."""
        self.host.run("systemctl start xapid")
        self.socket.unlink(missing_ok=True)
        self.host.forward(self.socket, "/var/xapi/xapi")

    def run_tests(self, *arguments: str) -> None:
        """Run tests of this repository on the host; what they print is printed here. Raises CalledProcessError."""
        with tempfile.TemporaryDirectory(prefix="xt-", dir="/tmp") as name:
            tree = Path(name, TESTS.rpartition("/")[2])
            shutil.copytree(ROOT / "tests", tree / "tests", ignore=shutil.ignore_patterns("vectors", "lab", "__py*"))
            shutil.copy(ROOT / "pyproject.toml", tree)
            for each in PYTEST:
                _unpack(each, tree / "packages")
            guest = demo_guest().kernel.parent
            shutil.copytree(guest, tree / CACHE.relative_to(ROOT) / guest.name)
            self.host.push(tree, str(Path(TESTS).parent))
        python = f"cd {TESTS}; PYTHONPATH={TESTS}:{TESTS}/packages /opt/xapid/bin/python"
        print(self.host.run(f"{python} -m pytest -q -p no:cacheprovider {' '.join(arguments)} >&2"))


def _unpack(package: str, folder: Path) -> None:
    for each in distribution(package).files or ():
        # Not its programs, which lie elsewhere.
        if ".." not in each.parts and "__pycache__" not in each.parts:
            target = folder / each
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(each.locate()), target)


@contextmanager
def installed_host(staged: Path, *options: str) -> Iterator[Installed]:
    """A fresh host on which what is staged was installed. ``options``: of ``lab up``."""
    guest = demo_guest().kernel.parent
    with lab_host(*options) as host, tempfile.TemporaryDirectory(prefix="xl-", dir="/tmp") as here:
        host.overlay(staged)
        # It cannot be made there: no mirror can be reached.
        host.push(guest, "/var/lib/xapid/demo")
        host.push(SCRIPTS, "/root")
        host.run(f"[ ! -d {XENS_SCRIPTS} ] || cp /root/{SCRIPTS.name}/* {XENS_SCRIPTS}; systemctl daemon-reload")
        yield Installed(host, Path(here, "xapi"))
