"""`make run`, `make stop` and `make clean`, on simulated drivers, in a tree of their own."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.load import free_port
from tests.make_d.tree import LIMIT, Tree

pytestmark = pytest.mark.slow


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tree = Tree(tmp_path, f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}")
    yield tree
    for each in tree.started:
        each.interrupt()


def test_it_tells_how_to_log_in_and_tells_it_again_when_called_again(tree: Tree) -> None:
    first = tree.up()

    second = tree.command("up", *tree.flags)

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

    assert stopped.stdout == "xapid has stopped; simulated guests end with it.\n"
    assert started.end() == 0
    assert tree.command("stop").stdout == "xapid does not run.\n"


def test_clean_stops_the_daemon_and_removes_what_it_kept(tree: Tree) -> None:
    started = tree.up()

    cleaned = tree.command("clean")

    assert cleaned.returncode == 0
    assert cleaned.stdout == (
        "xapid has stopped; its guests end as well.\nvar is gone, with all that the guests had.\n"
    )
    assert started.end() == 0
    assert not (tree.folder / "var").exists()


def test_a_busy_port_is_named_in_one_line(tree: Tree) -> None:
    host, port = tree.http.split(":")

    with socket.create_server((host, int(port))):
        refused = tree.command("up", *tree.flags)

    assert refused.returncode == 1
    assert refused.stderr == (
        f"xapid: listener {tree.http}: cannot be opened: Address already in use: stop what listens there, or take "
        "another address\n"
    )


def test_ctrl_c_before_the_daemon_is_there_ends_in_one_line(tree: Tree) -> None:
    process = subprocess.Popen(
        tree.python("make.d/run.py", "up", *tree.flags), env=tree.environment(), stderr=subprocess.PIPE, text=True
    )
    # It is written before the doctor is asked, who takes a second.
    password = tree.folder / "var/password"
    while not password.exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)

    _, errors = process.communicate(timeout=LIMIT)

    assert (process.returncode, errors) == (130, "\nxapid: interrupted\n")
    assert not (tree.folder / "var/running.json").exists()


def test_that_the_daemon_was_killed_is_told_and_the_next_one_starts(tree: Tree) -> None:
    started = tree.up()

    tree.kill_daemon(signal.SIGKILL)
    tree.up()

    assert started.process.returncode == 1
    assert tree.log_in() == "Success"
