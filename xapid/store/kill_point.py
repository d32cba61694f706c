"""Kills the daemon, or its agent, at a numbered step, for tests that ask what a crash at that place leaves behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path


class KillPoint:
    """Counts steps of one kind while a file is there, which says at which of them the process is to die."""

    def __init__(self, file: str = "", victim: Callable[[], int] = os.getpid) -> None:
        """``file`` holds N, to die before the Nth step from now on, or ``N+``, to die after it. Empty: never.

        ``victim``: the process that dies.
        """
        self._file = Path(file) if file else None
        self._victim = victim
        self._setting = ""
        self._count = 0

    @classmethod
    def calls(cls) -> KillPoint:
        """``XAPID_KILL_AT_CALL``: steps are calls of agents."""
        return cls(os.environ.get("XAPID_KILL_AT_CALL", ""))

    @classmethod
    def calls_of(cls, agent: Callable[[], int]) -> KillPoint:
        """``XAPID_KILL_AGENT_AT_CALL``: the same steps, at which the agent dies."""
        return cls(os.environ.get("XAPID_KILL_AGENT_AT_CALL", ""), agent)

    @classmethod
    def commits(cls) -> KillPoint:
        """``XAPID_KILL_AT_BATCH``: steps are commits of the database, each of one batch."""
        return cls(os.environ.get("XAPID_KILL_AT_BATCH", ""))

    @property
    def armed(self) -> bool:
        return self._file is not None

    def before(self) -> bool:
        """Whether ``after`` must be told when the step that now begins is done."""
        if self._file is None:
            return False
        try:
            setting = self._file.read_text()
        except FileNotFoundError:
            return False
        if setting != self._setting:
            # Who outlives a step is told another one.
            self._setting, self._count = setting, 0
        self._count += 1
        if self._count != int(setting.removesuffix("+")):
            return False
        if not setting.endswith("+"):
            self.after()
        return True

    def after(self) -> None:
        victim = self._victim()
        if victim:
            os.kill(victim, signal.SIGKILL)
        if victim == os.getpid():
            signal.pause()
