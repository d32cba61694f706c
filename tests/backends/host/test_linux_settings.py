"""Settings of a machine: the files that are written below its root, and the commands that are run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.backends.host.machines import DEBIAN, XEN, lay_out
from xapid.backends.host.linux import Linux
from xapid.backends.interface import Failed, NotSupported


class Commands:
    """Notes each command instead of running it, and answers as it was told."""

    def __init__(self) -> None:
        self.run: list[str] = []
        self.prints: dict[str, str] = {}
        """What a command prints, by its beginning."""
        self.fail: dict[str, Exception] = {}

    def __call__(self, argv: Sequence[str]) -> str:
        line = " ".join(argv)
        self.run.append(line)
        for beginning, error in self.fail.items():
            if line.startswith(beginning):
                raise error
        return next((text for beginning, text in self.prints.items() if line.startswith(beginning)), "")


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
def machine(tmp_path: Path, commands: Commands) -> Linux:
    return Linux(lay_out(tmp_path, DEBIAN), commands)


# --- The log ----------------------------------------------------------------------------------------


def test_where_the_kernel_is_the_hypervisor_its_messages_are_the_console(machine: Linux, commands: Commands) -> None:
    commands.prints["dmesg"] = "Linux version 6.1\n"

    assert machine.console_text() == "Linux version 6.1\n"
    with pytest.raises(NotSupported):
        machine.send_debug_keys("h")
    assert commands.run == ["dmesg"]


def test_xen_has_a_console_and_keys_of_its_own(tmp_path: Path, commands: Commands) -> None:
    machine = Linux(lay_out(tmp_path, XEN), commands)

    machine.console_text()
    machine.send_debug_keys("-h")

    assert commands.run == ["xl dmesg", "xl debug-keys -- -h"]


REMOTE = "etc/rsyslog.d/xapid-remote.conf"


@pytest.mark.parametrize(
    "destination, written",
    [
        ("192.0.2.9", "*.* @192.0.2.9"),
        ("log.example:5140", "*.* @log.example:5140"),
        ("fd00::9", "*.* @[fd00::9]"),
        ("[fd00::9]:5140", "*.* @[fd00::9]:5140"),
    ],
)
def test_the_log_is_sent_to_another_machine_until_it_is_not(
    tmp_path: Path, machine: Linux, commands: Commands, destination: str, written: str
) -> None:
    (tmp_path / "etc/rsyslog.d").mkdir()

    machine.send_log_to(destination)
    content = (tmp_path / REMOTE).read_text().splitlines()
    machine.send_log_to("")

    assert content[1:] == [written]
    assert list((tmp_path / "etc/rsyslog.d").iterdir()) == []
    assert commands.run == ["systemctl restart rsyslog"] * 2


def test_without_rsyslog_no_log_can_be_sent(machine: Linux, commands: Commands) -> None:
    machine.send_log_to("")
    with pytest.raises(NotSupported, match="no rsyslog"):
        machine.send_log_to("192.0.2.9")

    assert commands.run == []


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, machine: Linux) -> None:
    (tmp_path / REMOTE).mkdir(parents=True)

    with pytest.raises(Failed, match=f"/{REMOTE} cannot be written"):
        machine.send_log_to("192.0.2.9")
    assert [path.name for path in (tmp_path / "etc/rsyslog.d").iterdir()] == ["xapid-remote.conf"]
