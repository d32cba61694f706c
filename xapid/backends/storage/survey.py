"""What is in the directory of a repository. A file that looks as it did when it was last read is not opened again."""

from __future__ import annotations

import logging
import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

from xapid.backends.interface import BackendError, Failed
from xapid.backends.storage.folder import Folder
from xapid.backends.storage.interface import Sr, Volume

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int, int]
"""inode, length, blocks and time of the last change of a file: as long as these are the same, so are its bytes."""

TOO_YOUNG = 2.0
"""Seconds. What was changed so lately may be changed again without its time of change becoming another."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A volume, and how its files looked when it was read."""

    record: Stamp
    image: Stamp
    volume: Volume


@dataclass
class Found:
    """What a survey of a repository found."""

    volumes: list[Volume] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    """Keys of volumes that are there, but cannot be read."""


class Surveyor:
    """Looks through directories, and remembers of each what it read there last."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Sr, dict[str, _Read]]] = {}

    def look(self, sr: Sr, folder: Folder) -> Found:
        """Every volume of a repository. One that is damaged hides no other."""
        before, known = self._known.get(folder.path, (sr, {}))
        if before != sr:
            known = {}
        files = folder.files()
        old = time.time() - TOO_YOUNG
        found, remembered = Found(), {}
        for name, facts in files.items():
            key, ending = name[:36], name[37:]
            if ending != "json":
                continue
            read = known.get(key)
            if read is None or not _same(read, facts, files):
                read = self._read(sr, folder, key, files, found)
            if read is not None:
                found.volumes.append(read.volume)
                if max(read.record[3], read.image[3]) < old * 1e9:
                    remembered[key] = read
        self._known[folder.path] = sr, remembered
        return found

    def forget(self, folder: Folder) -> None:
        """Remember nothing of a repository any more."""
        self._known.pop(folder.path, None)

    def _read(self, sr: Sr, folder: Folder, key: str, files: dict[str, os.stat_result], found: Found) -> _Read | None:
        try:
            if not stat.S_ISREG(files[f"{key}.json"].st_mode):
                raise Failed(f"{folder.path}/{key}.json is not a plain file")
            record = folder.record(key)
            volume = folder.volume(sr, key, record)
        except (BackendError, OSError) as error:
            if not folder.has(key):
                return None  # Destroyed since the directory was read.
            log.error("volume %s of %s is damaged: %s", key, folder.path, error)
            found.damaged.append(key)
            return None
        image = files.get(f"{key}.{record.format}")
        # Made since the directory was read: read again next time.
        return _Read(_stamp(files[f"{key}.json"]), _stamp(image) if image else (0, 0, 0, time.time_ns()), volume)


def _same(read: _Read, record: os.stat_result, files: dict[str, os.stat_result]) -> bool:
    image = files.get(f"{read.volume.key}.{read.volume.format}")
    return image is not None and _stamp(record) == read.record and _stamp(image) == read.image


def _stamp(facts: os.stat_result) -> Stamp:
    return facts.st_ino, facts.st_size, facts.st_blocks, facts.st_mtime_ns
