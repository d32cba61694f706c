"""The guide's walk on Xen, in the lab: the client of PyPI, a daemon under systemd, and real guests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import XenAPI

from tests.clients.walk import Walker, walk
from tests.console_client import serial_line
from tests.daemon import UnixTransport
from tests.lab_install import BOOT_LIMIT, Installed, installed_host, stage

pytestmark = [pytest.mark.slow, pytest.mark.lab]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A Xen host with one processor: more of them wait for each other where there are no more real ones."""
    with installed_host(stage(tmp_path_factory.mktemp("staged")), "--cpus", "1", "--memory", "2560") as host:
        host.start()
        yield host


@pytest.fixture(scope="module")
def xapi(installed: Installed) -> Iterator[Any]:
    session = XenAPI.Session("http://localhost", transport=UnixTransport(str(installed.socket), BOOT_LIMIT))
    session.xenapi.login_with_password("root", "", "1.0", "walk")
    yield session.xenapi
    session.xenapi.session.logout()
    session("close")()


def test_the_host_says_that_it_runs_xen(xapi: Any) -> None:
    (host,) = xapi.host.get_all()

    assert xapi.host.get_software_version(host)["xen"].startswith("4.")


def test_the_guides_walk(installed: Installed, xapi: Any) -> None:
    with closing(installed.client()) as client:
        walk(
            Walker(
                xapi,
                "xapid demo guest",
                lambda vm: serial_line(Path(installed.socket), client, vm, BOOT_LIMIT),
                disk="/dev/xvda",
            )
        )
    assert "Domain-0" in (left := installed.host.run("xl list"))
    assert len(left.splitlines()) == 2
