"""Processes that answer questions, a few at a time: what hangs or computes in one of them holds up nobody else."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from typing import Any

AT_ONCE = 8
"""As many questions are answered at the same time; more wait their turn."""
PATIENCE = 30.0
"""Seconds that a question may take; then its process is killed, and the question fails."""
NICENESS = 5
"""Of the processes: a hundred logins at once leave the processor to those who are logged in."""


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
            process = self._idle.pop() if self._idle else await self._started()
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

    async def _started(self) -> Process:
        return await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE)

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
    if process.returncode is None:
        process.kill()
    await process.wait()


def serve(answer: Callable[[dict[str, str]], dict[str, Any]]) -> None:
    """The process's side: answer questions until there are no more."""
    import os

    os.nice(NICENESS)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
