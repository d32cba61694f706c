"""Repositories of disc images: the files of such in a directory of this host, or of a server."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterable, Iterator
from pathlib import Path

from xapid.backends.interface import BackendError, BadConfig, DriverInfo, Failed, Unavailable
from xapid.backends.storage import nfs, servers, smb
from xapid.backends.storage.discs import Discs
from xapid.backends.storage.interface import Feature, Sr
from xapid.backends.storage.mounts import Mounts
from xapid.backends.storage.places import directory

ENDINGS = (".iso", ".img")
VERSIONS = ("1.0", "2.1", "3.0", "3.1.1")
"""Of SMB."""


class Place(enum.StrEnum):
    """Where the images lie, as ``type`` names it where that is a server."""

    here = "here"
    nfs = "nfs_iso"
    smb = "cifs"


class Iso(Discs):
    """The images in ``location``, which is only read. Links and what is no plain file are passed over."""

    info = DriverInfo(
        "iso",
        "Disc images in a directory",
        frozenset({str(Feature.VDI_ATTACH), str(Feature.VDI_DETACH)}),
        shared=True,
        configuration={
            "location": r"The directory; or one of a server, as server:/path (NFS) or \\server\share (SMB).",
            "type": "What the server speaks: nfs_iso or cifs. If nothing is said, its location tells.",
            "legacy_mode": "true: the location is a directory of this host.",
            "iso_path": "A folder below the share.",
            "nfsversion": "Version of NFS: 3, 4 (if nothing is said), 4.0, 4.1 or 4.2.",
            "vers": "Version of SMB: 1.0, 2.1, 3.0 or 3.1.1; if nothing is said, the two agree on one.",
            "options": "More options of the mount, with commas between them.",
            "username": "Who logs in to the server; if nobody is named, a guest does.",
            "cifspassword": "The password.",
        },
    )

    def __init__(self, root: Path | None = None, mounts: Mounts | None = None) -> None:
        self._root = root
        self._mounts = mounts or Mounts()

    def create_sr(self, sr: Sr, size: int) -> None:
        """Only looked at: it has to be there."""
        if self._mounts.at(sr.uuid) is None:
            self.attach_sr(sr)
            self.detach_sr(sr)

    def attach_sr(self, sr: Sr) -> None:
        match _place(sr.device_config):
            case Place.nfs:
                self._mount_export(sr)
            case Place.smb:
                self._mount_share(sr)
            case Place.here:
                _location(sr.device_config)

    def detach_sr(self, sr: Sr) -> None:
        self._mounts.unmount(sr.uuid)

    def images(self, sr: Sr) -> Iterable[Path]:
        here = _place(sr.device_config) is Place.here
        place = _location(sr.device_config) if here else self._mounts.folder(sr.uuid)
        if not place.is_dir():
            return []
        found = (path for path in place.iterdir() if path.suffix.lower() in ENDINGS)
        return sorted(path for path in found if path.is_file() and not path.is_symlink())

    def _mount_export(self, sr: Sr) -> None:
        server, colon, path = sr.device_config["location"].partition(":/")
        if not colon:
            raise BadConfig("the location on a server of NFS is written as server:/path", key="location", code="225")
        config = sr.device_config | {"server": server, "serverpath": f"/{path}"}
        with _of_a_library():
            nfs.mount_export(self._mounts, sr.uuid, config, "", ("ro",))

    def _mount_share(self, sr: Sr) -> None:
        config = sr.device_config
        version, below = config.get("vers", ""), config.get("iso_path", "")
        if version and version not in VERSIONS:
            raise BadConfig(f"vers is {', '.join(VERSIONS)}, not {version[:255]!r}", key="vers", code="227")
        options = (*([f"vers={version}"] if version else []), *servers.options(config.get("options", "")))
        with _of_a_library():
            below = servers.folder(f"/{below}", "iso_path")[1:]
            smb.mount_share(self._mounts, sr.uuid, config["location"], config, below, ("ro", *options))


def _place(config: dict[str, str]) -> Place:
    """Raises BadConfig where no location is given, or a kind that there is not."""
    location, kind = config.get("location", ""), config.get("type", "")
    if not location:
        raise BadConfig("location is missing: the directory of the images", key="location")
    if config.get("legacy_mode") == "true":
        return Place.here
    if kind:
        try:
            return Place(kind)
        except ValueError:
            raise BadConfig(f"type is nfs_iso or cifs, not {kind[:255]!r}", key="type") from None
    if location.startswith(("//", "\\\\")):
        return Place.smb
    return Place.here if location.startswith("/") or ":/" not in location else Place.nfs


def _location(config: dict[str, str]) -> Path:
    """The directory of this host."""
    return directory(config["location"])


@contextlib.contextmanager
def _of_a_library() -> Iterator[None]:
    """Numbers of the storage layer as libraries of discs have them: for a bad location, and for a mount."""
    try:
        yield
    except BadConfig as error:
        if error.facts.get("key") not in ("server", "serverpath", "iso_path"):
            raise
        raise BadConfig(error.message, key="location", code="225") from error
    except Unavailable:
        raise
    except BackendError as error:
        raise Failed(error.message, code="222") from error
