"""Calls to the coordinator of another pool, which proves who it is by one certificate that is known beforehand."""

from __future__ import annotations

import ssl
import xmlrpc.client
from contextlib import closing
from http.client import HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from xapid import __version__
from xapid.datamodel.certificate import CertificateType
from xapid.datamodel.errors import INTERNAL_ERROR, INVALID_VALUE, TLS_CONNECTION_FAILED, OtherError

PATIENCE = 30.0
"""Seconds for each step."""
MOST = 4 * 2**20
"""Bytes of an answer."""
PORT = 443


class RemotePool:
    """One session in another pool. Its calls block."""

    def __init__(self, address: str, certificate: x509.Certificate, session: str) -> None:
        """``address``: a name or address, with a port if it is not the usual one. Raises INVALID_VALUE."""
        try:
            parts = urlsplit(f"//{address}")
            self._host, self._port = parts.hostname or "", parts.port or PORT
        except ValueError as error:
            raise INVALID_VALUE("remote_pool", address) from error
        if not self._host or "@" in address or parts.netloc != address:
            raise INVALID_VALUE("remote_pool", address)
        self._certificate = certificate.public_bytes(Encoding.DER)
        self._session = session

    def trusted(self, kind: CertificateType) -> dict[str, tuple[str, ...]]:
        """The certificates that it trusts for a purpose: texts in PEM, and what for."""
        wanted = f'field "type"="{kind}" and field "name"=""'
        refs = list(self.call("Certificate.get_all_records_where", wanted))
        (pool,) = self.call("pool.get_all")
        found = self.call("pool.exchange_trusted_certificates_on_join", pool, kind == CertificateType.ca, {}, refs)
        return {str(text): tuple(map(str, purpose)) for text, purpose in found.items()}

    def call(self, method: str, *params: Any) -> Any:
        """Raises TLS_CONNECTION_FAILED, INTERNAL_ERROR for an answer that is none, and the error that it answers."""
        body = xmlrpc.client.dumps((self._session, *params), method).encode()
        try:
            text = self._answered(body)
        except (OSError, HTTPException) as error:
            raise TLS_CONNECTION_FAILED(self._host, self._port) from error
        match _parsed(text):
            case {"Status": "Success", "Value": value}:
                return value
            case {"Status": "Failure", "ErrorDescription": [str(code), *details]}:
                raise OtherError(code, *map(str, details))
        raise INTERNAL_ERROR(f"{self._host} answers what is no answer")

    def _answered(self, body: bytes) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Neither names nor authorities count: it is this certificate or none.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with closing(HTTPSConnection(self._host, self._port, timeout=PATIENCE, context=context)) as connection:
            connection.connect()
            if connection.sock.getpeercert(binary_form=True) != self._certificate:
                raise ssl.SSLCertVerificationError("it shows another certificate")
            connection.request("POST", "/", body, {"User-Agent": f"xapid/{__version__}", "Content-Type": "text/xml"})
            return connection.getresponse().read(MOST).decode(errors="replace")


def _parsed(text: str) -> Any:
    if "<!DOCTYPE" in text:
        return None
    try:
        (value,), _ = xmlrpc.client.loads(text)
    # Its parser raises whatever it stumbles over.
    except (ExpatError, xmlrpc.client.Error, ValueError, TypeError, LookupError, AttributeError):
        return None
    return value
