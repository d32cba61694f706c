"""`make install-host`: what it puts below DESTDIR, and how that lives under systemd on a host without Xen."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.console_client import serial_line
from tests.daemon import ROOT
from tests.lab_install import BOOT_LIMIT, Installed, installed_host, stage
from tests.qemu_daemon import new_guest
from xapid import __version__
from xapid.demo.build import READY

pytestmark = [pytest.mark.libvirt, pytest.mark.root, pytest.mark.slow]

LASTING = ("uuid", "domid", "resident_on", "VBDs", "VIFs", "consoles", "metrics")
"""Fields of a machine that a restart of the daemon changes nothing about."""
ASK_EACH_PORT = """
import ssl
from urllib.request import urlopen

unchecked = ssl.create_default_context()
unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
question = b'{"jsonrpc": "2.0", "method": "system.listMethods", "params": [], "id": 1}'
for place in "http://127.0.0.1", "http://[::1]", "https://127.0.0.1", "https://[::1]":
    print(place, b"VM.start" in urlopen(f"{place}/jsonrpc", question, context=unchecked).read())
"""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree that it makes, with the Python that Debian's hosts have."""
    return stage(tmp_path_factory.mktemp("staged"))


class Watched(Installed):
    """Its processes, too."""

    @property
    def daemon(self) -> int:
        return int(self.host.run("systemctl show -P MainPID xapid"))

    @property
    def guests(self) -> list[int]:
        return [int(pid) for pid in self.host.run("pgrep -f '^/usr/bin/qemu-system.* -name guest=' || true").split()]


@pytest.fixture(scope="module")
def installed(staged: Path) -> Iterator[Watched]:
    with installed_host(staged, "--plain", "--memory", "2048") as made:
        host = Watched(made.host, made.socket)
        host.start()
        yield host


def test_all_that_a_database_is_made_of_is_installed(staged: Path) -> None:
    (package,) = staged.glob("opt/xapid/lib/python3*/site-packages/xapid")

    revisions = {path.name for path in package.glob("migrations/versions/*.py")}

    assert revisions == {path.name for path in (ROOT / "migrations/versions").glob("*.py")}
    assert revisions


def test_nothing_that_is_installed_names_the_tree_it_was_made_in(staged: Path) -> None:
    found = subprocess.run(["grep", "-rlF", str(staged), str(staged)], stdout=subprocess.PIPE, text=True)

    assert found.stdout == ""


def test_the_pages_that_the_units_name_are_installed(staged: Path) -> None:
    units = "".join(path.read_text() for path in (staged / "usr/lib/systemd/system").iterdir())

    named = set(re.findall(r"man:([\w.-]+)\((\d)\)", units))
    installed = {(page.stem, page.suffix[1:]) for page in staged.glob("usr/share/man/man*/*")}

    assert named
    assert named <= installed


def test_what_ends_guests_is_where_programs_look_for_it(staged: Path) -> None:
    program = staged / "opt/xensource/libexec/shutdown"

    command = program.read_text().splitlines()[-1].split()[1]

    assert os.access(program, os.X_OK)
    assert os.access(staged / command.removeprefix("/"), os.X_OK)
    assert {path.name for path in (staged / "usr/lib/systemd/system").iterdir()} == {
        "xapid.service",
        "xapid.socket",
        "xapid-autostart.service",
        "xapid-guests.service",
    }


@pytest.mark.lab
def test_systemd_finds_no_fault_with_the_unit(installed: Watched) -> None:
    units = "xapid.service xapid-autostart.service xapid-guests.service"

    # The host has no man; that the pages are installed is seen above.
    assert installed.host.run(f"systemd-analyze verify --man=no {units} 2>&1") == ""


@pytest.mark.lab
def test_the_command_runs_from_where_it_was_installed(installed: Watched) -> None:
    assert installed.host.run("/opt/xapid/bin/xapid --version") == f"xapid {__version__}"


@pytest.mark.lab
def test_a_start_returns_when_the_daemon_answers(installed: Watched) -> None:
    # In one line with the start, so that nothing gives the daemon a moment more.
    ask = f"/usr/bin/python3 -c {shlex.quote(ASK_EACH_PORT)}"
    answers = installed.host.run(f"systemctl restart xapid && ss -Hltn 'sport = 80 or sport = 443' && {ask}")
    with closing(installed.client()) as client:
        hosts = client.call("host.get_all")

    lines = answers.splitlines()
    assert {line.split()[3] for line in lines[:-4]} == {"0.0.0.0:80", "[::]:80", "0.0.0.0:443", "[::]:443"}
    assert lines[-4:] == [
        "http://127.0.0.1 True",
        "http://[::1] True",
        "https://127.0.0.1 True",
        "https://[::1] True",
    ]
    assert len(hosts) == 1


@pytest.mark.lab
def test_a_guest_boots_and_outlives_a_restart_and_a_kill_of_its_daemon(installed: Watched) -> None:
    with closing(installed.client()) as client:
        vm = new_guest(client, "survivor")
        client.call("VM.start", vm, False, False)
        with serial_line(installed.socket, client, vm, BOOT_LIMIT) as line:
            line.wait_for(READY)
        before = client.call("VM.get_record", vm)
    guests, daemon = installed.guests, installed.daemon

    installed.host.run("systemctl restart xapid")
    restarted = installed.daemon
    with closing(installed.client()) as client:
        after_restart = client.call("VM.get_record", vm)
    # It is systemd that starts the next one, and its readiness that is waited for.
    installed.host.run(f"kill -9 {restarted}; while kill -0 {restarted} 2>/dev/null; do sleep 0.1; done")
    installed.host.run(f"timeout {BOOT_LIMIT:.0f} sh -c 'until systemctl is-active -q xapid; do sleep 0.1; done'")
    killed = installed.daemon
    with closing(installed.client()) as client:
        after_kill = client.call("VM.get_record", vm)
        with serial_line(installed.socket, client, vm, BOOT_LIMIT) as line:
            line.wait_for("tick")
        now = installed.guests
        client.call("VM.hard_shutdown", vm)

    assert len({daemon, restarted, killed}) == 3
    assert len(guests) == 1
    assert now == guests
    assert installed.guests == []
    for record in after_restart, after_kill:
        assert record["power_state"] == "Running"
        assert {key: record[key] for key in LASTING} == {key: before[key] for key in LASTING}
