"""The drivers of domains and of open disks under test: the simulator, and one embedded libvirt for the whole run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import known_qemu
from tests.backends.domain.hypervisor import PATIENCE, Events, Hypervisor
from tests.bootable_disk import bootable
from tests.demo_guest import CACHE, demo_guest
from tests.qemu_daemon import end_emulators
from xapid.backends.datapath.sim import SimDatapath
from xapid.backends.domain.embed import closed_to_others
from xapid.backends.domain.interface import DomainKind
from xapid.backends.domain.sim import SimDomains

if TYPE_CHECKING:
    from libvirt import virConnect

SLOWEST_BOOT = 600.0
"""Seconds that a guest with a firmware and a boot loader may take on a Xen that is emulated."""


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Hypervisor]:
    driver = SimDomains(str(tmp_path))
    events = Events()
    driver.watch(events)
    yield Hypervisor(driver, SimDatapath(driver), tmp_path, events)
    driver.close()


@pytest.fixture(scope="session")
def bridge() -> Iterator[str]:
    """A bridge without ports. Needs root."""
    from pyroute2 import IPRoute

    # Other tests on this machine have theirs.
    name = f"xapidt{os.getpid()}"
    with IPRoute() as links:
        links.link("add", ifname=name, kind="bridge")
        (index,) = links.link_lookup(ifname=name)
        links.link("set", index=index, state="up")
        yield name
        links.link("del", index=index)


@pytest.fixture(scope="session")
def libvirt_folder() -> Iterator[Path]:
    """A folder with a short path, for sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="xd-") as name:
        if closed_to_others(CACHE) is None:
            # Guests come through to all that they need, so that they run as a user of their own.
            Path(name).chmod(0o711)
        yield Path(name)
        end_emulators(Path(name))


@pytest.fixture(scope="session")
def whole_run(libvirt_folder: Path, bridge: str) -> Iterator[Hypervisor]:
    """One libvirt for all tests."""
    from xapid.backends.datapath.qemu import QemuDatapath
    from xapid.backends.domain import embed
    from xapid.backends.domain.libvirt_driver import LibvirtDomains
    from xapid.backends.domain.qemu_xml import Accel

    known_qemu.hand_over(libvirt_folder / "root")
    driver = LibvirtDomains(embed.uri(libvirt_folder / "root"), libvirt_folder, Accel.tcg)
    events = Events()
    driver.watch(events)
    yield Hypervisor(driver, QemuDatapath(driver), libvirt_folder, events, demo_guest(), bridge)
    driver.close()


@pytest.fixture
def real(whole_run: Hypervisor) -> Iterator[Hypervisor]:
    yield whole_run
    whole_run.tidy()


@pytest.fixture(scope="session")
def libvirt_connection(whole_run: Hypervisor, libvirt_folder: Path) -> Iterator[virConnect]:
    """The same libvirt, past the driver. Opened once: a process may open one without a daemon some twenty times."""
    import libvirt

    from xapid.backends.domain import embed

    connection = libvirt.open(embed.uri(libvirt_folder / "root"))
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def whole_xen(libvirt_folder: Path, bridge: str) -> Iterator[Hypervisor]:
    """The Xen of this host. A test may begin its drivers anew."""
    from tests.backends.domain import on_xen

    vcpus = min(2, os.cpu_count() or 1)
    events = Events()
    driver, datapath, disks = on_xen.begin(libvirt_folder, events)
    demo = demo_guest()
    hypervisor = Hypervisor(driver, datapath, libvirt_folder, events, demo, bridge, vcpus=vcpus, open_disks=disks)
    yield hypervisor
    on_xen.end(hypervisor)


@pytest.fixture
def xen(whole_xen: Hypervisor) -> Iterator[Hypervisor]:
    yield whole_xen
    whole_xen.tidy()
    whole_xen.bootable, whole_xen.patience = None, PATIENCE


ON_XEN = [pytest.param(kind, marks=pytest.mark.xen, id=f"xen-{kind}") for kind in DomainKind]


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.libvirt), *ON_XEN])
def hypervisor(request: pytest.FixtureRequest) -> Hypervisor:
    """Each driver in turn, for what all of them promise; that of Xen with each kind of guest."""
    kind = request.param if request.param in list(DomainKind) else None
    found: Hypervisor = request.getfixturevalue("xen" if kind else request.param)
    found.kind = kind
    if kind is DomainKind.hvm:
        _boot_from_disks(found, request.getfixturevalue("monkeypatch"))
    return found


def _boot_from_disks(xen: Hypervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The firmware of HVM guests takes minutes to read a kernel that it is handed, where Xen is emulated."""
    from xapid.backends.domain import xen_xml

    assert xen.demo is not None
    made = xen.bootable = bootable(xen.demo, xen.folder)
    xen.patience = SLOWEST_BOOT
    described = xen_xml.domain
    monkeypatch.setattr(xen_xml, "domain", lambda spec, hosting: made.beside(described(spec, hosting)))
