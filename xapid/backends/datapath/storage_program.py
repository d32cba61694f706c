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
MONITOR, EXPORTS, LOG = "qmp", "nbd", "log"
"""Names in its folder."""


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
            process = _spawn(monitor.fileno(), exports.fileno(), file.fileno())
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
            self.exports().close()
        except NotRunning:
            return False
        return True

    def exports(self) -> socket.socket:
        """A connection to its NBD server. Raises NotRunning."""
        connection = self._connected(EXPORTS)
        connection.settimeout(self._patience)
        return connection

    def end(self) -> None:
        """Let it end; one that does not answer is killed. Returns when it is gone."""
        try:
            with self._connected(MONITOR) as connection, _process(connection) as process:
                with contextlib.suppress(Unavailable):
                    Qmp(connection, self._patience).execute("quit")
                    _wait(process, self._patience)
                    return
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                _wait(process, self._patience)
        except NotRunning:
            return

    def _connected(self, name: str) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            with _short(self._folder) as short:
                connection.connect(str(short / name))
        except (FileNotFoundError, ConnectionRefusedError) as error:
            connection.close()
            raise NotRunning(f"no {PROGRAM} runs in {self._folder}") from error
        except OSError as error:
            connection.close()
            raise Unavailable(f"{PROGRAM} in {self._folder}: {error.strerror}") from error
        return connection

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


def _spawn(monitor: int, exports: int, log: int) -> subprocess.Popen[bytes]:
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
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(monitor, exports),
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable(f"{PROGRAM} cannot be run: {error.strerror}") from error


@contextmanager
def _short(folder: Path) -> Iterator[Path]:
    """The folder by a path that is short: that of a socket must not be longer than 107 bytes."""
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


@contextmanager
def _process(connection: socket.socket) -> Iterator[int]:
    """A handle of the process at the other end: unlike its number, it is never that of another one."""
    size = struct.calcsize("3i")
    # The program itself calls listen() once more, so that it is its number.
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError as error:
        raise NotRunning(f"process {pid} has ended") from error
    try:
        if Path(f"/proc/{pid}/comm").read_text().strip() != PROGRAM[:15]:
            raise NotRunning(f"process {pid} has ended before it took over its sockets")
        yield handle
    finally:
        os.close(handle)


def _wait(process: int, seconds: float) -> None:
    """Raises Unavailable if the process goes on."""
    waiting = select.poll()
    waiting.register(process, select.POLLIN)
    if not waiting.poll(seconds * 1000):
        raise Unavailable(f"{PROGRAM} does not end")
