"""The processes that ask PAM and the name service."""

from __future__ import annotations

import logging
from typing import Any

from xapid.auth.child_processes import PATIENCE, HelperFailed, HelperProcesses

log = logging.getLogger(__name__)

KEPT = 2
"""Processes that are kept: to start one takes longer than most answers."""


class PamHelpers(HelperProcesses):
    """Asks the PAM of this host."""

    def __init__(self, service: str, folder: str = "", patience: float = PATIENCE) -> None:
        """``folder``: where the service is described, if not in /etc/pam.d."""
        super().__init__("xapid.auth.pam", service, folder, patience=patience, kept=KEPT)
        self.service = service
        self.folder = folder

    async def check(self, user: str, password: str) -> bool:
        """Whether the password is right and the user may log in."""
        try:
            reason = (await self.ask({"user": user, "password": password}))["reason"]
        except HelperFailed as error:
            log.error("PAM cannot be asked about %s: %s", user, error)
            return False
        if reason:
            log.info("PAM refuses a login of %s: %s", user, reason)
        return not reason

    async def look_up(self, question: str, about: str) -> Any:
        """What the name service knows; None if it knows nothing. Raises HelperFailed."""
        return (await self.ask({"question": question, "about": about}))["found"]
