"""Named locks, for what has no mark that users see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext

from xapid.runtime.tracing.span import part


class Locks:
    """A lock a name, made when first wanted. Several are taken in one order, so that nobody deadlocks."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: dict[str, int] = {}

    def taken(self, name: str) -> bool:
        """Whether who asks for it now has to wait."""
        return name in self._locks

    @asynccontextmanager
    async def held(self, *names: str) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for name in sorted(set(names)):
                stack.callback(self._drop, name)
                self._users[name] = self._users.get(name, 0) + 1
                lock = self._locks.setdefault(name, asyncio.Lock())
                with part("queue: lock") if lock.locked() else nullcontext():
                    await stack.enter_async_context(lock)
            yield

    def _drop(self, name: str) -> None:
        self._users[name] -= 1
        if not self._users[name]:
            del self._users[name], self._locks[name]
