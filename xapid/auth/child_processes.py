"""Processes that answer questions, a few at a time: what hangs or computes in one of them holds up nobody else."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

AT_ONCE = 8
"""As many questions are answered at the same time; more wait their turn."""
PATIENCE = 30.0
"""Seconds that a question may take; then its process is killed, and the question fails."""
NICENESS = 5
"""Of the processes: a hundred logins at once leave the processor to those who are logged in."""
LONGEST_ANSWER = 1024 * 1024
"""Bytes of an answer: somebody may be in thousands of groups."""
LAST_BREATH = 1.0
"""Seconds in which a process that was killed is to be gone; after that nobody waits for it."""
PR_SET_PDEATHSIG = 1


class HelperFailed(Exception):
    """It did not answer; the text says why."""


class HelperProcesses:
    """Starts processes as they are needed, and keeps some.

    A process reads a question a line, as JSON, and answers with a line of JSON.
    """

    def __init__(
        self,
        module: str,
        *args: str,
        patience: float = PATIENCE,
        at_once: int = AT_ONCE,
        kept: int = 1,
    ) -> None:
        self._command = (sys.executable, "-m", module, *args)
        self._patience = patience
        self._slots = asyncio.Semaphore(at_once)
        self._kept = kept
        self._idle: list[Process] = []

    async def ask(self, question: dict[str, str]) -> dict[str, Any]:
        """The answer to a question. Raises HelperFailed."""
        async with self._slots:
            process = await self._taken()
            try:
                async with asyncio.timeout(self._patience):
                    answer = await _answered(process, question)
            except TimeoutError as error:
                await _end(process)
                raise HelperFailed(f"no answer within {self._patience:g} s") from error
            except (OSError, ValueError) as error:
                await _end(process)
                raise HelperFailed(f"the process that is asked ended: {error}") from error
            except BaseException:
                await _end(process)
                raise
            if len(self._idle) >= self._kept:
                await _end(process)
            else:
                self._idle.append(process)
        return answer

    async def _taken(self) -> Process:
        """One that is kept and still there, else a new one. Raises HelperFailed."""
        while self._idle:
            process = self._idle.pop()
            if process.returncode is None:
                return process
            await _end(process)
        try:
            # A session of its own: what modules start in it can be ended with it.
            return await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, limit=LONGEST_ANSWER, start_new_session=True
            )
        except OSError as error:
            raise HelperFailed(f"no process can be started: {error.strerror}") from error

    async def close(self) -> None:
        """End the processes that are kept."""
        while self._idle:
            await _end(self._idle.pop())


async def _answered(process: Process, question: dict[str, str]) -> dict[str, Any]:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps(question).encode() + b"\n")
    await process.stdin.drain()
    line = await process.stdout.readline()
    if not line:
        raise ValueError("it has nothing to say")
    answer: dict[str, Any] = json.loads(line)
    return answer


async def _end(process: Process) -> None:
    """Kill it with all that it has started, and see it off unless something else holds on to its pipes."""
    # The number of one that is gone already may be another's.
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_BREATH):
            await process.wait()


def _keep_to_ourselves() -> None:
    """Nothing but the three usual files is handed on: uvloop leaves copies of the pipes open, and daemons their own."""
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if int(each.name) > 2:
                os.set_inheritable(int(each.name), False)


def _leave_a_processor() -> None:
    """Keep off one of this host's processors, for those who are logged in.

    The kernel takes milliseconds to take back the memory of a hash, and does not stop for anybody meanwhile.
    """
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) > 1:
        os.sched_setaffinity(0, processors[1:])


def serve(answer: Callable[[dict[str, str]], dict[str, Any]]) -> None:
    """The process's side: answer questions until there are no more, or the daemon is."""
    os.nice(NICENESS)
    _leave_a_processor()
    # One that hangs in a module reads no end of the questions.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Programs that modules start are not to read questions, which hold passwords, nor to write among the answers.
    with os.fdopen(os.dup(0)) as questions, os.fdopen(os.dup(1), "w") as answers:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        os.close(nothing)
        _keep_to_ourselves()
        for line in questions:
            print(json.dumps(answer(json.loads(line))), file=answers, flush=True)
