"""``qemu-storage-daemon``: the process that has the disks of one guest open. It outlives ours."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xapid.backends.datapath.qmp import Qmp
from xapid.backends.interface import Failed, Unavailable

PROGRAM = "qemu-storage-daemon"
PACKAGE = "qemu-system-common"
MONITOR, EXPORTS, PID, LOG = "qmp", "nbd", "pid", "log"
"""Names in its folder."""
KILLED = 60.0
"""Seconds in which one that was killed is gone, unless the kernel cannot let go of it: a storage that hangs."""


class NotRunning(Exception):
    """Nothing listens."""


class StorageProgram:
    """The one of a folder, which only it and we can enter. Found by its sockets, whoever started it."""

    def __init__(self, folder: Path, patience: float) -> None:
        """``patience``: seconds that an answer may take."""
        self._folder = folder
        self._patience = patience

    def start(self) -> None:
        """None runs yet. Raises Failed, Unavailable."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with (
            self._listening(MONITOR) as monitor,
            self._listening(EXPORTS) as exports,
            (self._folder / LOG).open("ab") as file,
        ):
            process = self._spawn(monitor.fileno(), exports.fileno(), file.fileno())
        # A child that nobody waits for would stay as a zombie.
        threading.Thread(target=process.wait, name=f"xapid-{PROGRAM}", daemon=True).start()
        try:
            with self.session():
                pass
        except Unavailable as error:
            process.kill()
            raise Failed(f"{PROGRAM} does not start: {self._last_words() or error.message}") from error

    @contextmanager
    def session(self) -> Iterator[Qmp]:
        """Raises NotRunning, Unavailable."""
        with self._connected(MONITOR) as connection:
            yield Qmp(connection, self._patience)

    def runs(self) -> bool:
        """Whether it is there; it may be too busy to answer."""
        try:
            os.close(self.process())
        except NotRunning:
            return False
        return True

    def process(self) -> int:
        """A handle that tells when it ends, for the caller to close. Raises NotRunning."""
        # Nothing is asked of the program itself: one that hangs takes no connections once a few wait.
        try:
            pid = int((self._folder / PID).read_text())
            handle = os.pidfd_open(pid)
        except (FileNotFoundError, ValueError, ProcessLookupError) as error:
            raise NotRunning(f"no {PROGRAM} runs in {self._folder}") from error
        if not self._is_ours(pid) or _has_ended(handle, 0):
            os.close(handle)
            raise NotRunning(f"no {PROGRAM} runs in {self._folder}")
        return handle

    def exports(self) -> socket.socket:
        """A connection to its NBD server. Raises NotRunning, Unavailable."""
        return self._connected(EXPORTS)

    def end(self) -> None:
        """Let it end; one that does not answer is killed. Returns when it is gone."""
        try:
            process = self.process()
        except NotRunning:
            return
        try:
            with contextlib.suppress(Unavailable, NotRunning), self.session() as monitor:
                monitor.execute("quit")
                if _has_ended(process, self._patience):
                    return
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGKILL)
            if not _has_ended(process, KILLED):
                raise Unavailable(f"{PROGRAM} in {self._folder} does not end")
        finally:
            os.close(process)

    def _is_ours(self, pid: int) -> bool:
        """Its number may be another's by now."""
        try:
            return str(self._folder / PID).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            return False

    def _connected(self, name: str) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            # Of a program that hangs it is the kernel that lets us wait, for room in its queue.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _interval(self._patience))
            with _short(self._folder) as short:
                connection.connect(str(short / name))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _interval(0))
            connection.settimeout(self._patience)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            connection.close()
            raise NotRunning(f"no {PROGRAM} runs in {self._folder}") from error
        except OSError as error:
            connection.close()
            raise Unavailable(f"{PROGRAM} in {self._folder} does not answer: {error.strerror}") from error
        return connection

    def _spawn(self, monitor: int, exports: int, log: int) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - an argument list
                [
                    PROGRAM,
                    "--chardev",
                    f"socket,id=monitor,fd={monitor},server=on,wait=off",
                    "--monitor",
                    "chardev=monitor",
                    "--nbd-server",
                    f"addr.type=fd,addr.str={exports}",
                    "--pidfile",
                    str(self._folder / PID),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(monitor, exports),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"{PROGRAM} (package {PACKAGE}) cannot be run: {error.strerror}") from error

    @contextmanager
    def _listening(self, name: str) -> Iterator[socket.socket]:
        """A socket that takes connections from now on, even before the program does."""
        with socket.socket(socket.AF_UNIX) as listener:
            with _short(self._folder) as short:
                (short / name).unlink(missing_ok=True)
                listener.bind(str(short / name))
            listener.listen()
            yield listener

    def _last_words(self) -> str:
        lines = (self._folder / LOG).read_text(errors="replace").splitlines()
        return " / ".join(lines[-3:])


@contextmanager
def _short(folder: Path) -> Iterator[Path]:
    """The folder by a path that is short: that of a socket must not be longer than 107 bytes."""
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def _has_ended(process: int, seconds: float) -> bool:
    """Whether the process of a handle has ended, or ends within this time."""
    waiting = select.poll()
    waiting.register(process, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


def _interval(seconds: float) -> bytes:
    """As setsockopt takes it."""
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
