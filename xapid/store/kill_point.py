"""Places at which a test kills the daemon, by their number, to ask what a crash at that very place leaves behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path

CALL = "XAPID_KILL_AT_CALL"
"""N kills before the Nth call of any agent goes out, ``N+`` when it has come back."""
BATCH = "XAPID_KILL_AT_BATCH"
"""N kills before the Nth commit of the database, ``N+`` when it is on disk and nobody has been told."""
ARMED_BY = "XAPID_KILL_ARMED_BY"
"""A file: counting begins once it is there. Without this setting it begins with the process."""


class KillPoint:
    """Kills this process at a numbered place."""

    def __init__(self, setting: str = "", armed_by: str = "") -> None:
        self._after = setting.endswith("+")
        self._number = int(setting.removesuffix("+") or 0)
        self._armed_by = armed_by
        self._count = 0

    @classmethod
    def from_environment(cls, name: str) -> KillPoint:
        """As a variable of the environment says: ``CALL`` or ``BATCH``."""
        return cls(os.environ.get(name, ""), os.environ.get(ARMED_BY, ""))

    def before(self) -> bool:
        """To be called at each place. Returns whether ``after`` must be called behind it."""
        if not self._number or not self._is_armed():
            return False
        self._count += 1
        if self._count == self._number and not self._after:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._count == self._number

    def _is_armed(self) -> bool:
        if self._armed_by and Path(self._armed_by).exists():
            self._armed_by = ""
        return not self._armed_by

    @staticmethod
    def after() -> None:
        os.kill(os.getpid(), signal.SIGKILL)
