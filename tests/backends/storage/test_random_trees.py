"""Trees of volumes after anything, in any order, with ends in the middle: each disk holds what was written to it."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.storage.rig import MIB, fresh, repository, whole
from xapid.backends.interface import BackendError, Failed
from xapid.backends.storage.file import File
from xapid.backends.storage.interface import Branch, Disk, NewVolume, Volume, VolumeFormat

BLOCK = 64 * 1024
BLOCKS = 16
"""Of a disk at first."""
STEPS = 40

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]


DONE, REFUSED = 0, 3
"""How a process ends that does it: to the end, or not, because a chain is as long as it may be."""


class Trees:
    """A repository, and what its disks are to hold."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.left = 0
        """Steps on the disk until the process ends; 0: it does not."""
        self.rig = repository(File(before_step=self.step), folder)
        self.model: dict[str, bytes] = {}
        """By the uuids of disks."""

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def volumes(self) -> dict[str, Volume]:
        return self.rig.volumes()

    def disks(self) -> list[Volume]:
        return sorted((each for each in self.volumes().values() if not each.hidden), key=lambda each: each.uuid)

    def one(self) -> Volume | None:
        disks = self.disks()
        return self.random.choice(disks) if disks else None

    def mergeable(self) -> list[Volume]:
        volumes = self.volumes()
        parents = [each.parent for each in volumes.values()]
        return sorted(
            (
                each
                for each in volumes.values()
                if each.parent
                and volumes[each.parent].hidden
                and parents.count(each.parent) == 1
                and (each.hidden or each.key not in parents)
            ),
            key=lambda each: each.uuid,
        )

    # What is done

    def create(self) -> None:
        uuid = fresh()
        format = self.random.choice([VolumeFormat.qcow2, VolumeFormat.raw])
        self.do(
            lambda driver: driver.create(self.rig.sr, NewVolume(uuid, BLOCKS * BLOCK, "a disk", format)),
            lambda driver: driver.destroy(Volume(self.rig.sr, "", uuid, 1, format)),
            made={uuid: bytes(BLOCKS * BLOCK)},
        )

    def write(self) -> None:
        if (disk := self.one()) is None:
            return
        held = bytearray(self.model[disk.uuid])
        parts = []
        for _ in range(self.random.randrange(1, 4)):
            place = self.random.randrange(len(held) // BLOCK) * BLOCK
            data = bytes([self.random.randrange(256)]) * BLOCK
            held[place : place + BLOCK] = data
            parts.append((place, data))
        self.rig.written(disk, *parts)
        self.model[disk.uuid] = bytes(held)

    def branch(self) -> None:
        if (disk := self.one()) is None:
            return
        uuid, base = fresh(), fresh()
        snapshot = self.random.random() < 0.7
        new = NewVolume(uuid, disk.size)
        undone = Branch(
            replace(disk, key=""),
            Volume(self.rig.sr, "", uuid, disk.size, disk.format),
            Volume(self.rig.sr, "", base, disk.size, disk.format, hidden=True),
        )
        self.do(
            lambda driver: (driver.snapshot if snapshot else driver.clone)(disk, new, base),
            lambda driver: driver.unbranch(undone, disk),
            made={uuid: self.model[disk.uuid]},
        )

    def grow(self) -> None:
        disk = self.one()
        if disk is not None and disk.size < 4 * MIB:
            size = self.rig.driver.resize(disk, disk.size + MIB).size
            self.model[disk.uuid] = self.model[disk.uuid].ljust(size, b"\0")

    def destroy(self) -> None:
        if (disk := self.one()) is None:
            return
        self.do(lambda driver: driver.destroy(disk), lambda driver: driver.destroy(disk), gone=disk.uuid)

    def merge(self) -> None:
        if not (found := self.mergeable()):
            return
        upper, owner = self.random.choice(found), fresh()

        def merged(driver: File) -> None:
            if not upper.hidden:
                driver.attach(upper, owner, True)
            driver.merge(upper, owner)
            if driver.end_merge(upper, True) is None:
                raise Failed("it was not merged")

        self.do(merged, lambda driver: driver.detach(upper, owner))

    def do(
        self,
        act: Callable[[File], object],
        undo: Callable[[File], object],
        made: dict[str, bytes] | None = None,
        gone: str = "",
    ) -> None:
        """Do it in a process of its own; if that ends in the middle take it back, as the journal does."""
        driver = self.rig.driver
        assert isinstance(driver, File)
        self.left = self.random.randrange(1, 12) if self.random.random() < 0.4 else 0
        if (child := os.fork()) == 0:
            os._exit(_outcome(lambda: act(driver)))
        self.left = 0
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            later = self.rig.driver = File(before_step=self.step)
            later.attach_sr(self.rig.sr)
            undo(later)
            if not gone:
                return
        elif os.WEXITSTATUS(status) == REFUSED:
            return
        assert status == DONE or gone, f"status {status}"
        self.model |= made or {}
        self.model.pop(gone, None)

    # What is so

    def check(self, seed: int, number: int) -> None:
        scan = self.rig.driver.scan(self.rig.sr)
        assert scan.damaged == (), f"seed {seed}, step {number}"
        disks = {each.uuid: each for each in scan.volumes if not each.hidden}
        assert disks.keys() == self.model.keys(), f"seed {seed}, step {number}"
        assert self.rig.driver.leases(self.rig.sr) == {}, f"seed {seed}, step {number}"
        folder = Path(self.rig.sr.device_config["location"])
        for uuid in self.random.sample(sorted(disks), min(3, len(disks))):
            disk = disks[uuid]
            held = whole(Disk(str(folder / f"{disk.key}.{disk.format}"), disk.format))
            assert held == self.model[uuid], f"seed {seed}, step {number}, {uuid}"


def _outcome(act: Callable[[], object]) -> int:
    try:
        act()
    except BackendError as error:
        return REFUSED if error.facts.get("code") == "109" else 1
    except BaseException:
        return 1
    return DONE


@pytest.mark.parametrize("seed", [random.randrange(1 << 32) for _ in range(3)], ids=["a", "b", "c"])
def test_disks_hold_what_was_written_to_them(tmp_path: Path, seed: int) -> None:
    trees = Trees(tmp_path / "sr", seed)
    acts = [trees.create, trees.write, trees.branch, trees.grow, trees.destroy, trees.merge]
    for number in range(STEPS):
        (act,) = trees.random.choices(acts, [1, 4, 4, 1, 2, 5])
        act()
        trees.check(seed, number)

    while found := trees.mergeable():
        upper, owner = found[0], fresh()
        if not upper.hidden:
            trees.rig.driver.attach(upper, owner, True)
        trees.rig.driver.merge(upper, owner)
        assert trees.rig.driver.end_merge(upper, True) is not None
        trees.check(seed, STEPS)
    for disk in trees.disks():
        trees.rig.driver.destroy(disk)
    assert trees.rig.present() == set()
