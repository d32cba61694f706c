"""Interfaces of a host come up, with the bridges of their networks on them, and go down."""

from __future__ import annotations

import logging

from xapid.backends.interface import AlreadyExists, BackendError
from xapid.backends.network.interface import UNTAGGED, Connected, NetworkDriver, Wire
from xapid.datamodel import PIF, Host, Network
from xapid.datamodel.errors import PIF_CONFIGURATION_ERROR, VLAN_IN_USE, ApiError
from xapid.ops.pif import functions
from xapid.rules import pif as rules
from xapid.rules import wire_spec
from xapid.rules.bond import members_of_master
from xapid.rules.network import is_sriov_pif
from xapid.runtime.channel import Channel
from xapid.runtime.context import Context
from xapid.runtime.local_settings import MANAGEMENT, LocalSettings
from xapid.store.store import Store
from xapid.store.transaction import Transaction

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
    async with ctx.lock(*places(ctx.store, pif)):
        await connect(ctx, pif)


def places(store: Store, pif: PIF) -> list[Network]:
    """The networks to be locked before an interface comes up: its own, and those of what it is on."""
    below = rules.beneath(store, pif)
    return [store.get(Network, pif.network), *([] if below is None else places(store, below))]


async def connect(ctx: Context, pif: PIF) -> None:
    """The same for who has locked the networks. Raises CANNOT_PLUG_BOND_SLAVE too."""
    latest = ctx.now(pif)
    rules.check_free(latest)
    below = rules.beneath(ctx.store, latest)
    if below is not None and not below.currently_attached:
        await connect(ctx, below)
    if is_sriov_pif(ctx.store, latest):
        await functions.enable(ctx, latest)
        return
    channel = ctx.network(ctx.store.get(Host, latest.host))
    made = await lay(channel, latest, wire_spec.wire(ctx.store, latest))
    with ctx.write() as tx:
        note(tx, ctx.now(pif), made)


def note(tx: Transaction, pif: PIF, made: Connected) -> None:
    """Record that the wire of an interface lies. Networks of a bond's members have the MTU of the bond's."""
    store = tx.store
    tx.set(pif, **wire_spec.connected_fields(pif, made))
    for member in members_of_master(store, pif):
        tx.set(store.get(Network, member.network), MTU=store.get(Network, pif.network).MTU)


async def lay(channel: Channel, pif: PIF, wire: Wire) -> Connected:
    """Lay a wire for an interface. Raises PIF_CONFIGURATION_ERROR, VLAN_IN_USE."""
    try:
        return await channel.letting_through(BackendError).call(NetworkDriver.connect, wire)
    except BackendError as error:
        if wire.uplink is not None and isinstance(error, AlreadyExists) and "tag" in error.facts:
            raise VLAN_IN_USE(wire.uplink.device, wire.uplink.tag) from error
        raise PIF_CONFIGURATION_ERROR(pif.ref, error.message) from error


async def restore(ctx: Context, host: Host) -> None:
    """At the start of a host: bring up again what was up. What cannot be is down then, and the log says why.

    Bonds come first, and VLANs after what they are on. What others have set up is left to them, and so is the card of
    the management, unless a client chose it.
    """
    settings: LocalSettings = ctx.runtime.services["local_settings"]
    chosen = settings.get(MANAGEMENT)
    nics = await ctx.network(host).call(NetworkDriver.nics)
    theirs = {nic.device for nic in nics if nic.addresses and not nic.bridge}
    for pif in sorted(ctx.store.where(PIF, host=host.ref), key=_rank):
        if not (pif.currently_attached and pif.managed) or (pif.management and pif.physical and pif.uuid != chosen):
            continue
        if pif.physical and pif.device in theirs:
            continue
        try:
            await bring_up(ctx, pif)
        except ApiError as error:
            log.error("PIF %s (%s) is down: %s", pif.uuid, pif.device, error)
            with ctx.write() as tx:
                tx.set(ctx.now(pif), currently_attached=False)


def _rank(pif: PIF) -> tuple[bool, bool]:
    return pif.VLAN != UNTAGGED, pif.physical


async def bring_down(ctx: Context, pif: PIF) -> None:
    """Take the wire of an interface away, after those of what is on it, and note it."""
    for each in rules.on_top(ctx.store, pif):
        await bring_down(ctx, each)
    network = ctx.store.get(Network, pif.network)
    async with ctx.lock(network):
        if is_sriov_pif(ctx.store, pif):
            # Of one that is down, too: a daemon that was killed leaves some.
            await functions.disable(ctx, pif)
        elif ctx.now(pif).currently_attached:
            channel = ctx.network(ctx.store.get(Host, pif.host))
            await channel.call(NetworkDriver.disconnect, ctx.now(network).bridge)
            with ctx.write() as tx:
                tx.set(ctx.now(pif), currently_attached=False)


def set_disallow_unplug(ctx: Context, self: PIF, value: bool) -> None:
    with ctx.write() as tx:
        tx.set(self, disallow_unplug=value)


async def set_property(ctx: Context, self: PIF, name: str, value: str) -> None:
    """Set a property of the device, and of the members of a bond; one that is up has it at once."""
    rules.check_property(ctx.store, self, name, value)
    with ctx.write() as tx:
        for pif in (self, *members_of_master(ctx.store, self)):
            tx.set(pif, properties={**pif.properties, name: value})
    if ctx.now(self).currently_attached and self.managed:
        await bring_up(ctx, self)
