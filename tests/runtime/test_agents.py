"""Drivers are called over one boundary, and whatever happens behind it the daemon goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.agent_fakes import config
from tests.told import ended
from xapid.backends.agent import AgentConfig, DriverSpec
from xapid.backends.domain.interface import (
    DiskSpec,
    Domain,
    DomainDriver,
    DomainEvent,
    DomainEventKind,
    DomainKind,
    DomainSpec,
    DomainState,
)
from xapid.backends.interface import (
    AlreadyExists,
    BackendError,
    BadConfig,
    Failed,
    InUse,
    NoSpace,
    NotFound,
    NotSupported,
    Unavailable,
)
from xapid.backends.storage.interface import Branch, Disk, Sr, StorageDriver, Volume, VolumeFormat
from xapid.datamodel.errors import SR_UNKNOWN_DRIVER
from xapid.runtime.agent_process import Restarts
from xapid.runtime.agents import Agent, LocalBackends, subject, to_api_error
from xapid.store.store import Store

SPEC = DomainSpec(
    uuid="u",
    name="a <name>",
    kind=DomainKind.pvh,
    memory_static_max=1 << 40,
    memory_target=1 << 30,
    vcpus_max=2,
    vcpus=1,
    disks=(DiskSpec("vbd", 0, "disk", Disk("/a/b", VolumeFormat.raw)), DiskSpec("cd", 3, "cdrom", None)),
    platform={"acpi": "true"},
)


@contextlib.asynccontextmanager
async def running(backends: LocalBackends) -> AsyncIterator[Agent]:
    await backends.start()
    try:
        yield backends.agent("host", "domain")
    finally:
        await backends.stop()


@pytest.fixture
async def immediate(tmp_path: Path) -> AsyncIterator[Agent]:
    async with running(LocalBackends(config(tmp_path, immediate=True), apart=False)) as agent:
        yield agent


@pytest.fixture
async def apart(tmp_path: Path) -> AsyncIterator[LocalBackends]:
    """An agent process with the fake driver, up and answering."""
    backends = LocalBackends(config(tmp_path), apart=True, restarts=Restarts(first=0.01))
    async with running(backends) as agent:
        await agent.call(DomainDriver.find, "")
        yield backends


@pytest.fixture(params=["threads", "process"])
async def agent(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Agent]:
    """Either kind of agent whose driver may block; callers give up after half a second."""
    async with running(LocalBackends(config(tmp_path), apart=request.param == "process")) as agent:
        await agent.call(DomainDriver.find, "")
        yield agent


@pytest.fixture(params=["threads", "process"])
async def impatient(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Agent]:
    """As ``agent``; callers give up after a fifth of a second."""
    backends = LocalBackends(config(tmp_path, timeout=0.2), apart=request.param == "process")
    async with running(backends) as agent:
        while True:
            with contextlib.suppress(Unavailable):
                await agent.call(DomainDriver.find, "")
                break
        yield agent


class Pipe:
    """Lets a call of ``pause`` hang until it is opened."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / name
        os.mkfifo(self.path)

    def reached(self) -> bool:
        """Whether the call hangs now."""
        try:
            os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    async def until_reached(self) -> int:
        """Wait for the call to hang; what is returned lets it go when closed."""
        while True:
            with contextlib.suppress(OSError):
                return os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            await asyncio.sleep(0)


# What goes through


async def test_values_arrive_as_what_they_were(agent: Agent) -> None:
    domain = await agent.call(DomainDriver.start, SPEC, paused=True)

    assert domain == Domain("u", 7, DomainState.paused, DomainKind.pvh, "a <name>", disks=("vbd", "cd"))
    assert isinstance(domain.kind, DomainKind)


def test_the_daemons_own_loop_speaks_with_an_agent_too(tmp_path: Path) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def find() -> Domain | None:
        async with running(LocalBackends(config(tmp_path), apart=True)) as agent:
            return await agent.call(DomainDriver.find, "u")

    found = uvloop.run(find())

    assert found.uuid == "u"


async def test_an_error_arrives_with_its_kind_and_its_facts(agent: Agent) -> None:
    with pytest.raises(NoSpace) as error:
        await agent.call(DomainDriver.unpause, "sda")

    assert error.value.message == "the device is full"
    assert error.value.facts == {"device": "sda"}


