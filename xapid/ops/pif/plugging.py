"""Interfaces of a host come up, with the bridges of their networks on them, and go down."""

from __future__ import annotations

import logging

from xapid.backends.interface import AlreadyExists, BackendError
from xapid.backends.network.interface import NetworkDriver
from xapid.datamodel import PIF, Host, Network
from xapid.datamodel.errors import PIF_CONFIGURATION_ERROR, VLAN_IN_USE, ApiError
from xapid.rules import pif as rules
from xapid.rules import wire_spec
from xapid.runtime.context import Context

log = logging.getLogger(__name__)


async def plug(ctx: Context, self: PIF) -> None:
    """Bring the interface up; one that is up is configured again."""
    rules.check_plug(ctx.store, self)
    await bring_up(ctx, self)


async def unplug(ctx: Context, self: PIF) -> None:
    rules.check_unplug(ctx.store, self)
    await bring_down(ctx, self)


async def bring_up(ctx: Context, pif: PIF) -> None:
    """Lay the wire of an interface, and note what came of it. Raises PIF_CONFIGURATION_ERROR, VLAN_IN_USE."""
    async with ctx.lock(ctx.store.get(Network, pif.network)):
        await connect(ctx, pif)


async def connect(ctx: Context, pif: PIF) -> None:
    """The same for who has locked the network."""
    latest = ctx.now(pif)
    wire = wire_spec.wire(ctx.store, latest)
    channel = ctx.network(ctx.store.get(Host, latest.host)).letting_through(BackendError)
    try:
        made = await channel.call(NetworkDriver.connect, wire)
    except BackendError as error:
        if isinstance(error, AlreadyExists) and "tag" in error.facts:
            raise VLAN_IN_USE(latest.device, latest.VLAN) from error
        raise PIF_CONFIGURATION_ERROR(latest.ref, error.message) from error
    with ctx.write() as tx:
        latest = ctx.now(pif)
        tx.set(latest, **wire_spec.connected_fields(latest, made))


async def restore(ctx: Context, host: Host) -> None:
    """At the start of a host: bring up again what was up. What cannot be is down then, and the log says why.

    The interface of the management is left to whoever has set it up.
    """
    for pif in ctx.store.where(PIF, host=host.ref):
        if not (pif.currently_attached and pif.managed) or pif.management:
            continue
        try:
            await bring_up(ctx, pif)
        except ApiError as error:
            log.error("PIF %s (%s) is down: %s", pif.uuid, pif.device, error)
            with ctx.write() as tx:
                tx.set(ctx.now(pif), currently_attached=False)


async def bring_down(ctx: Context, pif: PIF) -> None:
    """Take the wire of an interface away, and note it."""
    network = ctx.store.get(Network, pif.network)
    async with ctx.lock(network):
        if ctx.now(pif).currently_attached:
            channel = ctx.network(ctx.store.get(Host, pif.host))
            await channel.call(NetworkDriver.disconnect, ctx.now(network).bridge)
            with ctx.write() as tx:
                tx.set(ctx.now(pif), currently_attached=False)


def set_disallow_unplug(ctx: Context, self: PIF, value: bool) -> None:
    with ctx.write() as tx:
        tx.set(self, disallow_unplug=value)


async def set_property(ctx: Context, self: PIF, name: str, value: str) -> None:
    """Set a property of the device; one that is up has it at once."""
    rules.check_property(ctx.store, self, name, value)
    with ctx.write() as tx:
        tx.set(self, properties={**self.properties, name: value})
    if ctx.now(self).currently_attached and self.managed:
        await bring_up(ctx, self)
