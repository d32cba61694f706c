"""Directories: who else may be known here than the users of this host's password file. The one there is asks PAM."""

from __future__ import annotations

from typing import Any, Protocol

from xapid.auth.child_processes import HelperFailed
from xapid.auth.pam import is_described
from xapid.auth.pam_helpers import PamHelpers

PAM = "PAM"
NAME, IS_GROUP = "subject-name", "subject-is-group"
BARRED = ("subject-account-disabled", "subject-account-expired", "subject-account-locked", "subject-password-expired")
"""Facts about users each of which keeps them out where it is ``true``."""


class NotKnown(Exception):
    """The directory knows no such user or group."""


class WrongPassword(Exception):
    """The text says why somebody is refused, as far as it is told."""


class DirectoryFailed(Exception):
    """The directory cannot be asked; the text says why."""


class Directory(Protocol):
    """Users and groups somewhere else. Each has an identifier, which stays when the name changes."""

    def fault(self, config: dict[str, str]) -> str:
        """Why it cannot be used from here; empty if it can."""

    async def authenticate(self, user: str, password: str) -> str:
        """The identifier of a user whose password this is. Raises WrongPassword and DirectoryFailed."""

    async def identifier(self, name: str) -> str:
        """Of a user or a group. Raises NotKnown and DirectoryFailed."""

    async def information(self, identifier: str) -> dict[str, str]:
        """Facts about a user or a group, ``subject-name`` among them. Raises NotKnown and DirectoryFailed."""

    async def groups(self, identifier: str) -> list[str]:
        """All groups that somebody is in, by their identifiers. Raises NotKnown and DirectoryFailed."""


class PamDirectory:
    """The users and groups that this host's name service knows; PAM checks their passwords.

    Identifiers are ``u`` or ``g`` with the number of the user or group.
    """

    def __init__(self, helpers: PamHelpers) -> None:
        self._helpers = helpers

    def fault(self, config: dict[str, str]) -> str:
        if not is_described(self._helpers.service, self._helpers.folder):
            return f"PAM has no service {self._helpers.service}"
        return ""

    async def authenticate(self, user: str, password: str) -> str:
        if not await self._helpers.check(user, password):
            raise WrongPassword("Authentication failure")
        try:
            return await self.identifier(user)
        except NotKnown as error:
            raise WrongPassword(f"the name service does not know {user}") from error

    async def identifier(self, name: str) -> str:
        return str(await self._asked("identifier", name))

    async def information(self, identifier: str) -> dict[str, str]:
        found: dict[str, str] = await self._asked("information", identifier)
        return found

    async def groups(self, identifier: str) -> list[str]:
        found: list[str] = await self._asked("groups", identifier)
        return found

    async def _asked(self, question: str, about: str) -> Any:
        try:
            found = await self._helpers.look_up(question, about)
        except HelperFailed as error:
            raise DirectoryFailed(str(error)) from error
        if found is None:
            raise NotKnown(about)
        return found


def is_barred(information: dict[str, str]) -> bool:
    """Whether the directory itself keeps somebody out."""
    return any(information.get(each) == "true" for each in BARRED)
