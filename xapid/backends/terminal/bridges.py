"""The bridges of this host: each is started with its line, comes back if it dies, and goes when its line does.

They outlive the process that started them. The next one finds them by their sockets: the kernel tells which process it
is that listens there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import shutil
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xapid.backends.interface import BackendError, Failed
from xapid.backends.terminal.bridge import MOST_VIEWERS

log = logging.getLogger(__name__)

PROGRAM = "xapid.backends.terminal.program"
EMPTY = "empty"
"""The folder that bridges are in; no line is called so."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds before a bridge that died is started again; twice as many each time, unless it lived for long."""
STARTING = 5.0
"""Seconds that a bridge may take until it serves."""
GRACE = 4.0
"""Seconds in which a bridge ends by itself, once its line has."""


@dataclass(frozen=True)
class Line:
    """What a bridge is started with."""

    fd: int
    """Open; closed here once the bridge has it."""
    name: str = ""
    log: str = ""
    """A file with what was printed before; empty: none."""
    is_linux: bool = False
    """Whoever is at the line takes it for Linux's own terminal."""
    until: int = -1
    """The bridge ends once nobody holds the other end of this pipe; -1: it does not ask."""
    also: tuple[int, ...] = ()
    """More to close here."""

    def close(self) -> None:
        for fd in (self.fd, self.until, *self.also):
            if fd >= 0:
                os.close(fd)


@dataclass
class _Kept:
    """A bridge that is to be there."""

    open: Callable[[], Line]
    pidfd: int = -1
    since: float = 0.0
    pause: float = FIRST_PAUSE
    again_at: float | None = None
    """When it is started again."""
    ends_at: float | None = None
    """When it is killed, if it has not ended."""


