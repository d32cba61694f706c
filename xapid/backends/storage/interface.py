"""The storage driver: repositories, the volumes in them, and how a guest opens one."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, Protocol
from urllib.parse import quote

from xapid.backends.interface import DriverInfo, NotSupported


class Feature(enum.StrEnum):
    """What a storage driver can do. Names are those of the SM records (``VDI_SNAPSHOT``)."""

    SR_ATTACH = "SR_ATTACH"
    SR_DETACH = "SR_DETACH"
    SR_SCAN = "SR_SCAN"
    SR_PROBE = "SR_PROBE"
    SR_UPDATE = "SR_UPDATE"
    SR_METADATA = "SR_METADATA"
    SR_TRIM = "SR_TRIM"
    SR_CACHING = "SR_CACHING"
    SR_SUPPORTS_LOCAL_CACHING = "SR_SUPPORTS_LOCAL_CACHING"
    VDI_CREATE = "VDI_CREATE"
    VDI_DELETE = "VDI_DELETE"
    VDI_ATTACH = "VDI_ATTACH"
    VDI_DETACH = "VDI_DETACH"
    VDI_CLONE = "VDI_CLONE"
    VDI_SNAPSHOT = "VDI_SNAPSHOT"
    VDI_RESIZE = "VDI_RESIZE"
    VDI_RESIZE_ONLINE = "VDI_RESIZE_ONLINE"
    VDI_UPDATE = "VDI_UPDATE"
    VDI_INTRODUCE = "VDI_INTRODUCE"
    VDI_MIRROR = "VDI_MIRROR"
    VDI_GENERATE_CONFIG = "VDI_GENERATE_CONFIG"
    VDI_ATTACH_OFFLINE = "VDI_ATTACH_OFFLINE"
    VDI_RESET_ON_BOOT = "VDI_RESET_ON_BOOT"
    VDI_CONFIG_CBT = "VDI_CONFIG_CBT"
    VDI_ACTIVATE = "VDI_ACTIVATE"
    VDI_DEACTIVATE = "VDI_DEACTIVATE"
    VDI_READ_CACHING = "VDI_READ_CACHING"
    THIN_PROVISIONING = "THIN_PROVISIONING"
    MERGE = "MERGE"
    """Two volumes of a chain become one. The original has no name for that, and SM records do not tell of it."""


TRACKED_BLOCK = 64 << 10
"""Bytes of a block whose changes are noted."""


OPEN_ELSEWHERE = "46"
"""The code of the InUse that tells of a volume which another host has open: the original says so, too."""


class VolumeFormat(enum.StrEnum):
    """How the bytes of a volume are laid out. Always said, never guessed from the bytes."""

    qcow2 = "qcow2"
    raw = "raw"


@dataclass(frozen=True)
class Sr:
    """A repository, as a host sees it through one PBD."""

    uuid: str
    type: str
    device_config: dict[str, str] = field(default_factory=dict)
    sm_config: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Volume:
    """One volume of a repository."""

    sr: Sr
    key: str
    """What the driver finds it by; becomes VDI.location. May change with a snapshot."""
    uuid: str
    """uuid of its VDI."""
    size: int
    """bytes that a guest sees"""
    format: VolumeFormat
    physical: int = 0
    """bytes it takes"""
    parent: str = ""
    """key of the volume it continues; empty: none"""
    hidden: bool = False
    """An inner node of the tree that no client made (``managed=false``)."""
    name: str = ""
    read_only: bool = False
    tracked: bool = False
    """Whether its changes are noted."""
    dropped: bool = False
    """Its data was destroyed; what changed is known yet."""
    usb_port: str = ""
    """Where a removable disk is plugged in, as the kernel names it: 1-1.4."""


@dataclass(frozen=True)
class Disk:
    """How a guest, or a tool, opens a volume that is attached."""

    path: str
    format: VolumeFormat
    kind: str = "file"
    """file, block or nbd; of the last ``path`` is the Unix socket"""
    read_only: bool = False
    export: str = ""
    """What an NBD server is asked for."""

    @property
    def address(self) -> str:
        """As QEMU's tools are told of it."""
        return f"nbd+unix:///{quote(self.export)}?socket={quote(self.path)}" if self.kind == "nbd" else self.path


