"""The service that balances load: a server beside the pool, asked by SOAP over HTTPS where machines should run."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import NoReturn
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from xapid.backends.certificates.interface import AUTHORITIES, CertificateDriver
from xapid.datamodel import Host, Pool, Secret
from xapid.datamodel.errors import (
    SSL_VERIFY_ERROR,
    WLB_AUTHENTICATION_FAILED,
    WLB_CONNECTION_RESET,
    WLB_DISABLED,
    WLB_MALFORMED_RESPONSE,
    WLB_NOT_INITIALIZED,
    WLB_TIMEOUT,
    WLB_UNKNOWN_HOST,
    WLB_URL_INVALID,
    OtherError,
)
from xapid.datamodel.map_keys import WLB_OF_SECRET, WLB_TIMEOUT_SECONDS
from xapid.runtime.context import Context
from xapid.runtime.conversation import Server, post, unchecked
from xapid.store.store import Store

PATH = "/Citrix.Dwm.WorkloadBalance/Service"
NAMESPACE = "http://schemas.citrix.com/DWM"
ACTION = f"{NAMESPACE}/IWorkloadBalance/"
MOST = 4 << 20
"""Bytes of an answer that are read."""

BODY = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<{method} xmlns="{namespace}"><request xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
    "{parameters}</request></{method}></s:Body></s:Envelope>"
)

Element = ElementTree.Element


@dataclass(frozen=True)
class Service:
    """Where it is, and how one logs in."""

    host: str
    port: int
    user: str
    password: str

    @classmethod
    def at(cls, url: str, user: str, password: str) -> Service:
        """By ``HOST:PORT``. Raises WLB_URL_INVALID."""
        try:
            parts = urlsplit(f"//{url}")
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise WLB_URL_INVALID(url) from error
        if not host or not port or not url.isprintable() or " " in url:
            raise WLB_URL_INVALID(url)
        return cls(host, port, user, password)


def initialized(store: Store) -> Service:
    """The service of the pool. Raises WLB_NOT_INITIALIZED."""
    pool = store.one(Pool)
    if not pool.wlb_url:
        raise WLB_NOT_INITIALIZED()
    password = next((row.value for row in passwords(store)), "")
    return Service.at(pool.wlb_url, pool.wlb_username, password)


def enabled(store: Store) -> Service:
    """The service, where it is asked for advice. Raises WLB_DISABLED too."""
    service = initialized(store)
    if not store.one(Pool).wlb_enabled:
        raise WLB_DISABLED()
    return service


def passwords(store: Store) -> list[Secret]:
    """Where the password is kept by which the pool logs in: in a secret, if anywhere."""
    uuid = store.one(Pool).uuid
    return [row for row in store.all(Secret) if WLB_OF_SECRET.of(row) == uuid]


def parameter(tag: str, value: str) -> str:
    return f"<{tag}>{escape(value)}</{tag}>"


def of_pool(store: Store) -> str:
    """The parameter that names the pool."""
    return parameter("PoolUuid", store.one(Pool).uuid)


# --- Asking ------------------------------------------------------------------------------------------


async def ask(ctx: Context, service: Service, method: str, *parameters: str) -> Answer:
    """Ask the service something. Raises what kept it from answering, or what it answered instead."""
    seconds = WLB_TIMEOUT_SECONDS.of(ctx.store.one(Pool))
    body = BODY.format(method=method, namespace=NAMESPACE, parameters="".join(parameters))
    server = Server(service.host, service.port, await _tls(ctx))
    try:
        status, text = await post(server, PATH, body.encode(), _headers(service, method), seconds=seconds, most=MOST)
    except TimeoutError as error:
        raise WLB_TIMEOUT(_spelled(seconds)) from error
    except socket.gaierror as error:
        raise WLB_UNKNOWN_HOST() from error
    except ssl.SSLCertVerificationError as error:
        raise SSL_VERIFY_ERROR(error.verify_message) from error
    except (OSError, ValueError, HTTPException) as error:
        # As the original says it, whose connections to other hosts are made by a program of their own.
        raise WLB_CONNECTION_RESET() from error
    if status in (401, 403):
        raise WLB_AUTHENTICATION_FAILED()
    if status != 200:
        raise WLB_CONNECTION_RESET()
    return _result(method, text)


def _spelled(seconds: float) -> str:
    """A number as the original writes it in this error: ``30.``, ``0.5``."""
    text = f"{seconds:.12g}"
    return text if "." in text else f"{text}."


async def _tls(ctx: Context) -> ssl.SSLContext:
    """Whom the pool trusts, if it is to look."""
    if not ctx.store.one(Pool).wlb_verify_cert:
        return unchecked()
    certificates = ctx.certificates(ctx.store.get(Host, ctx.runtime.localhost))
    names = await certificates.call(CertificateDriver.names, AUTHORITIES)
    trusted = [await certificates.call(CertificateDriver.read, AUTHORITIES, name) for name in names]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trusted:
        context.load_verify_locations(cadata="\n".join(trusted))
    return context


def _headers(service: Service, method: str) -> dict[str, str]:
    login = base64.b64encode(f"{service.user}:{service.password}".encode()).decode()
    return {
        "SOAPAction": f'"{ACTION}{method}"',
        "Content-Type": "text/xml; charset=utf-8",
        "Authorization": f"Basic {login}",
        "Connection": "close",
    }


# --- Answers -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What the service answered to a method."""

    method: str
    result: Element

    @property
    def empty(self) -> bool:
        return not len(self.result)

    def text(self, tag: str) -> str:
        """What stands in an element. Raises WLB_MALFORMED_RESPONSE if it is not there."""
        return (self.child(tag).text or "").strip()

    def child(self, tag: str) -> Element:
        found = _find(self.result, tag)
        if found is None:
            self.malformed(f"there is no {tag}")
        return found

    def items(self, tag: str) -> Iterator[dict[str, str]]:
        """The elements of a list, each as a map."""
        for item in self.child(tag):
            yield {_local(each): (each.text or "").strip() for each in item}

    def number(self, text: str) -> str:
        """A text that must be a number."""
        try:
            float(text)
        except ValueError:
            self.malformed(f"{text!r} is no number")
        return text

    def malformed(self, reason: str) -> NoReturn:
        raise WLB_MALFORMED_RESPONSE(self.method, reason, "")


