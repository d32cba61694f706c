"""Checking who somebody is: by the password file, by PAM, and slowly for who guesses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from xapid.auth.child_processes import HelperFailed
from xapid.auth.guesses import Guesses, TooMany
from xapid.auth.hashing import CHECKS_AT_ONCE, Hashing
from xapid.auth.pam_helpers import PamHelpers
from xapid.auth.passwords import DECOY, PasswordFile
from xapid.auth.slots import Slots
from xapid.datamodel.errors import ApiError

log = logging.getLogger(__name__)

SUPERUSER = "root"
T = TypeVar("T")


class Login:
    """Checks who somebody is; one in a daemon.

    Who stands in the password file is checked by it; root, if he does not, is asked of PAM. All of them may do all:
    others come from a directory.
    """

    def __init__(
        self,
        passwords: PasswordFile | None,
        guesses: Guesses,
        pam: PamHelpers | None = None,
        hashing: Hashing | None = None,
        at_once: Callable[[], int] = lambda: CHECKS_AT_ONCE,
    ) -> None:
        """``at_once``: how many passwords may be checked in parallel now."""
        self.passwords = passwords
        self._guesses = guesses
        self._pam = pam
        self._hashing = hashing
        self._slots = Slots(at_once)

    async def attempt(self, user: str, password: str, source: str) -> bool:
        """Whether the password is right. ``source``: the address it came from; who is wrong there hears so late."""
        return bool(await self.slowly(source, lambda: self.check(user, password)))

    async def slowly(self, source: str, check: Callable[[], Awaitable[T]]) -> T | None:
        """What a check finds, at once if it finds something. Nothing, or an error of the API, is told late."""
        try:
            async with self._guesses.turn(source):
                try:
                    found = await check()
                except ApiError:
                    await asyncio.sleep(self._guesses.wrong(source))
                    raise
                if found:
                    self._guesses.right(source)
                    return found
                await asyncio.sleep(self._guesses.wrong(source))
        except TooMany:
            return None
        return None

    async def check(self, user: str, password: str) -> bool:
        """Whether the password is right, told at once."""
        if self._pam is not None and user == SUPERUSER and not await self._stands_in_file(user):
            return await self._pam.check(user, password)
        if self.passwords is None:
            return False
        async with self._slots.taken():
            return await self._by_file(self.passwords, user, password)

    async def _by_file(self, passwords: PasswordFile, user: str, password: str) -> bool:
        if self._hashing is not None:
            found = await asyncio.to_thread(passwords.hash_of, user)
            try:
                # Who is not there is told so as late as who is wrong.
                return await self._hashing.is_right(found or DECOY, password) and found is not None
            except HelperFailed as error:
                log.error("a password is checked within the daemon: %s", error)
        return await asyncio.to_thread(passwords.check, user, password)

    async def _stands_in_file(self, user: str) -> bool:
        return self.passwords is not None and user in await asyncio.to_thread(self.passwords.users)

    async def change(self, user: str, password: str) -> None:
        """Give the user another password; root if there is no such user. Raises OSError."""
        if self.passwords is None:
            raise OSError("there is no password file")
        known = user if user in self.passwords.users() else SUPERUSER
        async with self._slots.taken():
            await asyncio.to_thread(self.passwords.set, known, password)
