"""A daemon on the simulator, as the samples of the SDK find it: over TCP, with a password."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.bindings import CSHARP, JAVA, Binding
from tests.clients.libxml2 import C
from tests.http.live import Live, live_daemon
from xapid.auth.passwords import PasswordFile

USER, PASSWORD = "root", "right"
BINDINGS = [
    JAVA,
    CSHARP,
    pytest.param(C, marks=pytest.mark.skipif(C is None, reason="there is no libxml2"), id="libxml2"),
]


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_daemon(tmp_path_factory.mktemp("d"), first_start_repositories=True) as live:
        PasswordFile(live.daemon.directory / "state" / "passwords").set(USER, PASSWORD)
        yield live


@pytest.fixture(params=BINDINGS, ids=str)
def binding(request: pytest.FixtureRequest) -> Binding:
    """Each library in turn."""
    found: Binding = request.param
    return found
