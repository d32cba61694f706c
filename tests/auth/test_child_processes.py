"""Processes that answer questions: what modules start in them, and what becomes of them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.told import ended, lives, told
from xapid.auth.child_processes import HelperFailed, HelperProcesses

MODULE = """
import os, subprocess, sys, time
from xapid.auth.child_processes import serve

def answer(asked):
    if asked["ask"] == "child":
        child = subprocess.Popen([sys.executable, "-c", "import sys, time; print(sys.stdin.read()); time.sleep(60)"])
        return {"child": child.pid}
    if asked["ask"] == "spawn":
        child = os.posix_spawn("/bin/sh", ["sh", "-c", "kill -STOP $$; exec sleep 60"], {})
        os.waitid(os.P_PID, child, os.WSTOPPED)
        return {"child": child}
    if asked["ask"] == "hang":
        child = os.fork()
        if child:
            open(asked["file"], "w").write(f"{child} ")
        time.sleep(60)
    if asked["ask"] == "chatter":
        print("modules say this and that", flush=True)
    if asked["ask"] == "long":
        return {"said": "x" * 500_000}
    return {"pid": os.getpid()}

serve(answer)
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "answering.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))


def opened(pid: int, number: int) -> Path:
    return Path(f"/proc/{pid}/fd/{number}").readlink()


async def gone(pid: int) -> bool:
    return await asyncio.to_thread(ended, pid)


async def test_what_a_module_starts_hears_no_questions_and_ends_with_the_process() -> None:
    helpers = HelperProcesses("answering")
    child = (await helpers.ask({"ask": "child"}))["child"]
    assert lives(child)
    assert opened(child, 0) == Path(os.devnull)
    assert opened(child, 1) == opened(os.getpid(), 2)
    assert (await helpers.ask({"ask": "a secret"}))["pid"]
    await helpers.close()
    assert await gone(child)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_programs_of_modules_are_handed_nothing_but_the_usual_files(
    run: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    async def look() -> None:
        helpers = HelperProcesses("answering")
        child = (await helpers.ask({"ask": "spawn"}))["child"]
        held = sorted(os.listdir(f"/proc/{child}/fd"))  # noqa: PTH208
        await helpers.close()
        assert held == ["0", "1", "2"]
        assert await gone(child)

    run(look())


async def test_who_hangs_in_a_child_too_gives_its_place_away(tmp_path: Path) -> None:
    helpers = HelperProcesses("answering", patience=1.0, at_once=1)
    began = time.monotonic()
    with pytest.raises(HelperFailed, match="no answer within 1 s"):
        await helpers.ask({"ask": "hang", "file": str(tmp_path / "child")})
    assert time.monotonic() - began < 8
    assert await gone(int((tmp_path / "child").read_text()))
    assert (await helpers.ask({"ask": "again"}))["pid"]
    await helpers.close()


async def test_a_kept_process_that_was_killed_costs_no_answer() -> None:
    helpers = HelperProcesses("answering")
    first = (await helpers.ask({"ask": "who"}))["pid"]
    os.kill(first, signal.SIGKILL)
    (kept,) = helpers._idle
    await kept.wait()
    assert (await helpers.ask({"ask": "who"}))["pid"] != first
    await helpers.close()


async def test_answers_are_long_and_modules_may_print() -> None:
    helpers = HelperProcesses("answering")
    assert (await helpers.ask({"ask": "chatter"}))["pid"]
    assert len((await helpers.ask({"ask": "long"}))["said"]) == 500_000
    await helpers.close()


async def test_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(HelperFailed, match="no process can be started"):
        await HelperProcesses("answering").ask({"ask": "who"})


def test_who_hangs_does_not_outlive_the_daemon(tmp_path: Path) -> None:
    asking = "import asyncio, sys; from xapid.auth.child_processes import HelperProcesses;"
    asking += "asyncio.run(HelperProcesses('answering').ask({'ask': 'hang', 'file': sys.argv[1]}))"
    os.mkfifo(tmp_path / "child")
    daemon = subprocess.Popen([sys.executable, "-c", asking, str(tmp_path / "child")])
    try:
        child = int(told(tmp_path / "child"))
        children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
        assert children
    finally:
        daemon.kill()
        daemon.wait()
    assert [asyncio.run(gone(int(each))) for each in children] == [True] * len(children)
    if lives(child):
        os.kill(child, signal.SIGKILL)


async def test_processes_keep_off_one_processor_and_what_they_start_does_too() -> None:
    helpers = HelperProcesses("answering")

    child = (await helpers.ask({"ask": "spawn"}))["child"]

    ours = sorted(os.sched_getaffinity(0))
    assert os.sched_getaffinity(child) == set(ours[1:] or ours)
    await helpers.close()
