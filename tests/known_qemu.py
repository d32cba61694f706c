"""What QEMU can do. libvirt asks it for seconds where it begins, so tests ask once and give each libvirt a copy.

libvirt looks by itself whether what it knows is still true, and asks again where it is not.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from xapid.backends.domain import embed

KNOWN = Path(tempfile.gettempdir(), f"xapid-tests-{os.geteuid()}")
"""Outlives the tests; nobody else may write there."""
QEMU = "/usr/bin/qemu-system-x86_64"


def hand_over(root: Path) -> None:
    """Give it to a libvirt that is to begin with this root folder."""
    shutil.copytree(_ensure() / "cache", root / "cache")


def _ensure() -> Path:
    """A root folder whose libvirt has asked; the first who needs it waits for that."""
    KNOWN.mkdir(mode=0o700, exist_ok=True)
    assert KNOWN.stat().st_uid == os.geteuid(), f"{KNOWN} is somebody else's"
    # Another QEMU is asked anew.
    found = Path(QEMU).stat()
    root = KNOWN / f"qemu-{found.st_ino}-{found.st_ctime_ns}"
    with (KNOWN / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            asking = KNOWN / "asking"
            shutil.rmtree(asking, ignore_errors=True)
            # In a process of its own, for a libvirt that was begun in this one stays in it.
            subprocess.run([sys.executable, "-m", __name__, str(asking)], check=True)
            asking.rename(root)
    return root


def _ask(root: Path) -> None:
    import libvirt

    libvirt.virEventRegisterDefaultImpl()
    embed.prepare(root)
    connection = libvirt.open(embed.uri(root))
    for virttype in ("kvm", "qemu"):
        try:
            connection.getDomainCapabilities(None, "x86_64", None, virttype)
        except libvirt.libvirtError:
            # Without KVM; it knows that now.
            continue
    connection.close()


if __name__ == "__main__":
    _ask(Path(sys.argv[1]))
