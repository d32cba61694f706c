"""Certificates and revocation lists that the pool trusts: none so far, and the checks of those that are offered."""

from __future__ import annotations

import re
from typing import NoReturn

from cryptography import x509

from xapid.datamodel import Certificate
from xapid.datamodel.certificate import CertificateType
from xapid.datamodel.errors import (
    CA_CERTIFICATE_INVALID,
    CERTIFICATE_DOES_NOT_EXIST,
    CERTIFICATE_NAME_INVALID,
    CRL_DOES_NOT_EXIST,
    CRL_NAME_INVALID,
    NOT_IMPLEMENTED,
)
from xapid.runtime.context import Context

_NAME = re.compile(r"(?!\.)[A-Za-z0-9._-]+\.pem", re.ASCII)


def certificate_list(ctx: Context) -> list[str]:
    return [row.name for row in ctx.store.all(Certificate) if row.type == CertificateType.ca]


def install_ca_certificate(ctx: Context, name: str, cert: str) -> NoReturn:
    try:
        x509.load_pem_x509_certificate(cert.encode())
    except ValueError as error:
        raise CA_CERTIFICATE_INVALID() from error
    if not _NAME.fullmatch(name):
        raise CERTIFICATE_NAME_INVALID(name)
    raise NOT_IMPLEMENTED("pool.install_ca_certificate")


def certificate_install(ctx: Context, name: str, cert: str) -> NoReturn:
    install_ca_certificate(ctx, name, cert)


def uninstall_ca_certificate(ctx: Context, name: str, force: bool) -> None:
    """With ``force`` one that is not there is no mistake, and none is."""
    if not force:
        certificate_uninstall(ctx, name)
    if not _NAME.fullmatch(name):
        raise CERTIFICATE_NAME_INVALID(name)


def certificate_uninstall(ctx: Context, name: str) -> NoReturn:
    if not _NAME.fullmatch(name):
        raise CERTIFICATE_NAME_INVALID(name)
    raise CERTIFICATE_DOES_NOT_EXIST(name)


def crl_list(ctx: Context) -> list[str]:
    """No revocation list was ever installed."""
    return []


def crl_install(ctx: Context, name: str, cert: str) -> NoReturn:
    if not _NAME.fullmatch(name):
        raise CRL_NAME_INVALID(name)
    raise NOT_IMPLEMENTED("pool.crl_install")


def crl_uninstall(ctx: Context, name: str) -> NoReturn:
    if not _NAME.fullmatch(name):
        raise CRL_NAME_INVALID(name)
    raise CRL_DOES_NOT_EXIST(name)
