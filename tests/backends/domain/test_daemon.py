"""The driver on a libvirt with a daemon, which goes and comes back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.domain.hypervisor import PATIENCE, Events, Hypervisor, within
from tests.backends.domain.libvirtd import Libvirtd
from xapid.backends.domain.interface import DomainDriver, DomainEventKind, DomainState
from xapid.backends.interface import BackendError, Unavailable

pytestmark = pytest.mark.libvirt


@pytest.fixture
def libvirtd(real: Hypervisor) -> Iterator[Libvirtd]:
    with tempfile.TemporaryDirectory(prefix="xd-") as name:
        libvirtd = Libvirtd(Path(name), real.folder / "root" / "cache" / "qemu")
        yield libvirtd
        libvirtd.remove()


@pytest.fixture
def driver(real: Hypervisor, libvirtd: Libvirtd) -> Iterator[DomainDriver]:
    from xapid.backends.domain.libvirt_driver import LibvirtDomains
    from xapid.backends.domain.qemu_xml import Accel

    driver = LibvirtDomains(libvirtd.uri, libvirtd.socket.parent, Accel.tcg)
    yield driver
    for uuid in real.started:
        driver.destroy(uuid)
    driver.close()


def unavailable(driver: DomainDriver) -> bool:
    try:
        driver.domains()
    except BackendError as error:
        return isinstance(error, Unavailable)
    return False


def test_a_machine_lives_under_the_daemon_as_without(real: Hypervisor, driver: DomainDriver) -> None:
    events = Events()
    driver.watch(events)
    spec, image = real.spec(disks=(real.drive(),), nics=(real.nic(),)), real.image()

    driver.start(spec, paused=False)
    driver.suspend(spec.uuid, image)
    domain = driver.resume(spec, image, paused=True)

    assert domain.state is DomainState.paused
    assert events.wait(spec.uuid, DomainEventKind.stopped).reason == "saved"
    assert events.wait(spec.uuid, DomainEventKind.started).id == domain.id


def test_when_the_daemon_comes_back_all_goes_on_and_it_is_told_that_events_were_lost(
    real: Hypervisor, driver: DomainDriver, libvirtd: Libvirtd
) -> None:
    events = Events()
    driver.watch(events)
    spec = real.spec()
    before = driver.start(spec, paused=False)

    libvirtd.kill()
    assert within(PATIENCE, lambda: unavailable(driver))
    libvirtd.start()
    events.wait("", DomainEventKind.lost)
    after = driver.find(spec.uuid)
    driver.destroy(spec.uuid)

    assert after is not None and (after.id, after.state) == (before.id, DomainState.running)
    assert events.wait(spec.uuid, DomainEventKind.stopped).reason == "destroyed"


def test_without_a_daemon_there_is_no_driver(tmp_path: Path) -> None:
    from xapid.backends.domain.libvirt_driver import LibvirtDomains
    from xapid.backends.domain.qemu_xml import Accel

    with tempfile.TemporaryDirectory(prefix="xd-") as run_dir, pytest.raises(Unavailable):
        LibvirtDomains(f"qemu+unix:///system?socket={tmp_path}/none", Path(run_dir), Accel.tcg)
