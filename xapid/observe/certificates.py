"""Certificate objects: what clients see of the certificate by which a host proves who it is."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from xapid.datamodel import Certificate
from xapid.datamodel.certificate import CertificateType
from xapid.datamodel.types import DateTime
from xapid.store.store import Store
from xapid.store.transaction import Transaction


def write_host_certificate(store: Store, tx: Transaction, host: str, file: Path | None) -> None:
    """The row of the certificate that a host shows. It is a new object when the certificate is another one."""
    wanted = facts(x509.load_pem_x509_certificate(file.read_bytes())) if file is not None else None
    kept = False
    for row in store.where(Certificate, host=host):
        if row.type != CertificateType.host:
            continue
        if wanted is not None and row.fingerprint_sha256 == wanted["fingerprint_sha256"]:
            kept = True
        else:
            tx.delete(row)
    if wanted is not None and not kept:
        tx.create(Certificate, type=CertificateType.host, host=host, **wanted)


def facts(certificate: x509.Certificate) -> dict[str, Any]:
    """What a Certificate object says of a certificate."""
    sha256 = _spelled(certificate.fingerprint(hashes.SHA256()))
    return {
        "not_before": _moment(certificate.not_valid_before_utc),
        "not_after": _moment(certificate.not_valid_after_utc),
        "fingerprint": sha256,
        "fingerprint_sha256": sha256,
        "fingerprint_sha1": _spelled(certificate.fingerprint(hashes.SHA1())),  # noqa: S303 - names it, guards nothing
    }


def _spelled(fingerprint: bytes) -> str:
    return fingerprint.hex(":").upper()


def _moment(moment: datetime) -> DateTime:
    return DateTime.of(moment.timestamp())
