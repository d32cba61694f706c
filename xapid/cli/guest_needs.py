"""What this machine must have for guests to run on libvirt and QEMU."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from xapid.backends.domain import firmware
from xapid.backends.domain.belongings import require_tpm
from xapid.backends.interface import BackendError

PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils"}
"""Program -> Debian package."""
LIBVIRT_DRIVERS = "/usr/lib/*/libvirt/connection-driver"
TUN = Path("/dev/net/tun")
CAP_NET_ADMIN = 12


def missing(tun: Path = TUN) -> list[str]:
    """What is not there, one line each, with what helps."""
    return list(_missing(tun))


def lacking() -> list[str]:
    """What some guests need and others do not, one line each, with what helps."""
    needs: tuple[Callable[[], object], ...] = (partial(firmware.find, False), require_tpm)
    return [str(error) for error in map(_refused, needs) if error is not None]


def _refused(need: Callable[[], object]) -> BackendError | None:
    try:
        need()
    except BackendError as error:
        return error
    return None


def _missing(tun: Path) -> Iterator[str]:
    if os.geteuid() != 0:
        yield "guests and bridges need root: run as root, or with sudo"
    elif not _capable(CAP_NET_ADMIN):
        yield "root here may not change networks: give this container the capability NET_ADMIN"
    if not tun.exists():
        yield f"there is no {tun}, by which guests reach networks: `modprobe tun`, or give this container the device"
    elif os.geteuid() == 0 and not _opens(tun):
        yield f"{tun} cannot be opened: give this container the device"
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            yield f"there is no {program}: apt-get install {package}"
    if not list(Path("/").glob(f"{LIBVIRT_DRIVERS.lstrip('/')}/libvirt_driver_qemu.so")):
        yield "libvirt's driver for QEMU is not installed: apt-get install libvirt-daemon libvirt-daemon-driver-qemu"
    if importlib.util.find_spec("libvirt") is None:
        yield "the Python binding of libvirt is not installed: pip install 'xapid[libvirt]'"
    if not _user_exists("libvirt-qemu"):
        yield "there is no user libvirt-qemu, without whom libvirt does not open: see README, 'What guests need'"


def _capable(number: int) -> bool:
    """Whether this process has a capability in effect."""
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) >> number & 1)
    return False


def _opens(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
