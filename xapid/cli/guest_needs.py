"""What this machine must have for guests to run: on QEMU, or on Xen where it is the control domain of that."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from xapid.backends.domain import firmware
from xapid.backends.domain.belongings import require_tpm
from xapid.backends.domain.control_groups import require_shares
from xapid.backends.host.hypervisor import runs_xen
from xapid.backends.host.tree import Tree
from xapid.backends.interface import BackendError

LIBVIRT_DRIVERS = "/usr/lib/*/libvirt/connection-driver"


@dataclass(frozen=True)
class Hypervisor:
    """What guests of one hypervisor need."""

    programs: dict[str, str]
    """Program -> Debian package."""
    driver: str
    """libvirt's, by the end of its file's name."""
    packages: str
    """Debian packages that bring it."""
    users: tuple[str, ...] = ()
    modules: dict[str, str] = field(default_factory=dict)
    """Module of the kernel -> what is without it."""


QEMU = Hypervisor(
    {"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils"},
    "qemu",
    "libvirt-daemon libvirt-daemon-driver-qemu",
    users=("libvirt-qemu",),
)
XEN = Hypervisor(
    {
        "xl": "xen-utils-common",
        "qemu-storage-daemon": "qemu-system-common",
        "qemu-img": "qemu-utils",
        "modprobe": "kmod",
    },
    "libxl",
    "libvirt-daemon libvirt-daemon-driver-xen",
    modules={"nbd": "by which guests reach their disks"},
)
TUN = Path("/dev/net/tun")
CAP_NET_ADMIN = 12


def missing(tun: Path = TUN, tree: Tree | None = None) -> list[str]:
    """What is not there, one line each, with what helps. ``tree``: the files of the machine, if not this one's."""
    tree = tree or Tree()
    return list(_missing(tun, tree, XEN if runs_xen(tree) else QEMU))


def lacking(tree: Tree | None = None) -> list[str]:
    """What some guests need and others do not, one line each, with what helps."""
    of_qemu: tuple[Callable[[], object], ...] = (partial(firmware.find, False), require_tpm, require_shares)
    needs = () if runs_xen(tree or Tree()) else of_qemu
    return [str(error) for error in map(_refused, needs) if error is not None]


def _refused(need: Callable[[], object]) -> BackendError | None:
    try:
        need()
    except BackendError as error:
        return error
    return None


def _missing(tun: Path, tree: Tree, hypervisor: Hypervisor) -> Iterator[str]:
    if os.geteuid() != 0:
        yield "guests and bridges need root: run as root, or with sudo"
    elif not _capable(CAP_NET_ADMIN):
        yield "root here may not change networks: give this container the capability NET_ADMIN"
    if not tun.exists():
        yield f"there is no {tun}, by which guests reach networks: `modprobe tun`, or give this container the device"
    elif os.geteuid() == 0 and not _opens(tun):
        yield f"{tun} cannot be opened: give this container the device"
    for program, package in hypervisor.programs.items():
        if shutil.which(program) is None:
            yield f"there is no {program}: apt-get install {package}"
    for module, what in hypervisor.modules.items():
        if not _has_module(tree, module):
            yield f"the kernel has no module {module}, {what}: install the package of its modules"
    if not list(Path("/").glob(f"{LIBVIRT_DRIVERS.lstrip('/')}/libvirt_driver_{hypervisor.driver}.so")):
        yield f"libvirt's driver {hypervisor.driver} is not installed: apt-get install {hypervisor.packages}"
    if importlib.util.find_spec("libvirt") is None:
        yield "the Python binding of libvirt is not installed: pip install 'xapid[libvirt]'"
    for user in hypervisor.users:
        if not _user_exists(user):
            yield f"there is no user {user}, without whom libvirt does not open: see README, 'What guests need'"


def _has_module(tree: Tree, module: str) -> bool:
    """Whether a module of the kernel is there: loaded, part of the kernel, or in a file."""
    if tree.is_directory(f"sys/module/{module}"):
        return True
    folder = f"lib/modules/{tree.line('proc/sys/kernel/osrelease')}"
    lists = tree.text(f"{folder}/modules.builtin") + "\n" + tree.text(f"{folder}/modules.dep")
    return re.search(rf"/{re.escape(module)}\.ko", lists) is not None


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