@dataclass(frozen=True)
class NewVolume:
    """What is asked for when a volume is made."""

    uuid: str
    size: int
    name: str = ""
    format: VolumeFormat | None = None
    """None: the driver's own choice."""
    purpose: str = "user"
    """VDI type: system, user, suspend, ... A suspend image is raw."""
    description: str = ""
    sm_config: dict[str, str] = field(default_factory=dict)
    """What the client says to the driver."""
    driver_params: dict[str, str] = field(default_factory=dict)
    """The same of a snapshot or clone."""


@dataclass(frozen=True)
class Branch:
    """The outcome of a snapshot or clone: the one that goes on, the new one, and the node now between them."""

    active: Volume
    """The volume that was snapshotted: same uuid, maybe another key."""
    new: Volume
    base: Volume | None = None
    """The inner node that both continue; None where the driver needs none."""


@dataclass(frozen=True)
class Joint:
    """Where two volumes meet of which one is written over the one that it continues."""

    image: Disk
    into: Disk


@dataclass(frozen=True)
class Merged:
    """What came of two volumes that became one."""

    kept: Volume
    """The lower one. Where the upper was one that clients see it has its uuid now."""
    gone: str
    """The uuid of which there is no volume any more."""


@dataclass(frozen=True)
class SrFigures:
    """Space of a repository, in bytes."""

    physical_size: int
    physical_utilisation: int
    virtual_allocation: int


@dataclass(frozen=True)
class SrScan:
    """What is in a repository."""

    volumes: tuple[Volume, ...]
    figures: SrFigures
    damaged: tuple[str, ...] = ()
    """Keys of volumes that are there but cannot be read: their records stay."""


@dataclass(frozen=True)
class SrFound:
    """A repository that probing a device found."""

    config: dict[str, str]
    """device_config that would attach it"""
    uuid: str = ""
    figures: SrFigures | None = None
    name: str = ""
    text: str = ""
    """What the driver of a third party said, word for word; empty: nothing in words."""


@dataclass(frozen=True)
class Progress:
    """How far a long call is."""

    of: str
    """What the caller named it by."""
    fraction: float
    """0 to 1"""


