"""What drivers of third parties' repositories share: who has what open, and copies by our own tools."""

from __future__ import annotations

import logging
import uuid
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from xapid.backends.interface import BackendError, DriverInfo, InUse, NotSupported
from xapid.backends.storage import transfer
from xapid.backends.storage.digests import Digests
from xapid.backends.storage.interface import (
    Branch,
    Disk,
    NewVolume,
    NoMerging,
    Progress,
    Sr,
    Volume,
)
from xapid.backends.storage.uses import Use, Uses

log = logging.getLogger(__name__)

REMEMBERED = 10_000
"""New volumes whose keys are known by the uuids that we had for them."""


class Foreign(NoMerging, Digests, ABC):
    """A kind of repository whose driver is a program that somebody else wrote."""

    def __init__(self, info: DriverInfo, folder: Path) -> None:
        """``folder``: where it is kept who has which volume open."""
        self.info = info
        self._features = frozenset(each.partition("/")[0] for each in info.features)
        self._uses = Uses(folder)
        self._tell: Callable[[Progress], None] = lambda progress: None
        # Such a driver names its volumes itself, and an undo that was written down before knows our uuid alone.
        self._made: OrderedDict[str, Volume] = OrderedDict()

    @abstractmethod
    def create(self, sr: Sr, new: NewVolume) -> Volume: ...

    @abstractmethod
    def stat(self, volume: Volume) -> Volume: ...

    @abstractmethod
    def destroy(self, volume: Volume) -> None: ...

    @abstractmethod
    def _open(self, volume: Volume, use: Use, owner: str, write: bool) -> Disk:
        """Attach and activate; what is needed for the way back goes into the notes of the use.

        Raises BackendError, with the fact ``code`` if all is as before.
        """

    @abstractmethod
    def _close(self, volume: Volume, use: Use) -> None:
        """The way back. It bears that the way there was not gone, or not to its end."""

    def watch(self, tell: Callable[[Progress], None]) -> None:
        self._tell = tell

    # Who has it open

    def attach(self, volume: Volume, owner: str, write: bool) -> Disk:
        with self._uses.changing(volume.sr, volume.key) as use:
            self._assert_may_open(use, owner, write)
            open_to_write = any(use.owners.values())
            before = dict(use.owners)
            use.owners[owner] = write or use.owners.get(owner, False)
            if use.disk is None or (write and not open_to_write):
                if before and use.disk is not None:
                    self._close(volume, use)  # Its only owner has read it until now.
                use.disk = None
                # On disk before the do: the undo finds it.
                self._uses.keep(volume.sr, use)
                try:
                    use.disk = self._open(volume, use, owner, write)
                except BackendError as error:
                    if "code" in error.facts:
                        # A clean refusal. Else nobody knows how far it came, and the way back is gone by who asked.
                        use.owners = {}
                    raise
            return replace(use.disk, read_only=not use.owners[owner])

    @staticmethod
    def _assert_may_open(use: Use, owner: str, write: bool) -> None:
        if not write:
            return
        if use.writer not in ("", owner):
            raise InUse(f"the volume {use.key} is written by {use.writer}", key=use.key, owner=use.writer)
        others = [each for each in use.owners if each != owner]
        if others and not use.writer and use.disk is not None:
            # The driver would have to close it under those who read it.
            raise InUse(f"the volume {use.key} is read by {others[0]}", key=use.key, owner=others[0])

    def detach(self, volume: Volume, owner: str) -> None:
        if not any(use.key == volume.key for use in self._uses.of(volume.sr)):
            return
        with self._uses.changing(volume.sr, volume.key) as use:
            writes = use.owners.pop(owner, None)
            if writes is None or use.owners:
                return
            try:
                self._close(volume, use)
            except BaseException:
                use.owners[owner] = writes
                raise

    def leases(self, sr: Sr) -> dict[str, str]:
        return {use.key: use.writer for use in self._uses.of(sr) if use.writer}

    @contextmanager
    def _opened(self, volume: Volume, write: bool) -> Iterator[Disk]:
        owner = str(uuid.uuid4())
        try:
            yield self.attach(volume, owner, write)
        finally:
            self.detach(volume, owner)

    # New ones by the uuids that we have for them

    def _remember(self, new: NewVolume, made: Volume) -> Volume:
        self._made[new.uuid] = self._made[made.uuid] = made
        while len(self._made) > REMEMBERED:
            self._made.popitem(last=False)
        return made

    def _known(self, volume: Volume) -> Volume:
        """The volume with its key, if that of a new one is known."""
        if volume.key:
            return volume
        return self._made.get(volume.uuid, volume)

    def unbranch(self, branch: Branch, before: Volume) -> None:
        self.destroy(branch.new)

    # Contents

    def copy(self, volume: Volume, sr: Sr, new: NewVolume, progress: str = "") -> Volume:
        self._uses_by_writers(volume)
        made = self.create(sr, replace(new, size=volume.size))
        try:
            with self._opened(volume, False) as source:
                return self.fill(made, source, None, progress)
        except BackendError:
            self.destroy(made)
            raise

    def _uses_by_writers(self, volume: Volume) -> None:
        holder = self.leases(volume.sr).get(volume.key)
        if holder:
            raise InUse(f"the volume {volume.key} is written by {holder}", key=volume.key, owner=holder)

    def fill(self, volume: Volume, source: Disk, base: Disk | None = None, progress: str = "") -> Volume:
        self._uses.assert_unused(volume.sr, volume.key)

        def tell(fraction: float) -> None:
            if progress:
                self._tell(Progress(progress, fraction))

        with self._opened(volume, True) as target:
            if base is None:
                transfer.write_over(source, target, tell)
            else:
                overlay = self._uses.folder / f"{uuid.uuid4()}.qcow2"
                try:
                    transfer.write_differences(source, base, target, overlay, tell)
                finally:
                    overlay.unlink(missing_ok=True)
        return self.stat(volume)

    def rewind(self, volume: Volume) -> Volume:
        raise NotSupported(f"disks of repositories of type {volume.sr.type} do not begin anew")