async def test_a_mistake_in_a_driver_fails_the_call_and_nothing_else(agent: Agent) -> None:
    with pytest.raises(Failed) as error:
        await agent.call(DomainDriver.set_memory, "u", 5)

    assert error.value.message == "ZeroDivisionError: a mistake"
    assert await agent.call(DomainDriver.find, "") is None


async def test_what_a_driver_says_of_itself_is_asked_of_it(agent: Agent) -> None:
    info = await agent.info()

    assert (info.name, info.features) == ("fake", frozenset({"suspend"}))


async def test_events_of_a_driver_come_to_those_who_watch(agent: Agent) -> None:
    events: asyncio.Queue[DomainEvent] = asyncio.Queue()
    agent.watch(events.put_nowait)

    await agent.call(DomainDriver.request_shutdown, "u")

    assert await events.get() == DomainEvent("u", DomainEventKind.stopped, "shutdown", 7)


async def test_a_watcher_learns_first_that_nobody_watched_before(tmp_path: Path) -> None:
    backends = LocalBackends(config(tmp_path), apart=True)
    events: asyncio.Queue[DomainEvent] = asyncio.Queue()
    backends.agent("host", "domain").watch(events.put_nowait)

    async with running(backends):
        assert (await events.get()).kind == DomainEventKind.lost


async def test_a_driver_that_cannot_be_made_tells_every_caller_why(tmp_path: Path) -> None:
    async with running(LocalBackends(config(tmp_path, "Broken"), apart=True)) as agent:
        with pytest.raises(Unavailable, match="no hypervisor here"):
            await agent.call(DomainDriver.domains)
        with pytest.raises(Unavailable, match="no hypervisor here"):
            await agent.call(DomainDriver.domains)


def test_an_unknown_type_of_storage_is_named_in_the_error(tmp_path: Path) -> None:
    backends = LocalBackends(config(tmp_path), apart=False)

    with pytest.raises(SR_UNKNOWN_DRIVER) as error:
        backends.agent("host", "storage:tape")

    assert error.value.args == ("tape",)


# A driver that never blocks


async def test_a_driver_that_never_blocks_is_called_without_leaving_the_loop(immediate: Agent) -> None:
    others: list[str] = []
    asyncio.get_running_loop().call_soon(others.append, "something else ran")

    await immediate.call(DomainDriver.find, "u")

    assert others == []
    assert immediate.ephemeral


async def test_a_simulated_fault_strikes_once(tmp_path: Path) -> None:
    backends = LocalBackends(config(tmp_path, immediate=True), apart=False)
    async with running(backends) as agent:
        backends.driver("domain").faults.fail("find", InUse("taken"))

        with pytest.raises(InUse):
            await agent.call(DomainDriver.find, "u")
        assert await agent.call(DomainDriver.find, "") is None


async def test_a_simulated_delay_leaves_the_loop_to_others(tmp_path: Path) -> None:
    backends = LocalBackends(config(tmp_path, immediate=True), apart=False)
    async with running(backends) as agent:
        backends.driver("domain").faults.delay("find", 0.01)
        slow = asyncio.ensure_future(agent.call(DomainDriver.find, ""))

        await agent.call(DomainDriver.start, SPEC, False)

        assert not slow.done()
        assert await slow is None


# A driver that hangs


async def test_a_call_that_hangs_holds_up_no_other(agent: Agent, tmp_path: Path) -> None:
    pipe = Pipe(tmp_path, "one")
    hanging = asyncio.ensure_future(agent.call(DomainDriver.pause, "one"))
    end = await pipe.until_reached()

    await agent.call(DomainDriver.find, "other")

    assert not hanging.done()
    os.close(end)
    await hanging


