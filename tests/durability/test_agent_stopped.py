"""An agent that hangs holds up what needs it, and nothing else; when it goes on, all is as before."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.console_client import LIMIT
from tests.daemon import Client, Daemon, Failure
from tests.qemu_daemon import QemuDaemon, agent_of, new_guest, qemu_daemon
from tests.sim_apart import SimApart
from tests.told import ended

pytestmark = pytest.mark.slow

READS = 300
"""Calls that must be answered while the agent is stopped."""


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon whose simulator is in an agent process."""
    with SimApart(tmp_path) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def qemu() -> Iterator[QemuDaemon]:
    with qemu_daemon() as daemon:
        yield daemon


@pytest.fixture(params=["simulated", pytest.param("qemu", marks=pytest.mark.libvirt)])
def daemon(request: pytest.FixtureRequest) -> Daemon:
    found: Daemon = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def vm(client: Client) -> Iterator[str]:
    """A machine that is off."""
    vm = new_guest(client, "patient")
    yield vm
    if client.call("VM.get_power_state", vm) != "Halted":
        client.call("VM.hard_shutdown", vm)
    client.call("VM.destroy", vm)


@pytest.fixture
def another(daemon: Daemon) -> Iterator[ThreadPoolExecutor]:
    """Another client's thread."""
    with ThreadPoolExecutor(1) as thread:
        yield thread


def start(daemon: Daemon, thread: ThreadPoolExecutor, vm: str) -> Future[None]:
    """Let another client start a machine; returns when the daemon is at it."""

    def ask() -> None:
        with closing(daemon.client()) as client:
            client.call("VM.start", vm, False, False)

    return thread.submit(ask)


def wait_until_starting(client: Client, vm: str) -> None:
    while "start" not in client.call("VM.get_current_operations", vm).values():
        pass


def test_reads_are_answered_while_the_agent_is_stopped_and_a_start_goes_on_with_it(
    daemon: Daemon, client: Client, vm: str, another: ThreadPoolExecutor
) -> None:
    os.kill(agent_of(daemon), signal.SIGSTOP)
    started = start(daemon, another, vm)
    wait_until_starting(client, vm)

    records = [client.call("VM.get_record", vm) for _ in range(READS)]
    waited = not started.done()
    os.kill(agent_of(daemon), signal.SIGCONT)
    started.result()

    assert waited
    assert {record["power_state"] for record in records} == {"Halted"}
    assert client.call("VM.get_power_state", vm) == "Running"
    client.call("VM.pause", vm)
    client.call("VM.unpause", vm)


def test_a_daemon_that_is_killed_while_its_agent_is_stopped_leaves_the_way_free_for_the_next(daemon: Daemon) -> None:
    with closing(daemon.client()) as client:
        vm = new_guest(client, "patient")
    agent = agent_of(daemon)
    os.kill(agent, signal.SIGSTOP)

    daemon.kill()
    daemon.start()

    assert ended(agent, LIMIT)
    with closing(daemon.client()) as client:
        client.call("VM.start", vm, False, False)
        assert client.call("VM.get_power_state", vm) == "Running"
        client.call("VM.hard_shutdown", vm)
        client.call("VM.destroy", vm)


def test_a_start_fails_with_the_reason_when_the_agent_is_stopped_for_too_long_and_the_next_one_succeeds(
    tmp_path: Path,
) -> None:
    with SimApart(tmp_path, timeout=2.0) as daemon, closing(daemon.client()) as client:
        vm = new_guest(client, "patient")
        os.kill(agent_of(daemon), signal.SIGSTOP)

        with pytest.raises(Failure, match="took longer than 2 s"):
            client.call("VM.start", vm, False, False)

        os.kill(agent_of(daemon), signal.SIGCONT)
        assert client.call("VM.get_power_state", vm) == "Halted"
        client.call("VM.start", vm, False, False)
        assert client.call("VM.get_power_state", vm) == "Running"


@pytest.mark.libvirt
@pytest.mark.slow
def test_a_guest_that_ended_while_the_agent_was_stopped_is_seen_when_it_goes_on(qemu: QemuDaemon) -> None:
    vm = qemu.booted("mortal")
    with closing(qemu.client()) as client:
        token = client.call("event.from", [f"VM/{vm}"], "", 0.0)["token"]
        os.kill(agent_of(qemu), signal.SIGSTOP)
        qemu.end_guests()
        os.kill(agent_of(qemu), signal.SIGCONT)

        while client.call("VM.get_power_state", vm) != "Halted":
            batch = client.call("event.from", [f"VM/{vm}"], token, 30.0)
            assert batch["events"], "no event tells of the end"
            token = batch["token"]
        client.call("VM.destroy", vm)
