"""A daemon that is asked by the API to start anew, or to end, does so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.daemon import Client, Daemon, Failure, UnixConnection

pytestmark = pytest.mark.slow


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as daemon:
        yield daemon


def started(client: Client) -> str:
    (host,) = client.call("host.get_all")
    return str(client.call("host.get_other_config", host)["agent_start_time"])


def ask(daemon: Daemon, method: str, *params: str) -> None:
    with closing(daemon.client()) as client:
        client.call(method, *params)


def test_a_daemon_without_systemd_starts_itself_anew(daemon: Daemon) -> None:
    with closing(daemon.client()) as client:
        before, (host,), (pool,) = started(client), client.call("host.get_all"), client.call("pool.get_all")
        client.call("pool.set_name_label", pool, "kept")
        pid = daemon.process and daemon.process.pid

        with closing(UnixConnection(str(daemon.socket))) as idle:
            idle.connect()
            client.call("host.restart_agent", host)
            # Nobody listens any more once connections end.
            assert idle.sock.recv(1) == b""
        daemon.wait_ready()

        with pytest.raises(Failure, match="SESSION_INVALID"):
            client.call("pool.get_all")
    with closing(daemon.client()) as client:
        assert client.call("pool.get_name_label", pool) == "kept"
        assert started(client) >= before
    assert (daemon.process and daemon.process.pid) == pid


def test_where_systemd_watches_the_exit_status_asks_for_it(daemon: Daemon, tmp_path: Path) -> None:
    daemon.stop()
    daemon.start(environment={"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    with closing(daemon.client()) as client:
        (host,) = client.call("host.get_all")

    ask(daemon, "host.restart_agent", host)

    assert daemon.process is not None
    assert daemon.process.wait(30) == 75
    daemon.process = None


def test_a_daemon_that_is_stopped_stays_so(daemon: Daemon) -> None:
    ask(daemon, "host.shutdown_agent")

    assert daemon.process is not None
    assert daemon.process.wait(30) == 0
    daemon.process = None
