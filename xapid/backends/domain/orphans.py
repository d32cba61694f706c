"""Buries the QEMU processes that an embedded libvirt leaves to others, where the first process is slow to do it.

libvirt takes a guest for alive until its process is gone even as a zombie. The first process of a container may look
for zombies every other second, or never; so this process takes in what is orphaned below it, and buries it at once.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

PR_SET_CHILD_SUBREAPER = 36
QEMU = "qemu-system-"
CHILDLESS_SECONDS = 0.2
OTHERS_SECONDS = 0.02
"""How long those who started a process may take to notice that it ended before we look again."""


class Orphans:
    """The thread that waits for adopted processes, once started; it never touches what somebody here waits for."""

    _starting = threading.Lock()
    _started = False

    @classmethod
    def adopt(cls) -> None:
        """Begin. Guests that were started by an earlier process are not ours to adopt."""
        with cls._starting:
            if cls._started:
                return
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
                log.warning("orphaned guests cannot be adopted: %s", os.strerror(ctypes.get_errno()))
                return
            threading.Thread(target=cls._run, name="xapid-orphans", daemon=True).start()
            cls._started = True

    @classmethod
    def _run(cls) -> None:
        while True:
            try:
                # Looks only: a process that was started here is waited for by who started it.
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            except ChildProcessError:
                time.sleep(CHILDLESS_SECONDS)
                continue
            if ended is None or not cls._bury(ended.si_pid):
                # The kernel would show the same one again and again, so look beyond it.
                for pid in _children():
                    cls._bury(pid)
                time.sleep(OTHERS_SECONDS)

    @staticmethod
    def _bury(pid: int) -> bool:
        if not is_adopted_zombie(pid):
            return False
        os.waitpid(pid, 0)
        return True


def is_adopted_zombie(pid: int) -> bool:
    """Whether a child of this process ended and was not started by it.

    One that was started here is in the session of this process or leads one of its own. libvirt starts QEMU through a
    process that begins a session and ends; so QEMU is in a session that it does not lead. A QEMU that libvirt only asks
    what it can do makes a session itself; drivers start none.
    """
    try:
        # The name, in brackets, may hold anything.
        before, _, after = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return False
    fields = after.split()
    state, parent, session = fields[0], int(fields[1]), int(fields[3])
    if state != "Z" or parent != os.getpid() or session == os.getsid(0):
        return False
    return session != pid or before.partition("(")[2].startswith(QEMU)


def _children() -> Iterator[int]:
    for listing in Path("/proc/self/task").glob("*/children"):
        try:
            yield from map(int, listing.read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            # That thread ended.
            continue
