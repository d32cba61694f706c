"""The interface to the certificates that a host keeps: its own with their keys, and those that it trusts."""

from __future__ import annotations

from typing import Protocol

from xapid.backends.interface import DriverInfo

OWN = "own"
"""Those that the host shows, each in one file with its key."""
AUTHORITIES = "authorities"
"""Those that clients and servers are checked with."""
REVOKED = "revoked"
"""Lists of certificates that are not trusted any more."""
TRUSTED = "trusted"
"""Those that are trusted for a purpose, or for themselves."""
SHELVES = (OWN, AUTHORITIES, REVOKED, TRUSTED)

SERVER = "certificate.pem"
"""Among its own: what it shows to all the world."""
INTERNAL = "pool-certificate.pem"
"""Among its own: what it shows to the hosts of its pool."""


class CertificateDriver(Protocol):
    """Files of one host, on shelves by what they are for. What stands in them is the caller's affair."""

    info: DriverInfo

    def names(self, shelf: str) -> tuple[str, ...]:
        """What there is on a shelf, in order."""

    def read(self, shelf: str, name: str) -> str:
        """What stands in a file. Raises NotFound."""

    def add(self, shelf: str, name: str, text: str) -> None:
        """Make a file. Raises AlreadyExists."""

    def replace(self, shelf: str, name: str, text: str) -> None:
        """Make a file, in place of one of this name if there is any. Nobody ever finds half of it."""

    def remove(self, shelf: str, name: str) -> None:
        """Remove a file. Raises NotFound."""
