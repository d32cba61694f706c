"""A daemon that is asked by the API to start anew, or to end, does so."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.daemon import Client, Daemon

pytestmark = pytest.mark.slow


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as daemon:
        yield daemon


def started(client: Client) -> str:
    (host,) = client.call("host.get_all")
    return str(client.call("host.get_other_config", host)["agent_start_time"])


def started_now(daemon: Daemon) -> str:
    with closing(daemon.client()) as client:
        return started(client)


def ask(daemon: Daemon, method: str, *params: str) -> None:
    with closing(daemon.client()) as client:
        client.call(method, *params)


def test_a_daemon_without_systemd_starts_itself_anew(daemon: Daemon) -> None:
    with closing(daemon.client()) as client:
        before, (host,), (pool,) = started(client), client.call("host.get_all"), client.call("pool.get_all")
    ask(daemon, "pool.set_name_label", pool, "kept")
    time.sleep(1.0)  # agent_start_time counts seconds

    ask(daemon, "host.restart_agent", host)
    came_again = False
    for _ in range(150):
        time.sleep(0.2)
        daemon.wait_ready()
        # Between the two it may be gone.
        with suppress(OSError, http.client.HTTPException):
            came_again = started_now(daemon) > before
        if came_again:
            break

    assert came_again
    with closing(daemon.client()) as client:
        assert client.call("pool.get_name_label", pool) == "kept"


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
