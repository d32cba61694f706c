"""Repositories in a volume group of this host: each volume is a logical volume that holds a qcow2 image, or is raw."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from xapid.backends.interface import BadConfig, DriverInfo, Failed, NotFound
from xapid.backends.storage import sizes
from xapid.backends.storage.folder_files import nothing
from xapid.backends.storage.interface import Feature, Sr, SrFigures, SrFound, SrScan
from xapid.backends.storage.lvm_commands import EXTENT, LvmCommands
from xapid.backends.storage.lvm_commands import Lvm as Commands
from xapid.backends.storage.on_disk import disk_errors
from xapid.backends.storage.repository_groups import VOLUMES, make_free, resolved
from xapid.backends.storage.tracking import TrackingTrees
from xapid.backends.storage.volume_group import VolumeGroup

PLACE = Path("/run/xapid/groups")
"""Where it is noted on this host who has which volume open."""
ALLOCATIONS = ("thick", "thin")


class Lvm(TrackingTrees):
    """The group bears the uuid of its repository."""

    info = DriverInfo(
        "lvm",
        "Disks as logical volumes on block devices of the host",
        frozenset(
            {
                Feature.SR_ATTACH,
                Feature.SR_DETACH,
                Feature.SR_SCAN,
                Feature.SR_PROBE,
                Feature.SR_UPDATE,
                Feature.VDI_CREATE,
                Feature.VDI_DELETE,
                Feature.VDI_ATTACH,
                Feature.VDI_DETACH,
                Feature.VDI_CLONE,
                Feature.VDI_SNAPSHOT,
                Feature.VDI_RESIZE,
                Feature.VDI_RESIZE_ONLINE,
                Feature.VDI_UPDATE,
                Feature.VDI_MIRROR,
                Feature.VDI_RESET_ON_BOOT,
                Feature.VDI_CONFIG_CBT,
                Feature.VDI_ACTIVATE,
                Feature.VDI_DEACTIVATE,
                Feature.MERGE,
            }
        ),
        configuration={
            "device": "The block devices, with commas between them. All that is on them is lost when it is made.",
            "allocation": "thick (if nothing is said): a disk has all its space at once; thin: while it is written.",
        },
        formats=("qcow2", "raw"),
    )
    step = 2 * sizes.MIB
    raw_step = EXTENT

    def __init__(
        self,
        root: Path | None = None,
        place: Path = PLACE,
        commands: Callable[[Sequence[Path]], Commands] = LvmCommands,
        before_step: Callable[[], None] = nothing,
    ) -> None:
        """``root`` is not used: these have no place of their own without a configuration."""
        super().__init__()
        self._place = place
        self._commands = commands
        self._before_step = before_step

    # Repository

    def probe(self, config: dict[str, str]) -> list[SrFound]:
        lvm = self._commands(self._devices(config))
        found = []
        for name in sorted(set(lvm.groups())):
            group = lvm.group(name)
            if (mine := VOLUMES.fullmatch(name)) and group is not None:
                found.append(SrFound(config, mine[1], SrFigures(group.size, group.size - group.free, 0)))
        return found

    def create_sr(self, sr: Sr, size: int) -> None:
        devices = self._devices(sr.device_config)
        store = self._group(sr, devices)
        with disk_errors():
            lvm = self._commands(devices)
            if store.group not in lvm.groups():
                make_free(devices, lvm)
            store.create()

    def destroy_sr(self, sr: Sr) -> None:
        store = self._store(sr)
        with disk_errors():
            attached = True
            try:
                with store.locked():
                    pass
            except NotFound:
                attached = False
            with contextlib.suppress(NotFound):
                if not attached:
                    store.attach()
                if any(not record.hidden for record in store.records().values()):
                    raise Failed(f"there are volumes in {store.group}", code="39")
                store.detach()
            store.destroy()

    def attach_sr(self, sr: Sr) -> None:
        with disk_errors():
            self._store(sr).attach()

    def detach_sr(self, sr: Sr) -> None:
        with disk_errors():
            self._store(sr).detach()

    def scan(self, sr: Sr) -> SrScan:
        with disk_errors():
            now, volumes, lost = self._store(sr).look(sr)
        virtual = sum(volume.size for volume in volumes)
        return SrScan(tuple(volumes), SrFigures(now.size, now.size - now.free, virtual), tuple(lost))

    def figures(self, sr: Sr) -> SrFigures:
        return self.scan(sr).figures

    # How

    def _devices(self, config: dict[str, str]) -> list[Path]:
        return resolved(config)

    def _store(self, sr: Sr) -> VolumeGroup:
        return self._group(sr, self._devices(sr.device_config))

    def _group(self, sr: Sr, devices: Sequence[Path]) -> VolumeGroup:
        said = sr.sm_config.get("allocation") or sr.device_config.get("allocation") or ALLOCATIONS[0]
        if said not in ALLOCATIONS:
            raise BadConfig(f"allocation is thick or thin, not {said[:255]!r}", key="allocation")
        return VolumeGroup(
            sr.uuid, self._commands(devices), self._place, thin=said == "thin", before_step=self._before_step
        )
