"""Certificates and revocation lists that the pool trusts: each host has a copy of each file."""

from __future__ import annotations

from uuid import uuid4

from xapid.auth import offered
from xapid.auth.certificate import as_pem, facts_of
from xapid.auth.certificate_records import authorities, write_trusted
from xapid.backends.certificates.interface import AUTHORITIES, REVOKED, TRUSTED, CertificateDriver
from xapid.datamodel import Certificate, Host, Pool
from xapid.datamodel.certificate import CertificateType
from xapid.datamodel.errors import (
    CERTIFICATE_ALREADY_EXISTS,
    CERTIFICATE_DOES_NOT_EXIST,
    CERTIFICATE_LACKS_PURPOSE,
    CRL_ALREADY_EXISTS,
    CRL_DOES_NOT_EXIST,
    NOT_TRUSTED_CERTIFICATE,
    TRUSTED_CERTIFICATE_ALREADY_EXISTS,
)
from xapid.datamodel.pool import CertificatePurpose
from xapid.ops.certificate_names import check_authority_name, check_list_name
from xapid.ops.host import certificates as hosts
from xapid.runtime.channel import Channel
from xapid.runtime.context import Context
from xapid.runtime.undo import Undo


def certificate_list(ctx: Context) -> list[str]:
    return [row.name for row in authorities(ctx.store)]


async def install_ca_certificate(ctx: Context, name: str, cert: str) -> None:
    """Trust an authority: certificates of clients are checked by it."""
    facts = facts_of(offered.authority(cert, ctx.clock.now()))
    check_authority_name(name)
    async with ctx.lock(ctx.store.one(Pool)), ctx.undoing() as undo:
        if name in await _names(ctx, AUTHORITIES) or name in certificate_list(ctx):
            raise CERTIFICATE_ALREADY_EXISTS(name)
        await _add_everywhere(ctx, undo, AUTHORITIES, name, cert)
        with ctx.write() as tx:
            write_trusted(tx, CertificateType.ca, facts, name=name)


async def certificate_install(ctx: Context, name: str, cert: str) -> None:
    await install_ca_certificate(ctx, name, cert)


async def uninstall_ca_certificate(ctx: Context, name: str, force: bool) -> None:
    """With ``force`` one that is not there is no mistake, and what is left of one goes."""
    check_authority_name(name)
    async with ctx.lock(ctx.store.one(Pool)):
        rows = [row for row in authorities(ctx.store) if row.name == name]
        if not force and not rows and name not in await _names(ctx, AUTHORITIES):
            raise CERTIFICATE_DOES_NOT_EXIST(name)
        # Files first: nothing is trusted that has no object.
        await _remove_everywhere(ctx, AUTHORITIES, name)
        with ctx.write() as tx:
            for row in rows:
                tx.delete(row)


async def certificate_uninstall(ctx: Context, name: str) -> None:
    await uninstall_ca_certificate(ctx, name, False)


# --- Lists of what is trusted no more ----------------------------------------------------------------


async def crl_list(ctx: Context) -> list[str]:
    return list(await _names(ctx, REVOKED))


async def crl_install(ctx: Context, name: str, cert: str) -> None:
    check_list_name(name)
    offered.check_revocation_list(name, cert)
    async with ctx.lock(ctx.store.one(Pool)), ctx.undoing() as undo:
        if name in await _names(ctx, REVOKED):
            raise CRL_ALREADY_EXISTS(name)
        await _add_everywhere(ctx, undo, REVOKED, name, cert)
        with ctx.write():
            """The copies are there: they stay."""


async def crl_uninstall(ctx: Context, name: str) -> None:
    check_list_name(name)
    async with ctx.lock(ctx.store.one(Pool)):
        if name not in await _names(ctx, REVOKED):
            raise CRL_DOES_NOT_EXIST(name)
        await _remove_everywhere(ctx, REVOKED, name)


# --- Certificates that are trusted for a purpose -----------------------------------------------------


async def install_trusted_certificate(
    ctx: Context, self: Pool, ca: bool, cert: str, purpose: tuple[CertificatePurpose, ...]
) -> None:
    """Trust an authority, or one server alone, which takes a purpose."""
    await trust(ctx, self, ca, cert, purpose)


