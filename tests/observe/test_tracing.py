"""A daemon that traces: over restarts, under a name that changes, and until its very end."""

from __future__ import annotations

import json
import signal
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.collector import Collector, Silent
from tests.daemon import Client, Daemon, UnixConnection

pytestmark = pytest.mark.slow

LIMIT = 30.0
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path, environment={"XAPID_TRACING_INTERVAL": "0.01"})
    daemon.start()
    yield daemon
    daemon.stop()


def observer(client: Client, *endpoints: str) -> str:
    wanted = {
        "name_label": "tests", "name_description": "", "hosts": [], "attributes": {}, "endpoints": list(endpoints),
        "components": [], "enabled": True,
    }  # fmt: skip
    return str(client.call("Observer.create", wanted))


def written(daemon: Daemon) -> list[dict[str, Any]]:
    files = sorted((daemon.directory / "state" / "traces").glob("*.ndjson"))
    return [span for path in files for line in path.read_text().splitlines() for span in json.loads(line)]


def until_written(daemon: Daemon, text: str) -> None:
    """Return once a file has it."""
    end = time.monotonic() + LIMIT
    while not any(text in path.read_text() for path in (daemon.directory / "state" / "traces").glob("*.ndjson")):
        assert time.monotonic() < end, f"{text} is in no file"
        time.sleep(0.01)


def test_an_observer_is_heeded_after_a_restart_too(daemon: Daemon) -> None:
    with Collector() as there:
        with closing(daemon.client()) as client:
            observer(client, there.address, "bugtool")
            client.call("host.get_all")
        (call,) = (each for each in there.until("host.get_all") if each["name"] == "host.get_all")
        # The file and the collector are told of it each in its own time.
        until_written(daemon, '"host.get_all"')
        daemon.kill()
        daemon.start()
        with closing(daemon.client()) as client:
            client.call("pool.get_all")
        again = there.until("pool.get_all")
        daemon.stop()

        assert call["tags"]["xs.host.uuid"] == again[-1]["tags"]["xs.host.uuid"]
        assert call["traceId"] != again[-1]["traceId"]
        assert [each["name"] for each in written(daemon) if each["name"].endswith(".get_all")] == [
            "host.get_all", "pool.get_all",
        ]  # fmt: skip


def test_a_host_is_called_by_its_new_name(daemon: Daemon) -> None:
    with closing(daemon.client()) as client, Collector() as there:
        (host,) = client.call("host.get_all")
        traces = observer(client, there.address)
        client.call("host.set_name_label", host, "beta")
        client.call("Observer.set_name_label", traces, "by another name")
        deadline = time.monotonic() + LIMIT
        tags: dict[str, str] = {}
        # The call that changes it may be told under either name, and so may the next.
        while (tags.get("xs.host.name"), tags.get("xs.observer.name")) != ("beta", "by another name"):
            client.call("pool.get_all")
            tags = there.until("pool.get_all")[-1]["tags"]
            assert time.monotonic() < deadline, tags


def test_what_was_traced_last_is_written_before_the_end(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, environment={"XAPID_TRACING_INTERVAL": "3600"})
    daemon.start()
    with closing(daemon.client()) as client:
        observer(client, "bugtool")
        client.call("host.get_all")
    daemon.stop()

    assert "host.get_all" in [each["name"] for each in written(daemon)]


def test_a_collector_that_hangs_does_not_keep_the_daemon_from_ending(daemon: Daemon) -> None:
    with Silent() as there:
        with closing(daemon.client()) as client:
            observer(client, there.address)
            client.call("host.get_all")
        assert there.arrived.wait(LIMIT)
        began = time.monotonic()
        daemon.stop()

        assert time.monotonic() - began < 10.0


def test_calls_that_come_at_once_tell_how_long_they_waited_for_their_turn(daemon: Daemon) -> None:
    with closing(daemon.client()) as client, ExitStack() as stack:
        observer(client, "bugtool")
        body = xmlrpc.client.dumps((client.session,), "host.get_all").encode()
        connections = [stack.enter_context(closing(UnixConnection(str(daemon.socket)))) for _ in range(50)]
        # Those that are accepted only then would come one by one.
        for each in connections:
            each.request("POST", "/RPC2", xmlrpc.client.dumps((client.session,), "pool.get_all").encode())
            each.getresponse().read()
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGSTOP)
        for each in connections:
            each.request("POST", "/RPC2", body)
        daemon.process.send_signal(signal.SIGCONT)
        assert {each.getresponse().status for each in connections} == {200}
    daemon.stop()

    spans = written(daemon)
    calls = {each["id"] for each in spans if each["name"] == "host.get_all"}
    waited = {each["parentId"] for each in spans if each["name"] == "queue: turn"}
    assert len(calls) == 50
    assert waited and waited <= calls


def test_requests_for_handlers_are_told_too(daemon: Daemon) -> None:
    with closing(daemon.client()) as client:
        observer(client, "bugtool")
        for path in ("/metrics", "/nosuch?session_id=hunter2", f"/audit_log?session_id={client.session}"):
            with closing(UnixConnection(str(daemon.socket))) as connection:
                connection.request("GET", path, headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
                connection.getresponse().read()
        session = client.session
    daemon.stop()

    spans = written(daemon)
    told = {each["name"]: each for each in spans if each["name"].startswith("http/")}
    assert {name: each["tags"]["xs.xapi.outcome"] for name, each in told.items()} == {
        "http/xapid_metrics": "OK",
        "http/get_root": "HTTP 404",
        "http/get_audit_log": "OK",
    }
    assert {(each["traceId"], each["parentId"], each["kind"]) for each in told.values()} == {(TRACE, SPAN, "SERVER")}
    assert told["http/get_root"]["tags"]["http.response.status_code"] == "404"
    assert [text for text in ("hunter2", session) if text in json.dumps(spans)] == []


def test_a_collector_that_is_down_is_said_once_in_the_log(daemon: Daemon) -> None:
    with Collector() as there:
        address = there.address
    with closing(daemon.client()) as client:
        observer(client, address)
        for _ in range(200):
            client.call("host.get_all")
        deadline = time.monotonic() + LIMIT
        while "cannot be sent" not in daemon.log.read_text():
            assert time.monotonic() < deadline, daemon.tail()
            client.call("host.get_all")
    daemon.stop()

    assert daemon.log.read_text().count("cannot be sent") == 1
