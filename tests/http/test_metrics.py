"""`/metrics`: figures that Prometheus reads, true, and for those only who may log in."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.bench.load import free_port
from tests.conftest import FreshHost
from tests.daemon import Daemon, Failure, UnixConnection
from tests.machines import Workshop
from xapid.backends.interface import Unavailable
from xapid.backends.network.interface import Reason
from xapid.http.metrics import daemon_figures, text_of
from xapid.http.turns import Turns
from xapid.runtime.figures import BOUNDS, CallFigures

Figures = dict[str, dict[tuple[str, ...], float]]


def figures(text: str) -> Figures:
    """Name of a figure -> values of its labels -> the figure."""
    found: Figures = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


async def test_calls_are_counted_by_method_with_their_times(fresh: FreshHost) -> None:
    for _ in range(3):
        await fresh.xapi.VM.get_all()
    with pytest.raises(Exception, match="HANDLE_INVALID"):
        await fresh.xapi.VM.get_record("OpaqueRef:gone")
    await fresh.xapi.VM.start(await machine(fresh), False, False)

    found = figures(text_of(await daemon_figures(fresh.runtime, Turns())).decode())

    assert found["xapid_call_seconds_count"]["VM.get_all",] == 3
    assert found["xapid_calls_failed_total"]["VM.get_record",] == 1
    assert found["xapid_call_seconds_count"]["VM.start",] == 1
    assert found["xapid_calls_failed_total"]["VM.start",] == 0
    assert found["xapid_call_seconds_bucket"]["+Inf", "VM.get_all"] == 3
    assert found["xapid_call_seconds_sum"]["VM.start",] > 0


async def machine(fresh: FreshHost) -> str:
    (template,) = await fresh.xapi.VM.get_by_name_label("Other install media")
    vm = await fresh.xapi.VM.clone(template, "a guest")
    await fresh.xapi.VM.provision(vm)
    return str(vm)


async def test_objects_sessions_and_tasks_are_counted(fresh: FreshHost) -> None:
    await fresh.xapi.network.create({"name_label": "one more", "other_config": {}})
    await fresh.xapi.task.create("mine", "")

    found = figures(text_of(await daemon_figures(fresh.runtime, Turns())).decode())

    assert found["xapid_objects"]["network",] == len(await fresh.xapi.network.get_all())
    assert found["xapid_sessions"][()] == 1
    assert found["xapid_tasks"]["pending",] == 1
    assert found["xapid_store_trouble"][()] == 0
    assert found["process_resident_memory_bytes"][()] > 1 << 20


async def test_packets_that_guests_were_not_let_send_are_counted_by_reason(workshop: Workshop, vm: str) -> None:
    vif = await workshop.nic(vm, await workshop.network(), locking_mode="locked")
    await workshop.nic(vm, await workshop.network(), device="1")
    await workshop.started(vm)
    uuid = workshop.row(vif).uuid
    workshop.fresh.driver("network").drop(uuid, Reason.mac)

    found = figures(text_of(await daemon_figures(workshop.fresh.runtime, Turns())).decode())

    counted = found["xapid_vif_dropped_packets_total"]
    assert counted == {(str(reason), uuid): float(reason is Reason.mac) for reason in Reason}


async def test_other_figures_are_told_while_the_driver_of_networks_does_not_answer(workshop: Workshop) -> None:
    workshop.faults("network").fail("dropped", Unavailable("it is gone"))

    found = figures(text_of(await daemon_figures(workshop.fresh.runtime, Turns())).decode())

    assert "xapid_vif_dropped_packets_total" not in found
    assert found["xapid_sessions"][()] == 1


@pytest.mark.parametrize("seconds", [0.0, BOUNDS[0], BOUNDS[3], BOUNDS[-1], 1e9])
def test_a_time_counts_up_to_the_first_bound_that_it_does_not_exceed(seconds: float) -> None:
    kept = CallFigures()
    kept.note("VM.start", seconds)

    counts = kept.methods["VM.start"].counts
    assert sum(counts) == 1
    place = counts.index(1)
    assert place == len(BOUNDS) or seconds <= BOUNDS[place]
    assert place == 0 or seconds > BOUNDS[place - 1]


# Over HTTP


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[tuple[Daemon, str]]:
    """One with a password, and where it listens."""
    address = f"127.0.0.1:{free_port()}"
    with Daemon(tmp_path, "--http", address) as daemon:
        client = daemon.client()
        client.call("session.change_password", "", "right")
        client.close()
        yield daemon, f"http://{address}"


def asked(url: str, credentials: str = "") -> tuple[int, str]:
    request = urllib.request.Request(url)
    if credentials:
        request.add_header("Authorization", "Basic " + base64.b64encode(credentials.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.slow
def test_only_who_may_log_in_is_told(daemon: tuple[Daemon, str]) -> None:
    started, url = daemon
    client = started.client()
    with pytest.raises(Failure):
        client.call("VM.get_record", "OpaqueRef:gone")

    assert asked(f"{url}/metrics")[0] == 401
    assert asked(f"{url}/metrics", "root:wrong")[0] == 401
    for status, text in (
        asked(f"{url}/metrics", "root:right"),
        asked(f"{url}/metrics?session_id={client.session}"),
    ):
        assert status == 200
        assert figures(text)["xapid_calls_failed_total"]["VM.get_record",] == 1
    assert asked(f"{url}/metrics/more", "root:right")[0] == 404
    client.close()


@pytest.mark.slow
def test_the_unix_socket_needs_no_password(daemon: tuple[Daemon, str]) -> None:
    connection = UnixConnection(str(daemon[0].socket))

    connection.request("GET", "/metrics")
    answer = connection.getresponse()

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "xapid_store_commits_total" in figures(answer.read().decode())
    connection.close()
