"""The machine's own console: a login, which nobody else's end leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.backends.domain.hypervisor import within
from tests.rfb_client import PATIENCE, RfbClient, bridge_at
from tests.told import lives
from xapid.backends.domain.interface import Endpoint
from xapid.backends.host.login_line import LoginLine

pytestmark = [pytest.mark.root, pytest.mark.slow]

NAME = "Control domain"
AGENT = """
import sys, time
from pathlib import Path
from xapid.backends.host.login_line import LoginLine
line = LoginLine(Path(sys.argv[1]))
line.endpoints("a name")
print("there", flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="xl-") as name:
        yield Path(name) / "login"


@pytest.fixture
def line(folder: Path) -> Iterator[LoginLine]:
    line = LoginLine(folder)
    yield line
    line.close()


def path_of(endpoints: tuple[Endpoint, ...], protocol: str) -> str:
    return next(each.path for each in endpoints if each.protocol == protocol)


def logins(pid: int) -> list[int]:
    """The logins that a process started."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        # Threads come to their ends meanwhile.
        with suppress(FileNotFoundError, ProcessLookupError):
            children += map(int, (task / "children").read_text().split())
    return [child for child in children if "getty" in command(child) or "login" in command(child)]


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_it_asks_who_is_there_and_says_when_that_is_wrong(line: LoginLine) -> None:
    screen = path_of(line.endpoints(NAME), "rfb")

    with closing(RfbClient.at(screen)) as viewer:
        assert viewer.name == NAME
        viewer.until("login:")
        viewer.type("nobody-of-that-name\n")
        viewer.until("Password:")
        viewer.type("wrong\n")
        viewer.until("incorrect")


def test_all_who_look_share_one(line: LoginLine) -> None:
    endpoints = line.endpoints(NAME)
    assert line.endpoints(NAME) == endpoints

    with closing(RfbClient.at(path_of(endpoints, "rfb"))) as viewer, socket.socket(socket.AF_UNIX) as other:
        viewer.until("login:")
        other.settimeout(PATIENCE)
        other.connect(path_of(endpoints, "vt100"))
        other.sendall(b"somebody")
        viewer.until("somebody")
    assert len(logins(os.getpid())) == 1


def test_one_that_ended_begins_anew(line: LoginLine) -> None:
    screen = path_of(line.endpoints(NAME), "rfb")
    with closing(RfbClient.at(screen)) as viewer:
        viewer.until("login:")
    (login,) = logins(os.getpid())
    bridge = bridge_at(screen)

    os.kill(login, signal.SIGKILL)

    assert within(PATIENCE, lambda: bridge_at(screen) not in (0, bridge))
    with closing(RfbClient.at(screen)) as viewer:
        viewer.until("login:")


@pytest.mark.parametrize("hangup", [signal.SIG_DFL, signal.SIG_IGN])
def test_it_ends_with_whom_it_belongs_to(folder: Path, hangup: signal.Handlers, request: pytest.FixtureRequest) -> None:
    # nohup has it ignored, and whoever is started inherits that.
    request.addfinalizer(partial(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, hangup)))
    line = LoginLine(folder)
    screen = path_of(line.endpoints(NAME), "rfb")
    RfbClient.at(screen).close()
    bridge = bridge_at(screen)

    line.close()

    assert within(PATIENCE, lambda: not lives(bridge))
    assert not logins(os.getpid())
    assert not Path(screen).exists()


def test_nobody_stays_logged_in_when_the_agent_is_killed(folder: Path) -> None:
    agent = subprocess.Popen([sys.executable, "-c", AGENT, str(folder)], stdout=subprocess.PIPE, text=True)
    assert agent.stdout is not None
    assert agent.stdout.readline() == "there\n"
    screen = folder / "host" / "rfb"
    RfbClient.at(screen).close()
    bridge = bridge_at(screen)
    (login,) = logins(agent.pid)

    agent.kill()
    agent.wait()
    agent.stdout.close()

    # agetty waits for ten seconds before it gives up a terminal that goes just when it makes it its own.
    assert within(2 * PATIENCE, lambda: not lives(bridge) and not lives(login))
    line = LoginLine(folder)
    try:
        with closing(RfbClient.at(path_of(line.endpoints(NAME), "rfb"))) as viewer:
            viewer.until("login:")
    finally:
        line.close()
