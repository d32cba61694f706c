"""What the doctor says of a state directory, its files, and the listeners."""

import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from xapid.cli.doctor import Finding, Grade, examine
from xapid.cli.guest_needs import missing
from xapid.runtime.config import Address, Config, Drivers
from xapid.store.database import StateDirectory


@pytest.fixture
def say(tmp_path: Path) -> Callable[..., dict[str, Finding]]:
    """The findings by the first word of their subject."""

    def run(http: tuple[Address, ...] = (), state: Path = tmp_path) -> dict[str, Finding]:
        config = Config(state_dir=state, http=http, https=(), drivers=Drivers.sim)
        return {each.subject.split()[0]: each for each in examine(config)}

    return run


def test_a_host_before_its_first_start_is_well_but_for_the_password(
    say: Callable[..., dict[str, Finding]], tmp_path: Path
) -> None:
    found = say(state=tmp_path / "none")

    assert {subject: each.grade for subject, each in found.items()} == {
        "state": Grade.ok,
        "database": Grade.ok,
        "passwords": Grade.warning,
    }


def test_a_running_daemon_is_told_and_its_listeners_are_not_tried(
    say: Callable[..., dict[str, Finding]], tmp_path: Path
) -> None:
    daemon = StateDirectory(tmp_path)
    daemon.open()

    found = say(http=(Address("127.0.0.1", 1),))
    daemon.close()

    assert found["state"].text.startswith("is used by another daemon (process ")
    assert found["listener"] == Finding(Grade.ok, "listener 127.0.0.1:1", "not tried: a daemon runs")


def test_a_busy_port_is_trouble(say: Callable[..., dict[str, Finding]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = say(http=(Address("127.0.0.1", other.getsockname()[1]),))

    assert found["listener"].grade is Grade.trouble
    assert "in use" in found["listener"].text


def test_a_whole_database_is_told_with_its_size(say: Callable[..., dict[str, Finding]], tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "xapid.db")
    connection.execute("CREATE TABLE t (x)")
    connection.close()

    assert say()["database"].text == "is whole; 8 KiB"


@pytest.mark.parametrize(
    "mode, grade, text",
    [(0o600, Grade.ok, "2 of local users"), (0o644, Grade.warning, "may be read by others (mode 644): chmod 600")],
)
def test_passwords_are_counted_and_kept_from_others(
    say: Callable[..., dict[str, Finding]], tmp_path: Path, mode: int, grade: Grade, text: str
) -> None:
    file = tmp_path / "passwords"
    file.write_text("root:hash\n# comment: none\nann:hash\n")
    file.chmod(mode)

    assert (say()["passwords"].grade, say()["passwords"].text) == (grade, text)


def test_without_the_device_for_networks_guests_lack_it(tmp_path: Path) -> None:
    lines = missing(tun=tmp_path / "tun")

    assert any(line.startswith(f"there is no {tmp_path}/tun, by which guests reach networks") for line in lines)


def test_without_programs_guests_lack_them_by_their_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    lines = missing()

    assert "there is no qemu-img: apt-get install qemu-utils" in lines
