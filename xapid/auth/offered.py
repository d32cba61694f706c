"""What clients offer as certificates: read, judged, and refused with the error that says why."""

from __future__ import annotations

import base64
import datetime
import ssl
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import SignatureAlgorithmOID

from xapid.auth.certificate import UNREADABLE, as_pem, parsed
from xapid.datamodel.errors import (
    CA_CERTIFICATE_INVALID,
    CRL_CORRUPT,
    SERVER_CERTIFICATE_CHAIN_INVALID,
    SERVER_CERTIFICATE_EXPIRED,
    SERVER_CERTIFICATE_INVALID,
    SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED,
    SERVER_CERTIFICATE_KEY_INVALID,
    SERVER_CERTIFICATE_KEY_MISMATCH,
    SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED,
    SERVER_CERTIFICATE_KEY_RSA_MULTI_NOT_SUPPORTED,
    SERVER_CERTIFICATE_NOT_VALID_YET,
    SERVER_CERTIFICATE_SIGNATURE_NOT_SUPPORTED,
    TRUSTED_CERTIFICATE_EXPIRED,
    TRUSTED_CERTIFICATE_INVALID,
    TRUSTED_CERTIFICATE_NOT_VALID_YET,
    ApiError,
    OtherError,
)

RSA_BITS = range(2048, 4097)
HASHES = frozenset({"sha256", "sha512"})
"""Of the signature of a server's certificate."""
ALGORITHMS: tuple[tuple[type, str], ...] = (
    (dsa.DSAPrivateKey, "1.2.840.10040.4.1"),
    (ec.EllipticCurvePrivateKey, "1.2.840.10045.2.1"),
    (ed25519.Ed25519PrivateKey, "1.3.101.112"),
    (ed448.Ed448PrivateKey, "1.3.101.113"),
)
"""Kinds of keys that clients of the original cannot deal with, each by its number."""
RSA = bytes.fromhex("06092a864886f70d010101")
"""Its number in DER."""
TURNS = 10
"""Of client and server, in a handshake: three are enough."""
INTEGER, OCTETS, SEQUENCE = 0x02, 0x04, 0x30


def server_certificate(certificate: str, private_key: str, chain: str, now: float) -> str:
    """What a host shall show: a PEM file with key, certificate and chain, made anew from what was read.

    ``now``: seconds since 1970. Raises the errors SERVER_CERTIFICATE_*, in the original's order.
    """
    key = _private_key(private_key)
    leaf = _read(certificate, SERVER_CERTIFICATE_INVALID)
    _check_dates(leaf, now, SERVER_CERTIFICATE_NOT_VALID_YET, SERVER_CERTIFICATE_EXPIRED)
    if leaf.public_key() != key.public_key():
        raise SERVER_CERTIFICATE_KEY_MISMATCH()
    if not _is_signed_well(leaf):
        raise SERVER_CERTIFICATE_SIGNATURE_NOT_SUPPORTED()
    others = _chain(chain) if chain else []
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return "\n".join([private.decode(), *map(as_pem, (leaf, *others))])


def check_usable(pem: str, folder: Path, chained: bool) -> None:
    """Whether TLS takes the file: it refuses, for one, chains with short keys, and clients what is longer than 100 KB.

    The file lies in the folder meanwhile.
    """
    with tempfile.NamedTemporaryFile("w", dir=folder) as file:
        file.write(pem)
        file.flush()
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            server.load_cert_chain(file.name)
            shake_hands(server)
        except ssl.SSLError as error:
            raise (SERVER_CERTIFICATE_CHAIN_INVALID if chained else SERVER_CERTIFICATE_INVALID)() from error