async def trust(ctx: Context, pool: Pool, ca: bool, text: str, purpose: tuple[CertificatePurpose, ...]) -> str:
    """The same; returns the reference of the new object."""
    certificate = offered.trusted(text, ctx.clock.now())
    if not ca and not purpose:
        raise CERTIFICATE_LACKS_PURPOSE()
    kind = CertificateType.ca if ca else CertificateType.pinned
    facts, uuid, wanted = facts_of(certificate), str(uuid4()), tuple(dict.fromkeys(purpose))
    async with ctx.lock(pool), ctx.undoing() as undo:
        for row in ctx.store.all(Certificate):
            if (
                (row.type, row.fingerprint_sha256) == (kind, facts.sha256)
                and not row.name
                and (set(row.purpose) == set(wanted) or set(row.purpose) & set(wanted))
            ):
                raise TRUSTED_CERTIFICATE_ALREADY_EXISTS(facts.sha256)
        await _add_everywhere(ctx, undo, TRUSTED, f"{uuid}.pem", as_pem(certificate))
        with ctx.write() as tx:
            return str(write_trusted(tx, kind, facts, uuid=uuid, purpose=wanted).ref)


async def uninstall_trusted_certificate(ctx: Context, self: Pool, certificate: Certificate) -> None:
    if certificate.type not in (CertificateType.ca, CertificateType.pinned):
        raise NOT_TRUSTED_CERTIFICATE(certificate.ref)
    async with ctx.lock(self):
        ctx.now(certificate)
        if certificate.name:
            await _remove_everywhere(ctx, AUTHORITIES, certificate.name)
        else:
            await _remove_everywhere(ctx, TRUSTED, f"{certificate.uuid}.pem")
        with ctx.write() as tx:
            tx.delete(ctx.now(certificate))


# --- TLS ---------------------------------------------------------------------------------------------


def set_https_only(ctx: Context, self: Pool, value: bool) -> None:
    """Whether the hosts answer other machines over TLS alone."""
    for host in ctx.store.all(Host):
        hosts.set_https_only(ctx, host, value)


def disable_ssl_legacy(ctx: Context, self: Pool) -> None:
    """Nothing older than TLS 1.2 is ever spoken."""


# --- Copies ------------------------------------------------------------------------------------------


async def certificate_sync(ctx: Context) -> None:
    """Give every host what the coordinator has, and take from it what the coordinator has not."""
    async with ctx.lock(ctx.store.one(Pool)):
        for shelf in (AUTHORITIES, REVOKED, TRUSTED):
            names = await _names(ctx, shelf)
            for host in _others(ctx):
                await _make_alike(coordinator(ctx), ctx.certificates(host), shelf, names)


async def _make_alike(coordinator: Channel, other: Channel, shelf: str, names: tuple[str, ...]) -> None:
    there = await other.call(CertificateDriver.names, shelf)
    for name in there:
        if name not in names:
            await hosts.remove(other, shelf, name)
    for name in names:
        text = await coordinator.call(CertificateDriver.read, shelf, name)
        await other.call(CertificateDriver.replace, shelf, name, text)


def coordinator(ctx: Context) -> Channel:
    """The way to its files."""
    return ctx.certificates(ctx.store.get(Host, ctx.runtime.localhost))


def _others(ctx: Context) -> list[Host]:
    return [host for host in ctx.store.all(Host) if host.ref != ctx.runtime.localhost]


async def _names(ctx: Context, shelf: str) -> tuple[str, ...]:
    return await coordinator(ctx).call(CertificateDriver.names, shelf)


async def _add_everywhere(ctx: Context, undo: Undo, shelf: str, name: str, text: str) -> None:
    for host in ctx.store.all(Host):
        channel = ctx.certificates(host)
        undo.push(channel, CertificateDriver.remove, shelf, name)
        await channel.call(CertificateDriver.replace, shelf, name, text)


async def put_everywhere(ctx: Context, shelf: str, name: str, text: str) -> None:
    """In place of what has this name."""
    for host in ctx.store.all(Host):
        await ctx.certificates(host).call(CertificateDriver.replace, shelf, name, text)


async def _remove_everywhere(ctx: Context, shelf: str, name: str) -> None:
    for host in ctx.store.all(Host):
        await hosts.remove(ctx.certificates(host), shelf, name)
