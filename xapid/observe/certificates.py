"""Certificate objects: what clients see of the certificate by which a host proves who it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xapid.auth.certificate import CertificateFacts, read_certificate
from xapid.datamodel import Certificate
from xapid.datamodel.certificate import CertificateType
from xapid.datamodel.types import DateTime
from xapid.store.store import Store
from xapid.store.transaction import Transaction


def write_host_certificate(store: Store, tx: Transaction, host: str, file: Path | None) -> None:
    """The row of the certificate that a host shows. It is a new object when the certificate is another one."""
    wanted = _fields(read_certificate(file)) if file is not None else None
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


def _fields(facts: CertificateFacts) -> dict[str, Any]:
    """What a Certificate object says of a certificate."""
    return {
        "not_before": DateTime.of(facts.not_before.timestamp()),
        "not_after": DateTime.of(facts.not_after.timestamp()),
        "fingerprint": facts.sha256,
        "fingerprint_sha256": facts.sha256,
        "fingerprint_sha1": facts.sha1,
    }