class Bridges:
    """Those below one folder, in which each has a folder with its two sockets. Any thread may call."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / EMPTY).mkdir(mode=0o500, exist_ok=True)
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._ending: list[_Kept] = []
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._closed = False
        self._thread: threading.Thread | None = None

    def rfb(self, key: str) -> Path:
        """Where viewers of VNC are served."""
        return self._folder / key / "rfb"

    def vt100(self, key: str) -> Path:
        """Where viewers of the text are served."""
        return self._folder / key / "vt100"

    def begin(self, key: str, line: Callable[[], Line]) -> None:
        """Have a bridge, unless one is there. ``line`` opens what it is for: now, or when it has to come back.

        Raises what ``line`` raises.
        """
        with self._lock:
            if key in self._kept:
                return
            kept = _Kept(line)
            kept.pidfd, kept.since = self._serving(key), time.monotonic()
            if kept.pidfd < 0:
                self._start(key, kept)
            self._kept[key] = kept
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="xapid-bridges", daemon=True)
                self._thread.start()
        self._wake()

    def end(self, key: str) -> None:
        """Its line has ended, or is to be left alone: the bridge ends by itself, or is ended soon."""
        with self._lock:
            kept = self._kept.pop(key, None)
            if kept is not None and kept.pidfd >= 0:
                kept.ends_at = time.monotonic() + GRACE
                self._ending.append(kept)
        shutil.rmtree(self._folder / key, ignore_errors=True)
        self._wake()

    def kill(self, key: str) -> None:
        """End it now."""
        with self._lock:
            kept = self._kept.pop(key, None)
            if kept is not None and kept.pidfd >= 0:
                _kill(kept)
                _bury(kept)
        shutil.rmtree(self._folder / key, ignore_errors=True)
        self._wake()

    def sweep(self, wanted: Callable[[str], bool]) -> None:
        """Remove what bridges left behind whose lines ended while nobody looked."""
        for path in self._folder.iterdir():
            if path.name != EMPTY and not wanted(path.name):
                shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Look after them no more; they go on."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"x")

    # Starting

    def _serving(self, key: str) -> int:
        """The process that serves the sockets of a line, as a descriptor; -1: none."""
        end = time.monotonic() + STARTING
        while pid := self._listening(key):
            with contextlib.suppress(ProcessLookupError):
                pidfd = os.pidfd_open(pid)
                if PROGRAM.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pidfd
                os.close(pidfd)
            # It is starting: until it listens itself, the process that started it does, which may be gone by now.
            if time.monotonic() > end:
                raise Failed(f"the terminal of {key} does not come up")
            time.sleep(STARTING / 100)
        return -1

    def _listening(self, key: str) -> int:
        """The process that listens at the sockets of a line; 0: none."""
        with socket.socket(socket.AF_UNIX) as asking:
            try:
                asking.connect(str(self.rfb(key)))
            except OSError:
                return 0
            pid, _, _ = struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(pid)

    def _start(self, key: str, kept: _Kept) -> None:
        line = kept.open()
        printed = -1
        listeners: list[socket.socket] = []
        try:
            if line.log:
                with contextlib.suppress(OSError):
                    printed = os.open(line.log, os.O_RDONLY | os.O_CLOEXEC)
            shutil.rmtree(self._folder / key, ignore_errors=True)
            (self._folder / key).mkdir(mode=0o700)
            listeners = [_listener(path) for path in (self.rfb(key), self.vt100(key))]
            pid = self._run(line, printed, *(each.fileno() for each in listeners))
        except OSError as error:
            raise Failed(f"the terminal of {key} cannot be started: {error.strerror}") from error
        finally:
            line.close()
            if printed >= 0:
                os.close(printed)
            for each in listeners:
                each.close()
        kept.pidfd, kept.since = os.pidfd_open(pid), time.monotonic()

    def _run(self, line: Line, printed: int, rfb: int, vt100: int) -> int:
        """Start the process of one. It is not ``subprocess`` which does, since the process may outlive this one."""
        fds = {"line": line.fd, "rfb": rfb, "vt100": vt100}
        fds |= {name: fd for name, fd in (("log", printed), ("until", line.until)) if fd >= 0}
        argv = [sys.executable, "-m", PROGRAM, "--directory", str(self._folder / EMPTY), f"--name={line.name}"]
        argv += [word for name, fd in fds.items() for word in (f"--{name}", str(fd))]
        argv += ["--linux"] if line.is_linux else []
        return os.posix_spawn(
            sys.executable,
            argv,
            {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "LC_ALL": "C.UTF-8"},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 0, 1),
                (os.POSIX_SPAWN_DUP2, 0, 2),
                # Onto itself: open there, too.
                *((os.POSIX_SPAWN_DUP2, fd, fd) for fd in fds.values()),
            ],
            setsid=True,
        )

    # Watching

    def _watch(self) -> None:
        while not self._closed:
            with self._lock:
                every = [*self._kept.values(), *self._ending]
                due = [at for kept in every for at in (kept.again_at, kept.ends_at) if at is not None]
                poll = select.poll()
                poll.register(self._wake_read, select.POLLIN)
                for kept in every:
                    if kept.pidfd >= 0:
                        poll.register(kept.pidfd, select.POLLIN)
            timeout = max(0.0, min(due) - time.monotonic()) * 1000 if due else None
            ready = {fd for fd, _ in poll.poll(timeout)}
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
            with self._lock:
                for key, kept in list(self._kept.items()):
                    self._keep(key, kept, died=kept.pidfd in ready)
                self._ending = [kept for kept in self._ending if not self._has_ended(kept, died=kept.pidfd in ready)]

    def _keep(self, key: str, kept: _Kept, *, died: bool) -> None:
        now = time.monotonic()
        if died:
            log.info("the terminal of %s has ended (%s)", key, _bury(kept))
            kept.pause = FIRST_PAUSE if now - kept.since > LONGEST_PAUSE else min(2 * kept.pause, LONGEST_PAUSE)
            kept.again_at = now + kept.pause
        elif kept.again_at is not None and now >= kept.again_at:
            self._start_again(key, kept)

    def _has_ended(self, kept: _Kept, *, died: bool) -> bool:
        if died:
            _bury(kept)
        elif kept.ends_at is not None and time.monotonic() >= kept.ends_at:
            _kill(kept)
            kept.ends_at = None
        return died

    def _start_again(self, key: str, kept: _Kept) -> None:
        kept.again_at = None
        try:
            self._start(key, kept)
            log.warning("the terminal of %s is started again", key)
        except BackendError as error:
            # Mostly since its line is ending as well.
            log.info("the terminal of %s is not started again yet: %s", key, error.message)
            kept.pause = min(2 * kept.pause, LONGEST_PAUSE)
            kept.again_at = time.monotonic() + kept.pause


def _kill(kept: _Kept) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(kept.pidfd, signal.SIGKILL)


def _bury(kept: _Kept) -> str:
    """Of a process that ended. Returns how it did."""
    try:
        ended = os.waitid(os.P_PIDFD, kept.pidfd, os.WEXITED)
        return "nobody knows how" if ended is None else f"status {ended.si_status}"
    except ChildProcessError:
        return "an earlier process had started it"
    finally:
        os.close(kept.pidfd)
        kept.pidfd = -1


def _listener(path: Path) -> socket.socket:
    """A socket that listens: who comes before the bridge does is served once it is there."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(MOST_VIEWERS)
    return listener
