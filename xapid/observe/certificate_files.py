"""The files of the certificates that a host shows: when somebody puts another in place of one, its object says so."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from xapid.auth.certificate import CertificateError, read_certificate, stamp_of
from xapid.auth.certificate_records import write_host_certificate
from xapid.backends.certificates.interface import INTERNAL
from xapid.datamodel.certificate import CertificateType
from xapid.runtime.context import Runtime

log = logging.getLogger(__name__)


def shown_files(server: Path | None) -> dict[CertificateType, Path | None]:
    """By what they are for. The one for the pool lies beside the one for all the world."""
    return {
        CertificateType.host: server,
        CertificateType.host_internal: server.with_name(INTERNAL) if server is not None else None,
    }


class CertificateFiles:
    """Looks whether the files are others. TLS does so by itself, for each client."""

    def __init__(self, runtime: Runtime, server: Path) -> None:
        self._runtime = runtime
        self._files = {kind: path for kind, path in shown_files(server).items() if path is not None}
        self._seen = {kind: stamp_of(path) for kind, path in self._files.items()}

    def look(self) -> None:
        """To be called often."""
        for kind, path in self._files.items():
            stamp = stamp_of(path)
            if stamp != self._seen[kind]:
                self._seen[kind] = stamp
                self._record(kind, path)

    def _record(self, kind: CertificateType, path: Path) -> None:
        try:
            facts = read_certificate(path)
            # What TLS cannot show it does not show.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)
        except (OSError, CertificateError) as error:
            log.error("the file %s is no certificate that can be shown, the former one stays: %s", path, error)
            return
        runtime = self._runtime
        with runtime.store.write() as tx:
            write_host_certificate(runtime.store, tx, runtime.localhost, facts, kind)
