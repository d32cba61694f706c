"""No client hears of a change before it is on the disk itself: seen in the system calls of the daemon.

kill -9 alone cannot tell, since what was written and not synced outlives a process.
"""

from __future__ import annotations

import re
import subprocess
import xmlrpc.client
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.daemon import Daemon, UnixConnection

pytestmark = [pytest.mark.root, pytest.mark.slow]

CALLS = "fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg"
BEGUN = re.compile(r"\d+ +(?P<name>\w+)\((?P<arguments>.*)")
"""A call that begins; others may come between this line and its end. Blanks fill the numbers of threads up."""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as daemon:
        yield daemon


@contextmanager
def traced(daemon: Daemon, into: Path) -> Iterator[None]:
    """Within the block the system calls of all threads are written down, each when it begins and when it ends."""
    assert daemon.process
    command = [
        "strace",
        "-f",
        "-yy",
        "-s",
        "9000",
        "-e",
        f"trace={CALLS}",
        "-o",
        str(into),
        "-p",
        str(daemon.process.pid),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        try:
            assert tracer.stderr
            assert "attached" in tracer.stderr.readline()
            yield
        finally:
            tracer.terminate()


def test_neither_the_reply_nor_an_event_goes_out_before_the_change_is_synced(daemon: Daemon, tmp_path: Path) -> None:
    client, watcher = daemon.client(), UnixConnection(str(daemon.socket))
    token = client.call("event.from", ["network"], "", 0.0)["token"]
    question = xmlrpc.client.dumps((client.session, ["network"], token, 30.0), "event.from")

    with closing(client), closing(watcher), traced(daemon, tmp_path / "trace"):
        watcher.request("POST", "/RPC2", question)
        ref = client.call("network.create", {"name_label": "new", "other_config": {}})
        event = watcher.getresponse().read().decode()

    assert ref in event
    trace = (tmp_path / "trace").read_text().splitlines()
    written = [number for number, line in enumerate(trace) if "-wal>" in line and ref in line]
    told = [number for number, line in enumerate(trace) if "UNIX-STREAM" in line and ref in line]
    assert len(told) == 2, "the reply and the event"
    # Later commits may write the same pages again.
    assert written
    assert sync_ended(trace, after=min(written)) < min(told)


def sync_ended(trace: list[str], after: int) -> int:
    """The line with which the next sync of the write-ahead log ends."""
    for number, line in enumerate(trace[after:], after):
        call = BEGUN.match(line)
        if call and call["name"] in ("fsync", "fdatasync") and "-wal>" in call["arguments"]:
            return number if call["arguments"].endswith("= 0") else resumed(trace, line.split()[0], number)
    raise AssertionError("the write-ahead log is never synced")


def resumed(trace: list[str], thread: str, after: int) -> int:
    """The line with which a call of a thread ends that others came between."""
    return next(
        number
        for number, line in enumerate(trace)
        if number > after and line.split()[:2] == [thread, "<..."] and line.endswith("= 0")
    )
