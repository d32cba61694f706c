"""The disks of one guest, in one storage program: an NBD export each, and a device on it."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from xapid.backends.datapath import exports, nbd
from xapid.backends.datapath.nbd_devices import Devices
from xapid.backends.datapath.qmp import Qmp
from xapid.backends.datapath.storage_program import NotRunning, StorageProgram
from xapid.backends.interface import BackendError, Unavailable
from xapid.backends.storage.interface import VolumeFormat

log = logging.getLogger(__name__)

RECORD = ".json"


@dataclass(frozen=True)
class Open:
    """What is written down of an open disk, so that it can be opened again when the program has died."""

    path: str
    format: VolumeFormat
    read_only: bool


class GuestDisks:
    """For one thread at a time. ``folder`` is there as long as anything is open, whoever opened it."""

    def __init__(self, folder: Path, devices: Devices, patience: float) -> None:
        self._folder = folder
        self._devices = devices
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
            self.close(vbd)
            raise

    def close(self, vbd: str) -> None:
        self._take_away(vbd)
        if not self._records():
            self._end()

    def close_all(self) -> None:
        """Also that of which nothing is written down."""
        for name in self._devices.names():
            if name.startswith(self._name("")):
                self._devices.disconnect(name)
        self._end()

    def files(self) -> dict[str, str]:
        """VBD to the path that it writes to."""
        if not self._records():
            return {}
        with self._session() as monitor:
            return exports.files(monitor)

    # Steps, each of which bears that it was taken already

    def _run(self) -> None:
        """Have the program run, and serve again what it served when it died."""
        if self._program.runs():
            return
        self._program.start()
        for vbd, disk in self._records().items():
            try:
                self._serve_again(vbd, disk)
            except BackendError as error:
                log.error("the disk %s of %s cannot be opened again: %s", vbd, self._folder.name, error.message)

    def _is_served(self, vbd: str, disk: Open) -> bool:
        with self._session() as monitor:
            return exports.files(monitor).get(vbd) == disk.path

    def _serve(self, vbd: str, disk: Open) -> Path:
        self._write(vbd, disk)
        with self._session() as monitor:
            exports.add(monitor, vbd, Path(disk.path), disk.format, read_only=disk.read_only)
        with self._program.exports() as server:
            return self._devices.connect(self._name(vbd), server, nbd.enter(server, vbd))

    def _serve_again(self, vbd: str, disk: Open) -> None:
        if self._devices.find(self._name(vbd)) is None:
            return
        with self._session() as monitor:
            exports.add(monitor, vbd, Path(disk.path), disk.format, read_only=disk.read_only)
        with self._program.exports() as server:
            self._devices.reconnect(self._name(vbd), server, nbd.enter(server, vbd))

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
        try:
            with self._program.session() as monitor:
                yield monitor
        except NotRunning as error:
            raise Unavailable(f"the program that serves the disks of {self._folder.name} has ended") from error

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

    def _name(self, vbd: str) -> str:
        """What its device is found by. Another folder is another xapid's."""
        return f"{self._folder}/{vbd}"
