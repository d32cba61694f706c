"""Clients that prove who they are by a certificate: which authorities they need, and who is let in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from xapid.auth.certificate import UNREADABLE, as_pem, parsed
from xapid.backends.certificates.interface import AUTHORITIES, REVOKED
from xapid.backends.certificates.local import FOLDERS
from xapid.backends.whole_files import read_whole
from xapid.datamodel import Pool
from xapid.store.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")
Stamp = tuple[tuple[str, int, int, int], ...]


class ClientCertificates:
    """Judges the certificates of clients, once TLS has found that an installed authority signed them."""

    def __init__(self, store: Store, directory: Path) -> None:
        """``directory``: where the driver of certificates keeps them."""
        self._store = store
        self._authorities = _Folder(directory / FOLDERS[AUTHORITIES], parsed)
        self._revoked = _Folder(directory / FOLDERS[REVOKED], x509.load_pem_x509_crl)

    def authorities(self) -> str:
        """The authorities that a client's certificate is checked by, as PEM; empty while no client is asked for one."""
        pool = next(iter(self._store.all(Pool)), None)
        if pool is None or not pool.client_certificate_auth_enabled:
            return ""
        return "".join(map(as_pem, self._authorities.read()))

    def accepts(self, certificates: tuple[bytes, ...]) -> bool:
        """Whether the holder of a certificate that TLS found in order may log in. Those by which it is in order follow.

        It must be for the name that was given when this was enabled; while that is empty nobody's is. The authority
        must be trusted still: connections last for days.
        """
        pool = self._store.one(Pool)
        if not certificates or not pool.client_certificate_auth_enabled:
            return False
        try:
            chain = [x509.load_der_x509_certificate(each) for each in certificates]
            names, revoked = names_of(chain[0]), any(map(self._is_revoked, chain))
            trusted = self._is_trusted(chain)
        except UNREADABLE as error:
            log.warning("the certificate of a client cannot be read: %s", error)
            return False
        if not any(covers(each, pool.client_certificate_auth_name) for each in names):
            log.info("a client's certificate is for %s, which is not who may log in", ", ".join(names))
            return False
        if not trusted:
            log.info("the authority of a client's certificate is trusted no more")
        return trusted and not revoked

    def _is_trusted(self, chain: list[x509.Certificate]) -> bool:
        return leads_to(self._authorities.read(), chain[0], chain[1:])

    def _is_revoked(self, certificate: x509.Certificate) -> bool:
        for each in self._revoked.read():
            if (
                each.issuer == certificate.issuer
                and each.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
            ):
                log.info("a client's certificate with the serial number %x is revoked", certificate.serial_number)
                return True
        return False


def leads_to(
    authorities: Sequence[x509.Certificate], certificate: x509.Certificate, others: Sequence[x509.Certificate]
) -> bool:
    """Whether an authority has signed a certificate, or one of the others by which it is in order."""
    if certificate in authorities or any(_has_signed(each, certificate) for each in authorities):
        return True
    issuer = next((each for each in others if _has_signed(each, certificate)), None)
    return issuer is not None and leads_to(authorities, issuer, [each for each in others if each != issuer])


def _has_signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


class _Folder(Generic[T]):
    """The files of a folder, read again when they are others."""

    def __init__(self, path: Path, parse: Callable[[bytes], T]) -> None:
        self._path = path
        self._parse = parse
        self._stamp: Stamp = ()
        self._read: list[T] = []

    def read(self) -> list[T]:
        """What stands in the files: the first object of each. What cannot be read is passed over."""
        stamp = tuple(_stamped(self._path))
        if stamp != self._stamp:
            self._read = list(self._parsed(stamp))
            self._stamp = stamp
        return self._read

    def _parsed(self, stamp: Stamp) -> Iterator[T]:
        for name, *_ in stamp:
            try:
                yield self._parse(read_whole(self._path / name))
            except (OSError, ValueError) as error:
                log.error("%s cannot be read: %s", self._path / name, error)


def _stamped(folder: Path) -> Iterator[tuple[str, int, int, int]]:
    """Each file of certificates in a folder, and what changes with it."""
    with suppress(FileNotFoundError):
        for each in sorted(folder.iterdir()):
            if each.suffix == ".pem" and not each.name.startswith("."):
                with suppress(OSError):
                    stat = each.stat()
                    yield each.name, stat.st_mtime_ns, stat.st_ino, stat.st_size


def names_of(certificate: x509.Certificate) -> list[str]:
    """The host names that a certificate is for; those of its subject if it has no alternative names (RFC 6125)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        found = []
    return found or [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def covers(pattern: str, name: str) -> bool:
    """Whether a name in a certificate, which may begin with ``*.``, stands for a host name."""
    if not pattern.isascii():
        # Some letters of other alphabets become ours when they are made small.
        return False
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if not name or "*" in name:
        return False
    first, dot, rest = pattern.partition(".")
    if first == "*":
        return "." in rest and name.partition(".")[1:] == (dot, rest) and bool(name.partition(".")[0])
    return pattern == name
