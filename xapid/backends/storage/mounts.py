"""Where repositories' file systems are mounted: each below one folder, by the uuid of its repository."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from xapid.backends.interface import Failed, InUse, Unavailable
from xapid.backends.process import Run, run

PLACE = Path("/run/sr-mount")
"""Where the original mounts them, and scripts of others look for them."""
TABLE = Path("/proc/self/mountinfo")
ALWAYS = ("nosuid", "nodev")
"""Options of each mount: on what is mounted here no file is a program of root's, and none is a device."""
HELPERS = {"nfs": "nfs-common", "cifs": "cifs-utils"}
"""Kinds that are mounted by a program of their own, ``mount.KIND`` -> its Debian package."""
OF_ONE_HOST = ("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs", "zfs", "bcachefs", "tmpfs", "overlay")
COHERENT = frozenset({*OF_ONE_HOST, "gfs2", "ocfs2", "ceph"})
"""Kinds that keep locks for all who use them."""
OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """What is mounted at a place."""

    target: str
    kind: str
    """ext4, nfs4, cifs, ..."""
    source: str
    """A device, or what a server exports."""
    number: str
    """Of the device, as ``major:minor``; one of the kernel's own for a network's file system."""
    options: frozenset[str] = frozenset()
    """Of the file system: ``rw``, ``local_lock=none``, ..."""


class Mounts:
    """The file systems that are mounted for repositories. What is mounted outlives this process."""

    def __init__(self, place: Path = PLACE, command: Run = run) -> None:
        self._place = place
        self._run = command

    def folder(self, uuid: str) -> Path:
        """Where the file system of a repository is, or would be. The folder is there only while one is mounted."""
        return self._place / uuid

    def at(self, uuid: str) -> Mount | None:
        """What is mounted for a repository."""
        return at(self.folder(uuid))

    def mount(self, uuid: str, kind: str, source: str, options: tuple[str, ...] = ()) -> Path:
        """Mount the file system of a repository, unless one is mounted there. Raises what the command does,
        and Unavailable where a program is missing.

        Whose it is the caller finds out from what is in it.
        """
        folder = self.folder(uuid)
        if self.at(uuid) is None:
            folder.mkdir(parents=True, exist_ok=True)
            wanted = ",".join((*ALWAYS, *options))
            try:
                self._run(["mount", "-t", kind, "-o", wanted, "--", source, str(folder)])
            except BaseException:
                _remove(folder)
                _require_helper(kind)
                raise
        return folder

    def unmount(self, uuid: str) -> None:
        """Unmount it, unless that was done. Raises InUse while somebody has a file of it open."""
        folder = self.folder(uuid)
        if self.at(uuid) is not None:
            try:
                self._run(["umount", "--", str(folder)])
            except Failed as error:
                if "busy" not in error.message:
                    raise
                raise InUse(f"files below {folder} are open", path=str(folder), code="16") from error
        _remove(folder)


def at(folder: Path) -> Mount | None:
    """What is mounted at a folder; where several are, one over the other, the one that is seen."""
    return next((each for each in reversed(mounts()) if each.target == str(folder)), None)


def beneath(path: Path) -> Mount | None:
    """What a file or folder lies on."""
    place = path.resolve()
    found = [each for each in mounts() if place.is_relative_to(each.target)]
    # Of several at one place the last is seen.
    return max(reversed(found), key=lambda each: len(each.target), default=None)


def mounts() -> list[Mount]:
    """All that is mounted, in the order in which it was."""
    return [parsed(line) for line in TABLE.read_text().splitlines()]


def shares_locks(mount: Mount) -> bool:
    """Whether all who use a file system, on whatever host, are known to see each other's locks of its files."""
    if mount.kind in ("nfs", "nfs4"):
        return "local_lock=none" in mount.options
    return mount.kind in COHERENT


def parsed(line: str) -> Mount:
    """A line of the table."""
    # 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    fields, _, file_system = line.partition(" - ")
    _, _, number, _, target, *_ = fields.split(" ")
    kind, source, *options = file_system.split(" ")
    said = frozenset(each for words in options for each in words.split(","))
    return Mount(_plain(target), kind, _plain(source), number, said)


def _plain(text: str) -> str:
    """Blanks and the like are written as three octal digits."""
    return os.fsdecode(OCTAL.sub(lambda found: chr(int(found[1], 8)), text).encode("utf-8", "surrogateescape"))


def _require_helper(kind: str) -> None:
    """Raises Unavailable where the program is missing without which nothing of this kind can be mounted."""
    if kind in HELPERS and shutil.which(f"mount.{kind}", path="/usr/sbin:/sbin") is None:
        raise Unavailable(f"mount.{kind} is not installed: apt-get install {HELPERS[kind]}")


def _remove(folder: Path) -> None:
    """Nothing may be written where the file system ought to be and is not."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return
    except OSError as error:
        raise Failed(f"{folder} cannot be removed: {error.strerror}", path=str(folder)) from error
