"""In place of the kernel's NBD devices, for machines without them: a client that reads and writes what is served."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from xapid.backends.datapath.nbd import Export

READ, WRITE, HANG_UP, FLUSH = 0, 1, 2, 3
REQUEST, REPLY = 0x25609513, 0x67446698


@dataclass
class Device:
    """One connection."""

    server: socket.socket
    export: Export

    @property
    def alive(self) -> bool:
        # Only a server that hung up has something to say now.
        return not select.select([self.server], [], [], 0)[0]

    def read(self, offset: int, length: int) -> bytes:
        return self._ask(READ, offset, length)

    def write(self, offset: int, data: bytes) -> None:
        self._ask(WRITE, offset, len(data), data)
        self._ask(FLUSH, 0, 0)

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.server.send(struct.pack(">IHHQQI", REQUEST, 0, HANG_UP, 1, 0, 0))
        self.server.close()

    def _ask(self, command: int, offset: int, length: int, data: bytes = b"") -> bytes:
        """Raises OSError: the server's errno, or what it is to be without one."""
        self.server.sendall(struct.pack(">IHHQQI", REQUEST, 0, command, 1, offset, length) + data)
        magic, error, _ = struct.unpack(">IIQ", self._take(16))
        assert magic == REPLY
        if error:
            raise OSError(error, "the server refuses")
        return self._take(length if command == READ else 0)

    def _take(self, length: int) -> bytes:
        data = self.server.recv(length, socket.MSG_WAITALL) if length else b""
        if len(data) < length:
            raise ConnectionResetError
        return data


class ClientDevices:
    """By name, as those of the kernel are."""

    def __init__(self) -> None:
        self._devices: dict[str, Device] = {}

    def __getitem__(self, path: Path) -> Device:
        return self._devices[str(path)]

    def find(self, name: str) -> Path | None:
        return Path(name) if name in self._devices else None

    def names(self) -> list[str]:
        return list(self._devices)

    def connect(self, name: str, server: socket.socket, export: Export) -> Path:
        assert name not in self._devices
        self._devices[name] = Device(server.dup(), export)
        return Path(name)

    def reconnect(self, name: str, server: socket.socket, export: Export) -> None:
        if self._devices[name].alive:
            return
        self._devices[name].server.close()
        self._devices[name] = Device(server.dup(), export)

    def disconnect(self, name: str) -> None:
        if name in self._devices:
            self._devices.pop(name).close()

    def close(self) -> None:
        for device in self._devices.values():
            device.server.close()