def shake_hands(server: ssl.SSLContext) -> None:
    """Have a client of OpenSSL connect, with nothing between. Raises SSLError for what none of them would take."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)]
    for turn in range(2 * TURNS):
        try:
            ends[turn % 2].do_handshake()
        except ssl.SSLWantReadError:
            continue
        if turn % 2:
            return
    raise ssl.SSLError("client and server do not come to an end")


def authority(certificate: str, now: float) -> x509.Certificate:
    """A certificate by which others are to be checked. Raises the errors CA_CERTIFICATE_*."""
    found = _read(certificate, CA_CERTIFICATE_INVALID)
    # The original raises these two without declaring them.
    not_yet = partial(OtherError, "CA_CERTIFICATE_NOT_VALID_YET")
    _check_dates(found, now, not_yet, partial(OtherError, "CA_CERTIFICATE_EXPIRED"))
    try:
        # One that TLS cannot load would keep HTTPS from starting.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=as_pem(found))
    except ssl.SSLError as error:
        raise CA_CERTIFICATE_INVALID() from error
    return found


def trusted(certificate: str, now: float) -> x509.Certificate:
    """A certificate that is to be trusted for a purpose. Raises the errors TRUSTED_CERTIFICATE_*."""
    found = _read(certificate, TRUSTED_CERTIFICATE_INVALID)
    _check_dates(found, now, TRUSTED_CERTIFICATE_NOT_VALID_YET, TRUSTED_CERTIFICATE_EXPIRED)
    return found


def check_revocation_list(name: str, text: str) -> None:
    """Raises CRL_CORRUPT for what is no list of revoked certificates."""
    try:
        # Each entry is looked at now: at a login it would be too late.
        for _ in x509.load_pem_x509_crl(text.encode()):
            pass
    except UNREADABLE as error:
        raise CRL_CORRUPT(name) from error


def _read(pem: str, invalid: Callable[[], ApiError]) -> x509.Certificate:
    try:
        return parsed(pem.encode())
    except ValueError as error:
        raise invalid() from error


def _check_dates(
    certificate: x509.Certificate,
    now: float,
    not_yet: Callable[[str, str], ApiError],
    expired: Callable[[str, str], ApiError],
) -> None:
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    if moment < certificate.not_valid_before_utc:
        raise not_yet(_date(moment), _date(certificate.not_valid_before_utc))
    if moment > certificate.not_valid_after_utc:
        raise expired(_date(moment), _date(certificate.not_valid_after_utc))


def _date(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _chain(pem: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except UNREADABLE as error:
        raise SERVER_CERTIFICATE_CHAIN_INVALID() from error


def _is_signed_well(certificate: x509.Certificate) -> bool:
    try:
        made_with = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return False
    is_pss = certificate.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS
    return made_with is not None and made_with.name in HASHES and not is_pss


# --- Keys --------------------------------------------------------------------------------------------


def _private_key(pem: str) -> rsa.RSAPrivateKey:
    if _has_more_primes(pem):
        raise SERVER_CERTIFICATE_KEY_RSA_MULTI_NOT_SUPPORTED()
    try:
        key: PrivateKeyTypes = serialization.load_pem_private_key(pem.encode(), None)
    except UnsupportedAlgorithm as error:
        raise SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED(str(error)) from error
    except (ValueError, TypeError) as error:  # TypeError: it is encrypted.
        raise SERVER_CERTIFICATE_KEY_INVALID() from error
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size not in RSA_BITS:
            raise SERVER_CERTIFICATE_KEY_RSA_LENGTH_NOT_SUPPORTED(str(key.key_size))
        return key
    number = next((number for kind, number in ALGORITHMS if isinstance(key, kind)), type(key).__name__)
    raise SERVER_CERTIFICATE_KEY_ALGORITHM_NOT_SUPPORTED(number)


def _has_more_primes(pem: str) -> bool:
    """Whether an RSA key has more than two primes, which its version says (RFC 8017, A.1.2): no library reads such."""
    lines = pem.strip().splitlines()
    if not lines or "PRIVATE KEY" not in lines[0]:
        return False
    try:
        parts = _parts(_only(base64.b64decode("".join(lines[1:-1]), validate=True), SEQUENCE))
        if "RSA" not in lines[0]:
            # PKCS #8: version, algorithm, and the key itself in a string.
            if RSA not in parts[1]:
                return False
            parts = _parts(_only(_only(parts[2], OCTETS), SEQUENCE))
        return parts[0] == bytes([INTEGER, 1, 1])
    except (ValueError, IndexError):
        return False


def _parts(content: bytes) -> list[bytes]:
    """The elements of DER that stand one after the other, each with its head."""
    found = []
    while content:
        head, length = _head(content)
        found.append(content[: head + length])
        content = content[head + length :]
    return found


def _only(element: bytes, tag: int) -> bytes:
    """What is in one element of DER."""
    head, length = _head(element)
    if element[0] != tag or len(element) != head + length:
        raise ValueError("another element was expected")
    return element[head : head + length]


def _head(element: bytes) -> tuple[int, int]:
    """Bytes of the head of an element, and of what follows."""
    length = element[1]
    if length < 0x80:
        return 2, length
    digits = length & 0x7F
    return 2 + digits, int.from_bytes(element[2 : 2 + digits], "big")
