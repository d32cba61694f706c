"""A xenstored with keys in memory, which speaks to one client after the other as the real one does."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

PATIENCE = 10.0
HEADER = struct.Struct("<IIII")


class Daemon:
    """A xenstored with keys in memory and one client at a time."""

    def __init__(self, path: Path, keys: dict[str, str]) -> None:
        self.keys: dict[str, str] = {}
        self._below: dict[str, set[str]] = {}
        for key, value in keys.items():
            self.write_quietly(key, value)
        self.watches: dict[str, str] = {}
        self.asked: list[str] = []
        self.owners: dict[str, str] = {}
        self.raw: dict[str, bytes] = {}
        """Answers to reading a key, sent instead of its value as they are."""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._sending = threading.Lock()
        self._client: socket.socket | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def write(self, key: str, value: str) -> None:
        """As a guest does: whoever watches above it is told."""
        self.write_quietly(key, value)
        for token, path in list(self.watches.items()):
            if key == path or key.startswith(f"{path}/"):
                self._send(15, 0, f"{key}\0{token}\0".encode())

    def write_quietly(self, key: str, value: str) -> None:
        self.keys[key] = value
        while key:
            key, _, name = key.rpartition("/")
            self._below.setdefault(key, set()).add(name)

    def remove(self, key: str) -> None:
        """With all that is below."""
        for each in [each for each in self.keys if each == key or each.startswith(f"{key}/")]:
            del self.keys[each]
            self._below.pop(each, None)
        above, _, name = key.rpartition("/")
        self._below.get(above, set()).discard(name)

    def hang_up(self) -> None:
        with suppress(OSError):  # The client may have gone first.
            if self._client is not None:
                self._client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._closed = True
        with suppress(OSError):  # It may be closed.
            self._listener.shutdown(socket.SHUT_RDWR)
        self.hang_up()
        self._thread.join(PATIENCE)
        self._listener.close()

    def _send(self, kind: int, number: int, body: bytes) -> None:
        assert self._client is not None
        with self._sending:
            self._client.sendall(HEADER.pack(kind, number, 0, len(body)) + body)

    def _serve(self) -> None:
        with suppress(OSError):  # Nobody is listened to any more.
            while True:
                self._client, _ = self._listener.accept()
                if self._closed:
                    self._client.close()  # It came after the others were hung up on.
                    return
                self._serve_client(self._client)

    def _serve_client(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as stream, suppress(ConnectionError):
            while len(head := stream.read(HEADER.size)) == HEADER.size:
                kind, number, _, length = HEADER.unpack(head)
                words = stream.read(length).decode().split("\0")
                self.asked.append(words[0])
                self._answer(kind, number, words)
        self.watches.clear()

    def _answer(self, kind: int, number: int, words: list[str]) -> None:
        path = words[0]
        below = self._below.get(path, set())
        match kind:
            case 2 if path in self.raw:
                assert self._client is not None
                self._client.sendall(self.raw[path])
            case 4:
                self.watches[words[1]] = path
                self._send(4, number, b"OK\0")
                self._send(15, 0, f"{path}\0{words[1]}\0".encode())
            case 5:
                self.watches.pop(words[1], None)
                self._send(5, number, b"OK\0")
            case 11:
                self.write_quietly(path, words[1])
                self._send(11, number, b"OK\0")
            case 13 if path in self.keys or below:
                self.remove(path)
                self._send(13, number, b"OK\0")
            case 14:
                self.owners[path] = words[1]
                self._send(14, number, b"OK\0")
            case _ if path not in self.keys and not below:
                self._send(16, number, b"ENOENT\0")
            case _ if self.keys.get(path) == "secret":
                self._send(16, number, b"EACCES\0")
            case 2:
                self._send(2, number, self.keys.get(path, "").encode())
            case 1:
                self._send(1, number, "".join(f"{name}\0" for name in sorted(below)).encode())
