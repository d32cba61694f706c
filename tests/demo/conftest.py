"""A mirror of Debian packages in miniature, behind programs called as apt's are."""

import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="packages are unpacked by dpkg-deb, of Debian")

KERNEL = "linux-image-6.1.0-9-cloud-amd64"

APT_CACHE = """#!/bin/sh
echo "apt-cache $*" >>"$MIRROR/asked"
case "$*" in *Dir::State::Lists=*) lists=own ;; esac
[ -n "$lists" ] || [ -e "$MIRROR/system-lists" ] || { echo "E: No packages found" >&2; exit 100; }
echo "Package: linux-image-cloud-amd64"
echo "Depends: firmware (>= 1), KERNEL (= 6.1)"
""".replace("KERNEL", KERNEL)

APT_GET = r"""#!/bin/sh
echo "apt-get $*" >>"$MIRROR/asked"
[ -e "$MIRROR/reachable" ] || { echo "W: something" >&2; echo "E: Could not resolve the mirror" >&2; exit 100; }
case "$*" in
update*)
    lists=$(echo "$*" | sed -n 's/.*Dir::State::Lists=\([^ ]*\).*/\1/p')
    [ -d "$lists/partial" ] || { echo "E: List directory $lists/partial is missing." >&2; exit 100; }
    exit 0
    ;;
esac
for name; do :; done
cp "$MIRROR/${name}_1.0_amd64.deb" .
"""


@dataclass
class Mirror:
    """What apt reaches."""

    folder: Path

    def reachable(self, yes: bool) -> None:
        self._flag("reachable", yes)

    def system_lists(self, yes: bool) -> None:
        self._flag("system-lists", yes)

    def asked(self) -> str:
        log = self.folder / "asked"
        return log.read_text() if log.exists() else ""

    def add(self, name: str, files: dict[str, bytes]) -> None:
        tree = self.folder / name
        control = f"Package: {name}\nVersion: 1.0\nArchitecture: amd64\nMaintainer: x\nDescription: x\n"
        for path, data in {**files, "DEBIAN/control": control.encode()}.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(data)
        package = self.folder / f"{name}_1.0_amd64.deb"
        subprocess.run(["dpkg-deb", "--build", str(tree), str(package)], check=True, capture_output=True)

    def _flag(self, name: str, yes: bool) -> None:
        if yes:
            (self.folder / name).touch()
        else:
            (self.folder / name).unlink(missing_ok=True)


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Path]:
    """Makes a program of a name and a text; returns its path."""

    def make(name: str, text: str) -> Path:
        path = tmp_path / "programs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return make


@pytest.fixture
def mirror(tmp_path: Path, program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """A reachable mirror with a kernel and a busybox, known to the system's apt."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    path = program("apt-get", APT_GET).parent
    program("apt-cache", APT_CACHE)
    monkeypatch.setenv("MIRROR", str(folder))
    monkeypatch.setenv("PATH", f"{path}:/usr/bin:/bin")
    made = Mirror(folder)
    made.add(
        KERNEL,
        {
            "boot/vmlinuz-6.1.0-9-cloud-amd64": b"the kernel",
            "lib/modules/6.1.0-9-cloud-amd64/kernel/drivers/virtio_pci.ko": b"\0depends=virtio\0",
            "lib/modules/6.1.0-9-cloud-amd64/kernel/drivers/virtio.ko": b"\0depends=\0",
        },
    )
    made.add("busybox-static", {"bin/busybox": b"the busybox"})
    made.add("qemu-guest-agent", {"usr/sbin/qemu-ga": b"the agent"})
    made.add("xenstore-utils", {"usr/bin/xenstore": b"the xenstore"})
    made.reachable(True)
    made.system_lists(True)
    return made
