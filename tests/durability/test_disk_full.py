"""A disk that is full: changes are refused with the reason, all else goes on, and so do changes once there is space."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Client, Daemon, Failure

pytestmark = [pytest.mark.root, pytest.mark.slow]

LIMIT = 60.0
"""Seconds for the daemon to see it."""
SIZE = 24 * 1024 * 1024
"""Bytes of the file system with the state directory."""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """The state directory, on a small file system of its own."""
    path = tmp_path / "state"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", path], check=True)
    yield path
    subprocess.run(["umount", path], check=True)


@pytest.fixture
def daemon(tmp_path: Path, state: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as daemon:
        yield daemon


@contextmanager
def full(state: Path) -> Iterator[None]:
    """Within the block there is no space left."""
    filler = state / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError as error:
                assert error.errno == errno.ENOSPC
    try:
        yield
    finally:
        filler.unlink()


def create(client: Client, name: str) -> str:
    # With much to be written, so that what space there is in files already is soon used up.
    return str(client.call("network.create", {"name_label": name, "name_description": "x" * 65536, "other_config": {}}))


def create_until_refused(client: Client) -> tuple[list[str], Failure]:
    """What was made before, and what was said then."""
    made: list[str] = []
    try:
        while True:
            made.append(create(client, f"number {len(made)}"))
    except Failure as failure:
        return made, failure


def create_once_there_is_space(client: Client) -> str:
    while True:
        try:
            return create(client, "later")
        except Failure as failure:
            assert failure.args[0] == "OUT_OF_SPACE"
            client.call("event.from", ["network"], "", 0.0)


def test_changes_are_refused_with_the_reason_while_reads_go_on_and_nothing_acknowledged_is_lost(
    daemon: Daemon, state: Path
) -> None:
    with full(state), closing(daemon.client()) as client:
        made, refused = create_until_refused(client)

        code, place = refused.args
        assert code == "OUT_OF_SPACE"
        assert str(state) in place
        assert "full" in place
        with pytest.raises(Failure, match="OUT_OF_SPACE"):
            client.call("Async.VM.clone", client.call("VM.get_by_name_label", "Other install media")[0], "copy")
        assert client.call("network.get_name_label", made[-1]) == f"number {len(made) - 1}"
        assert len(client.call("event.from", ["network"], "", 0.0)["events"]) >= len(made)
        with closing(daemon.client()) as another:
            assert another.call("session.get_this_user", another.session)
        daemon.kill()

    daemon.start()
    with closing(daemon.client()) as client:
        assert set(made) <= set(client.call("network.get_all"))


def test_the_administrator_is_told_once(daemon: Daemon, state: Path) -> None:
    with full(state), closing(daemon.client()) as client:
        create_until_refused(client)
        token = ""
        told: list[Any] = []
        while not told:
            batch = client.call("event.from", ["message"], token, LIMIT)
            # The first time it is told at once what there is.
            assert batch["events"] or not token
            token, told = batch["token"], batch["events"]
        uuid = client.call("host.get_uuid", client.call("host.get_all")[0])
        (message,) = client.call("message.get_all_records").values()

    assert (message["name"], message["priority"], message["cls"], message["obj_uuid"]) == (
        "DATABASE_DISK_FULL", "2", "Host", uuid,
    )  # fmt: skip
    assert f"<directory>{state}</directory>" in message["body"]
    assert "full" in message["body"]


def test_changes_go_on_by_themselves_once_there_is_space(daemon: Daemon, state: Path) -> None:
    with closing(daemon.client()) as client:
        with full(state):
            made, _ = create_until_refused(client)

        made.append(create_once_there_is_space(client))
        daemon.kill()

    daemon.start()
    with closing(daemon.client()) as client:
        assert set(made) <= set(client.call("network.get_all"))
        assert (state / "ballast").stat().st_size > 0


def test_what_was_under_way_when_the_disk_became_full_is_recorded_in_the_place_of_the_ballast(
    daemon: Daemon, state: Path
) -> None:
    with full(state), closing(daemon.client()) as client:
        made, _ = create_until_refused(client)

        # The last one was the first that did not fit; its client was told that all is well, and so it is.
        assert not (state / "ballast").exists()
        assert made
        daemon.kill()
        daemon.start()
        with closing(daemon.client()) as again:
            assert set(made) <= set(again.call("network.get_all"))


def test_a_daemon_that_starts_on_a_full_disk_answers_and_refuses_changes_until_there_is_space(
    daemon: Daemon, state: Path
) -> None:
    daemon.stop()
    with full(state):
        daemon.start()
        with closing(daemon.client()) as client:
            (host,) = client.call("host.get_all")
            client.call("host.dmesg", host)
            with pytest.raises(Failure, match="OUT_OF_SPACE"):
                create(client, "too much")

    with closing(daemon.client()) as client:
        create_once_there_is_space(client)


def test_a_daemon_that_cannot_even_begin_says_so_in_one_line(daemon: Daemon, state: Path) -> None:
    daemon.stop()
    (state / "ballast").unlink()
    with full(state), pytest.raises(RuntimeError, match="ended with 1"):
        daemon.start()

    assert daemon.tail().splitlines()[-1].startswith("xapid: ")
    assert daemon.tail().endswith("no space is left on the disk\n")
    daemon.start()
