"""The interface by which a host is managed: which it is, where its address leads, and back if that cuts clients off."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, ip_interface
from typing import Any

import msgspec

from xapid.backends.network.interface import NetworkDriver, Wire
from xapid.datamodel import PIF, VM, Console, Host, Network, Pool
from xapid.datamodel.errors import (
    CANNOT_PLUG_BOND_SLAVE,
    HA_IS_ENABLED,
    INTERNAL_ERROR,
    PIF_HAS_NO_NETWORK_CONFIGURATION,
    PIF_HAS_NO_V6_NETWORK_CONFIGURATION,
    SLAVE_REQUIRES_MANAGEMENT_INTERFACE,
    ApiError,
)
from xapid.datamodel.pif import IpConfigurationMode, Ipv6ConfigurationMode, PrimaryAddressType
from xapid.datamodel.types import NULL
from xapid.ops.pif.plugging import bring_up
from xapid.ops.pif.rewiring import wires
from xapid.rules.pif import NO_ADDRESSES
from xapid.runtime.context import Context, Runtime
from xapid.runtime.local_settings import MANAGEMENT, MANAGEMENT_TRIAL, LocalSettings
from xapid.runtime.reach import Reach
from xapid.runtime.settings import Address
from xapid.store.store import Store

log = logging.getLogger(__name__)

OFF = "off"
"""Of the local setting: the host is managed from itself alone."""
LABEL = "Management interface goes back"


class Trial(msgspec.Struct):
    """A change that is taken back unless a client comes to the new address."""

    address: str
    before: str
    """uuid of the interface that was the management's"""
    changed: dict[str, dict[str, Any]]
    """uuids of interfaces that had other settings, and which."""


@dataclass(frozen=True)
class Before:
    """How a host was reached before a change."""

    pif: PIF | None
    address: str


# --- Messages ----------------------------------------------------------------------------------------


async def management_reconfigure(ctx: Context, pif: PIF) -> None:
    """Let the host of an interface be managed by it."""
    check(ctx, pif)
    if pif.management:
        return
    before = _before(ctx, pif.host)
    if not pif.currently_attached:
        await bring_up(ctx, pif)
    await _move(ctx, pif)
    await _try_out(ctx, before, ctx.now(pif), {})


async def management_disable(ctx: Context) -> None:
    """Let this host be managed from itself alone."""
    pool = ctx.store.one(Pool)
    if pool.ha_enabled:
        raise HA_IS_ENABLED()
    if pool.master != ctx.runtime.localhost:
        raise SLAVE_REQUIRES_MANAGEMENT_INTERFACE()
    with ctx.write() as tx:
        for pif in ctx.store.where(PIF, host=ctx.runtime.localhost):
            tx.set(pif, management=False)
    await _keep(ctx.runtime, OFF)
    await _reach(ctx.runtime).follow(None)


def check(ctx: Context, pif: PIF) -> None:
    """Raises what forbids that a host is managed by an interface."""
    if ctx.store.one(Pool).ha_enabled:
        raise HA_IS_ENABLED()
    if not pif.managed:
        return
    if pif.bond_slave_of != NULL:
        raise CANNOT_PLUG_BOND_SLAVE(pif.ref)
    if pif.primary_address_type is PrimaryAddressType.IPv6:
        if pif.ipv6_configuration_mode is Ipv6ConfigurationMode.None_:
            raise PIF_HAS_NO_V6_NETWORK_CONFIGURATION(pif.ref)
    elif pif.ip_configuration_mode is IpConfigurationMode.None_:
        raise PIF_HAS_NO_NETWORK_CONFIGURATION(pif.ref)


# --- Doing it ----------------------------------------------------------------------------------------


def current(store: Store, host: str) -> PIF | None:
    """The interface by which a host is managed."""
    return next((pif for pif in store.where(PIF, host=host) if pif.management), None)


def address_of(pif: PIF) -> str:
    """Where a host is reached by an interface; empty: nowhere, or that is not known."""
    if pif.primary_address_type is PrimaryAddressType.IPv6:
        return next((each.partition("/")[0] for each in pif.IPv6 if each), "")
    return pif.IP


async def _move(ctx: Context, pif: PIF) -> None:
    """The records are changed first: a host that dies then comes back where they say it is."""
    host = ctx.store.get(Host, pif.host)
    before = wires(ctx.store, host)
    with ctx.write() as tx:
        for each in ctx.store.where(PIF, host=pif.host):
            if each.management and each.ref != pif.ref:
                tx.set(each, management=False)
        tx.set(ctx.now(pif), management=True)
    if pif.host == ctx.runtime.localhost:
        await _keep(ctx.runtime, pif.uuid)
    await _lead_out(ctx, host, before)
    await lead_to(ctx, ctx.now(pif))


