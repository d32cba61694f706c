"""The hosts of a pool, as long as it has one: what needs no other host."""

from __future__ import annotations

from http.client import HTTPException
from ipaddress import ip_address
from typing import NoReturn
from urllib.parse import urlsplit

from xapid import __version__
from xapid.auth.audit import AuditLog
from xapid.datamodel import VM, Console, Host, Pool
from xapid.datamodel.errors import INTERNAL_ERROR, INVALID_VALUE, NOT_IMPLEMENTED
from xapid.runtime.context import Context
from xapid.runtime.conversation import Server, post, unchecked

PATIENCE = 30.0
"""Seconds for a test of a connection."""
MOST = 65536
"""Bytes of an answer that are of interest."""


def designate_new_master(ctx: Context, host: Host) -> None:
    """The coordinator stays what it is; to hand over to another is not built."""
    if host.ref != ctx.store.one(Pool).master:
        raise NOT_IMPLEMENTED("pool.designate_new_master")


def recover_slaves(ctx: Context) -> list[str]:
    """The members that answered: there are none."""
    if len(ctx.store.all(Host)) > 1:
        raise NOT_IMPLEMENTED("pool.recover_slaves")
    return []


def eject(ctx: Context, host: Host) -> NoReturn:
    if host.ref == ctx.store.one(Pool).master:
        raise INTERNAL_ERROR("the coordinator cannot leave its own pool")
    raise NOT_IMPLEMENTED("pool.eject")


def hello(ctx: Context, host_uuid: str, host_address: str) -> str:
    """A host has started, and says where it is reached now."""
    host = ctx.store.find_uuid(Host, host_uuid)
    if host is None:
        return "unknown_host"
    if host.ref != ctx.runtime.localhost:
        return "cannot_talk_back"
    try:
        ip_address(host_address)
    except ValueError as error:
        raise INVALID_VALUE("host_address", host_address) from error
    with ctx.write() as tx:
        tx.set(host, address=host_address)
        for vm in ctx.store.where(VM, resident_on=host.ref):
            for console in ctx.store.where(Console, VM=vm.ref):
                tx.set(console, location=_at(host_address, console.location))
    return "ok"


def _at(address: str, url: str) -> str:
    """The same at another address."""
    parts = urlsplit(url)
    name = f"[{address}]" if ":" in address else address
    return parts._replace(netloc=name if parts.port is None else f"{name}:{parts.port}").geturl()


async def sync_database(ctx: Context) -> None:
    """Return when all that happened so far is on disk."""
    await ctx.store.settled()


def audit_log_append(ctx: Context, line: str) -> None:
    """What a member has to tell of a call that it took is written as it comes."""
    audit: AuditLog = ctx.runtime.services["audit"]
    audit.append(line)


async def send_test_post(ctx: Context, host: str, port: int, body: str) -> str:
    """Send a text to a server by HTTPS, to see whether it can be reached; returns what it answered.

    Raises INTERNAL_ERROR with the reason if it cannot.
    """
    # Whom one trusts is not what is asked: the original does not look at the certificate either.
    server, headers = Server(host, port, unchecked()), {"User-Agent": f"xapid/{__version__}"}
    try:
        with ctx.task.cancellable():
            _, text = await post(server, "/", body.encode(), headers, seconds=PATIENCE, most=MOST)
    except TimeoutError as error:
        raise INTERNAL_ERROR(f"{host}:{port}: it does not answer within {PATIENCE:g} s") from error
    except (OSError, ValueError, HTTPException) as error:
        raise INTERNAL_ERROR(f"{host}:{port}: {error}") from error
    return text.decode(errors="replace")
