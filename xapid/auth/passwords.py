"""The password file: local users, and the hashes their passwords are checked against."""

from __future__ import annotations

import base64
import logging
import secrets
from pathlib import Path

import argon2

from xapid.backends.whole_files import read_whole, write_whole

log = logging.getLogger(__name__)

# A third of the library's memory, as OWASP advises: what is freed above 32 MiB goes back to the kernel each time.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class PasswordFile:
    """Lines of ``user:hash``; the hash is Argon2id. Checking takes some 20 ms of CPU: do it in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self, user: str, password: str) -> bool:
        """Whether the password is this user's. Takes as long for a user that is not there."""
        found = self.hash_of(user)
        return is_right(found or DECOY, password) and found is not None

    def hash_of(self, user: str) -> str | None:
        """The hash of a user's password; None if he has none."""
        return self._entries().get(user)

    def users(self) -> frozenset[str]:
        """Who has a password."""
        return frozenset(self._entries())

    def set(self, user: str, password: str) -> None:
        """Write a user's new password. The file is replaced at once or not at all. Raises ValueError and OSError."""
        if not user.isprintable() or not user or ":" in user or user.startswith("#"):
            raise ValueError("a user name is of printable characters, holds no colon and begins with no #")
        entries = {**self._read(), user: _HASHER.hash(password)}
        text = "".join(f"{name}:{hashed}\n" for name, hashed in entries.items())
        self.path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        write_whole(self.path, text.encode())

    def _entries(self) -> dict[str, str]:
        try:
            return self._read()
        except OSError as error:
            log.error("the password file %s cannot be read: %s", self.path, error.strerror)
            return {}

    def _read(self) -> dict[str, str]:
        try:
            text = read_whole(self.path).decode(errors="replace")
        except FileNotFoundError:
            return {}
        lines = (line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))
        return {user: hashed.strip() for user, hashed in lines}


def is_right(hashed: str, password: str) -> bool:
    """Whether a hash is that of a password."""
    try:
        return _HASHER.verify(hashed, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def _random(size: int) -> str:
    return base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")


# The hash of no password that anybody knows. To compute one would add half a second to every start.
DECOY = (
    f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    f"${_random(_HASHER.salt_len)}${_random(_HASHER.hash_len)}"
)
