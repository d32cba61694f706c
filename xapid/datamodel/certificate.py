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
    ""

    ca = "ca"
    host = "host"
    host_internal = "host_internal"
    pinned = "pinned"


class Certificate(Object, roles=POOL_OPERATOR, since="stockholm"):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name: str = dynamic("", since="1.294.0")
    type: CertificateType = dynamic(CertificateType.host, since="1.294.0")
    host: Ref[Host] = static(NULL)
    not_before: DateTime = static(EPOCH)
    not_after: DateTime = static(EPOCH)
    fingerprint: str = static("", state="deprecated", deprecated="24.19.0")
    fingerprint_sha256: str = static("", since="24.20.0", state="prototyped")
    fingerprint_sha1: str = static("", since="24.20.0", state="prototyped")
    purpose: Set[CertificatePurpose] = static((), since="26.13.0", state="prototyped")
