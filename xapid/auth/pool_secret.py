"""The secret by which the hosts of a pool know each other: who has it may do all."""

from __future__ import annotations

import hmac
import logging
import secrets
import threading
from pathlib import Path

from xapid.backends.whole_files import read_whole, write_whole

log = logging.getLogger(__name__)

BYTES = 48
LEAST = 12
"""Characters of a secret. Pools of the original may have had others than we make."""


class PoolSecret:
    """The secret in its file, which is made when it is first wanted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._making = threading.Lock()
        self._also: list[str] = []
        """Others that are taken for it while the hosts agree on a new one."""

    def current(self) -> str:
        """What this host shows to others. Never what anybody guesses: a file that a broken disk has emptied, cut short
        or filled with zeros lets nobody in."""
        with self._making:
            try:
                found = read_whole(self._path).decode(errors="replace").strip()
            except FileNotFoundError:
                found = ""
            if len(found) >= LEAST and found.isprintable():
                return found
            if found:
                log.error("%s holds no secret; a new one is made", self._path)
            return self.replace(fresh_secret())

    def replace(self, secret: str) -> str:
        write_whole(self._path, f"{secret}\n".encode())
        return secret

    def accept(self, secret: str) -> None:
        """Take another for it, too, until ``only``."""
        self._also.append(secret)

    def only(self, secret: str) -> None:
        """From now on there is this one alone."""
        self.replace(secret)
        self._also.clear()

    def is_right(self, secret: str) -> bool:
        """Takes as long whatever is wrong with it."""
        given, right = secret.encode(errors="surrogatepass"), False
        try:
            current = self.current()
        except OSError as error:
            log.error("the pool's secret cannot be read, and lets nobody in: %s", error)
            return False
        for each in (current, *self._also):
            right |= hmac.compare_digest(given, each.encode())
        return right


def fresh_secret() -> str:
    return secrets.token_urlsafe(BYTES)
