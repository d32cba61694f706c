"""Calls to the coordinator of another pool, which proves who it is by one certificate that is known beforehand."""

from __future__ import annotations

import ssl
import xmlrpc.client
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from xapid import __version__
from xapid.datamodel.certificate import CertificateType
from xapid.datamodel.errors import INTERNAL_ERROR, INVALID_VALUE, TLS_CONNECTION_FAILED, OtherError
from xapid.ops.answers import Unreadable, answer_in
from xapid.runtime.conversation import Server, post, unchecked

PATIENCE = 30.0
"""Seconds for each call."""
MOST = 4 * 2**20
"""Bytes of an answer."""
PORT = 443


class RemotePool:
    """One session in another pool."""

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

    async def trusted(self, kind: CertificateType) -> dict[str, tuple[str, ...]]:
        """The certificates that it trusts for a purpose: texts in PEM, and what for."""
        wanted = f'field "type"="{kind}" and field "name"=""'
        rows = await self.call("Certificate.get_all_records_where", wanted)
        pools = await self.call("pool.get_all")
        if not isinstance(rows, dict) or not isinstance(pools, list) or len(pools) != 1:
            raise self._no_answer()
        found = await self.call(
            "pool.exchange_trusted_certificates_on_join", pools[0], kind == CertificateType.ca, {}, list(rows)
        )
        if not isinstance(found, dict) or not all(isinstance(each, list) for each in found.values()):
            raise self._no_answer()
        return {str(text): tuple(map(str, purpose)) for text, purpose in found.items()}

    async def call(self, method: str, *params: Any) -> Any:
        """Raises TLS_CONNECTION_FAILED, INTERNAL_ERROR for an answer that is none, and the error that it answers."""
        body = xmlrpc.client.dumps((self._session, *params), method).encode()
        headers = {"User-Agent": f"xapid/{__version__}", "Content-Type": "text/xml"}
        server = Server(self._host, self._port, unchecked(), self._prove)
        try:
            _, text = await post(server, "/", body, headers, seconds=PATIENCE, most=MOST)
        except (OSError, ValueError, HTTPException) as error:
            raise TLS_CONNECTION_FAILED(self._host, self._port) from error
        try:
            found = await answer_in(text.decode(errors="replace"))
        except (Unreadable, xmlrpc.client.Fault) as error:
            raise self._no_answer() from error
        match found:
            case {"Status": "Success", "Value": value}:
                return value
            case {"Status": "Failure", "ErrorDescription": [str(code), *details]}:
                raise OtherError(code, *map(str, details))
        raise self._no_answer()

    def _no_answer(self) -> INTERNAL_ERROR:
        return INTERNAL_ERROR(f"{self._host} answers what is no answer")

    def _prove(self, connection: ssl.SSLSocket) -> None:
        if connection.getpeercert(binary_form=True) != self._certificate:
            raise ssl.SSLCertVerificationError("it shows another certificate")
