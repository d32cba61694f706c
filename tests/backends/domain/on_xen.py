"""The drivers of the Xen of this host, as its daemon has them: they can go, and others come."""

from __future__ import annotations

from pathlib import Path

from tests.backends.domain.hypervisor import Events, Hypervisor
from xapid.backends.datapath.open_disks import OpenDisks
from xapid.backends.datapath.xen import XenDatapath
from xapid.backends.domain.xen_driver import XenDomains


def begin(folder: Path, events: Events) -> tuple[XenDomains, XenDatapath, OpenDisks]:
    """Drivers with what is below a folder, which others may have left."""
    disks = OpenDisks(folder / "disks")
    driver = XenDomains("xen:///system", folder, disks)
    driver.watch(events)
    return driver, XenDatapath(driver, disks), disks


def end(hypervisor: Hypervisor) -> None:
    """Let go; machines go on."""
    hypervisor.driver.close()
    if hypervisor.open_disks is not None:
        hypervisor.open_disks.close()


def begin_anew(hypervisor: Hypervisor) -> None:
    """Drivers that come after those that were there."""
    end(hypervisor)
    begin_again(hypervisor)


def begin_again(hypervisor: Hypervisor) -> None:
    """Once others ended."""
    hypervisor.driver, hypervisor.datapath, hypervisor.open_disks = begin(hypervisor.folder, hypervisor.events)
