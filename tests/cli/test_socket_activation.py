"""Sockets that the service manager opened: used as they are, and nobody is turned away while the daemon restarts."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.daemon import Daemon, UnixConnection

pytestmark = pytest.mark.slow

MANAGER = """
import fcntl, os, sys
numbers = [int(each) for each in sys.argv[1].split(",")]
copies = [fcntl.fcntl(each, fcntl.F_DUPFD, 100) for each in numbers]
for number, copy in enumerate(copies, 3):
    os.dup2(copy, number)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(copies))}
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Hands file descriptors over as systemd does, from 3 on, and becomes the daemon."""


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def local(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "xapi.sock"))
        listener.listen(100)
        yield listener


@pytest.fixture
def daemon(tmp_path: Path, tcp: socket.socket, local: socket.socket) -> Iterator[Daemon]:
    numbers = (tcp.fileno(), local.fileno())
    within = (sys.executable, "-c", MANAGER, ",".join(map(str, numbers)))
    port = tcp.getsockname()[1]
    daemon = Daemon(tmp_path, "--http", f"127.0.0.1:{port}", within=within, pass_fds=numbers)
    yield daemon
    daemon.stop()


def test_who_calls_before_the_daemon_is_there_is_answered_once_it_is(daemon: Daemon) -> None:
    early = UnixConnection(str(daemon.socket))
    early.request("POST", "/jsonrpc", '{"method":"system.listMethods","params":[],"id":1}')

    daemon.start()

    assert early.getresponse().status == 200
    early.close()


def test_nobody_is_refused_while_the_daemon_restarts(daemon: Daemon, tcp: socket.socket) -> None:
    daemon.start()
    answers, restarted = [], threading.Event()

    def call() -> None:
        while not restarted.is_set():
            with socket.create_connection(tcp.getsockname(), 60) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                answers.append(client.recv(12))

    with ExitStack() as stack:
        caller = threading.Thread(target=call)
        stack.callback(caller.join)
        stack.callback(restarted.set)
        caller.start()
        daemon.stop()
        daemon.start()
        daemon.client().close()

    # Who was connected when the old one stopped may have got nothing.
    assert set(answers) <= {b"HTTP/1.1 404", b""}
    assert len(answers) > 1
    assert daemon.socket.exists()


def test_a_socket_that_no_listener_wants_is_let_go(daemon: Daemon, tcp: socket.socket) -> None:
    daemon.start("--http", "")

    with socket.create_connection(tcp.getsockname(), 10) as client, pytest.raises(TimeoutError):
        client.settimeout(0.1)
        client.recv(1)
    assert "a socket was handed over on which nobody is to listen" in daemon.tail()