async def _lead_out(ctx: Context, host: Host, before: Mapping[str, Wire]) -> None:
    """The way out of a host and its name servers follow the management. What goes wrong is logged."""
    laid = {bridge.name for bridge in await ctx.network(host).call(NetworkDriver.bridges)}
    changed = {name for name, wire in wires(ctx.store, host).items() if name in laid and before.get(name) != wire}
    concerned = [pif for pif in ctx.store.where(PIF, host=host.ref) if pif.managed and pif.currently_attached]
    # The new way out replaces the old one at once, where it comes first.
    for pif in sorted(concerned, key=lambda pif: not pif.management):
        if ctx.store.get(Network, pif.network).bridge in changed:
            try:
                await bring_up(ctx, pif)
            except ApiError as error:
                log.error("PIF %s (%s) does not lead out as it should: %s", pif.uuid, pif.device, error)


async def lead_to(ctx: Context, pif: PIF) -> None:
    """Have the records of a host, and its listeners, lead to the address of its management."""
    address = address_of(pif)
    if not address:
        return
    host = ctx.store.get(Host, pif.host)
    old = str(Address(host.address, 443)).removesuffix(":443")
    new = str(Address(address, 443)).removesuffix(":443")
    with ctx.write() as tx:
        tx.set(host, address=address)
        for machine in ctx.store.where(VM, resident_on=host.ref):
            for console in ctx.store.where(Console, VM=machine.ref):
                tx.set(console, location=console.location.replace(f"://{old}", f"://{new}", 1))
    if pif.host == ctx.runtime.localhost:
        try:
            await _reach(ctx.runtime).follow(address)
        except Exception as error:
            raise INTERNAL_ERROR(f"nobody can be heard at {address}: {error}") from error


async def readdressed(ctx: Context, pif: PIF, fields: dict[str, Any]) -> None:
    """The management's interface has other settings now; ``fields``: those it had."""
    before = _before(ctx, pif.host)
    await lead_to(ctx, ctx.now(pif))
    await _try_out(ctx, before, ctx.now(pif), fields)


async def passed_on(ctx: Context, host: str) -> None:
    """The management may have passed to another interface, with its address, as to a bond."""
    pif = current(ctx.store, host)
    if pif is not None and host == ctx.runtime.localhost:
        await _keep(ctx.runtime, pif.uuid)


async def look(ctx: Context) -> None:
    """Somebody else, such as a server of DHCP, may have given the management of this host another address."""
    pif = current(ctx.store, ctx.runtime.localhost)
    if pif is None:
        return
    bridge = ctx.store.get(Network, pif.network).bridge
    nics = {nic.device: nic for nic in await ctx.network(ctx.store.get(Host, pif.host)).call(NetworkDriver.nics)}
    nic = nics.get(bridge) or nics.get(pif.device)
    fields: dict[str, Any] = {}
    for each in map(ip_interface, nic.addresses if nic is not None else ()):
        if isinstance(each, IPv4Interface):
            fields.setdefault("IP", str(each.ip))
            fields.setdefault("netmask", str(each.netmask))
    if fields and pif.ip_configuration_mode is not IpConfigurationMode.Static:
        with ctx.write() as tx:
            tx.set(ctx.now(pif), **fields)
    await lead_to(ctx, ctx.now(pif))


def _before(ctx: Context, host: str) -> Before:
    return Before(current(ctx.store, host), ctx.store.get(Host, host).address)


# --- On trial ----------------------------------------------------------------------------------------


async def _try_out(ctx: Context, before: Before, pif: PIF, fields: dict[str, Any]) -> None:
    """If who asked for it is cut off by a change, take it back unless somebody comes to the new address."""
    address = address_of(pif)
    patience = ctx.runtime.config.network.management_deadline
    cut_off = ctx.origin.here != "" and ctx.origin.here == before.address != address and not _is_here(ctx, before)
    if pif.host != ctx.runtime.localhost:
        return
    trials: Trials = ctx.runtime.services["management_trials"]
    if not (patience and address and cut_off):
        # Who can still be answered knows what he does; an earlier change is not taken back beneath this one.
        await trials.call_off(ctx.runtime)
        return
    earlier = trials.kept(ctx.runtime)
    changed = {pif.uuid: fields} if fields else {}
    trial = Trial(address, (before.pif or pif).uuid, changed)
    if earlier is not None:
        # Nobody came by it: what all leads back to is what was before both.
        trial = Trial(address, earlier.before, changed | earlier.changed)
    await asyncio.to_thread(_settings(ctx.runtime).put, MANAGEMENT_TRIAL, msgspec.json.encode(trial).decode())
    trials.begin(ctx.runtime, trial)


