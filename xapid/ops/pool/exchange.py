"""Pools that give each other the certificates and revocation lists that they trust."""

from __future__ import annotations

from collections.abc import Mapping

from xapid.auth import offered
from xapid.auth.certificate import facts_of, parsed
from xapid.auth.certificate_records import authorities, write_trusted
from xapid.backends.certificates.interface import AUTHORITIES, REVOKED, TRUSTED, CertificateDriver
from xapid.datamodel import Certificate, Pool
from xapid.datamodel.certificate import CertificateType
from xapid.datamodel.errors import CERTIFICATE_DOES_NOT_EXIST, INVALID_VALUE, TRUSTED_CERTIFICATE_ALREADY_EXISTS
from xapid.datamodel.pool import CertificatePurpose
from xapid.ops.certificate_names import check_authority_name, check_list_name
from xapid.ops.pool import certificates
from xapid.ops.pool.remote import RemotePool
from xapid.runtime.context import Context

Purposes = dict[str, tuple[str, ...]]
"""Certificates in PEM, and what each is trusted for."""


async def exchange_trusted_certificates_on_join(
    ctx: Context, self: Pool, ca: bool, imported: Mapping[str, tuple[str, ...]], exported: tuple[str, ...]
) -> Purposes:
    """Trust these certificates, unless that is so already, and tell the texts of others."""
    for text, purpose in imported.items():
        await _trust(ctx, self, ca, text, purpose)
    kind = CertificateType.ca if ca else CertificateType.pinned
    found: Purposes = {}
    for ref in exported:
        row = ctx.store.find(Certificate, ref)
        if row is not None and row.type == kind and not row.name:
            text = await certificates.coordinator(ctx).call(CertificateDriver.read, TRUSTED, f"{row.uuid}.pem")
            found[text] = tuple(map(str, row.purpose))
    return found


async def _trust(ctx: Context, pool: Pool, ca: bool, text: str, purpose: tuple[str, ...]) -> str:
    """The reference of the new object; empty if the certificate is trusted already."""
    try:
        wanted = tuple(CertificatePurpose(each) for each in purpose)
    except ValueError as error:
        raise INVALID_VALUE("purpose", ", ".join(purpose)) from error
    try:
        return await certificates.trust(ctx, pool, ca, text, wanted)
    except TRUSTED_CERTIFICATE_ALREADY_EXISTS:
        return ""


async def sync_trusted_certificates_from(
    ctx: Context, self: Pool, remote_pool: str, remote_session: str, remote_certificate: str, ca: bool
) -> list[str]:
    """Trust what another pool trusts, all of it or nothing. Its coordinator must show the certificate that is given."""
    try:
        shown = parsed(remote_certificate.encode())
    except ValueError as error:
        raise INVALID_VALUE("certificate", "<omitted>") from error
    remote = RemotePool(remote_pool, shown, remote_session)
    kind = CertificateType.ca if ca else CertificateType.pinned
    with ctx.task.cancellable():
        there = await remote.trusted(kind)
    made: list[str] = []
    try:
        for text, purpose in there.items():
            ref = await _trust(ctx, self, ca, text, purpose)
            made += [ref] if ref else []
    except BaseException:
        for ref in made:
            await certificates.uninstall_trusted_certificate(ctx, self, ctx.store.get(Certificate, ref))
        raise
    return made


async def exchange_ca_certificates_on_join(
    ctx: Context, imported: Mapping[str, str], exported: tuple[str, ...]
) -> dict[str, str]:
    """Take authorities, in place of those of the same names, and tell the texts of others by their names."""
    read = {}
    for name, text in imported.items():
        check_authority_name(name)
        read[name] = facts_of(offered.authority(text, ctx.clock.now()))
    async with ctx.lock(ctx.store.one(Pool)):
        for name, facts in read.items():
            await certificates.put_everywhere(ctx, AUTHORITIES, name, imported[name])
            with ctx.write() as tx:
                for row in authorities(ctx.store):
                    if row.name == name:
                        tx.delete(row)
                write_trusted(tx, CertificateType.ca, facts, name=name)
    rows = [ctx.store.get(Certificate, ref) for ref in exported]
    return {row.name: await _text(ctx, AUTHORITIES, row.name) for row in rows if row.name}


async def exchange_crls_on_join(
    ctx: Context, self: Pool, imported: Mapping[str, str], exported: tuple[str, ...]
) -> dict[str, str]:
    """The same of revocation lists."""
    for name, text in imported.items():
        check_list_name(name)
        offered.check_revocation_list(name, text)
    async with ctx.lock(self):
        for name, text in imported.items():
            await certificates.put_everywhere(ctx, REVOKED, name, text)
    for name in exported:
        check_list_name(name)
    return {name: await _text(ctx, REVOKED, name) for name in exported}


async def _text(ctx: Context, shelf: str, name: str) -> str:
    channel = certificates.coordinator(ctx)
    if name not in await channel.call(CertificateDriver.names, shelf):
        raise CERTIFICATE_DOES_NOT_EXIST(name)
    return await channel.call(CertificateDriver.read, shelf, name)
