"""The process of a bridge. It opens nothing itself: it is handed the line, and sockets that listen, and then is nobody.

``python -m xapid.backends.terminal.program --line FD --rfb FD --vt100 FD --directory PATH``
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
from pathlib import Path

from xapid.backends.terminal.bridge import MOST_VIEWERS, Bridge
from xapid.backends.terminal.confinement import confine
from xapid.backends.terminal.connections import Reader, Watcher
from xapid.backends.terminal.keys import FUNCTION_KEYS, FUNCTION_KEYS_OF_LINUX

SPARE_FILES = 16
REMEMBERED = 65536
"""Bytes of the end of a log that are shown, of what was printed before."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="xapid-terminal")
    parser.add_argument("--line", type=int, required=True, help="the line, open")
    parser.add_argument("--rfb", type=int, required=True, help="a socket that listens")
    parser.add_argument("--vt100", type=int, required=True, help="another one")
    parser.add_argument("--log", type=int, default=-1, help="a file with what the line printed before")
    parser.add_argument("--until", type=int, default=-1, help="a pipe whose end is its own end")
    parser.add_argument("--directory", type=Path, required=True, help="an empty one")
    parser.add_argument(
        "--linux", action="store_true", help="whoever is at the line takes this for Linux's own terminal"
    )
    parser.add_argument("--name", default="", help="as viewers are told it")
    given = parser.parse_args()
    _close_others({given.line, given.rfb, given.vt100, given.log, given.until})
    bridge = Bridge(given.line, given.name, FUNCTION_KEYS_OF_LINUX if given.linux else FUNCTION_KEYS)
    if given.log >= 0:
        bridge.remember(_end_of(given.log))
    for fd, kind in ((given.rfb, Watcher), (given.vt100, Reader)):
        listener = socket.socket(fileno=fd)
        # Again, so that who connects is told that this is the process.
        listener.listen(MOST_VIEWERS)
        bridge.listen(listener, kind)
    if given.until >= 0:
        bridge.end_with(given.until)
    confine(given.directory, MOST_VIEWERS + SPARE_FILES)
    bridge.serve()


def _close_others(kept: set[int]) -> None:
    """Whatever a library of the process before left open."""
    for fd in [int(each.name) for each in Path("/proc/self/fd").iterdir()]:
        if fd > 2 and fd not in kept:
            with contextlib.suppress(OSError):
                os.close(fd)


def _end_of(log: int) -> bytes:
    """What was printed last. Closes the file."""
    with os.fdopen(log, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - REMEMBERED))
        return file.read(REMEMBERED)


if __name__ == "__main__":
    main()
