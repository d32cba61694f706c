"""Repositories that are not there: volumes in memory, with the rules of the type that is played."""

from __future__ import annotations

import stat
import uuid as uuids
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from xapid.backends.faults import SimFaults
from xapid.backends.interface import (
    AlreadyExists,
    BadConfig,
    DriverInfo,
    Failed,
    InUse,
    NoSpace,
    NotFound,
    NotSupported,
)
from xapid.backends.storage import sizes
from xapid.backends.storage.interface import (
    TRACKED_BLOCK,
    Branch,
    Disk,
    Feature,
    GrowsByItself,
    Joint,
    Merged,
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
from xapid.backends.storage.sim_kinds import KINDS

ISO_ENDINGS = (".iso", ".img")


@dataclass
class _World:
    """One repository and what is in it."""

    sr: Sr
    born_here: bool = True
    """Made in this life of the daemon, so that every volume of it is known."""
    volumes: dict[str, Volume] = field(default_factory=dict)
    leases: dict[str, str] = field(default_factory=dict)
    children: dict[str, int] = field(default_factory=dict)
    """How many volumes continue one."""
    written: set[str] = field(default_factory=set)
    """Keys of volumes that somebody could write, so that they may differ from their parents."""
    virtual: int = 0
    """Sum of the sizes."""
    taken: int = 0
    """Sum of what the volumes take."""

    def assert_unwritten(self, key: str, but_by: str = "") -> None:
        """Raises InUse if somebody writes the volume, or somebody else."""
        holder = self.leases.get(key, but_by)
        if holder != but_by:
            raise InUse(f"the volume {key} is written by {holder}", key=key, owner=holder)


class Sim(GrowsByItself):
    """One type of repository. Never blocks.

    What it keeps ends with the daemon, the records of it do not: a volume of a repository from an earlier life is
    believed to be there as its record describes it.
    """

    def __init__(self, type: str = "file", capacity: int | None = None) -> None:
        self._kind = KINDS[type]
        self._type = type
        self._capacity = self._kind.capacity if capacity is None else capacity
        self._worlds: dict[str, _World] = {}
        self._tell: Callable[[Progress], None] = lambda progress: None
        self.faults = SimFaults()
        self.info = DriverInfo(
            type,
            f"Simulated repositories of type {type}",
            frozenset(str(each) for each in self._kind.features),
            shared=self._kind.shared,
        )

    def watch(self, tell: Callable[[Progress], None]) -> None:
        self._tell = tell

    # Repository

    def probe(self, config: dict[str, str]) -> list[SrFound]:
        self._check(config)
        return [
            SrFound(config, world.sr.uuid, self._figures(world))
            for world in self._worlds.values()
            if world.sr.device_config == config
        ]

    def create_sr(self, sr: Sr, size: int) -> None:
        self._check(sr.device_config)
        if self._type == "file" or sr.device_config.get("legacy_mode") == "true":
            # The one trace outside: by it a later life tells what was made from what never was.
            try:
                Path(sr.device_config["location"]).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise Failed(f"the directory cannot be made: {error}", code="61") from error
        self._worlds.setdefault(sr.uuid, _World(sr))

    def destroy_sr(self, sr: Sr) -> None:
        world = self._worlds.get(sr.uuid)
        if world and self._type != "iso" and any(not volume.hidden for volume in world.volumes.values()):
            raise Failed(f"there are volumes in {sr.uuid}", code="39")
        if self._worlds.pop(sr.uuid, None) and self._type == "file":
            _remove_empty(Path(sr.device_config["location"]))

    def attach_sr(self, sr: Sr) -> None:
        self._check(sr.device_config)
        if sr.uuid in self._worlds:
            return
        location = sr.device_config.get("location")
        if self._type in ("file", "iso") and location and not _is_directory(Path(location)):
            raise NotFound(f"{location} is not there", path=location, code="47")
        self._worlds[sr.uuid] = _World(sr, born_here=False)

    def detach_sr(self, sr: Sr) -> None:
        """What is in it stays."""

    def scan(self, sr: Sr) -> SrScan:
        world = self._world(sr)
        if self._type == "iso":
            self._read_discs(world)
        return SrScan(tuple(world.volumes.values()), self._figures(world))

    def insert_disc(self, sr: str, drive: str, size: int, usb_port: str = "") -> None:
        """What somebody does at the machine: a disc of so many bytes is put into a drive of a repository."""
        world = self._worlds[sr]
        identity = str(uuids.uuid5(uuids.NAMESPACE_URL, f"{sr}/{drive}"))
        world.volumes[drive] = Volume(
            world.sr, drive, identity, size, VolumeFormat.raw, read_only=True, usb_port=usb_port
        )

    def figures(self, sr: Sr) -> SrFigures:
        return self._figures(self._world(sr))

    # Volume, in life-cycle order

    def create(self, sr: Sr, new: NewVolume) -> Volume:
        self._need(Feature.VDI_CREATE)
        size = sizes.rounded(new.size, self._step(_format(new)), self._kind.limit)
        return self._add(self._world(sr), self._new(sr, new, size))

    def attach(self, volume: Volume, owner: str, write: bool) -> Disk:
        world, found = self._find(volume)
        if write and (found.hidden or self._type in ("iso", "udev")):
            raise NotSupported(f"{found.key} cannot be written", key=found.key)
        if write:
            world.assert_unwritten(found.key, but_by=owner)
            world.leases[found.key] = owner
            world.written.add(found.key)
        if self._type == "iso":
            return Disk(str(Path(found.sr.device_config["location"]) / found.key), VolumeFormat.raw, read_only=True)
        return Disk(f"/sim/{found.sr.uuid}/{found.key}", found.format, read_only=not write)

    def detach(self, volume: Volume, owner: str) -> None:
        world = self._worlds.get(volume.sr.uuid)
        if world and world.leases.get(volume.key) == owner:
            del world.leases[volume.key]

    def snapshot(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        self._need(Feature.VDI_SNAPSHOT)
        made = self._branch(volume, new, base_uuid)
        world = self._world(volume.sr)
        # Of a snapshot it stays known what changed before; a clone has no past.
        return replace(made, new=self._replace(world, replace(made.new, tracked=made.active.tracked)))

    def clone(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        self._need(Feature.VDI_CLONE)
        return self._branch(volume, new, base_uuid)

    def unbranch(self, branch: Branch, before: Volume) -> None:
        world = self._worlds.get(before.sr.uuid)
        base = branch.base and self._by_uuid(world, branch.base.uuid) if world else None
        if world is None:
            return
        new = self._by_uuid(world, branch.new.uuid)
        if new:
            self._remove(world, new)
        active = self._by_uuid(world, before.uuid)
        if base and active and active.parent == base.key:
            self._remove(world, base)
            self._replace(world, replace(active, parent=base.parent, physical=base.physical))

    def copy(self, volume: Volume, sr: Sr, new: NewVolume, progress: str = "") -> Volume:
        self._need(Feature.VDI_CREATE)
        size = volume.size
        if volume.sr.type == self._type:
            world, found = self._find(volume)
            world.assert_unwritten(found.key)
            size = found.size
        made = self._add(self._world(sr), self._new(sr, new, size))
        if progress:
            self._tell(Progress(progress, 1.0))
        return made

    def fill(self, volume: Volume, source: Disk, base: Disk | None = None, progress: str = "") -> Volume:
        self._need(Feature.VDI_CREATE)
        world, found = self._find(volume)
        world.assert_unwritten(found.key)
        if found.hidden or world.children.get(found.key):
            raise InUse(f"other volumes continue {found.key}", key=found.key)
        world.written.add(found.key)
        if progress:
            self._tell(Progress(progress, 1.0))
        return found

    def digest(self, volume: Volume, disk: Disk) -> str:
        raise NotSupported("a volume in memory holds nothing that could be summed up")

    def rewind(self, volume: Volume) -> Volume:
        self._need(Feature.VDI_RESET_ON_BOOT)
        world, found = self._find(volume)
        world.assert_unwritten(found.key)
        if not found.parent or world.children.get(found.key):
            raise NotSupported(f"{found.key} continues nothing that it could go back to", key=found.key)
        world.written.discard(found.key)
        return self._replace(world, replace(found, physical=0))

    def resize(self, volume: Volume, size: int) -> Volume:
        self._need(Feature.VDI_RESIZE)
        world, found = self._find(volume)
        world.assert_unwritten(found.key)
        wanted = sizes.grown(found.size, size, self._step(found.format), self._kind.limit)
        more = wanted - found.size
        self._need_space(world, more)
        return self._replace(world, replace(found, size=wanted, physical=found.physical + more))

    def stat(self, volume: Volume) -> Volume:
        return self._find(volume)[1]

    def destroy(self, volume: Volume) -> None:
        try:
            world, found = self._find(volume)
        except NotFound:
            return
        if world.children.get(found.key):
            raise InUse(f"other volumes continue {found.key}", key=found.key)
        world.assert_unwritten(found.key)
        self._remove(world, found)
        self._remove_unreferenced(world, found.parent)

    def track(self, volume: Volume, on: bool) -> None:
        self._need(Feature.VDI_CONFIG_CBT)
        world, found = self._find(volume)
        self._replace(world, replace(found, tracked=on))

    def changed_blocks(self, older: Volume, newer: Volume) -> bytes:
        """Volumes that are not there hold nothing that could change: only what one grew by did."""
        self._need(Feature.VDI_CONFIG_CBT)
        (_, first), (_, last) = self._find(older), self._find(newer)
        if not first.tracked or not last.tracked or first.size > last.size:
            raise Failed(f"it is not known what changed between {first.uuid} and {last.uuid}", code="460")
        known, all_ = (-(-volume.size // TRACKED_BLOCK) for volume in (first, last))
        bits = (1 << (all_ - known)) - 1
        length = -(-all_ // 8)
        return (bits << (8 * length - all_)).to_bytes(length, "big")

    def drop_data(self, volume: Volume) -> Volume:
        self._need(Feature.VDI_CONFIG_CBT)
        world, found = self._find(volume)
        if world.children.get(found.key):
            raise InUse(f"other volumes continue {found.key}", key=found.key)
        world.assert_unwritten(found.key)
        left = self._replace(world, replace(found, parent="", physical=0))
        self._remove_unreferenced(world, found.parent)
        return left

    def merge(self, volume: Volume, owner: str, speed: int = 0, progress: str = "") -> None:
        world, upper = self._find(volume)
        self._pair(world, upper)
        if upper.hidden:
            for heir in self._above(world, upper):
                world.assert_unwritten(heir)
        else:
            world.assert_unwritten(upper.key, but_by=owner)
        if progress:
            self._tell(Progress(progress, 1.0))

    def begin_merge(self, volume: Volume, owner: str) -> Joint:
        world, upper = self._find(volume)
        lower = self._pair(world, upper)
        if not upper.hidden:
            raise NotSupported(f"{upper.key} is no inner node", key=upper.key)
        places = (Disk(f"/sim/{each.sr.uuid}/{each.key}", each.format) for each in (upper, lower))
        return Joint(*places)

    def end_merge(self, volume: Volume, done: bool) -> Merged | None:
        try:
            world, upper = self._find(volume)
        except NotFound:
            return None
        if not done:
            return None
        lower = self._pair(world, upper)
        physical = min(lower.physical + upper.physical, max(lower.size, upper.size))
        if upper.hidden:
            for key in self._above(world, upper):
                if (heir := world.volumes[key]).parent == upper.key:
                    self._replace(world, replace(heir, parent=lower.key))
            self._remove(world, upper)
            kept = self._replace(world, replace(lower, size=max(lower.size, upper.size), physical=physical))
        else:
            kept = self._replace(world, replace(upper, parent=lower.parent, physical=0))
            self._remove(world, lower)
            kept = self._replace(world, replace(kept, physical=physical))
        return Merged(kept, upper.uuid if upper.hidden else lower.uuid)

    def leases(self, sr: Sr) -> dict[str, str]:
        world = self._worlds.get(sr.uuid)
        return dict(world.leases) if world else {}

    # For tests

    def contents(self, sr: str) -> list[Volume]:
        """What is in a repository now, by its uuid; nothing in one that is not known."""
        world = self._worlds.get(sr)
        return list(world.volumes.values()) if world else []

    def holders(self, sr: str) -> dict[str, str]:
        """Who may write: uuids of volumes and of the owners of their leases."""
        world = self._worlds.get(sr)
        return {world.volumes[key].uuid: owner for key, owner in world.leases.items()} if world else {}

    def grown_by_guest(self, uuid: str, size: int) -> None:
        """Let a volume have a size that a guest's own block layer gave it."""
        for world in self._worlds.values():
            if found := self._by_uuid(world, uuid):
                self._replace(world, replace(found, size=size, physical=found.physical + size - found.size))

    # How

    def _pair(self, world: _World, upper: Volume) -> Volume:
        """The one that a volume is to be written over."""
        self._need(Feature.MERGE)
        lower = world.volumes.get(upper.parent)
        if lower is None or not lower.hidden:
            raise NotSupported(f"{upper.key} continues no inner node", key=upper.key)
        if world.children.get(lower.key) != 1:
            raise InUse(f"other volumes continue {lower.key}", key=lower.key)
        if not upper.hidden and world.children.get(upper.key):
            raise InUse(f"other volumes continue {upper.key}", key=upper.key)
        return lower

    @staticmethod
    def _above(world: _World, volume: Volume) -> list[str]:
        """Keys of all that is read through a volume, and its own."""
        found = [volume.key]
        for key in found:
            found += [each.key for each in world.volumes.values() if each.parent == key]
        return found

    def _check(self, config: dict[str, str]) -> None:
        for key in self._kind.required:
            if not config.get(key):
                raise BadConfig(f"{key} is missing from the configuration", key=key)
        if self._type == "file":
            directory(config["location"])

    def _need(self, feature: Feature) -> None:
        if feature not in self._kind.features:
            raise NotSupported(f"repositories of type {self._type} cannot do {feature}")

    def _step(self, kind: VolumeFormat) -> int:
        return self._kind.raw_step if kind is VolumeFormat.raw else self._kind.step

    def _need_space(self, world: _World, more: int) -> None:
        if world.taken + more > self._capacity:
            raise NoSpace(f"{more} bytes do not fit into what is left of {self._capacity}")

    def _world(self, sr: Sr) -> _World:
        try:
            return self._worlds[sr.uuid]
        except KeyError as error:
            raise NotFound(f"there is no repository {sr.uuid}", code="47") from error

    def _find(self, volume: Volume) -> tuple[_World, Volume]:
        world = self._world(volume.sr)
        found = world.volumes.get(volume.key) if volume.key else self._by_uuid(world, volume.uuid)
        if found is None and self._type == "iso":
            self._read_discs(world)
            found = world.volumes.get(volume.key)
        if found is None and volume.key and not world.born_here:
            found = self._add(world, volume)
        if found is None:
            raise NotFound(f"there is no volume {volume.key or volume.uuid}", key=volume.key, uuid=volume.uuid)
        return world, found

    @staticmethod
    def _by_uuid(world: _World, uuid: str) -> Volume | None:
        found = world.volumes.get(uuid)
        if found and found.uuid == uuid:
            return found
        return next((each for each in world.volumes.values() if each.uuid == uuid), None)

    @staticmethod
    def _new(sr: Sr, new: NewVolume, size: int) -> Volume:
        return Volume(sr, new.uuid, new.uuid, size, _format(new), physical=size, name=new.name)

    def _add(self, world: _World, volume: Volume) -> Volume:
        if volume.key in world.volumes:
            raise AlreadyExists(f"there is a volume {volume.key} already", key=volume.key)
        self._need_space(world, volume.physical)
        world.virtual += volume.size
        world.taken += volume.physical
        world.volumes[volume.key] = volume
        if volume.parent:
            world.children[volume.parent] = world.children.get(volume.parent, 0) + 1
        return volume

    @staticmethod
    def _remove(world: _World, volume: Volume) -> None:
        del world.volumes[volume.key]
        world.virtual -= volume.size
        world.taken -= volume.physical
        world.leases.pop(volume.key, None)
        world.written.discard(volume.key)
        if volume.parent:
            world.children[volume.parent] -= 1

    def _remove_unreferenced(self, world: _World, key: str) -> None:
        """Remove an inner node that nobody continues, and those above it that only it continued."""
        while (node := world.volumes.get(key)) and node.hidden and not world.children.get(key):
            self._remove(world, node)
            key = node.parent

    def _replace(self, world: _World, volume: Volume) -> Volume:
        """The same volume with other facts."""
        holder, written = world.leases.get(volume.key), volume.key in world.written
        self._remove(world, world.volumes[volume.key])
        if holder:
            world.leases[volume.key] = holder
        if written:
            world.written.add(volume.key)
        return self._add(world, volume)

    def _branch(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        """The volume keeps its key, so that what guests have open stays what it is; the new inner node is below it."""
        world, found = self._find(volume)
        made = replace(self._new(volume.sr, new, found.size), physical=0)
        parent = world.volumes.get(found.parent)
        if parent and parent.hidden and found.key not in world.written:
            # It has nothing of its own, so that the new one can continue the same node.
            return Branch(found, self._add(world, replace(made, parent=parent.key)))
        active = replace(found, parent=base_uuid, physical=0)
        self._replace(world, active)
        if active.key not in world.leases:
            world.written.discard(active.key)
        base = self._add(
            world, replace(found, key=base_uuid, uuid=base_uuid, hidden=True, read_only=True, tracked=False)
        )
        return Branch(active, self._add(world, replace(made, parent=base.key)), base)

    def _figures(self, world: _World) -> SrFigures:
        return SrFigures(self._capacity, world.taken, world.virtual)

    def _read_discs(self, world: _World) -> None:
        """The images that really lie in the directory: guests on real back ends and on this one see the same."""
        location = Path(world.sr.device_config["location"])
        if not _is_directory(location):
            raise NotFound(f"{location} is not there", path=str(location), code="47")
        present = {path.name: path for path in sorted(location.iterdir()) if path.suffix.lower() in ISO_ENDINGS}
        for key in set(world.volumes) - set(present):
            self._remove(world, world.volumes[key])
        for name, path in present.items():
            facts = path.lstat()
            if name not in world.volumes and stat.S_ISREG(facts.st_mode):
                # The same disc has the same uuid at every scan.
                uuid = str(uuids.uuid5(uuids.NAMESPACE_URL, f"{world.sr.uuid}/{name}"))
                disc = Volume(world.sr, name, uuid, facts.st_size, VolumeFormat.raw, facts.st_size, name=name)
                self._add(world, replace(disc, read_only=True))


def _format(new: NewVolume) -> VolumeFormat:
    return new.format or (VolumeFormat.raw if new.purpose == "suspend" else VolumeFormat.qcow2)


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False  # None has so long a name.


def _remove_empty(directory: Path) -> None:
    """Remove a directory unless there is something in it, or it is gone."""
    try:
        directory.rmdir()
    except OSError as error:
        if directory.exists() and not any(directory.iterdir()):
            raise Failed(f"{directory} cannot be removed: {error}") from error