@pytest.mark.parametrize("apart", [False, True], ids=["threads", "process"])
async def test_a_back_end_that_hangs_with_hundreds_of_calls_takes_nothing_from_another(
    tmp_path: Path, apart: bool
) -> None:
    """Each back end has its own threads, and so its own limit: slow storage never starves machines."""
    slow, quick = (replace(config(tmp_path).drivers[0], kind=kind) for kind in ("domain", "domain:other"))
    pipes = [Pipe(tmp_path, f"p{number}") for number in range(slow.threads)]
    backends = LocalBackends(AgentConfig((slow, quick)), apart=apart)
    async with running(backends) as hanging:
        calls = [asyncio.create_task(hanging.call(DomainDriver.pause, pipe.path.name)) for pipe in pipes]
        held = [await pipe.until_reached() for pipe in pipes]
        # These wait for a thread.
        calls += [asyncio.create_task(hanging.call(DomainDriver.find, f"{number}")) for number in range(300)]

        other = backends.agent("host", "domain:other")
        for _ in range(50):
            assert (await asyncio.wait_for(other.call(DomainDriver.find, "u"), 5)).uuid == "u"

        assert not any(call.done() for call in calls)
        for each in held:
            os.close(each)
        await asyncio.gather(*calls)


@pytest.mark.parametrize("apart", [False, True], ids=["threads", "process"])
async def test_a_repository_that_hangs_takes_nothing_from_another_of_its_type_and_is_known(
    tmp_path: Path, apart: bool
) -> None:
    spec = DriverSpec("storage:slow", "tests.runtime.agent_fakes:HangingRepositories", {"folder": str(tmp_path)})
    backends = LocalBackends(AgentConfig((spec,)), apart=apart)
    pipes = [Pipe(tmp_path, f"p{number}") for number in range(spec.threads)]
    await backends.start()
    try:
        agent = backends.agent("host", "storage:slow")
        hanging = [Sr("dead", "slow", {"pipe": pipe.path.name}) for pipe in pipes]
        calls = [asyncio.create_task(agent.call(StorageDriver.attach_sr, sr)) for sr in hanging]
        held = [await pipe.until_reached() for pipe in pipes]
        # These wait for a thread.
        calls += [asyncio.create_task(agent.call(StorageDriver.detach_sr, hanging[0])) for _ in range(50)]

        for number in range(30):
            await asyncio.wait_for(agent.call(StorageDriver.detach_sr, Sr(f"living{number % 2}", "slow")), 5)

        assert not any(call.done() for call in calls)
        assert (agent.held_up(0.0), agent.held_up(3600.0)) == ({"dead"}, frozenset())
        for each in held:
            os.close(each)
        await asyncio.gather(*calls)
        assert agent.held_up(0.0) == frozenset()
    finally:
        await backends.stop()


async def test_a_caller_gives_up_after_a_while_and_hears_why(impatient: Agent, tmp_path: Path) -> None:
    pipe = Pipe(tmp_path, "one")

    with pytest.raises(Unavailable, match=r"pause took longer than 0\.2 s"):
        await impatient.call(DomainDriver.pause, "one")

    os.close(await pipe.until_reached())


async def test_an_undo_never_overtakes_the_call_that_was_given_up(agent: Agent, tmp_path: Path) -> None:
    pipe = Pipe(tmp_path, "one")
    call = asyncio.ensure_future(agent.call(DomainDriver.pause, "one"))
    end = await pipe.until_reached()
    call.cancel()
    await asyncio.wait({call})

    undo = asyncio.ensure_future(agent.call(DomainDriver.request_reboot, "one"))
    await agent.call(DomainDriver.request_reboot, "other")

    assert (tmp_path / "other.rebooted").exists()
    assert not (tmp_path / "one.rebooted").exists()
    os.close(end)
    await undo
    assert (tmp_path / "one.rebooted").exists()


async def test_an_object_whose_call_still_hangs_is_refused_with_the_reason(impatient: Agent, tmp_path: Path) -> None:
    pipe = Pipe(tmp_path, "one")
    with pytest.raises(Unavailable):
        await impatient.call(DomainDriver.pause, "one")

    with pytest.raises(Unavailable, match="an earlier call on one has not ended"):
        await impatient.call(DomainDriver.find, "one")

    os.close(await pipe.until_reached())


# An agent that dies


async def test_the_death_of_an_agent_fails_what_waits_and_the_next_call_finds_a_new_one(apart: LocalBackends) -> None:
    agent, before = apart.agent("host", "domain"), apart.pid

    with pytest.raises(Unavailable, match="SIGKILL"):
        await agent.call(DomainDriver.destroy, "u")
    domain = await agent.call(DomainDriver.find, "u")

    assert domain is not None
    assert domain.id == apart.pid != before


