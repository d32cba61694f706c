"""The self-signed certificate and the facts shown of it."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import re
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from xapid.auth.certificate import CertificateError, ensure_certificate, read_certificate, self_signed


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certificate") / "ssl" / "server.pem"
    ensure_certificate(path, ["xen1.example", "xen1"], ["192.0.2.1", "2001:db8::1"])
    return path


def test_only_the_owner_can_read_the_file(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_key_and_certificate_belong_together(path: Path) -> None:
    key = serialization.load_pem_private_key(path.read_bytes(), None)

    assert key.public_key() == x509.load_pem_x509_certificate(path.read_bytes()).public_key()


def test_the_certificate_names_its_host(path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())

    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["xen1.example", "xen1"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("192.0.2.1"),
        ipaddress.ip_address("2001:db8::1"),
    ]
    assert certificate.subject.rfc4514_string() == "CN=xen1.example"


def test_the_key_is_rsa_of_2048_bits(path: Path) -> None:
    key = x509.load_pem_x509_certificate(path.read_bytes()).public_key()

    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048


def test_a_file_that_is_there_is_left_alone(path: Path) -> None:
    before = path.read_bytes()

    ensure_certificate(path, ["other"], [])

    assert path.read_bytes() == before


def test_the_facts_are_those_of_the_certificate(path: Path) -> None:
    facts = read_certificate(path)

    der = ssl.PEM_cert_to_DER_cert(path.read_text()[path.read_text().index("-----BEGIN CERT") :])
    assert facts.sha256 == hashlib.sha256(der).digest().hex(":").upper()
    assert facts.sha1 == hashlib.sha1(der).digest().hex(":").upper()
    assert re.fullmatch(r"[0-9A-F]{2}(:[0-9A-F]{2}){31}", facts.sha256)
    assert facts.not_before < datetime.datetime.now(datetime.UTC) < facts.not_after
    assert (facts.not_after - facts.not_before).days >= 3650


@pytest.mark.parametrize("content", [None, b"", b"rubbish"])
def test_a_file_without_a_certificate_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "server.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CertificateError, match=re.escape(str(path))):
        read_certificate(path)


def test_a_long_host_name_is_no_obstacle() -> None:
    name = ".".join(["a" * 60, "b" * 60])

    certificate = x509.load_pem_x509_certificate(self_signed([name], []))

    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [name]
