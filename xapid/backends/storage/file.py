"""Repositories in a directory: volumes are qcow2 files, raw where that is asked for.

A snapshot or clone turns the volume's file into an inner node and lays two overlays on it: the volume goes on in one,
the other is new. A guest that has the volume open writes to the inner node until its block layer moves to the overlay.
"""

from __future__ import annotations

import contextlib
import os
import uuid as uuids
from collections.abc import Callable, Iterator
from pathlib import Path

from xapid.backends.interface import (
    AlreadyExists,
    BadConfig,
    DriverInfo,
    Failed,
    InUse,
    NotFound,
    NotSupported,
)
from xapid.backends.process import run
from xapid.backends.storage import qcow2, sizes, transfer
from xapid.backends.storage.folder import Change, Folder, Record, disk_errors, nothing, sync_path
from xapid.backends.storage.folder_volumes import (
    depth,
    files_of,
    format_of,
    make_empty,
    step_of,
    text_of,
    unwritten,
)
from xapid.backends.storage.interface import (
    Branch,
    Disk,
    Feature,
    NewVolume,
    NoTracking,
    Progress,
    Sr,
    SrFigures,
    SrFound,
    SrScan,
    Volume,
    VolumeFormat,
)
from xapid.backends.storage.places import directory
from xapid.backends.storage.survey import Surveyor, virtual_size, volume_of

DEEPEST = 30
"""How many files one volume may be read through."""


