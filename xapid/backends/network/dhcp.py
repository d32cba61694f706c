"""Addresses that servers of DHCP give to bridges: a client (udhcpc) for each, which goes on when the daemon ends.

What it is told it hands to ``leased``, which gives the bridge the address, and notes the lease in a file.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from xapid.backends.interface import Failed, NotSupported
from xapid.backends.network.interface import Lease
from xapid.backends.network.leased import file_of, way_out_of
from xapid.backends.network.names import LEASE
from xapid.backends.whole_files import write_whole

PROGRAM = "udhcpc"
FIRST_ANSWER = 10.0
"""Seconds; the client goes on asking after that."""
BEGINNING = 5.0
"""Seconds in which a client has noted its number."""
LAST_WORDS = 5.0
"""Seconds in which a client gives its lease back."""
LOOK_AGAIN = 0.05


class DhcpClients:
    """Those of this host's bridges."""

    def __init__(self, folder: Path, first_answer: float = FIRST_ANSWER, told: Sequence[str] = ()) -> None:
        """``folder``: where leases and numbers of processes are noted; ``first_answer``: seconds it is waited for;
        ``told``: what ``leased`` is told besides.
        """
        self._folder = folder
        self._told = tuple(told)
        self._first_answer = first_answer

    def ask(self, bridge: str, *, leads_out: bool = False) -> Lease | None:
        """See to it that a client asks for an address for a bridge, and renews it; returns what it has been given.

        None: nobody has answered so far. ``leads_out``: whether the way out of the host is over the router that a
        server names, at each renewal. Raises NotSupported where there is no client.
        """
        lease, way_out = file_of(self._folder, bridge), way_out_of(self._folder, bridge)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if leads_out:
            way_out.touch()
        else:
            way_out.unlink(missing_ok=True)
        self._write_script()
        if self._process(bridge) is None:
            lease.unlink(missing_ok=True)
            self._begin(bridge)
        deadline = time.monotonic() + self._first_answer
        while not lease.exists() and time.monotonic() < deadline:
            time.sleep(LOOK_AGAIN)
        return msgspec.json.decode(lease.read_bytes(), type=Lease) if lease.exists() else None

    def leases(self) -> dict[str, Lease]:
        """What has been given, by bridges."""
        found = {}
        for path in self._folder.glob(f"*{LEASE}"):
            with suppress(OSError, msgspec.MsgspecError):
                found[path.name.removesuffix(LEASE)] = msgspec.json.decode(path.read_bytes(), type=Lease)
        return found

    def stop(self, bridge: str) -> None:
        """End the client of a bridge, if there is one; its lease goes back to the server."""
        if (pid := self._process(bridge)) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + LAST_WORDS
            while self._process(bridge) is not None and time.monotonic() < deadline:
                time.sleep(LOOK_AGAIN)
            if self._process(bridge) is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for path in (file_of(self._folder, bridge), way_out_of(self._folder, bridge), self._pid_file(bridge)):
            path.unlink(missing_ok=True)

    def _write_script(self) -> None:
        """What clients call, those too that an earlier daemon has started."""
        command = [sys.executable, "-m", "xapid.backends.network.leased", str(self._folder), *self._told]
        content = f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n'
        if not (self._script.exists() and self._script.read_text() == content):
            write_whole(self._script, content.encode(), 0o700)

    @property
    def _script(self) -> Path:
        return self._folder / "leased"

    def _begin(self, bridge: str) -> None:
        if shutil.which(PROGRAM) is None:
            raise NotSupported(f"there is no client of DHCP on this host: {PROGRAM} is not installed")
        # By setsid: in the background by itself it would keep open what it was started with.
        options = [
            "-f",
            "-R",
            "-i",
            bridge,
            "-s",
            str(self._script),
            "-p",
            str(self._pid_file(bridge)),
            "-t",
            "3",
            "-A",
            "10",
        ]
        silent = subprocess.DEVNULL
        subprocess.run(  # noqa: S603 -- an argument list
            ["setsid", "--fork", PROGRAM, *options],  # noqa: S607 -- found by its name, as all are
            stdin=silent,
            stdout=silent,
            stderr=silent,
            check=True,
        )
        deadline = time.monotonic() + BEGINNING
        while self._process(bridge) is None:
            if time.monotonic() > deadline:
                raise Failed(f"{PROGRAM} does not begin on {bridge}", bridge=bridge)
            time.sleep(LOOK_AGAIN)

    def _pid_file(self, bridge: str) -> Path:
        return self._folder / f"{bridge}.pid"

    def _process(self, bridge: str) -> int | None:
        """The client of a bridge, whoever started it."""
        with suppress(OSError, ValueError):
            pid = int(self._pid_file(bridge).read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            # Another process may have its number by now; of one that nobody buries there are no words.
            if str(self._pid_file(bridge)).encode() in words:
                return pid
        return None