class StorageDriver(Protocol):
    """One kind of storage repository. Calls may block; one volume is never worked on twice at once.

    Every undo of a call (destroy of a create, detach of an attach) bears that its do never happened or was undone.
    Since it is written down before the do, it may know a new volume by its uuid alone: then ``key`` is empty.
    """

    info: DriverInfo

    def watch(self, tell: Callable[[Progress], None]) -> None:
        """Call ``tell`` from any thread as calls proceed whose caller asked for it."""

    # Repository

    def probe(self, config: dict[str, str]) -> list[SrFound]: ...
    def create_sr(self, sr: Sr, size: int) -> dict[str, str] | None:
        """Prepare the device. Raises BadConfig (fact ``key``), AlreadyExists, NotFound, NoSpace.

        Returns the device_config by which it is attached from now on; None: it stays as it is.
        """

    def destroy_sr(self, sr: Sr) -> None: ...
    def attach_sr(self, sr: Sr) -> None: ...
    def detach_sr(self, sr: Sr) -> None: ...
    def scan(self, sr: Sr) -> SrScan: ...
    def figures(self, sr: Sr) -> SrFigures: ...

    # Volume, in life-cycle order

    def create(self, sr: Sr, new: NewVolume) -> Volume: ...
    def attach(self, volume: Volume, owner: str, write: bool) -> Disk:
        """Make the volume ready to be opened, leased to ``owner`` (a uuid): two never write at once (InUse)."""

    def detach(self, volume: Volume, owner: str) -> None: ...
    def leases(self, sr: Sr) -> dict[str, str]:
        """Who may write volumes now: owners by the key of the volume."""

    def snapshot(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        """A read-only copy as of now. Where a guest has the volume open the datapath then moves it to ``active``."""

    def clone(self, volume: Volume, new: NewVolume, base_uuid: str) -> Branch:
        """A writable copy that shares what is the same."""

    def unbranch(self, branch: Branch, before: Volume) -> None:
        """Undo a snapshot or clone: ``before`` is as it was."""

    def copy(self, volume: Volume, sr: Sr, new: NewVolume, progress: str = "") -> Volume:
        """A full copy into a repository of this kind, without holes filled. ``progress``: what to tell of it by."""

    def fill(self, volume: Volume, source: Disk, base: Disk | None = None, progress: str = "") -> Volume:
        """Write what an open disk holds over a volume that is not smaller and that nobody writes (InUse).

        With ``base`` only where the two disks differ: the rest stays as it is. What lies behind the end of the disk
        stays, too. ``progress``: what to tell of it by.
        """

    def digest(self, volume: Volume, disk: Disk) -> str:
        """MD5, in hexadecimal digits, of what an attached volume holds. Raises InUse for one that is written."""

    def rewind(self, volume: Volume) -> Volume:
        """Forget what was written to a volume that nobody writes (InUse) since it was branched. Raises NotSupported."""

    def resize(self, volume: Volume, size: int) -> Volume: ...
    def make_room(self, volume: Volume, size: int) -> int:
        """Before a guest's block layer lets its volume grow: the size that it is to have. Raises NoSpace."""

    def stat(self, volume: Volume) -> Volume:
        """The same volume with its present figures. Raises NotFound."""

    def destroy(self, volume: Volume) -> None: ...

    # Changes, for drivers with the feature VDI_CONFIG_CBT

    def track(self, volume: Volume, on: bool) -> None:
        """Note changes of a volume and of its later snapshots from now on, or no longer."""

    def changed_blocks(self, older: Volume, newer: Volume) -> bytes:
        """A bit for each block (``TRACKED_BLOCK`` bytes) of the newer one: whether it changed; the highest bit first.

        What only the newer has counts as changed. Raises Failed (code 460) where that is not known.
        """

    def drop_data(self, volume: Volume) -> Volume:
        """Destroy what a snapshot holds, and the inner nodes that nobody else needs; what changed stays known."""

    # Two volumes become one: the upper is written over the one that it continues, which nothing else continues.

    def merge(self, volume: Volume, owner: str, speed: int = 0, progress: str = "") -> None:
        """Do that to a volume and the inner node that it continues; nobody has open what is read through either.

        Until ``end_merge`` nothing else changes: all can be read as before, wherever this ends, and it can be done
        again. One that clients see is leased to ``owner``. ``speed``: bytes a second at most; 0: any number.
        ``progress``: what to tell of it by. Raises InUse, NotSupported, NoSpace.
        """

    def begin_merge(self, volume: Volume, owner: str) -> Joint:
        """Let the datapath of the one guest that reads through the inner node ``volume`` do that instead: ``owner``,
        who has a disk above it attached.

        Can be repeated. Raises InUse, NotSupported, NoSpace.
        """

    def end_merge(self, volume: Volume, done: bool) -> Merged | None:
        """What continues the volume goes on continuing the lower one, and the volume itself goes; one that clients see
        goes on in the place of the lower one. None: the two stay as they are.

        ``done``: ``merge`` came to its end. What a datapath did the headers of images say, which it changes last.
        """

    # For drivers of third parties: ours find what they need in records of their own.

    def rename_sr(self, sr: Sr, name: str, description: str) -> None:
        """What clients call a repository now."""

    def rename(self, volume: Volume, name: str, description: str) -> None:
        """What clients call a volume now."""

    def introduce(self, sr: Sr, uuid: str, key: str) -> Volume:
        """Take up a volume that is there and has no record, under this uuid if the driver can. Raises NotFound."""

    def offline_call(self, volume: Volume) -> str | None:
        """How the driver is called while there is no toolstack, to attach a volume: XML. None: as any other."""


class GrowsByItself:
    """What a driver answers where an image takes space as it is written."""

    def make_room(self, volume: Volume, size: int) -> int:
        return size


class NoTracking:
    """What a driver without that feature answers."""

    def track(self, volume: Volume, on: bool) -> None:
        raise NotSupported(f"changes of {volume.key} cannot be noted")

    def changed_blocks(self, older: Volume, newer: Volume) -> bytes:
        raise NotSupported(f"changes of {newer.key} are not noted")

    def drop_data(self, volume: Volume) -> Volume:
        raise NotSupported(f"changes of {volume.key} are not noted")


class NoMerging:
    """What a driver without the feature MERGE answers."""

    def merge(self, volume: Volume, owner: str, speed: int = 0, progress: str = "") -> NoReturn:
        raise NotSupported(f"{volume.key} continues nothing")

    def begin_merge(self, volume: Volume, owner: str) -> NoReturn:
        raise NotSupported(f"{volume.key} continues nothing")

    def end_merge(self, volume: Volume, done: bool) -> NoReturn:
        raise NotSupported(f"{volume.key} continues nothing")
