"""What the page for operators tells them to do, done on a simulated host."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.load import free_port
from tests.daemon import Daemon
from xapid.cli.server_command import parser

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operating.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PAM_SERVICE = "other"
"""One that every machine with PAM has."""
LOG_IN = """
import XenAPI; session = XenAPI.Session("http://{address}"); xapi = session.xenapi
session.login_with_password("root", "right", "1.0", "reader")
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a daemon listens whose root has the password ``right``."""
    address = f"127.0.0.1:{free_port()}"
    environment = {"XAPID_PAM_SERVICE": PAM_SERVICE}
    with Daemon(tmp_path_factory.mktemp("d"), "--http", address, environment=environment) as daemon:
        client = daemon.client()
        client.call("session.change_password", "", "right")
        client.close()
        yield address


@pytest.mark.parametrize("block", BLOCKS, ids=[block.splitlines()[-1][:40] for block in BLOCKS])
def test_what_is_shown_in_python_runs(address: str, block: str) -> None:
    if "PAM" in block and not Path("/etc/pam.d", PAM_SERVICE).exists():
        pytest.skip("this machine has no PAM")
    program = LOG_IN.format(address=address) + block.replace('"jo"', '"nobody"')

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_commands_that_are_shown_are_understood() -> None:
    commands = re.findall(r"^    xapid (.*?)(?: *#.*)?$", PAGE, re.MULTILINE)

    assert len(commands) >= 3
    for command in commands:
        parser().parse_args(command.split())


def test_the_members_of_a_line_in_json_are_all_on_the_page() -> None:
    source = (ROOT / "xapid/runtime/logs.py").read_text()
    members = set(re.findall(r'^            "(\w+)": ', source, re.MULTILINE)) | {"traceback"}

    assert {"time", "object", "originator"} <= members
    assert [member for member in members if f"`{member}`" not in PAGE] == []
