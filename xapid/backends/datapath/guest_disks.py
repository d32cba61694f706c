"""The disks of one guest, in one storage program: an NBD export each, and a device on it."""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from xapid.backends.datapath import exports, merges, nbd
from xapid.backends.datapath.nbd_devices import Devices
from xapid.backends.datapath.qmp import Qmp
from xapid.backends.datapath.storage_program import NotRunning, StorageProgram
from xapid.backends.domain import preflight
from xapid.backends.interface import BackendError, NotFound, Unavailable
from xapid.backends.storage.interface import VolumeFormat

log = logging.getLogger(__name__)

RECORD = ".json"


@dataclass(frozen=True)
class Open:
    """A disk as it was opened; written down before it is."""

    path: str
    format: VolumeFormat
    read_only: bool


class GuestDisks:
    """For one thread at a time. ``folder`` is there as long as anything is open, whoever opened it."""

    def __init__(self, folder: Path, devices: Devices, patience: float, watch: Callable[[int], None]) -> None:
        """``watch``: gets a handle of each program that runs."""
        self._folder = folder
        self._devices = devices
        self._watch = watch
        self._program = StorageProgram(folder, patience)

    def open(self, vbd: str, disk: Open) -> Path:
        """The device that carries a disk. Another disk of the same VBD is closed: nobody uses it any more."""
        try:
            self._run()
            device = self._devices.find(self._name(vbd))
            if device is not None and self._is_served(vbd, disk):
                return device
            self._take_away(vbd)
            return self._serve(vbd, disk)
        except BaseException:
            try:
                self.close(vbd)
            except BackendError as error:
                log.warning("what is left of the disk %s of %s stays: %s", vbd, self._folder.name, error.message)
            raise

    def close(self, vbd: str) -> None:
        self._take_away(vbd)
        if not self._records():
            self._end()

    def close_all(self) -> None:
        """Also that of which nothing is written down."""
        for name in self._connected():
            self._devices.disconnect(name)
        self._end()

    def files(self) -> dict[str, str]:
        """VBD to the path that it writes to."""
        if not self._records():
            return {}
        with self._session() as monitor:
            return exports.files(monitor)

    def switch(self, moves: dict[str, str]) -> None:
        """Go on in overlays: VBD to path."""
        known = {vbd: self._known(vbd) for vbd in moves}
        if not known:
            return
        with self._session() as monitor:
            now = self._served(monitor, known)
            due = {vbd: path for vbd, path in moves.items() if path != now[vbd]}
            preflight.require_paths(due.values())
            if due:
                exports.switch(monitor, {vbd: (Path(path), known[vbd].read_only) for vbd, path in due.items()})

    def resize(self, vbd: str, size: int) -> None:
        disk = self._known(vbd)
        with self._session() as monitor:
            self._served(monitor, [vbd])
            try:
                exports.resize(monitor, vbd, size, read_only=disk.read_only)
            finally:
                self._join_again(vbd)

    def merge(self, vbd: str, image: str, into: str, speed: int) -> None:
        """Begin to write an image beneath a disk over the one that it continues."""
        with self._merges(vbd) as monitor:
            if merges.progress(monitor, vbd) is None:
                merges.begin(monitor, vbd, exports.exported(monitor)[vbd], Path(image), Path(into), speed)

    def merging(self, vbd: str) -> float | None:
        with self._merges(vbd) as monitor:
            found = merges.progress(monitor, vbd)
            if found is None:
                exports.tidy(monitor, vbd)
            return found

    def unmerge(self, vbd: str) -> None:
        with self._merges(vbd) as monitor:
            merges.end(monitor, vbd)
            exports.tidy(monitor, vbd)

    def mend(self) -> None:
        """Go on with what another process of ours has left undone."""
        if not self._program.runs():
            self.give_up()
            return
        self._watch(self._program.process())
        for vbd, disk in self._records().items():
            if self._devices.find(self._name(vbd)) is None:
                continue
            try:
                with self._session() as monitor:
                    exports.renew(monitor, vbd, read_only=disk.read_only)
                self._join_again(vbd)
            except BackendError as error:
                log.error("the disk %s of %s is not served: %s", vbd, self._folder.name, error.message)

    def give_up(self) -> None:
        """Where the program has died let the devices go, so that the guest knows it.

        Nothing is opened anew behind its back: with the program some of what was written, and not flushed, is lost,
        and a flush that succeeds now would say that it is not.
        """
        if self._program.runs() or not (names := self._connected()):
            return
        log.error("the program that served the disks of %s has died: from now on it gets errors", self._folder.name)
        for name in names:
            self._devices.disconnect(name)

    # Steps, each of which bears that it was taken already

    def _run(self) -> None:
        if not self._program.runs():
            self._program.start()
            self._watch(self._program.process())

    def _is_served(self, vbd: str, disk: Open) -> bool:
        with self._session() as monitor:
            return exports.files(monitor).get(vbd) == disk.path

    def _serve(self, vbd: str, disk: Open) -> Path:
        self._write(vbd, disk)
        with self._session() as monitor:
            exports.add(monitor, vbd, Path(disk.path), disk.format, read_only=disk.read_only)
        with self._exports() as server:
            return self._devices.connect(self._name(vbd), server, nbd.enter(server, vbd))

    def _join_again(self, vbd: str) -> None:
        """Have the device go on through another connection; nothing happens if its own is alive."""
        with self._exports() as server:
            self._devices.reconnect(self._name(vbd), server, nbd.enter(server, vbd))

    def _known(self, vbd: str) -> Open:
        """What is written down of a disk."""
        disk = self._records().get(vbd)
        if disk is None:
            raise NotFound(f"{self._folder.name} has no disk {vbd}", vbd=vbd)
        return disk

    def _served(self, monitor: Qmp, vbds: Iterable[str]) -> dict[str, str]:
        """Where disks are that are to be open."""
        now = exports.files(monitor)
        for vbd in vbds:
            if vbd not in now:
                raise Unavailable(
                    f"the disk {vbd} is not served since its program died: start the machine anew", vbd=vbd
                )
        return now

    def _take_away(self, vbd: str) -> None:
        self._devices.disconnect(self._name(vbd))
        if self._program.runs():
            with self._session() as monitor:
                exports.remove(monitor, vbd)
        self._record(vbd).unlink(missing_ok=True)

    def _end(self) -> None:
        self._program.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def _session(self) -> Iterator[Qmp]:
        with self._running(), self._program.session() as monitor:
            yield monitor

    @contextmanager
    def _exports(self) -> Iterator[socket.socket]:
        with self._running(), self._program.exports() as server:
            yield server

    @contextmanager
    def _running(self) -> Iterator[None]:
        try:
            yield
        except NotRunning as error:
            raise Unavailable(f"the program that serves the disks of {self._folder.name} has ended") from error

    @contextmanager
    def _merges(self, vbd: str) -> Iterator[Qmp]:
        """A session, where the disk is open."""
        self._known(vbd)
        with self._session() as monitor:
            self._served(monitor, [vbd])
            yield monitor

    # What is written down

    def _records(self) -> dict[str, Open]:
        found = {}
        for path in self._folder.glob(f"*{RECORD}"):
            with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
                found[path.stem] = msgspec.json.decode(path.read_bytes(), type=Open)
        return found

    def _write(self, vbd: str, disk: Open) -> None:
        # Whole or not at all for who comes after us; a host that crashes has nothing open afterwards.
        new = self._folder / f"{vbd}.new"
        new.write_bytes(msgspec.json.encode(disk))
        new.replace(self._record(vbd))

    def _record(self, vbd: str) -> Path:
        return self._folder / f"{vbd}{RECORD}"

    def _connected(self) -> list[str]:
        return [name for name in self._devices.names() if name.startswith(self._name(""))]

    def _name(self, vbd: str) -> str:
        """What its device is found by. Another folder is another xapid's."""
        return f"{self._folder}/{vbd}"
