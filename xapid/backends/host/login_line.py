"""The machine's own console: a login on a terminal that all who look at it share, like the one before the machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import termios
import threading
from functools import partial
from pathlib import Path

from xapid.backends.domain.interface import Endpoint
from xapid.backends.interface import Failed, NotSupported
from xapid.backends.terminal import glyphs
from xapid.backends.terminal.bridges import Bridges, Line
from xapid.backends.terminal.screen import COLUMNS, LINES

KEY = "host"
PROGRAMS = {"agetty": "util-linux", "login": "login"}
"""Program -> Debian package."""
TERM = "linux"
GRACE = 2.0
"""Seconds in which a login ends once its terminal is gone."""


class LoginLine:
    """One login at a time. It begins when somebody looks, and anew when it has ended."""

    def __init__(self, folder: Path) -> None:
        """``folder``: for the sockets of the terminal's bridge; made when there is one."""
        self._folder = folder
        self._beginning = threading.Lock()
        self._bridges: Bridges | None = None
        self._alive: int = -1
        """Held as long as this process lives, and the login with it."""
        self._getty: subprocess.Popen[bytes] | None = None

    def endpoints(self, name: str) -> tuple[Endpoint, ...]:
        """Where it is served. Raises NotSupported where there can be none. ``name``: as viewers are told it."""
        getty = _require()
        with self._beginning:
            if self._bridges is None:
                self._bridges = Bridges(self._folder)
            bridges = self._bridges
            bridges.begin(KEY, partial(self._open, getty, name))
        return Endpoint("rfb", str(bridges.rfb(KEY))), Endpoint("vt100", str(bridges.vt100(KEY)))

    def close(self) -> None:
        """End it, and who is logged in there."""
        if self._bridges is not None:
            self._bridges.kill(KEY)
            self._bridges.close()
        if self._alive >= 0:
            os.close(self._alive)
            self._alive = -1
        self._bury()

    def _open(self, getty: str, name: str) -> Line:
        self._bury()
        if self._alive >= 0:
            os.close(self._alive)
        until, self._alive = os.pipe2(os.O_CLOEXEC)
        ours, theirs = os.openpty()
        line = Line(ours, name, is_linux=True, until=until, also=(theirs,))
        try:
            self._begin(getty, theirs)
        except OSError as error:
            line.close()
            raise Failed(f"the login of the host cannot be started: {error.strerror}") from error
        return line

    def _begin(self, getty: str, theirs: int) -> None:
        """Start the login at its end of the terminal."""
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", LINES, COLUMNS, 0, 0))
        tty = os.ttyname(theirs).removeprefix("/dev/")
        # It makes the terminal its own, as leader of its session, and ends when that is hung up: also where the daemon
        # was started by nohup.
        self._getty = subprocess.Popen(  # noqa: S603 - what the system has
            ["/usr/bin/env", "--default-signal=HUP", getty, "--noclear", tty, TERM],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            cwd="/",
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM": TERM},
        )

    def _bury(self) -> None:
        """Wait for the login that ended with its terminal; end one that had not made that its own yet."""
        if self._getty is not None:
            try:
                self._getty.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._getty.kill()
                self._getty.wait()
            self._getty = None


def _require() -> str:
    """The program that lets people log in. Raises NotSupported with what is missing."""
    if os.geteuid() != 0:
        raise NotSupported(
            f"the console of the control domain is a login, which needs a daemon that runs as root; this one is "
            f"user {os.geteuid()}"
        )
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        raise NotSupported(f"the console of the control domain needs programs: apt-get install {' '.join(missing)}")
    glyphs.require()
    getty = shutil.which("agetty")
    assert getty is not None
    return getty
