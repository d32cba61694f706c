"""The server's certificate: made when there is none, and the facts about it that clients are shown."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from xapid.backends.whole_files import read_whole, write_whole

KEY_BITS = 2048
LIFETIME = datetime.timedelta(days=3650)
BACKDATED = datetime.timedelta(hours=1)
"""Clients whose clock is a little slow can use it at once."""


class CertificateError(Exception):
    """A file holds no certificate that can be read; the text says which file and why."""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What the API shows of a certificate."""

    not_before: datetime.datetime
    not_after: datetime.datetime
    sha256: str
    """Fingerprint in the form ``0A:1B:...``."""
    sha1: str


def ensure_certificate(path: Path, hostnames: Iterable[str], addresses: Iterable[str]) -> None:
    """Make a self-signed certificate and its key, unless the file is there. Nobody ever sees half of it."""
    if not path.exists():
        write_whole(path, self_signed(list(hostnames), list(addresses)))


def self_signed(hostnames: list[str], addresses: list[str]) -> bytes:
    """Key and certificate as PEM, for a server of these names and addresses; the first name is its subject.

    RSA, since clients of the original offer no other cipher.
    """
    if not hostnames:
        raise ValueError("a certificate needs a host name")
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    # The subject holds at most 64 characters; the whole name is among the alternative names.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostnames[0][:64])])
    names = [*(x509.DNSName(host) for host in hostnames), *(x509.IPAddress(ip_address(one)) for one in addresses)]
    now = datetime.datetime.now(datetime.UTC)
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def read_certificate(path: Path) -> CertificateFacts:
    """The facts about the first certificate in a PEM file. Raises CertificateError."""
    try:
        return facts_in(read_whole(path).decode(errors="replace"))
    except (OSError, ValueError) as error:
        raise CertificateError(f"no certificate can be read from {path}: {error}") from error


def stamp_of(path: Path) -> tuple[int, int, int]:
    """What is another once the file is; zeros while there is none that can be found."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0, 0
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What the library raises for certificates that are out of order, most of it only when a part is asked for."""


def parsed(pem: bytes) -> x509.Certificate:
    """The first certificate in PEM, of whose key something can be made. Raises ValueError."""
    try:
        found = x509.load_pem_x509_certificate(pem)
        found.public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    except UNREADABLE as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    return found


def facts_in(pem: str) -> CertificateFacts:
    """The same of a text. Raises ValueError."""
    return facts_of(parsed(pem.encode()))


def facts_of(certificate: x509.Certificate) -> CertificateFacts:
    return CertificateFacts(
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        sha256=_pairs(certificate.fingerprint(hashes.SHA256())),
        # No protection hangs on it: old clients compare it with what they noted.
        sha1=_pairs(certificate.fingerprint(hashes.SHA1())),  # noqa: S303
    )


def without_key(pem: str) -> str:
    """The first certificate of a PEM file alone: not its key, nor what else stands in it. Raises ValueError."""
    return as_pem(parsed(pem.encode()))


def as_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _pairs(fingerprint: bytes) -> str:
    return fingerprint.hex(":").upper()
