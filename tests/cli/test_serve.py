"""``xapid serve`` as a process: what it needs, what it refuses in one line, and how it ends."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.load import free_port
from tests.daemon import Daemon

pytestmark = pytest.mark.slow
LIMIT = 60.0


def refusal(*options: str) -> str:
    """What a daemon says that does not start."""
    command = [sys.executable, "-m", "xapid", "serve", "--drivers", "sim", "--http", "", "--https", "", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


def test_a_second_daemon_on_a_state_directory_is_refused(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    daemon.start()
    state = tmp_path / "state"

    said = refusal("--state-dir", str(state), "--unix", str(tmp_path / "other"))
    daemon.stop()

    assert said.startswith(f"xapid: state directory {state} is used by another daemon (process ")


def test_a_busy_port_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as other:
        port = other.getsockname()[1]

        said = refusal("--state-dir", str(tmp_path / "s"), "--unix", "", "--http", f"127.0.0.1:{port}")

    assert f"127.0.0.1:{port}" in said
    assert "in use" in said


def test_a_state_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    said = refusal("--state-dir", str(tmp_path / "file" / "s"), "--unix", "")

    assert said == f"xapid: state directory {tmp_path}/file/s: Not a directory"


def test_readiness_is_told_to_the_service_manager_once_the_daemon_answers(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, environment={"NOTIFY_SOCKET": str(tmp_path / "manager")})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "manager"))
        manager.settimeout(LIMIT)
        daemon.start()

        ready = manager.recv(100)
        daemon.stop()
        stopping = manager.recv(100)

    assert (ready, stopping) == (b"READY=1", b"STOPPING=1")


@pytest.mark.parametrize("listener", ["--http", "--https"])
def test_a_listener_that_is_switched_off_is_not_there(tmp_path: Path, listener: str) -> None:
    port = free_port()
    on = {"--http": f"127.0.0.1:{port}", "--https": f"127.0.0.1:{port}", listener: ""}
    daemon = Daemon(tmp_path, *(word for option in on.items() for word in option))

    daemon.start()

    text = daemon.tail()
    daemon.stop()
    assert f"{listener.strip('-')}://" not in text
    assert str(port) in text
