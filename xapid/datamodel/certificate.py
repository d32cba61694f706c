"""The class Certificate."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.pool import CertificatePurpose
from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import EPOCH, NULL, DateTime, Object, Ref, Set, dynamic, static

if TYPE_CHECKING:
    from xapid.datamodel.host import Host


class CertificateType(enum.StrEnum):
    """What a certificate proves: an authority, a host to all the world, a host to its pool, or one server."""

    ca = "ca"
    """An authority whose word for others is taken."""
    host = "host"
    """A host, to all the world."""
    host_internal = "host_internal"
    """A host, to the other hosts of its pool."""
    pinned = "pinned"
    """One server that is trusted by itself, whoever signed for it."""


class Certificate(Object, roles=POOL_OPERATOR, since="stockholm"):
    """A certificate that a host shows or that the pool trusts; the certificate itself is not in the object."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name: str = dynamic(
        "",
        "The name of the file that a certificate of the pool was installed as; empty for one that a host shows.",
        since="1.294.0",
    )
    type: CertificateType = dynamic(CertificateType.host, "What the certificate proves.", since="1.294.0")
    host: Ref[Host] = static(NULL, "The host that shows it; NULL if it is one that the pool trusts.")
    not_before: DateTime = static(EPOCH, "From when it is valid.")
    not_after: DateTime = static(EPOCH, "Until when it is valid.")
    fingerprint: str = static(
        "", "Deprecated: the same as fingerprint_sha256.", state="deprecated", deprecated="24.19.0"
    )
    fingerprint_sha256: str = static(
        "",
        "The SHA-256 hash of the certificate, as pairs of hexadecimal digits with colons between.",
        since="24.20.0",
        state="prototyped",
    )
    fingerprint_sha1: str = static(
        "",
        "The SHA-1 hash of the certificate, as pairs of hexadecimal digits with colons between.",
        since="24.20.0",
        state="prototyped",
    )
    purpose: Set[CertificatePurpose] = static(
        (),
        "What a certificate that the pool trusts may be used for; empty for anything.",
        since="26.13.0",
        state="prototyped",
    )
