"""Texts that nobody sane offers as certificates: each has its documented error, and none takes long."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.certificates import made
from xapid.auth import offered
from xapid.datamodel.errors import (
    CA_CERTIFICATE_INVALID,
    CRL_CORRUPT,
    SERVER_CERTIFICATE_CHAIN_INVALID,
    SERVER_CERTIFICATE_INVALID,
    SERVER_CERTIFICATE_KEY_INVALID,
    TRUSTED_CERTIFICATE_INVALID,
    ApiError,
)

GOOD = made("good")
NOW = time.time()
GOOD_DER = GOOD.certificate.public_bytes(serialization.Encoding.DER)
BEGIN, END = "-----BEGIN {}-----\n", "\n-----END {}-----\n"


def armoured(kind: str, content: str) -> str:
    return BEGIN.format(kind) + content + END.format(kind)


def changed(old: str, new: str) -> str:
    """A good certificate with some bytes of it others, the same in number."""
    return armoured("CERTIFICATE", base64.b64encode(GOOD_DER.replace(bytes.fromhex(old), bytes.fromhex(new))).decode())


HOSTILE = {
    "nothing": "",
    "NUL": "\0",
    "a lone surrogate": "\ud800",
    "a surrogate inside": armoured("CERTIFICATE", "\udfff"),
    "letters of no alphabet": armoured("CERTIFICATE", "Zürich=="),
    "an empty certificate": armoured("CERTIFICATE", ""),
    "an empty key": armoured("PRIVATE KEY", ""),
    "an RSA key of one byte": armoured("RSA PRIVATE KEY", "MA=="),
    "a length beyond its end": armoured("PRIVATE KEY", "MIT/////////"),
    "a length of nothing": armoured("RSA PRIVATE KEY", "MIA="),
    "a version that there is not": changed("a003020102", "a003020109"),
    "many heads": BEGIN.format("CERTIFICATE") * 5000,
    "a megabyte of A": armoured("CERTIFICATE", "A" * 2**20),
    "nested": armoured("PRIVATE KEY", "MIIw" * 50000),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(
    "offer, error",
    [
        (lambda text: offered.server_certificate(text, GOOD.key_pem, "", NOW), SERVER_CERTIFICATE_INVALID),
        (lambda text: offered.server_certificate(GOOD.pem, text, "", NOW), SERVER_CERTIFICATE_KEY_INVALID),
        (
            lambda text: offered.server_certificate(GOOD.pem, GOOD.key_pem, text or " ", NOW),
            SERVER_CERTIFICATE_CHAIN_INVALID,
        ),
        (lambda text: offered.authority(text, NOW), CA_CERTIFICATE_INVALID),
        (lambda text: offered.trusted(text, NOW), TRUSTED_CERTIFICATE_INVALID),
        (lambda text: offered.check_revocation_list("x.pem", text), CRL_CORRUPT),
    ],
    ids=["certificate", "key", "chain", "authority", "trusted", "list"],
)
def test_what_is_no_certificate_is_said_to_be_none(
    offer: Callable[[str], object], error: type[ApiError], text: str
) -> None:
    began = time.perf_counter()

    with pytest.raises(error):
        offer(text)

    assert time.perf_counter() - began < 2.0


@pytest.mark.parametrize(
    "text",
    [
        changed("06092a864886f70d010101", "06092a864886f70d01017f"),
        changed("3082010a0282010100", "3082010a0282010500"),
    ],
    ids=["of a kind that nobody knows", "broken"],
)
@pytest.mark.parametrize(
    "offer, error",
    [
        (lambda text: offered.server_certificate(text, GOOD.key_pem, "", NOW), SERVER_CERTIFICATE_INVALID),
        (lambda text: offered.authority(text, NOW), CA_CERTIFICATE_INVALID),
        (lambda text: offered.trusted(text, NOW), TRUSTED_CERTIFICATE_INVALID),
    ],
    ids=["certificate", "authority", "trusted"],
)
def test_a_certificate_whose_key_is_none_is_invalid(
    offer: Callable[[str], object], error: type[ApiError], text: str
) -> None:
    assert text != GOOD.pem
    with pytest.raises(error):
        offer(text)


def test_a_chain_that_no_client_would_read_is_refused(tmp_path: Path) -> None:
    short = offered.server_certificate(GOOD.pem, GOOD.key_pem, GOOD.pem * 2, NOW)
    long = offered.server_certificate(GOOD.pem, GOOD.key_pem, GOOD.pem * 150, NOW)

    offered.check_usable(short, tmp_path, chained=True)
    with pytest.raises(SERVER_CERTIFICATE_CHAIN_INVALID):
        offered.check_usable(long, tmp_path, chained=True)