def _result(method: str, text: bytes) -> Answer:
    try:
        document = text.decode()
        if "<!DOCTYPE" in document:
            raise WLB_MALFORMED_RESPONSE(method, "it has a document type", "")
        envelope = ElementTree.fromstring(document)  # noqa: S314 - without a document type it holds no entities
    except (UnicodeDecodeError, ElementTree.ParseError) as error:
        raise WLB_MALFORMED_RESPONSE(method, str(error), "") from error
    result = _find(envelope, "Body", f"{method}Response", f"{method}Result")
    if result is None:
        fault = _find(envelope, "Body", "Fault", "Reason", "Text")
        if fault is not None:
            raise OtherError("WLB_INTERNAL_ERROR", "Exception:", fault.text or "")
        raise WLB_MALFORMED_RESPONSE(method, f"there is no {method}Result", "")
    code = _find(result, "ResultCode")
    if code is not None and code.text != "0":
        message = _find(result, "ErrorMessage")
        raise OtherError("WLB_INTERNAL_ERROR", code.text or "", (message.text or "") if message is not None else "")
    return Answer(method, result)


def _find(element: Element, *path: str) -> Element | None:
    for tag in path:
        found = next((each for each in element if _local(each) == tag), None)
        if found is None:
            return None
        element = found
    return element


def _local(element: Element) -> str:
    """Its name without the name space, which services write as they like."""
    return element.tag.rpartition("}")[2]
