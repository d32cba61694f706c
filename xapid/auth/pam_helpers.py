"""The processes that ask PAM, a few at a time: what hangs in one of them holds up nobody else."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

log = logging.getLogger(__name__)

AT_ONCE = 8
"""As many logins ask at the same time; more wait their turn."""
PATIENCE = 30.0
"""Seconds that a question may take; then its process is killed, and the login fails."""


class PamFailed(Exception):
    """It did not answer; the text says why."""


class PamHelpers:
    """Starts processes as they are needed, and keeps one."""

    def __init__(self, service: str, folder: str = "", patience: float = PATIENCE) -> None:
        """``folder``: where the service is described, if not in /etc/pam.d."""
        self.service = service
        self.folder = folder
        self._command = (sys.executable, "-m", "xapid.auth.pam", service, folder)
        self._patience = patience
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._idle: list[Process] = []

    async def check(self, user: str, password: str) -> bool:
        """Whether the password is right and the user may log in."""
        try:
            reason = (await self._asked({"user": user, "password": password}))["reason"]
        except PamFailed as error:
            log.error("PAM cannot be asked about %s: %s", user, error)
            return False
        if reason:
            log.info("PAM refuses a login of %s: %s", user, reason)
        return not reason

    async def look_up(self, question: str, about: str) -> Any:
        """What the name service knows; None if it knows nothing. Raises PamFailed."""
        return (await self._asked({"question": question, "about": about}))["found"]

    async def _asked(self, question: dict[str, str]) -> dict[str, Any]:
        async with self._slots:
            process = self._idle.pop() if self._idle else await self._started()
            try:
                async with asyncio.timeout(self._patience):
                    answer = await _answered(process, question)
            except TimeoutError as error:
                await _end(process)
                raise PamFailed(f"no answer within {self._patience:g} s") from error
            except (OSError, ValueError) as error:
                await _end(process)
                raise PamFailed(f"the process that asks it ended: {error}") from error
            except BaseException:
                await _end(process)
                raise
            if self._idle:
                await _end(process)
            else:
                self._idle.append(process)
        return answer

    async def _started(self) -> Process:
        return await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE)

    async def close(self) -> None:
        """End the process that is kept."""
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