def _is_here(ctx: Context, before: Before) -> bool:
    """Whether the host is still heard at the address that it had."""
    pifs = ctx.store.where(PIF, host=ctx.runtime.localhost)
    heard = ctx.runtime.config.https or ctx.runtime.config.http
    everywhere = not heard or any(each.is_everywhere for each in heard)
    return everywhere and any(pif.currently_attached and address_of(pif) == before.address for pif in pifs)


class Trials:
    """Sees the one change through that is on trial."""

    def __init__(self) -> None:
        self._going: asyncio.Task[None] | None = None

    def begin(self, runtime: Runtime, trial: Trial) -> None:
        if self._going is not None:
            self._going.cancel()
        self._going = asyncio.ensure_future(_wait(runtime, trial))

    def kept(self, runtime: Runtime) -> Trial | None:
        """The one that is on trial, as the next start would find it."""
        kept = _settings(runtime).get(MANAGEMENT_TRIAL)
        try:
            return msgspec.json.decode(kept, type=Trial) if kept else None
        except msgspec.MsgspecError as error:
            log.error("the change of the management that is on trial cannot be read: %s", error)
            return None

    def resume(self, runtime: Runtime) -> None:
        """After a start: the time runs anew."""
        if (trial := self.kept(runtime)) is not None:
            self.begin(runtime, trial)

    async def call_off(self, runtime: Runtime) -> None:
        """Let it be as it is."""
        await self.close()
        await asyncio.to_thread(_settings(runtime).put, MANAGEMENT_TRIAL, "")

    async def close(self) -> None:
        """Leave it to the next start."""
        if self._going is not None and self._going is not asyncio.current_task():
            self._going.cancel()
            await asyncio.wait({self._going})
        self._going = None


async def _wait(runtime: Runtime, trial: Trial) -> None:
    patience = runtime.config.network.management_deadline
    log.info("the host is reached at %s now; if nobody comes there for %g s, it goes back", trial.address, patience)
    if not await _reach(runtime).reached(trial.address, runtime.clock, patience):
        await take_back(runtime, trial)
    await asyncio.to_thread(_settings(runtime).put, MANAGEMENT_TRIAL, "")


def _read(fields: dict[str, Any]) -> dict[str, Any]:
    """Settings as rows have them, of those that a trial keeps."""
    return {name: type(none)(fields[name]) for name, none in NO_ADDRESSES.items() if name in fields}


async def take_back(runtime: Runtime, trial: Trial) -> None:
    """Let the host be reached as before, in a task that clients see."""
    handle = runtime.tasks.create(LABEL, f"Nobody came to {trial.address}")
    ctx = Context(runtime, handle)
    try:
        for uuid, fields in trial.changed.items():
            if (changed := ctx.store.find_uuid(PIF, uuid)) is not None:
                with ctx.write() as tx:
                    tx.set(changed, **_read(fields))
                await bring_up(ctx, changed)
        before = ctx.store.find_uuid(PIF, trial.before)
        if before is not None:
            await _move(ctx, before)
    except ApiError as error:
        log.error("the management cannot go back to where it was: %s", error)
        runtime.tasks.fail(handle, error)
    except BaseException as error:
        runtime.tasks.fail(handle, error)
        raise
    else:
        log.warning("nobody came to %s: the host is managed as before", trial.address)
        runtime.tasks.succeed(handle, "")


# --- At the start ------------------------------------------------------------------------------------


def reached_at(runtime: Runtime) -> str | None:
    """The address at which this host is managed; None: from itself alone. Empty: the one it was installed with."""
    chosen = _settings(runtime).get(MANAGEMENT)
    pif = current(runtime.store, runtime.localhost)
    if chosen == OFF and pif is None:
        return None
    return address_of(pif) if chosen and pif is not None else ""


async def _keep(runtime: Runtime, chosen: str) -> None:
    await asyncio.to_thread(_settings(runtime).put, MANAGEMENT, chosen)


def _settings(runtime: Runtime) -> LocalSettings:
    settings: LocalSettings = runtime.services["local_settings"]
    return settings


def _reach(runtime: Runtime) -> Reach:
    reach: Reach = runtime.services["reach"]
    return reach
