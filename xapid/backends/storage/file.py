"""Repositories in a directory: volumes are qcow2 files, raw where that is asked for.

A snapshot or clone turns the volume's file into an inner node and lays two overlays on it: the volume goes on in one,
the other is new. A guest that has the volume open writes to the inner node until its block layer moves to the overlay.
"""

from __future__ import annotations

import contextlib
import os
import re
import uuid as uuids
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from xapid.backends.interface import (
    AlreadyExists,
    BadConfig,
    DriverInfo,
    Failed,
    InUse,
    NotFound,
    NotSupported,
)
from xapid.backends.process import LONGEST, run
from xapid.backends.storage import qcow2, sizes
from xapid.backends.storage.folder import Change, Folder, Record, disk_errors, nothing, sync_path
from xapid.backends.storage.interface import (
    Branch,
    Disk,
    Feature,
    NewVolume,
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

STEP = sizes.MIB
"""Sizes are multiples of this, the block in which archives carry a disk; not those of raw files, which have the size
that was asked for."""
LARGEST = 64 * sizes.TIB
DEEPEST = 30
"""How many files one volume may be read through."""
SUSPEND_IMAGE = "suspend"
PERCENT = re.compile(rb"\(([0-9.]+)/100%\)")


class File:
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
        record = Record(new.uuid, _format(new), name=new.name)
        size = sizes.rounded(new.size, _step(record), LARGEST)
        key = self._free_key(folder, new.uuid)
        file = f"{key}.{record.format}"
        with disk_errors(), folder.making(file) as [image]:
            _make_empty(image, record.format, size)
            with folder.locked():
                folder.commit(Change([(f"tmp/{file}", file)], {f"{key}.json": _text(record)}))
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
            if len(made) < len(heirs) or any(not _unwritten(folder, child, heirs[child]) for child in made):
                raise InUse(f"the volumes that continue {key} are in use already", key=key)
            removes = [name for child in made for name in _files(child, heirs[child])]
            restored = Record(before.uuid, record.format, record.parent, before.hidden, before.name)
            folder.commit(Change(writes={f"{key}.json": _text(restored)}, removes=removes))

    def copy(self, volume: Volume, sr: Sr, new: NewVolume, progress: str = "") -> Volume:
        if volume.sr.type != sr.type:
            raise NotSupported(f"a volume of a repository of type {volume.sr.type} cannot be copied by this driver")
        with self._opened(volume) as (source_folder, source_key, source):
            path = source_folder.image(source_key, source)
            source_folder.assert_unwritten(source_key)
        folder = self._folder(sr)
        record = Record(new.uuid, _format(new), name=new.name)
        key = self._free_key(folder, new.uuid)
        file = f"{key}.{record.format}"
        with disk_errors(), folder.making(file) as [image]:
            self._convert(path, source.format, image, record.format, progress)
            with folder.locked():
                folder.commit(Change([(f"tmp/{file}", file)], {f"{key}.json": _text(record)}))
        return volume_of(sr, folder, key, record)

    def resize(self, volume: Volume, size: int) -> Volume:
        with self._opened(volume) as (folder, key, record):
            path = folder.image(key, record)
            holder = folder.holder(key)
            if holder:
                raise InUse(f"the volume {key} is written by {holder}: its guest must grow it", key=key, owner=holder)
            wanted = sizes.grown(virtual_size(path, record), size, _step(record), LARGEST)
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
            removes = _files(key, record)
            child, parent = key, record.parent
            while parent and folder.children(parent) == [child]:
                above = folder.record(parent)
                if not above.hidden or folder.holder(parent):
                    break
                removes += _files(parent, above)
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
            if _depth(folder, base) >= DEEPEST:
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
        return folder.record(record.parent).hidden and _unwritten(folder, key, record)

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
            writes |= {f"{key}.json": _text(record) for key, record in (made | changed).items()}
            with folder.locked():
                folder.commit(Change(moves, writes))

    def _destroy_by_uuid(self, folder: Folder, uuid: str) -> None:
        """Remove the volume that was made beside another; only while locked."""
        for key, record in folder.records().items():
            if record.uuid == uuid:
                if folder.children(key) or folder.holder(key):
                    raise InUse(f"the volume {key} is in use already", key=key)
                folder.commit(Change(removes=_files(key, record)))

    def _convert(
        self, source: Path, kind: VolumeFormat, target: Path, target_kind: VolumeFormat, progress: str
    ) -> None:
        def heard(data: bytes) -> None:
            if progress and (percents := PERCENT.findall(data)):
                self._tell(Progress(progress, float(percents[-1]) / 100))

        # fmt: off
        run(
            ["qemu-img", "convert", "-p", "-f", str(kind), "-O", str(target_kind), "--", str(source), str(target)],
            timeout=LONGEST, on_output=heard,
        )
        # fmt: on
        sync_path(target)

    @staticmethod
    def _figures(folder: Folder, virtual: int) -> SrFigures:
        space = os.statvfs(folder.path)
        return SrFigures(space.f_blocks * space.f_frsize, (space.f_blocks - space.f_bfree) * space.f_frsize, virtual)


def _format(new: NewVolume) -> VolumeFormat:
    if new.format is not None:
        return new.format
    return VolumeFormat.raw if new.purpose == SUSPEND_IMAGE else VolumeFormat.qcow2


def _step(record: Record) -> int:
    return sizes.SECTOR if record.format is VolumeFormat.raw else STEP


def _text(record: Record) -> str:
    return msgspec.json.encode(record).decode()


def _files(key: str, record: Record) -> list[str]:
    """Everything that a volume consists of; its record first, since without that there is no volume."""
    found = [f"{key}.json", f"{key}.{record.format}", f"{key}.lease"]
    return [*found, f"children/{record.parent}/{key}"] if record.parent else found


def _make_empty(image: Path, kind: VolumeFormat, size: int) -> None:
    if kind is VolumeFormat.qcow2:
        qcow2.create(image, size)
        return
    with image.open("xb") as file:
        file.truncate(size)
        os.fsync(file.fileno())


def _unwritten(folder: Folder, key: str, record: Record) -> bool:
    """Whether an overlay still has nothing but what its parent has."""
    path = folder.image(key, record)
    if record.format is not VolumeFormat.qcow2:
        return False
    return path.stat().st_size <= qcow2.pristine_size(virtual_size(path, record))


def _depth(folder: Folder, key: str) -> int:
    """How many files a volume is read through."""
    depth = 0
    while key:
        depth += 1
        key = folder.record(key).parent
    return depth