async def test_the_last_words_of_an_agent_are_in_the_log_in_its_form(
    apart: LocalBackends, caplog: pytest.LogCaptureFixture
) -> None:
    agent = apart.agent("host", "domain")

    with pytest.raises(Unavailable):
        await agent.call(DomainDriver.destroy, "u")
    await agent.call(DomainDriver.find, "u")

    said = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert ("libvirt", "WARNING", "hm") in said
    assert ("xapid.backends.agent", "WARNING", "Fatal: oh") in said


async def test_watchers_learn_that_events_may_have_been_lost(apart: LocalBackends) -> None:
    events: asyncio.Queue[DomainEvent] = asyncio.Queue()
    apart.agent("host", "domain").watch(events.put_nowait)

    os.kill(apart.pid, signal.SIGKILL)

    assert (await events.get()).kind == DomainEventKind.lost


async def test_who_comes_while_an_agent_is_away_waits_and_then_hears_the_reason(tmp_path: Path) -> None:
    restarts = Restarts(first=60, longest=60, patience=0.05)
    backends = LocalBackends(config(tmp_path), apart=True, restarts=restarts)
    async with running(backends) as agent:
        await agent.call(DomainDriver.find, "")
        os.kill(backends.pid, signal.SIGKILL)
        with contextlib.suppress(Unavailable):
            await agent.call(DomainDriver.find, "u")

        with pytest.raises(Unavailable, match="the agent is not there: it was ended by SIGKILL"):
            await agent.call(DomainDriver.find, "u")


async def test_a_stopped_agent_makes_calls_wait_and_holds_up_nothing_else(apart: LocalBackends) -> None:
    agent = apart.agent("host", "domain")
    os.kill(apart.pid, signal.SIGSTOP)
    waiting = asyncio.ensure_future(agent.call(DomainDriver.find, "u"))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not waiting.done()

    os.kill(apart.pid, signal.SIGCONT)

    domain = await waiting
    assert domain is not None
    assert domain.id == apart.pid


async def test_a_call_that_timed_out_at_a_stopped_agent_is_not_carried_out_later(tmp_path: Path) -> None:
    backends = LocalBackends(config(tmp_path, timeout=0.5), apart=True)
    async with running(backends) as agent:
        while True:
            with contextlib.suppress(Unavailable):
                await agent.call(DomainDriver.find, "")
                break
        os.kill(backends.pid, signal.SIGSTOP)
        with pytest.raises(Unavailable, match="took longer than"):
            await agent.call(DomainDriver.request_reboot, "u")

        os.kill(backends.pid, signal.SIGCONT)

        # Of the same domain, so it waits until the agent has dropped the earlier one.
        assert await agent.call(DomainDriver.find, "u") is not None
        assert not (tmp_path / "u.rebooted").exists()


