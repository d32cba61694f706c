"""An Open vSwitch of a test's own, in the network namespace that it is in: database, switch, userspace datapath."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
PATIENCE = 10.0
SWITCH_INSTALLED = pytest.mark.skipif(shutil.which("ovs-vswitchd") is None, reason="Open vSwitch is not installed")


class OwnSwitch:
    """``folder``: for its sockets, with a short name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.socket = folder / "db.sock"
        self.file = folder / "conf.db"

    def start(self) -> None:
        if not self.file.exists():
            subprocess.run(["ovsdb-tool", "create", str(self.file), str(SCHEMA)], check=True)
        self.start_database()
        self.vsctl("--no-wait", "init")
        self.start_switch()

    def start_database(self) -> None:
        self._start("ovsdb-server", str(self.file), f"--remote=punix:{self.socket}")
        deadline = time.monotonic() + PATIENCE
        while not self.socket.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def start_switch(self) -> None:
        self._start("ovs-vswitchd", f"unix:{self.socket}")

    def stop(self, program: str) -> None:
        """By force, as a crash ends it."""
        if (process := self._processes.pop(program, None)) is not None:
            process.kill()
            process.wait()
        if program == "ovsdb-server":
            self.socket.unlink(missing_ok=True)

    def stop_all(self) -> None:
        for program in ("ovs-vswitchd", "ovsdb-server"):
            self.stop(program)

    def transactions(self) -> int:
        """How many changes of ours are in the file of its database, which has a record for each."""
        return self.file.read_bytes().count(b'"xapid: ')

    def vsctl(self, *words: str) -> str:
        """What an administrator does with it."""
        command = ["ovs-vsctl", f"--db=unix:{self.socket}", "--timeout=10", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def _start(self, program: str, *words: str) -> None:
        folder = self._folder
        files = [f"--unixctl={folder}/{program}.ctl", f"--log-file={folder}/{program}.log", "--no-chdir"]
        environment = os.environ | {"OVS_RUNDIR": str(folder)}
        self._processes[program] = subprocess.Popen(
            [program, *words, *files, "-vconsole:off"], env=environment, cwd=folder
        )


@contextmanager
def own_switch() -> Iterator[OwnSwitch]:
    folder = Path(mkdtemp(prefix="ovs"))
    switch = OwnSwitch(folder)
    try:
        switch.start()
        yield switch
    finally:
        switch.stop_all()
        shutil.rmtree(folder)
