"""The folders in which guests have their sockets and logs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from xapid.backends.domain.guest_folders import LOG_KEPT, LOG_LIMIT, GuestFolders
from xapid.backends.interface import BadConfig

GUEST = "5d1f9a3e-0000-4000-8000-000000000001"
OTHER = "5d1f9a3e-0000-4000-8000-000000000002"


def runs(_: str) -> bool:
    return True


def runs_not(_: str) -> bool:
    return False


@pytest.fixture
def folders() -> Iterator[GuestFolders]:
    # The path of the folder of a test can be too long for sockets below it.
    with tempfile.TemporaryDirectory(prefix="xg-", dir="/tmp") as folder:
        yield GuestFolders(Path(folder), lambda: None)


def test_a_guest_starts_with_an_empty_folder(folders: GuestFolders) -> None:
    with folders.opened(GUEST) as folder:
        folder.serial_log.write_text("of the last life")

    with folders.opened(GUEST) as folder:
        left = list(folder.path.iterdir())

    assert left == []
    assert folders.of(GUEST).path.is_dir()


def test_a_start_that_fails_leaves_no_folder(folders: GuestFolders) -> None:
    with pytest.raises(RuntimeError), folders.opened(GUEST):
        raise RuntimeError

    assert not folders.of(GUEST).path.exists()


def test_the_folder_of_a_stopped_guest_goes_once_and_that_of_a_running_one_stays(folders: GuestFolders) -> None:
    for uuid in (GUEST, OTHER):
        with folders.opened(uuid):
            pass

    for _ in range(2):
        folders.remove(GUEST, runs_not)
    folders.remove(OTHER, runs)

    assert not folders.of(GUEST).path.exists()
    assert folders.of(OTHER).path.is_dir()


def test_a_guest_that_starts_again_keeps_its_folder_when_its_last_end_is_heard_of_late(folders: GuestFolders) -> None:
    with folders.opened(GUEST) as folder:
        folders.remove(GUEST, runs_not)

        assert folder.path.is_dir()


def test_what_guests_left_behind_goes(folders: GuestFolders) -> None:
    for uuid in (GUEST, OTHER):
        with folders.opened(uuid):
            pass

    folders.sweep(lambda uuid: uuid == OTHER)

    assert not folders.of(GUEST).path.exists()
    assert folders.of(OTHER).path.is_dir()


def test_a_log_that_got_too_long_begins_anew_under_the_guests_hand(folders: GuestFolders) -> None:
    with folders.opened(GUEST) as folder:
        pass
    guest = os.open(folder.serial_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(guest, bytes(LOG_LIMIT) + b"the end")

    folders.shorten_logs()
    os.write(guest, b"and on")
    os.close(guest)

    assert folder.serial_log.read_bytes() == b"and on"
    kept = folder.path.joinpath("serial.log.0").read_bytes()
    assert kept.endswith(b"the end")
    assert len(kept) == LOG_KEPT


def test_a_short_log_is_left_alone(folders: GuestFolders) -> None:
    with folders.opened(GUEST) as folder:
        folder.serial_log.write_bytes(b"booting")

    folders.shorten_logs()

    assert folder.serial_log.read_bytes() == b"booting"


def test_a_directory_too_deep_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as error:
        GuestFolders(tmp_path / ("x" * 100), lambda: None)

    assert error.value.facts == {"key": "run_dir"}
