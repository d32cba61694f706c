"""All logs of a machine in one file, while they grow and go."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from xapid.backends.host import kept_logs
from xapid.backends.host.kept_logs import Exactly
from xapid.backends.host.linux import Linux
from xapid.backends.interface import Failed


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "root/var/log"
    (folder / "apt").mkdir(parents=True)
    for age, name in enumerate(("syslog", "apt/history.log", "syslog.1")):
        (folder / name).write_text(f"{name}\n")
        os.utime(folder / name, (1_000_000 - age, 1_000_000 - age))
    return folder


def packed(tmp_path: Path) -> dict[str, bytes]:
    path = tmp_path / "logs.tar.gz"
    Linux(tmp_path / "root").write_logs(str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path, "r:gz") as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member)) is not None}


def test_every_log_is_there_the_newest_first(tmp_path: Path, logs: Path) -> None:
    assert list(packed(tmp_path).items()) == [
        ("var/log/syslog", b"syslog\n"),
        ("var/log/apt/history.log", b"apt/history.log\n"),
        ("var/log/syslog.1", b"syslog.1\n"),
    ]


def test_links_and_what_is_no_file_are_left_alone(tmp_path: Path, logs: Path) -> None:
    (tmp_path / "secret").write_text("hush")
    (logs / "link").symlink_to(tmp_path / "secret")
    (logs / "folder").symlink_to(tmp_path)
    os.mkfifo(logs / "pipe")

    assert set(packed(tmp_path)) == {"var/log/syslog", "var/log/apt/history.log", "var/log/syslog.1"}


def test_beyond_a_bound_logs_are_left_out(tmp_path: Path, logs: Path) -> None:
    large = logs / "large"
    with large.open("wb") as file:
        file.truncate(kept_logs.MOST + 1)

    assert set(packed(tmp_path)) == {"var/log/syslog", "var/log/apt/history.log", "var/log/syslog.1"}


@pytest.mark.parametrize("content", [b"cut", b"exactly ten", b"grown beyond what it was"])
def test_a_log_that_changes_meanwhile_has_the_length_that_it_began_with(content: bytes) -> None:
    reader = Exactly(io.BytesIO(content), 11)

    got = b"".join(iter(lambda: reader.read(4), b""))

    assert got == content[:11].ljust(11, b"\0")
    assert reader.read() == b""


def test_a_machine_without_logs_has_none(tmp_path: Path) -> None:
    assert packed(tmp_path) == {}


def test_no_file_is_replaced(tmp_path: Path, logs: Path) -> None:
    packed(tmp_path)

    with pytest.raises(Failed):
        packed(tmp_path)
