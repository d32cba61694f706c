"""Scripts in guests: QEMU's agent is asked until they end, Xen's guests are given them in xenstore."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backends.domain.hypervisor import within
from tests.backends.domain.xenstored import Daemon
from xapid.backends import process
from xapid.backends.domain import agent_scripts, xenstore_scripts
from xapid.backends.domain.guest_script import LONGEST_OUTPUT, ScriptResult
from xapid.backends.domain.qemu_agent import Refused, Silent
from xapid.backends.domain.xenstore import Xenstore
from xapid.backends.interface import Failed, NotSupported

GUEST = "/local/domain/5"
COMMAND = f"{GUEST}/control/batcmd"


class Agent:
    """Answers one question after another, and keeps them."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def __call__(self, command: str) -> str:
        self.asked.append(json.loads(command))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, str) else json.dumps({"return": answer})


def printed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_an_agent_is_asked_until_the_script_ends() -> None:
    agent = Agent(
        {"pid": 42},
        {"exited": False},
        {"exited": True, "exitcode": 3, "out-data": printed("out"), "err-data": printed("err")},
    )

    result = agent_scripts.run(agent, "debian", "echo out")

    assert result == ScriptResult(3, "out", "err")
    assert agent.asked[0]["arguments"] == {"path": "/bin/sh", "arg": ["-c", "echo out"], "capture-output": True}
    assert [each["execute"] for each in agent.asked[1:]] == ["guest-exec-status"] * 2
    assert agent.asked[-1]["arguments"] == {"pid": 42}


def test_windows_has_a_shell_of_its_own_and_who_is_killed_ends_as_in_one() -> None:
    agent = Agent({"pid": 1}, {"exited": True, "signal": 9})

    result = agent_scripts.run(agent, "mswindows", "dir")

    assert result == ScriptResult(137)
    assert agent.asked[0]["arguments"]["path"] == "cmd.exe"
    assert agent.asked[0]["arguments"]["arg"][-1] == "dir"


@pytest.mark.parametrize(
    "answers, error",
    [
        ([Silent("nobody")], NotSupported),
        ([Refused("guest-exec is disabled")], NotSupported),
        ([{"pid": 1}, Silent("gone")], Failed),
        (["nonsense"], Failed),
        ([{"pid": 1}, "nonsense"], Failed),
        ([{"pid": "x"}], Failed),
    ],
)
def test_an_agent_that_does_not_answer_as_it_should_is_no_success(answers: list[Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        agent_scripts.run(Agent(*answers), "", "true")


def test_output_is_cut_to_what_is_told() -> None:
    short, long = ScriptResult(0, "x" * 1023), ScriptResult(0, "x" * 1024, "y" * 5000)

    assert short.shortened() == short
    assert long.shortened().output == "x" * 1012 + " (truncated)"
    assert len(long.shortened().errors) == LONGEST_OUTPUT


@pytest.mark.parametrize("way", ["agent", "xenstore"])
def test_who_is_waited_for_by_nobody_is_left_alone(store: Xenstore, xenstored: Daemon, way: str) -> None:
    xenstored.write(f"{GUEST}/control/feature-xs-batcmd", "1")
    cancellation = process.Cancellation()
    cancellation.cancel()
    token = process.current.set(cancellation)
    try:
        with pytest.raises(Failed, match="nobody waits"):
            if way == "agent":
                agent_scripts.run(Agent({"pid": 1}, {"exited": False}), "", "sleep 9")
            else:
                xenstore_scripts.run(store, 5, "sleep 9")
    finally:
        process.current.reset(token)


# --- Xen ---------------------------------------------------------------------------------------------


@pytest.fixture
def xenstored(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "socket", {f"{GUEST}/control/shutdown": ""})
    yield daemon
    daemon.close()


@pytest.fixture
def store(xenstored: Daemon, tmp_path: Path) -> Iterator[Xenstore]:
    store = Xenstore(lambda token: None, tmp_path / "socket")
    yield store
    store.close()


Ran = Callable[[], ScriptResult]


def begun(store: Xenstore, daemon: Daemon, script: str) -> Ran:
    """A script that lies ready for a guest. What is returned waits for its end."""
    daemon.write(f"{GUEST}/control/feature-xs-batcmd", "1")
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(xenstore_scripts.run(store, 5, script))
        except Failed as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert within(10, lambda: daemon.keys.get(f"{COMMAND}/state") == "READY")

    def result() -> ScriptResult:
        thread.join(10)
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        found: ScriptResult = outcome[0]
        return found

    return result


def test_a_guest_under_xen_finds_its_script_and_says_what_it_did(store: Xenstore, xenstored: Daemon) -> None:
    result = begun(store, xenstored, "dir")

    assert xenstored.keys[f"{COMMAND}/script"] == "dir"
    assert xenstored.owners[COMMAND] == "n5"
    xenstored.write(f"{COMMAND}/state", "IN PROGRESS")
    for name, value in (("return", "-7"), ("stdout", "out"), ("stderr", "err"), ("state", "SUCCESS")):
        xenstored.write(f"{COMMAND}/{name}", value)

    assert result() == ScriptResult(-7, "out", "err")
    assert not any(key.startswith(COMMAND) for key in xenstored.keys)


@pytest.mark.parametrize("state", ["FAILURE", "SUCCESS", None])
def test_a_guest_under_xen_that_fails_is_no_success(store: Xenstore, xenstored: Daemon, state: str | None) -> None:
    result = begun(store, xenstored, "dir")

    if state is None:
        xenstored.remove(COMMAND)
    else:
        xenstored.write(f"{COMMAND}/state", state)

    with pytest.raises(Failed):
        result()


def test_what_an_earlier_script_left_is_cleared_unless_it_still_runs(store: Xenstore, xenstored: Daemon) -> None:
    xenstored.write(f"{COMMAND}/state", "SUCCESS")
    xenstored.write(f"{COMMAND}/stdout", "old")
    result = begun(store, xenstored, "dir")
    xenstored.write(f"{COMMAND}/return", "0")
    xenstored.write(f"{COMMAND}/state", "SUCCESS")
    after = result()

    xenstored.write(f"{COMMAND}/state", "IN PROGRESS")
    with pytest.raises(Failed, match="still runs"):
        xenstore_scripts.run(store, 5, "dir")

    assert after == ScriptResult(0)


def test_a_guest_under_xen_that_offers_nothing_gets_no_script(store: Xenstore, xenstored: Daemon) -> None:
    with pytest.raises(NotSupported):
        xenstore_scripts.run(store, 5, "dir")

    assert not any(key.startswith(COMMAND) for key in xenstored.keys)


def test_a_guest_under_xen_is_told_whom_to_let_in(store: Xenstore, xenstored: Daemon) -> None:
    xenstore_scripts.let_in(store, 5, True)
    allowed = xenstored.keys[f"{GUEST}/control/ts"]
    xenstore_scripts.let_in(store, 5, False)

    assert (allowed, xenstored.keys[f"{GUEST}/control/ts"]) == ("1", "0")


def test_a_guest_under_xen_is_asked_to_sleep(store: Xenstore, xenstored: Daemon) -> None:
    xenstore_scripts.ask_to_sleep(store, 5)

    assert xenstored.keys[f"{GUEST}/control/shutdown"] == "s3"
