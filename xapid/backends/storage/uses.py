"""Who has volumes of third parties' repositories attached. Their drivers know attached or not; we count, and lease.

A file for each volume that is attached, below a folder for its repository. What was attached before the host booted is
not any more.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from xapid.backends.interface import Failed, InUse
from xapid.backends.storage.folder_lock import Lock
from xapid.backends.storage.interface import Disk, Sr
from xapid.backends.whole_files import write_whole

BOOT = Path("/proc/sys/kernel/random/boot_id")


class Use(msgspec.Struct):
    """A volume that is attached, or about to be."""

    key: str
    boot: str
    owners: dict[str, bool] = msgspec.field(default_factory=dict)
    """Who has it open, and whether to write."""
    disk: Disk | None = None
    """None: it was begun to attach it, and is not known whether that ended."""
    notes: dict[str, str] = msgspec.field(default_factory=dict)
    """What the driver needs for detaching it."""

    @property
    def writer(self) -> str:
        """Who may write it; empty: nobody."""
        return next((owner for owner, writes in self.owners.items() if writes), "")


@dataclass(frozen=True)
class Uses:
    """Those of all repositories of this host."""

    folder: Path

    @contextlib.contextmanager
    def changing(self, sr: Sr, key: str) -> Iterator[Use]:
        """One volume, held against other threads and processes. It is kept as it is then, even if the block fails."""
        place = self.folder / sr.uuid
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = place / f"{_name(key)}.json"
        with Lock(path.with_suffix(".lock")) as lock:
            lock.exclusive()
            use = _read(path) or Use(key, boot_id())
            try:
                yield use
            finally:
                self.keep(sr, use)

    def keep(self, sr: Sr, use: Use) -> None:
        """Write down a use as it is now. Only within ``changing``."""
        path = self.folder / sr.uuid / f"{_name(use.key)}.json"
        if use.owners:
            write_whole(path, msgspec.json.encode(use))
        else:
            path.unlink(missing_ok=True)

    def of(self, sr: Sr) -> list[Use]:
        """The volumes of a repository that somebody has open."""
        found = (_read(path) for path in (self.folder / sr.uuid).glob("*.json"))
        return [use for use in found if use is not None]

    def assert_unused(self, sr: Sr, key: str) -> None:
        """Raises InUse if somebody has a volume open."""
        use = _read(self.folder / sr.uuid / f"{_name(key)}.json")
        if use is not None and use.owners:
            raise InUse(f"the volume {key} is open", key=key, owner=next(iter(use.owners)), code="24")

    def forget(self, sr: Sr) -> None:
        """Remove what is kept of a repository that is gone."""
        place = self.folder / sr.uuid
        for path in [*place.glob("*")]:
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            place.rmdir()

    # What a driver keeps of a repository while it is attached

    def note(self, sr: Sr, text: str | None) -> None:
        """Keep a text until the host boots; None: no longer."""
        place = self.folder / sr.uuid
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if text is None:
            (place / "attached").unlink(missing_ok=True)
        else:
            write_whole(place / "attached", msgspec.json.encode([boot_id(), text]))

    def noted(self, sr: Sr) -> str | None:
        """The text that was kept."""
        try:
            boot, text = msgspec.json.decode((self.folder / sr.uuid / "attached").read_bytes(), type=tuple[str, str])
        except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
            return None
        return text if boot == boot_id() else None


def _name(key: str) -> str:
    """Of the file: a key is any text."""
    return hashlib.sha256(key.encode()).hexdigest()


def _read(path: Path) -> Use | None:
    try:
        use = msgspec.json.decode(path.read_bytes(), type=Use)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except msgspec.MsgspecError as error:
        raise Failed(f"{path} cannot be read: {error}") from error
    return use if use.boot == boot_id() else None


def boot_id() -> str:
    """What the present boot of this host is called."""
    return BOOT.read_text().strip()
