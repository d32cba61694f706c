"""`make run`, `make stop` and `make clean`, on simulated drivers, in a tree of their own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.bench_api import free_port

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
LIMIT = 60.0


class Tree:
    """A directory with what the commands need of a clone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "make.d").mkdir()
        shutil.copy(ROOT / "make.d/run.py", folder / "make.d")
        shutil.copy(ROOT / "README.md", folder)
        self.http = f"127.0.0.1:{free_port()}"
        self.https = f"127.0.0.1:{free_port()}"
        self.started: list[Started] = []

    def command(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run one of the commands to its end."""
        return subprocess.run(
            self._words(name, options), env=self._environment(), capture_output=True, text=True, timeout=LIMIT
        )

    def up(self) -> "Started":
        """Start `up`, and return when it has said what to paste."""
        process = subprocess.Popen(
            self._words("up", self.flags()), env=self._environment(), stdout=subprocess.PIPE, text=True
        )
        started = Started(process)
        self.started.append(started)
        started.wait_for("session.login_with_password")
        return started

    def flags(self) -> tuple[str, ...]:
        return ("--drivers", "sim", "--http", self.http, "--https", self.https)

    def log_in(self) -> str:
        password = (self.folder / "var/password").read_text().strip()
        with xmlrpc.client.ServerProxy(f"http://{self.http}") as proxy:
            answer = proxy.session.login_with_password("root", password)
        assert isinstance(answer, dict)
        return str(answer["Status"])

    def _words(self, name: str, options: tuple[str, ...]) -> list[str]:
        return [sys.executable, str(self.folder / "make.d/run.py"), name, *options]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


class Started:
    """A `make run` in the foreground of somebody's terminal."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._news:
                self.said += line
                self._news.notify_all()

    def wait_for(self, text: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: text in self.said, LIMIT), self.said

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> int:
        status = self.process.wait(LIMIT)
        self._reader.join(LIMIT)
        assert self.process.stdout
        self.process.stdout.close()
        return status


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tree = Tree(tmp_path)
    yield tree
    for each in tree.started:
        if each.process.poll() is None:
            each.interrupt()


def test_it_tells_how_to_log_in_and_tells_it_again_when_called_again(tree: Tree) -> None:
    first = tree.up()

    second = tree.command("up", *tree.flags())

    assert tree.log_in() == "Success"
    assert second.returncode == 0
    assert second.stdout.startswith("xapid runs already.\n")
    assert second.stdout.removeprefix("xapid runs already.\n").rstrip() == first.said.rstrip()
    assert f"http://{tree.http}" in first.said


def test_ctrl_c_stops_the_daemon_and_the_next_start_finds_the_same_password(tree: Tree) -> None:
    status = tree.up().interrupt()
    password = (tree.folder / "var/password").read_text()

    tree.up()

    assert status == 0
    assert (tree.folder / "var/password").read_text() == password
    assert tree.log_in() == "Success"


def test_stop_ends_the_daemon_from_elsewhere(tree: Tree) -> None:
    started = tree.up()

    stopped = tree.command("stop")

    assert stopped.stdout == "xapid has stopped; guests run on.\n"
    assert started.end() == 0
    assert tree.command("stop").stdout == "xapid does not run.\n"


def test_clean_stops_the_daemon_and_removes_what_it_kept(tree: Tree) -> None:
    started = tree.up()

    cleaned = tree.command("clean")

    assert cleaned.returncode == 0
    assert started.end() == 0
    assert not (tree.folder / "var").exists()


def test_a_busy_port_is_named_in_one_line(tree: Tree) -> None:
    host, port = tree.http.split(":")

    with socket.create_server((host, int(port))):
        refused = tree.command("up", *tree.flags())

    assert refused.returncode == 1
    assert refused.stderr == f"xapid: listener {tree.http}: cannot be opened: Address already in use\n"


def test_a_daemon_that_was_killed_is_told_and_the_next_one_starts(tree: Tree) -> None:
    started = tree.up()
    daemon = int((tree.folder / "var/state/lock").read_text())

    os.kill(daemon, signal.SIGKILL)
    status = started.end()
    tree.up()

    assert status == 1
    assert tree.log_in() == "Success"