class File(NoTracking):
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
                Feature.THIN_PROVISIONING,
            }
        ),
    )

    def __init__(self, root: Path | None = None, before_step: Callable[[], None] = nothing) -> None:
        self._root = root
        self._before_step = before_step
        self._surveyor = Surveyor()
        self._tell: Callable[[Progress], None] = lambda progress: None

    def watch(self, tell: Callable[[Progress], None]) -> None:
        self._tell = tell

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
            self._folder(sr).create(sr.uuid)
        except OSError as error:
            raise Failed(f"the directory cannot be made: {error}", code="61") from error

    def destroy_sr(self, sr: Sr) -> None:
        folder = self._folder(sr)
        with disk_errors():
            try:
                self._check_identity(folder, sr)
            except NotFound:
                return
            records = folder.records()
            if len(records) < len(folder.keys()) or any(not record.hidden for record in records.values()):
                raise Failed(f"there are volumes in {folder.path}", code="39")
            folder.destroy()
            self._surveyor.forget(folder)

    def attach_sr(self, sr: Sr) -> None:
        folder = self._folder(sr)
        with disk_errors():
            self._check_identity(folder, sr)
            folder.tidy()

    def detach_sr(self, sr: Sr) -> None:
        """Nothing to do: a directory is there or not."""

    def scan(self, sr: Sr) -> SrScan:
        folder = self._folder(sr)
        with disk_errors():
            self._check_identity(folder, sr)
            found = self._surveyor.look(sr, folder)
            figures = self._figures(folder, sum(volume.size for volume in found.volumes))
            return SrScan(tuple(found.volumes), figures, tuple(found.damaged))

    def figures(self, sr: Sr) -> SrFigures:
        return self.scan(sr).figures

    # Volume, in life-cycle order

    def create(self, sr: Sr, new: NewVolume) -> Volume:
        folder = self._folder(sr)
        record = Record(new.uuid, format_of(new), name=new.name)
        size = sizes.rounded(new.size, step_of(record), sizes.LARGEST)
        key = self._free_key(folder, new.uuid)
        file = f"{key}.{record.format}"
        with disk_errors(), folder.making(file) as [image]:
            make_empty(image, record.format, size)
            with folder.locked():
                folder.commit(Change([(f"tmp/{file}", file)], {f"{key}.json": text_of(record)}))
        return volume_of(sr, folder, key, record)

    def attach(self, volume: Volume, owner: str, write: bool) -> Disk:
        with self._opened(volume) as (folder, key, record):
            path = folder.image(key, record)
            if write and record.hidden:
                raise NotSupported(f"{key} is a base of other volumes and cannot be written", key=key)
            if write:
                folder.lease(key, owner)
        return Disk(str(path), record.format, read_only=not write)

    def detach(self, volume: Volume, owner: str) -> None:
        folder = self._folder(volume.sr)
        with disk_errors(), contextlib.suppress(NotFound), folder.locked():
            folder.release(volume.key, owner)

    def leases(self, sr: Sr) -> dict[str, str]:
        with disk_errors():
            return self._folder(sr).leases()

    def snapshot(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        return self._branch(volume, new, base_uuid)

    def clone(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        return self._branch(volume, new, base_uuid)

    def unbranch(self, branch: Branch, before: Volume) -> None:
        with disk_errors(), contextlib.suppress(NotFound), self._opened(before) as (folder, key, record):
            # By uuid, since the keys are not known to who wrote this undo down before the do.
            heirs = {child: folder.record(child) for child in folder.children(key)}
            made = [
                child for child, heir in heirs.items() if heir.uuid in (branch.new.uuid, before.uuid) and record.hidden
            ]
            if not made:
                self._destroy_by_uuid(folder, branch.new.uuid)
                return
            if len(made) < len(heirs) or any(not unwritten(folder, child, heirs[child]) for child in made):
                raise InUse(f"the volumes that continue {key} are in use already", key=key)
            removes = [name for child in made for name in files_of(child, heirs[child])]
            restored = Record(before.uuid, record.format, record.parent, before.hidden, before.name)
            folder.commit(Change(writes={f"{key}.json": text_of(restored)}, removes=removes))

    def copy(self, volume: Volume, sr: Sr, new: NewVolume, progress: str = "") -> Volume:
        if volume.sr.type != sr.type:
            raise NotSupported(f"a volume of a repository of type {volume.sr.type} cannot be copied by this driver")
        with self._opened(volume) as (source_folder, source_key, source):
            path = source_folder.image(source_key, source)
            source_folder.assert_unwritten(source_key)
        folder = self._folder(sr)
        record = Record(new.uuid, format_of(new), name=new.name)
        key = self._free_key(folder, new.uuid)
        file = f"{key}.{record.format}"
        with disk_errors(), folder.making(file) as [image]:
            transfer.copy_into(Disk(str(path), source.format), image, record.format, self._teller(progress))
            sync_path(image)
            with folder.locked():
                folder.commit(Change([(f"tmp/{file}", file)], {f"{key}.json": text_of(record)}))
        return volume_of(sr, folder, key, record)

    def fill(self, volume: Volume, source: Disk, base: Disk | None = None, progress: str = "") -> Volume:
        with self._unused(volume) as (folder, key, record):
            target = Disk(str(folder.image(key, record)), record.format)
        tell = self._teller(progress)
        with disk_errors():
            if base is None:
                transfer.write_over(source, target, tell)
            else:
                with folder.making(f"{uuids.uuid4()}.qcow2") as [overlay]:
                    transfer.write_differences(source, base, target, overlay, tell)
            sync_path(Path(target.path))
        return volume_of(volume.sr, folder, key, record)

    def rewind(self, volume: Volume) -> Volume:
        with self._unused(volume) as (folder, key, record):
            if not record.parent:
                raise NotSupported(f"{key} continues nothing that it could go back to", key=key)
            if unwritten(folder, key, record):
                return volume_of(volume.sr, folder, key, record)
            size = virtual_size(folder.image(key, record), record)
            parent = folder.record(record.parent).format
            below = qcow2.Backing(f"{record.parent}.{parent}", str(parent))
        file = f"{key}.{record.format}"
        with disk_errors(), folder.making(file) as [image]:
            qcow2.create(image, size, below)
            with self._unused(volume):
                folder.commit(Change([(f"tmp/{file}", file)]))
        return volume_of(volume.sr, folder, key, record)

    def resize(self, volume: Volume, size: int) -> Volume:
        with self._opened(volume) as (folder, key, record):
            path = folder.image(key, record)
            holder = folder.holder(key)
            if holder:
                raise InUse(f"the volume {key} is written by {holder}: its guest must grow it", key=key, owner=holder)
            wanted = sizes.grown(virtual_size(path, record), size, step_of(record), sizes.LARGEST)
            # In place: qemu-img makes the file longer first and writes the new size last.
            run(["qemu-img", "resize", "-q", "-f", str(record.format), "--", str(path), str(wanted)])
            sync_path(path)
            return volume_of(volume.sr, folder, key, record)

    def stat(self, volume: Volume) -> Volume:
        with self._opened(volume) as (folder, key, record):
            return volume_of(volume.sr, folder, key, record)

    def destroy(self, volume: Volume) -> None:
        """Also the inner nodes that nobody needs without it."""
        with contextlib.suppress(NotFound), self._opened(volume) as (folder, key, record):
            if folder.children(key):
                raise InUse(f"other volumes continue {key}", key=key)
            folder.assert_unwritten(key)
            removes = files_of(key, record)
            child, parent = key, record.parent
            while parent and folder.children(parent) == [child]:
                above = folder.record(parent)
                if not above.hidden or folder.holder(parent):
                    break
                removes += files_of(parent, above)
                child, parent = parent, above.parent
            folder.commit(Change(removes=removes))

    # How

    def _place(self, config: dict[str, str], uuid: str) -> Path:
        location = config.get("location", "")
        if location:
            return directory(location)
        if self._root is None or not uuid:
            raise BadConfig("location is missing: the directory of the repository", key="location")
        return self._root / uuid

    def _folder(self, sr: Sr) -> Folder:
        return Folder(self._place(sr.device_config, sr.uuid), self._before_step)

    @staticmethod
    def _check_identity(folder: Folder, sr: Sr) -> None:
        found = folder.identity().uuid
        if found != sr.uuid:
            raise NotFound(f"{folder.path} holds the repository {found}, not {sr.uuid}", code="47")

    @contextlib.contextmanager
    def _opened(self, volume: Volume) -> Iterator[tuple[Folder, str, Record]]:
        """A volume under the lock of its repository. Raises NotFound."""
        folder = self._folder(volume.sr)
        with disk_errors(), folder.locked():
            if volume.key:
                yield folder, volume.key, folder.record(volume.key)
                return
            found = next(((k, r) for k, r in folder.records().items() if r.uuid == volume.uuid), None)
            if found is None:
                raise NotFound(f"there is no volume with the uuid {volume.uuid}", uuid=volume.uuid)
            yield folder, *found

    @contextlib.contextmanager
    def _unused(self, volume: Volume) -> Iterator[tuple[Folder, str, Record]]:
        """The same for one that nobody writes and nothing continues. Raises InUse."""
        with self._opened(volume) as (folder, key, record):
            folder.assert_unwritten(key)
            if record.hidden or folder.children(key):
                raise InUse(f"other volumes continue {key}", key=key)
            yield folder, key, record

    @staticmethod
    def _free_key(folder: Folder, uuid: str) -> str:
        """The uuid of the new volume, as clients know it from the original; another if an inner node has that name."""
        try:
            taken = folder.record(uuid)
        except NotFound:
            return uuid
        if taken.uuid == uuid:
            raise AlreadyExists(f"there is a volume {uuid} already", uuid=uuid)
        return str(uuids.uuid4())

    def _branch(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        with self._opened(volume) as (folder, key, record):
            size = virtual_size(folder.image(key, record), record)
            beside = self._may_branch_beside(folder, key, record)
            base = record.parent if beside else key
            if depth(folder, base) >= DEEPEST:
                raise Failed(f"{volume.uuid} has too many snapshots in a row ({DEEPEST})", code="109")
        base_format = (folder.record(base) if beside else record).format
        new_key = self._free_key(folder, new.uuid)
        made = {new_key: Record(new.uuid, VolumeFormat.qcow2, base, name=new.name)}
        changed = {}
        if not beside:
            made[str(uuids.uuid4())] = Record(record.uuid, VolumeFormat.qcow2, base, name=record.name)
            changed[base] = Record(base_uuid, record.format, record.parent, hidden=True, name=record.name)
        self._lay_over(folder, base, base_format, size, made, changed)
        volumes = {k: volume_of(volume.sr, folder, k, r) for k, r in (made | changed).items()}
        active = next((k for k in made if k != new_key), "")
        return Branch(
            volumes[active] if active else volume_of(volume.sr, folder, key, record),
            volumes[new_key],
            volumes.get(base),
        )

    @staticmethod
    def _may_branch_beside(folder: Folder, key: str, record: Record) -> bool:
        """Whether a volume has nothing that its parent has not, so that a new one can continue the parent as well.

        Else each clone of a template would make its chain one file longer.
        """
        if not record.parent or folder.holder(key) or folder.children(key):
            return False
        return folder.record(record.parent).hidden and unwritten(folder, key, record)

    @staticmethod
    def _lay_over(
        folder: Folder,
        base: str,
        base_format: VolumeFormat,
        size: int,
        made: dict[str, Record],
        changed: dict[str, Record],
    ) -> None:
        """Make overlays on ``base`` and, with them, change the records that change."""
        files = {key: f"{key}.{record.format}" for key, record in made.items()}
        with disk_errors(), folder.making(*files.values()) as images:
            for image in images:
                qcow2.create(image, size, qcow2.Backing(f"{base}.{base_format}", str(base_format)))
            moves = [(f"tmp/{file}", file) for file in files.values()]
            writes = {f"children/{base}/{key}": "" for key in made}
            writes |= {f"{key}.json": text_of(record) for key, record in (made | changed).items()}
            with folder.locked():
                folder.commit(Change(moves, writes))

    def _destroy_by_uuid(self, folder: Folder, uuid: str) -> None:
        """Remove the volume that was made beside another; only while locked."""
        for key, record in folder.records().items():
            if record.uuid == uuid:
                if folder.children(key) or folder.holder(key):
                    raise InUse(f"the volume {key} is in use already", key=key)
                folder.commit(Change(removes=files_of(key, record)))

    def _teller(self, progress: str) -> transfer.Tell:
        def tell(fraction: float) -> None:
            if progress:
                self._tell(Progress(progress, fraction))

        return tell

    @staticmethod
    def _figures(folder: Folder, virtual: int) -> SrFigures:
        space = os.statvfs(folder.path)
        return SrFigures(space.f_blocks * space.f_frsize, (space.f_blocks - space.f_bfree) * space.f_frsize, virtual)
