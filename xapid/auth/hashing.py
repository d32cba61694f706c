"""Passwords are compared with their hashes in processes of their own: 20 ms of processor and 19 MiB each."""

from __future__ import annotations

import os
from typing import Any

from xapid.auth.child_processes import HelperProcesses, serve
from xapid.auth.passwords import is_right

CHECKS_AT_ONCE = min(8, max(2, os.cpu_count() or 1))
"""Passwords checked in parallel."""


class Hashing(HelperProcesses):
    """Compares passwords with hashes."""

    def __init__(self) -> None:
        super().__init__(__name__, at_once=CHECKS_AT_ONCE, kept=2)

    async def is_right(self, hashed: str, password: str) -> bool:
        """Whether the hash is that of the password. Raises HelperFailed."""
        return bool((await self.ask({"hash": hashed, "password": password}))["right"])


def _answer(asked: dict[str, str]) -> dict[str, Any]:
    return {"right": is_right(asked["hash"], asked["password"])}


if __name__ == "__main__":
    serve(_answer)
