"""What is left when a QEMU is killed, or the driver's own process."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import known_qemu
from tests.backends.domain.child import Child
from tests.backends.domain.hypervisor import PATIENCE, Hypervisor, process_of, within
from tests.qemu_daemon import end_emulators
from tests.told import lives
from xapid.backends.domain.interface import DomainEventKind, DomainSpec, DomainState
from xapid.backends.interface import Failed, InUse
from xapid.backends.storage.interface import Disk

pytestmark = pytest.mark.libvirt


class Drivers:
    """Driver processes, one after the other, on one root folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.current = Child(folder)

    def restart(self) -> None:
        """Kill the driver; the next takes over."""
        self.current.kill()
        self.current = Child(self.folder)

    def ask(self, method: str, *args: Any) -> Any:
        return self.current.ask(method, *args)


@pytest.fixture
def drivers(real: Hypervisor) -> Iterator[Drivers]:
    with tempfile.TemporaryDirectory(prefix="xd-") as name:
        folder = Path(name)
        known_qemu.hand_over(folder / "root")
        drivers = Drivers(folder)
        yield drivers
        drivers.current.kill()
        end_emulators(folder)


@pytest.fixture
def spec(real: Hypervisor) -> DomainSpec:
    return real.spec(disks=(real.drive(),))


def test_a_killed_qemu_is_told_as_a_crash_within_a_second(real: Hypervisor, spec: DomainSpec) -> None:
    real.driver.start(spec, paused=False)

    os.kill(process_of(real.folder / "root", spec.uuid), signal.SIGKILL)

    real.events.wait(spec.uuid, DomainEventKind.crashed, timeout=1.0)
    assert real.driver.find(spec.uuid) is None


def test_a_machine_whose_qemu_was_killed_can_start_at_once(real: Hypervisor, spec: DomainSpec) -> None:
    real.driver.start(spec, paused=False)
    os.kill(process_of(real.folder / "root", spec.uuid), signal.SIGKILL)
    real.events.wait(spec.uuid, DomainEventKind.crashed)

    real.driver.start(spec, paused=True)

    assert real.driver.find(spec.uuid) is not None


def test_guests_outlive_the_driver_and_obey_the_next_one(drivers: Drivers, spec: DomainSpec) -> None:
    started = drivers.ask("start", spec, False)
    pid = process_of(drivers.root, spec.uuid)

    drivers.restart()

    assert drivers.ask("find", spec.uuid).id == started.id
    assert lives(pid)
    drivers.ask("pause", spec.uuid)
    assert [each.state for each in drivers.ask("domains")] == [DomainState.paused]
    drivers.ask("destroy", spec.uuid)
    assert not lives(pid)


def test_a_guest_that_ended_while_no_driver_ran_is_gone_with_its_folder(drivers: Drivers, spec: DomainSpec) -> None:
    drivers.ask("start", spec, False)
    pid = process_of(drivers.root, spec.uuid)
    drivers.current.kill()
    os.kill(pid, signal.SIGKILL)

    drivers.current = Child(drivers.folder)

    assert drivers.ask("domains") == []
    assert list((drivers.folder / "run").iterdir()) == []


def test_a_second_process_on_the_same_root_is_refused_and_told_why(drivers: Drivers) -> None:
    drivers.ask("domains")
    second = Child(drivers.folder)

    with pytest.raises(InUse, match="another process"):
        second.ask("domains")

    second.kill()


def test_a_driver_killed_while_it_saves_leaves_the_guest_running(
    real: Hypervisor, drivers: Drivers, spec: DomainSpec
) -> None:
    big = replace(spec, memory_static_max=512 << 20, memory_target=512 << 20)
    drivers.ask("start", big, False)
    image = real.image(0)
    drivers.current.begin("suspend", big.uuid, image)
    assert within(PATIENCE, lambda: begun(image))

    drivers.restart()

    found = drivers.ask("find", big.uuid)
    if found is None:
        # It was saved before the kill, which came too late: then it is in the image.
        assert drivers.ask("resume", big, image, False).state is DomainState.running
        return
    assert found.state is DomainState.running
    # In use, where the image was written whole before the kill: then the guest's disks are in the way.
    with pytest.raises((Failed, InUse)):
        drivers.ask("resume", replace(big, uuid=real.spec().uuid), image, False)


def begun(image: Disk) -> bool:
    return Path(image.path).stat().st_size > 0


def test_a_driver_killed_while_it_restores_leaves_nothing_that_keeps_from_trying_again(
    real: Hypervisor, drivers: Drivers, spec: DomainSpec
) -> None:
    image = real.image()
    drivers.ask("start", spec, False)
    drivers.ask("suspend", spec.uuid, image)
    drivers.current.begin("resume", spec, image, False)
    pid_file = drivers.root / "run" / "qemu" / f"{spec.uuid}.pid"
    assert within(PATIENCE, pid_file.exists)

    drivers.restart()

    drivers.ask("destroy", spec.uuid)
    assert drivers.ask("resume", spec, image, False).state is DomainState.running
