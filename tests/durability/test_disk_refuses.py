"""A disk that takes nothing at all: what could not be recorded is said, reads go on, and all is well afterwards."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.daemon import Client, Daemon, Failure

pytestmark = pytest.mark.slow


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as daemon:
        yield daemon


@contextmanager
def nothing_written(daemon: Daemon) -> Iterator[None]:
    """Within the block every write of the daemon to a file fails."""
    assert daemon.process
    pid = daemon.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def create(client: Client, name: str) -> str:
    return str(client.call("network.create", {"name_label": name, "other_config": {}}))


def create_once_it_goes(client: Client) -> str:
    while True:
        try:
            return create(client, "later")
        except Failure as failure:
            assert failure.args[0] in ("INTERNAL_ERROR", "OUT_OF_SPACE")


def test_a_field_that_cannot_be_recorded_is_said_too_and_made_good(daemon: Daemon) -> None:
    with closing(daemon.client()) as client:
        network = create(client, "network")
        with nothing_written(daemon), pytest.raises(Failure, match=r"INTERNAL_ERROR.*done, but not recorded: .*I/O"):
            client.call("network.set_name_description", network, "unsure")

        create_once_it_goes(client)
        daemon.kill()

    daemon.start()
    with closing(daemon.client()) as client:
        assert client.call("network.get_name_description", network) == "unsure"


def test_what_cannot_be_recorded_is_said_and_made_good_once_the_disk_takes_it(daemon: Daemon) -> None:
    with closing(daemon.client()) as client:
        with nothing_written(daemon):
            with pytest.raises(Failure, match=r"INTERNAL_ERROR.*done, but not recorded: .*disk I/O error"):
                create(client, "unsure")
            with pytest.raises(Failure, match=r"OUT_OF_SPACE.*disk I/O error"):
                create(client, "refused")
            with pytest.raises(Failure, match=r"OUT_OF_SPACE.*disk I/O error"):
                client.call("Async.network.create", {"name_label": "refused", "other_config": {}})
            assert client.call("host.get_all")

        create_once_it_goes(client)
        daemon.kill()

    daemon.start()
    with closing(daemon.client()) as client:
        assert len(client.call("network.get_by_name_label", "unsure")) == 1
        assert len(client.call("network.get_by_name_label", "later")) == 1
        assert client.call("network.get_by_name_label", "refused") == []
