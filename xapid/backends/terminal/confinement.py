"""Gives up all that a program which reads what guests and viewers write has no need of."""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
NOBODY = 65534
MEMORY = 512 << 20
"""Bytes of address space, most of which is files that are mapped."""
NICENESS = 5


def confine(directory: Path, files: int) -> None:
    """Go into an empty directory, which root makes all that there is, and be nobody there.

    ``files``: that may be open at once. What is to be read from files later must have been read before.
    """
    os.nice(NICENESS)
    os.chdir(directory)
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, files),
    ):
        _, hard = resource.getrlimit(limit)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))
    if os.getuid() == 0:
        os.chroot(directory)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    # No more processes, and none that others of the same user look into.
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
