"""The client of PyPI, unmodified, against a running daemon: over HTTP and over the Unix socket, many at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import XenAPI

from tests.daemon import Daemon
from tests.http.live import Live
from xapid.auth.passwords import PasswordFile

pytestmark = pytest.mark.slow
LEAKY = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""Over the Unix socket the client makes a connection for each call, and leaves the last one open."""

PATIENCE = 60.0
CLIENTS = 40
CHANGES = 25


@pytest.fixture(scope="module")
def live_with_password(live: Live) -> Live:
    PasswordFile(live.daemon.directory / "state" / "passwords").set("root", "right")
    return live


@contextmanager
def over_http(live: Live) -> Iterator[Any]:
    session = XenAPI.Session(live.url)
    try:
        yield session
    finally:
        session("close")()


def over_socket(daemon: Daemon) -> Any:
    """As XenAPI.xapi_local() makes it, with another path. The client writes paths with underscores for slashes."""
    path = str(daemon.socket.resolve())
    assert "_" not in path
    return XenAPI.Session(f"http://{path.replace('/', '_')}/", transport=XenAPI.UDSTransport())


def test_the_client_logs_in_with_the_password(live_with_password: Live) -> None:
    with over_http(live_with_password) as session:
        session.login_with_password("root", "right", "1.0", "the client")

        own = session.xenapi.session.get_record(session.handle)
        assert (own["auth_user_name"], own["originator"], own["is_local_superuser"]) == ("root", "the client", True)
        assert session.xenapi.VM.get_record(live_with_password.vm)["is_control_domain"] is True


def test_the_client_is_told_that_the_password_is_wrong(live_with_password: Live) -> None:
    with over_http(live_with_password) as session, pytest.raises(XenAPI.Failure) as error:
        session.login_with_password("root", "wrong", "1.0", "the client")

    assert error.value.details[:2] == ["SESSION_AUTHENTICATION_FAILED", "root"]


def test_the_client_sees_errors_as_they_are(live_with_password: Live) -> None:
    with over_http(live_with_password) as session:
        session.login_with_password("root", "right")

        with pytest.raises(XenAPI.Failure) as error:
            session.xenapi.VM.get_record(live_with_password.network)

    assert error.value.details == ["HANDLE_INVALID", "VM", live_with_password.network]


@LEAKY
def test_a_client_logs_in_again_by_itself_after_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Daemon(tmp_path_factory.mktemp("p")) as daemon:
        session = over_socket(daemon)
        session.login_with_password("root", "")
        first, pools = session.handle, session.xenapi.pool.get_all()

        daemon.kill()
        daemon.start()

        assert session.xenapi.pool.get_all() == pools
        assert session.handle != first


class Listener(threading.Thread):
    """A client that waits for events until it has seen the end of a story."""

    def __init__(self, live: Live, network: str, ready: threading.Barrier) -> None:
        super().__init__(daemon=True)
        self._live = live
        self._network = network
        self._ready = ready
        self.seen: list[str] = []
        self.error = ""

    def run(self) -> None:
        try:
            self._listen(over_socket(self._live.daemon))
        except Exception as error:
            self.error = repr(error)

    def _listen(self, session: Any) -> None:
        session.login_with_password("root", "", "1.0", "listener")
        wait = getattr(session.xenapi.event, "from")
        token = session.xenapi.event.inject("network", self._network)
        self._ready.wait(PATIENCE)
        while "end" not in self.seen:
            answer = wait([f"network/{self._network}"], token, PATIENCE)
            token = answer["token"]
            self.seen += [each["snapshot"]["name_label"] for each in answer["events"]]
        session.logout()


@LEAKY
def test_many_clients_that_wait_at_once_all_see_the_last_change(live: Live) -> None:
    client = live.daemon.client()
    network = client.call("network.create", {"name_label": "start", "name_description": "", "other_config": {}})
    ready = threading.Barrier(CLIENTS + 1)
    listeners = [Listener(live, network, ready) for _ in range(CLIENTS)]
    for listener in listeners:
        listener.start()
    ready.wait(PATIENCE)

    story = [*map(str, range(CHANGES)), "end"]
    for label in story:
        client.call("network.set_name_label", network, label)

    for listener in listeners:
        listener.join(PATIENCE)
    assert [listener.error for listener in listeners] == [""] * CLIENTS
    for listener in listeners:
        labels = [label for label in listener.seen if label != "start"]
        assert labels == [label for label in story if label in labels]
        assert labels[-1] == "end"
    client.call("network.destroy", network)
    client.close()
