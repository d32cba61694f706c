"""Certificates on one host: the one that it shows, and its copies of those that the pool trusts."""

from __future__ import annotations

import asyncio
import ipaddress
from contextlib import suppress

from cryptography import x509

from xapid.auth import offered
from xapid.auth.certificate import facts_in, parsed, self_signed, without_key
from xapid.auth.certificate_records import write_host_certificate
from xapid.backends.certificates.interface import AUTHORITIES, INTERNAL, OWN, REVOKED, SERVER, CertificateDriver
from xapid.backends.interface import AlreadyExists, BackendError, NotFound
from xapid.datamodel import PIF, Host, Pool
from xapid.datamodel.certificate import CertificateType
from xapid.datamodel.errors import (
    CERTIFICATE_ALREADY_EXISTS,
    CERTIFICATE_DOES_NOT_EXIST,
    CERTIFICATE_LIBRARY_CORRUPT,
    CRL_ALREADY_EXISTS,
    CRL_DOES_NOT_EXIST,
    HA_IS_ENABLED,
    INTERNAL_ERROR,
)
from xapid.datamodel.pool import PoolAllowedOperations
from xapid.ops.certificate_names import check_authority_name, check_list_name
from xapid.runtime.channel import Channel
from xapid.runtime.context import Context
from xapid.store.store import Store

NOT_SHOWN = "this host shows no certificate: HTTPS was never switched on"


async def get_server_certificate(ctx: Context, host: Host) -> str:
    """The certificate alone, in PEM: anybody may ask for it."""
    shelves = ctx.certificates(host).saying(NotFound, lambda _: INTERNAL_ERROR(NOT_SHOWN))
    return without_key(await shelves.call(CertificateDriver.read, OWN, SERVER))


async def install_server_certificate(
    ctx: Context, host: Host, certificate: str, private_key: str, certificate_chain: str
) -> None:
    """From now on new connections are shown this certificate; open ones go on."""
    if ctx.store.one(Pool).ha_enabled:
        raise HA_IS_ENABLED()
    pem = await asyncio.to_thread(
        offered.server_certificate, certificate, private_key, certificate_chain, ctx.clock.now()
    )
    await asyncio.to_thread(offered.check_usable, pem, ctx.config.state_dir, bool(certificate_chain))
    await _show(ctx, host, pem)


async def reset_server_certificate(ctx: Context, host: Host) -> None:
    """Show a new certificate that the host signed itself."""
    names = _names(ctx.store, host)
    pem = await asyncio.to_thread(self_signed, *names)
    await _show(ctx, host, pem.decode())


async def emergency_reset_server_certificate(ctx: Context) -> None:
    """The same for the host that is asked."""
    await reset_server_certificate(ctx, ctx.store.get(Host, ctx.runtime.localhost))


async def _show(ctx: Context, host: Host, pem: str) -> None:
    # Without undo, which would keep the old key where keys have no place. After a crash the start looks at the file.
    async with ctx.lock(host):
        await ctx.certificates(host).call(CertificateDriver.replace, OWN, SERVER, pem)
        with ctx.write() as tx:
            write_host_certificate(ctx.store, tx, host.ref, facts_in(pem))


async def refresh_server_certificate(ctx: Context, host: Host) -> None:
    """Make the certificate anew that is shown to the hosts of the pool, which ask for the server ``pool``."""
    pool = ctx.store.one(Pool)
    async with ctx.operation(pool, PoolAllowedOperations.cert_refresh):
        pem = (await asyncio.to_thread(self_signed, [host.uuid], [])).decode()
        await ctx.certificates(host).call(CertificateDriver.replace, OWN, INTERNAL, pem)
        with ctx.write() as tx:
            write_host_certificate(ctx.store, tx, host.ref, facts_in(pem), CertificateType.host_internal)


def set_https_only(ctx: Context, self: Host, value: bool) -> None:
    """Whether the host answers other machines over TLS alone. Connections that are open stay."""
    with ctx.write() as tx:
        tx.set(self, https_only=value)


def _names(store: Store, host: Host) -> tuple[list[str], list[str]]:
    """Names and addresses by which clients know a host: those that are such, for clients write others there too."""
    hostnames = [each for each in (host.hostname, "localhost") if each and each.isascii()]
    addresses = [host.address, *(pif.IP for pif in store.where(PIF, host=host.ref))]
    return hostnames, ["127.0.0.1", *dict.fromkeys(filter(_is_address, addresses))]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


# --- Copies of what the pool trusts. What is installed here alone goes with the next `certificate_sync`. -----------


async def install_ca_certificate(ctx: Context, host: Host, name: str, cert: str) -> None:
    check_authority_name(name)
    shelves = ctx.certificates(host).saying(AlreadyExists, lambda _: CERTIFICATE_ALREADY_EXISTS(name))
    await shelves.call(CertificateDriver.add, AUTHORITIES, name, cert)


async def uninstall_ca_certificate(ctx: Context, host: Host, name: str, force: bool) -> None:
    check_authority_name(name)
    shelves = ctx.certificates(host)
    if force:
        await remove(shelves, AUTHORITIES, name)
        return
    shelves = shelves.saying(NotFound, lambda _: CERTIFICATE_DOES_NOT_EXIST(name))
    await shelves.call(CertificateDriver.remove, AUTHORITIES, name)


async def remove(shelves: Channel, shelf: str, name: str) -> None:
    """Remove a file, unless it is gone already."""
    with suppress(NotFound):
        await shelves.letting_through(NotFound).call(CertificateDriver.remove, shelf, name)


async def certificate_list(ctx: Context, host: Host) -> list[str]:
    return list(await ctx.certificates(host).call(CertificateDriver.names, AUTHORITIES))


async def certificate_sync(ctx: Context, host: Host) -> None:
    """Look whether all of it can be read. Raises CERTIFICATE_LIBRARY_CORRUPT."""
    shelves = ctx.certificates(host).letting_through(BackendError)
    for shelf, read in ((AUTHORITIES, parsed), (REVOKED, x509.load_pem_x509_crl)):
        try:
            for name in await shelves.call(CertificateDriver.names, shelf):
                read((await shelves.call(CertificateDriver.read, shelf, name)).encode())
        except (BackendError, ValueError) as error:
            raise CERTIFICATE_LIBRARY_CORRUPT() from error


async def crl_install(ctx: Context, host: Host, name: str, crl: str) -> None:
    check_list_name(name)
    shelves = ctx.certificates(host).saying(AlreadyExists, lambda _: CRL_ALREADY_EXISTS(name))
    await shelves.call(CertificateDriver.add, REVOKED, name, crl)


async def crl_uninstall(ctx: Context, host: Host, name: str) -> None:
    check_list_name(name)
    shelves = ctx.certificates(host).saying(NotFound, lambda _: CRL_DOES_NOT_EXIST(name))
    await shelves.call(CertificateDriver.remove, REVOKED, name)


async def crl_list(ctx: Context, host: Host) -> list[str]:
    return list(await ctx.certificates(host).call(CertificateDriver.names, REVOKED))
