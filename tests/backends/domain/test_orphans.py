"""Burying the processes that are orphaned below this one."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="adoption is Linux's")

PROLOGUE = textwrap.dedent("""
    import os, signal, subprocess, sys, threading
    from pathlib import Path
    from xapid.backends.domain.orphans import Orphans

    Orphans.adopt()

    def daemon():
        # As libvirt starts QEMU: a process that begins a session, starts another and ends.
        mine, theirs = os.pipe()
        between = os.fork()
        if not between:
            os.setsid()
            child = os.fork()
            if not child:
                signal.pause()
            os.write(theirs, str(child).encode())
            os._exit(0)
        os.waitpid(between, 0)
        return int(os.read(mine, 20))

    def buried(pid):
        for _ in range(500):
            if not Path(f"/proc/{pid}").exists():
                return True
            threading.Event().wait(0.01)
        return False
""")


def outcome(program: str) -> str:
    """What a process of its own prints, since adopting cannot be taken back."""
    source = PROLOGUE + textwrap.dedent(program)
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60).stdout


def test_an_orphan_is_buried_when_it_ends() -> None:
    printed = outcome("""
        orphan = daemon()
        parent = Path(f"/proc/{orphan}/stat").read_text().rpartition(")")[2].split()[1]
        os.kill(orphan, signal.SIGKILL)
        print(parent == str(os.getpid()), buried(orphan))
    """)

    assert printed.split() == ["True", "True"]


@pytest.mark.parametrize("session", ["False", "True"])
def test_who_started_a_process_learns_how_it_ended(session: str) -> None:
    printed = outcome(f"""
        child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"], start_new_session={session})
        # It has ended, and others are buried around it.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        orphan = daemon()
        os.kill(orphan, signal.SIGKILL)
        print(buried(orphan), child.wait())
    """)

    assert printed.split() == ["True", "7"]


def test_a_qemu_that_made_itself_a_daemon_is_buried() -> None:
    printed = outcome("""
        mine, theirs = os.pipe()
        between = os.fork()
        if not between:
            child = os.fork()
            if not child:
                os.setsid()
                Path("/proc/self/comm").write_text("qemu-system-i38")
                os.write(theirs, str(os.getpid()).encode())
                signal.pause()
            os._exit(0)
        os.waitpid(between, 0)
        asked = int(os.read(mine, 20))
        os.kill(asked, signal.SIGKILL)
        print(buried(asked))
    """)

    assert printed.split() == ["True"]
