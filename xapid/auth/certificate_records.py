"""Certificate objects: what clients see of the certificates that hosts show and that the pool trusts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xapid.auth.certificate import CertificateFacts
from xapid.datamodel import Certificate
from xapid.datamodel.certificate import CertificateType
from xapid.datamodel.pool import CertificatePurpose
from xapid.datamodel.types import NULL, DateTime
from xapid.store.store import Store
from xapid.store.transaction import Transaction


def write_host_certificate(
    store: Store,
    tx: Transaction,
    host: str,
    facts: CertificateFacts | None,
    kind: CertificateType = CertificateType.host,
) -> None:
    """The row of a certificate that a host shows. It is a new object when the certificate is another one."""
    kept = False
    for row in store.where(Certificate, host=host):
        if row.type != kind:
            continue
        if facts is not None and row.fingerprint_sha256 == facts.sha256:
            kept = True
        else:
            tx.delete(row)
    if facts is not None and not kept:
        tx.create(Certificate, type=kind, host=host, **_fields(facts))


def write_trusted(
    tx: Transaction,
    kind: CertificateType,
    facts: CertificateFacts,
    *,
    uuid: str = "",
    name: str = "",
    purpose: Iterable[CertificatePurpose] = (),
) -> Certificate:
    """The row of a certificate that the pool trusts. ``name``: of the file, if the client chose it."""
    given: dict[str, Any] = {"uuid": uuid} if uuid else {}
    return tx.create(Certificate, type=kind, host=NULL, name=name, purpose=tuple(purpose), **given, **_fields(facts))


def authorities(store: Store) -> list[Certificate]:
    """Those that clients installed by a name."""
    return [row for row in store.all(Certificate) if row.type == CertificateType.ca and row.name]


def _fields(facts: CertificateFacts) -> dict[str, Any]:
    """What a Certificate object says of a certificate."""
    return {
        "not_before": DateTime.of(facts.not_before.timestamp()),
        "not_after": DateTime.of(facts.not_after.timestamp()),
        "fingerprint": facts.sha256,
        "fingerprint_sha256": facts.sha256,
        "fingerprint_sha1": facts.sha1,
    }
