"""Repositories in a directory: volumes are qcow2 files, raw where that is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from xapid.backends.interface import BadConfig, DriverInfo, Failed, NotFound
from xapid.backends.storage.folder import Folder
from xapid.backends.storage.folder_files import nothing
from xapid.backends.storage.folder_hosts import FolderHosts
from xapid.backends.storage.interface import Feature, Sr, SrFigures, SrFound, SrScan
from xapid.backends.storage.mounts import beneath, shares_locks
from xapid.backends.storage.on_disk import disk_errors
from xapid.backends.storage.places import directory
from xapid.backends.storage.survey import Surveyor
from xapid.backends.storage.tracking import TrackingTrees


class File(TrackingTrees):
    """Directories of this host. ``root``: below it lie the repositories whose configuration names no place."""

    info = DriverInfo(
        "file",
        "Disks as files in a directory of the host",
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
                Feature.VDI_GENERATE_CONFIG,
                Feature.VDI_CONFIG_CBT,
                Feature.THIN_PROVISIONING,
                Feature.MERGE,
            }
        ),
    )

    def __init__(self, root: Path | None = None, before_step: Callable[[], None] = nothing) -> None:
        super().__init__()
        self._root = root
        self._before_step = before_step
        self._surveyor = Surveyor()
        self._hosts = FolderHosts(root, self._shares_locks)

    # Repository

    def probe(self, config: dict[str, str]) -> list[SrFound]:
        place = self._place(config, "")
        with disk_errors():
            try:
                identity = Folder(place).identity()
            except NotFound:
                return []
            return [SrFound({"location": str(place)}, identity.uuid)]

    def create_sr(self, sr: Sr, size: int) -> None:
        try:
            self._store(sr).create(sr.uuid)
        except OSError as error:
            raise Failed(f"the directory cannot be made: {error}", code="61") from error

    def destroy_sr(self, sr: Sr) -> None:
        folder = self._store(sr)
        with disk_errors():
            try:
                self._check_identity(folder, sr)
            except NotFound:
                return
            records = folder.records()
            if len(records) < len(folder.keys()) or any(not record.hidden for record in records.values()):
                raise Failed(f"there are volumes in {folder.path}", code="39")
            self._hosts.leave(folder.path)
            folder.destroy()
            self._surveyor.forget(folder)

    def attach_sr(self, sr: Sr) -> None:
        folder = self._store(sr)
        with disk_errors():
            self._check_identity(folder, sr)
            self._hosts.enter(folder.path)
            folder.tidy()

    def detach_sr(self, sr: Sr) -> None:
        self._hosts.leave(self._store(sr).path)

    def scan(self, sr: Sr) -> SrScan:
        folder = self._store(sr)
        with disk_errors():
            self._check_identity(folder, sr)
            self._hosts.enter(folder.path)
            found = self._surveyor.look(sr, folder)
            figures = self._figures(folder, sum(volume.size for volume in found.volumes))
            return SrScan(tuple(found.volumes), figures, tuple(found.damaged))

    def figures(self, sr: Sr) -> SrFigures:
        return self.scan(sr).figures

    # How

    def _place(self, config: dict[str, str], uuid: str) -> Path:
        location = config.get("location", "")
        if location:
            return directory(location)
        if self._root is None or not uuid:
            raise BadConfig("location is missing: the directory of the repository", key="location")
        return self._root / uuid

    @staticmethod
    def _shares_locks(folder: Path) -> bool:
        """Whether all hosts that use a directory see each other's locks of files."""
        found = beneath(folder)
        return found is not None and shares_locks(found)

    def _store(self, sr: Sr) -> Folder:
        return Folder(self._place(sr.device_config, sr.uuid), self._before_step, self._hosts)

    @staticmethod
    def _check_identity(folder: Folder, sr: Sr) -> None:
        found = folder.identity().uuid
        if found != sr.uuid:
            raise NotFound(f"{folder.path} holds the repository {found}, not {sr.uuid}", code="47")

    @staticmethod
    def _figures(folder: Folder, virtual: int) -> SrFigures:
        space = os.statvfs(folder.path)
        return SrFigures(space.f_blocks * space.f_frsize, (space.f_blocks - space.f_bfree) * space.f_frsize, virtual)