async def test_a_stopped_agent_can_be_ended(tmp_path: Path) -> None:
    backends = LocalBackends(config(tmp_path), apart=True)
    await backends.start()
    await backends.agent("host", "domain").call(DomainDriver.find, "")
    pid = backends.pid
    os.kill(pid, signal.SIGSTOP)

    await backends.stop()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_an_agent_inherits_no_listening_socket(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        async with running(LocalBackends(config(tmp_path), apart=True)) as agent:
            domain = await agent.call(DomainDriver.find, "u")

            assert domain is not None
            assert f"socket:[{os.fstat(listener.fileno()).st_ino}]" not in open_files(domain.id)


def open_files(pid: int) -> list[str]:
    return [str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()]


# The daemon that dies

DAEMON = """
import asyncio, sys
sys.path[:] = sys.argv[3:]
from pathlib import Path
from tests.runtime.agent_fakes import config
from xapid.backends.domain.interface import DomainDriver
from xapid.runtime.agents import LocalBackends

async def main():
    apart = sys.argv[2] == "apart"
    backends = LocalBackends(config(Path(sys.argv[1]), immediate=not apart), apart=apart)
    await backends.start()
    agent = backends.agent("host", "domain")
    print((await agent.call(DomainDriver.find, "u")).id, flush=True)
    for name in ("one", "two", "three"):
        await agent.call(DomainDriver.request_reboot, name)
    print("done", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def daemon(folder: Path, where: str, kill_at: str = "") -> subprocess.Popen[str]:
    """A process that starts an agent, makes four calls and then waits."""
    return subprocess.Popen(
        [sys.executable, "-c", DAEMON, str(folder), where, *sys.path],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "XAPID_KILL_AT_CALL": kill_at},
    )


def test_the_agent_of_a_daemon_that_is_killed_ends(tmp_path: Path) -> None:
    with daemon(tmp_path, "apart") as process:
        assert process.stdout
        agent = int(process.stdout.readline())
        assert process.stdout.readline() == "done\n"

        process.kill()

        assert ended(agent, 10)


@pytest.mark.parametrize(
    "setting, rebooted",
    [("2", []), ("2+", ["one"]), ("4", ["one", "two"])],
)
def test_a_daemon_dies_before_or_after_the_call_that_a_test_names(
    tmp_path: Path, setting: str, rebooted: list[str]
) -> None:
    kill_at, folder = tmp_path / "kill_at", tmp_path / "folder"
    kill_at.write_text(setting)
    folder.mkdir()
    with daemon(folder, "inside", str(kill_at)) as process:
        output, _ = process.communicate()

    assert process.returncode == -signal.SIGKILL
    assert "done" not in output
    assert sorted(path.stem for path in folder.iterdir()) == rebooted


def test_calls_are_counted_only_while_somebody_says_at_which_to_die(tmp_path: Path) -> None:
    with daemon(tmp_path, "inside", str(tmp_path / "not there")) as process:
        assert process.stdout
        assert process.stdout.readlines(1)
        assert process.stdout.readline() == "done\n"
        process.kill()


# Errors and subjects

SR = Sr("sr-uuid", "file")
VOLUME = Volume(SR, "key", "vdi-uuid", 1, VolumeFormat.raw)


@pytest.mark.parametrize(
    "args, expected",
    [
        ((), ""),
        (("uuid", 5), "uuid"),
        ((SPEC, True), "u"),
        ((SR, 5), "sr-uuid"),
        ((VOLUME, "owner"), "sr-uuid"),
        ((Branch(VOLUME, VOLUME), VOLUME), "sr-uuid"),
        (({"location": "/x"},), ""),
    ],
)
def test_calls_are_in_order_for_each_domain_and_each_repository(args: tuple[Any, ...], expected: str) -> None:
    assert subject(args) == expected


@pytest.mark.parametrize(
    "kind, error, expected",
    [
        ("storage:file", NoSpace("full"), ["SR_BACKEND_FAILURE_44", "", "full", ""]),
        ("storage:file", NotFound("no SR", code="47"), ["SR_BACKEND_FAILURE_47", "", "no SR", ""]),
        ("storage:file", BadConfig("missing", key="location"), ["SR_BACKEND_FAILURE_94", "", "missing", ""]),
        ("storage:file", BadConfig("too small", key="size"), ["SR_BACKEND_FAILURE_79", "", "too small", ""]),
        ("storage:file", InUse("by others"), ["VDI_IN_USE"]),
        ("storage:file", Failed("there are volumes", code="39"), ["SR_NOT_EMPTY"]),
        (
            "storage:nfs",
            BadConfig("which?", key="serverpath", found="<x/>"),
            ["SR_BACKEND_FAILURE_101", "", "which?", "<x/>"],
        ),
        ("storage:nfs", Unavailable("gone"), ["SR_BACKEND_FAILURE_47", "", "gone", ""]),
        ("domain", Failed("no"), ["INTERNAL_ERROR", "no"]),
        ("domain", Unavailable("gone"), ["INTERNAL_ERROR", "gone"]),
        ("domain", NotSupported("no such device"), ["OPERATION_NOT_ALLOWED", "no such device"]),
        ("network", AlreadyExists("taken", bridge="br0"), ["BRIDGE_NAME_EXISTS", "br0"]),
        ("network", NotFound("none", bridge="br0"), ["BRIDGE_NOT_AVAILABLE", "br0"]),
    ],
)
def test_an_error_of_a_back_end_is_one_of_the_api(kind: str, error: BackendError, expected: list[str]) -> None:
    assert to_api_error(error, Store(), kind).description == expected
