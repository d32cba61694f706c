"""Makes the demo guest: a kernel and a first file system that need nothing else to boot."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import mkdtemp

from xapid.demo import cpio
from xapid.demo.modules import in_load_order
from xapid.demo.packages import PackageError, Packages
from xapid.demo.programs import LOADER, with_libraries

log = logging.getLogger(__name__)

KERNEL_META_PACKAGE = "linux-image-cloud-amd64"
KERNEL_PACKAGE = r"linux-image-\d.*-cloud-amd64"
BUSYBOX_PACKAGE = "busybox-static"
MODULES = (
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio_balloon",
    "virtio-rng",
    "virtio_console",
    "button",
    "evdev",
    "xen-blkfront",
    "xen-netfront",
)
PROGRAMS = {"qemu-guest-agent": "qemu-ga", "xenstore-utils": "xenstore"}
"""By their packages: what tells the hypervisor of the guest, on QEMU and on Xen."""

READY = "xapid demo guest: ready"
"""What its consoles say once it has booted."""
KERNEL_ARGS = "console=tty0 console=ttyS0 console=hvc0 quiet"
"""Screen, serial line, and Xen's console: those that a machine lacks are passed over."""

OS_RELEASE = """ID=xapid-demo
NAME="xapid demo guest"
PRETTY_NAME="xapid demo guest 1.0"
VERSION_ID=1.0
"""
"""What its agent says that it is."""


@dataclass(frozen=True)
class DemoGuest:
    """What a machine boots."""

    kernel: Path
    initrd: Path
    kernel_args: str = KERNEL_ARGS


class DemoGuestError(Exception):
    """There is no demo guest, and none can be made; the text says why, in one line."""


def find(cache_dir: Path) -> DemoGuest | None:
    """The demo guest of this version, if it was made before."""
    guest = _guest_in(cache_dir / f"demo-guest-{_version()}")
    return guest if guest.kernel.exists() and guest.initrd.exists() else None


def ensure(cache_dir: Path) -> DemoGuest:
    """Find the demo guest, or make it; that takes seconds, and a Debian mirror the first time. Raises DemoGuestError.

    Never changes one that is there: guests may be about to boot it.
    """
    guest = find(cache_dir)
    if guest is not None:
        return guest
    log.info("making the demo guest of Debian packages")
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        return _build(cache_dir)
    except PackageError as error:
        raise DemoGuestError(f"the demo guest's Debian packages cannot be had: {error}") from error
    except OSError as error:
        raise DemoGuestError(f"the demo guest cannot be made in {cache_dir}: {error}") from error


def _build(cache_dir: Path) -> DemoGuest:
    made = Path(mkdtemp(dir=cache_dir, prefix="building-"))
    try:
        with Packages(cache_dir / "packages") as packages:
            unpacked = made / "unpacked"
            for package in (
                packages.fetch_dependency(KERNEL_META_PACKAGE, KERNEL_PACKAGE),
                packages.fetch(BUSYBOX_PACKAGE),
            ):
                packages.unpack(package, unpacked)
            # Of all, since they share most of their libraries.
            programs: dict[str, bytes] = {}
            for name, program in PROGRAMS.items():
                programs |= with_libraries(packages, name, program, made / "programs")
        guest = _guest_in(made)
        _write(guest.kernel, next(unpacked.glob("boot/vmlinuz-*")).read_bytes())
        modules = in_load_order(unpacked / "lib/modules", MODULES)
        _write(guest.initrd, cpio.archive(_contents((unpacked / "bin/busybox").read_bytes(), modules, programs)))
        for folder in (unpacked, made / "programs"):
            shutil.rmtree(folder)
        # QEMU may run as another user.
        made.chmod(0o755)
        return _put(made, cache_dir / f"demo-guest-{_version()}")
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write(path: Path, data: bytes) -> None:
    """On disk before the folder gets its name: one that is found is whole, after a power cut too."""
    with path.open("wb") as file:
        # QEMU may run as another user, and several guests boot it at once.
        os.fchmod(file.fileno(), 0o644)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _put(made: Path, place: Path) -> DemoGuest:
    try:
        made.rename(place)
    except OSError:
        # Somebody else made it at the same time; it is the same.
        if not place.is_dir():
            raise
    return _guest_in(place)


def _guest_in(folder: Path) -> DemoGuest:
    return DemoGuest(folder / "vmlinuz", folder / "initrd")


def _contents(busybox: bytes, modules: dict[str, bytes], programs: dict[str, bytes]) -> Iterable[cpio.Entry]:
    for folder in ("bin", "sbin", "dev", "etc", "lib", "lib64", "modules"):
        yield cpio.folder(folder)
    # The kernel opens it for the first process before anything is mounted.
    yield cpio.character_device("dev/console", 5, 1)
    yield cpio.file("bin/busybox", busybox, executable=True)
    yield cpio.file("init", _script("init.sh"), executable=True)
    for name in ("poweroff", "reboot"):
        yield cpio.file(f"sbin/{name}", _script("poweroff.sh"), executable=True)
    yield cpio.file("sbin/dhcp", _script("dhcp.sh"), executable=True)
    yield cpio.file("etc/os-release", OS_RELEASE.encode())
    for name, data in programs.items():
        folder = "sbin" if name in PROGRAMS.values() else "lib64" if name == LOADER else "lib"
        yield cpio.file(f"{folder}/{name}", data, executable=True)
    for number, (name, data) in enumerate(modules.items()):
        yield cpio.file(f"modules/{number:02}-{name}.ko", data)


def _script(name: str) -> bytes:
    return (resources.files("xapid.demo") / name).read_bytes()


def _version() -> str:
    """Differs when what the guest is made of differs, a newer kernel aside."""
    words = (*MODULES, *PROGRAMS, OS_RELEASE)
    parts = (*map(_script, ("init.sh", "poweroff.sh", "dhcp.sh")), " ".join(words).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]
