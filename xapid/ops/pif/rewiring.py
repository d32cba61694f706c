"""Several wires of a host change together: all or none of them, whatever happens meanwhile.

What the records will say is tried out first, so that the wires laid are those of the records that are written once they
lie. Until then the journal knows how to put back what was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from xapid.backends.domain.interface import DomainDriver
from xapid.backends.interface import InUse
from xapid.backends.network.interface import UNTAGGED, Bridge, Connected, NetworkDriver, Wire
from xapid.datamodel import PIF, VIF, VM, Host, Network
from xapid.ops.pif.plugging import lay, note
from xapid.rules import wire_spec
from xapid.rules.domain_spec import nic_spec
from xapid.rules.network import is_sriov_pif
from xapid.runtime.context import Context
from xapid.runtime.undo import Undo
from xapid.store.store import Store
from xapid.store.transaction import Transaction

T = TypeVar("T")
Change = Callable[[Transaction], object]


class _TriedOut(Exception):
    """Takes a change back."""


@dataclass(frozen=True)
class Moved:
    """An interface of a running machine that is joined to another network."""

    vif: VIF
    network: Network


@dataclass
class Rewiring:
    """What a change of the records means for a host, and what came of it."""

    ctx: Context
    host: Host
    change: Change
    subject: PIF
    """Whose configuration it is that fails, if it does."""
    before: list[Wire] = field(default_factory=list)
    after: list[Wire] = field(default_factory=list)
    laid: dict[str, Connected] = field(default_factory=dict)
    """What became of wires, by their bridges."""
    links: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What the hypervisor calls interfaces that were moved, by the uuids of their VIFs; where it says nothing, none."""

    async def plan(self) -> None:
        """Find out which wires differ. Raises PIF_CONFIGURATION_ERROR."""
        before = wires(self.ctx.store, self.host)
        after = tried_out(self.ctx, self.change, lambda: wires(self.ctx.store, self.host))
        laid = {bridge.name for bridge in await self.ctx.network(self.host).call(NetworkDriver.bridges)}
        # An interface that somebody else has set up counts as up, and has no wire.
        self.before = [wire for name, wire in before.items() if name in laid and after.get(name) != wire]
        self.after = [wire for name, wire in after.items() if before.get(name) != wire]

    async def take_down(self, undo: Undo) -> None:
        """Take away the wires that go or lead elsewhere: VLANs and tunnels before what they are on."""
        channel = self.ctx.network(self.host)
        for wire in sorted(self.before, key=_is_on_top, reverse=True):
            undo.push(channel, NetworkDriver.connect, wire)
            await channel.call(NetworkDriver.disconnect, wire.bridge.name)

    async def lay_anew(self, undo: Undo) -> None:
        """Lay the wires that are to be. Raises PIF_CONFIGURATION_ERROR, VLAN_IN_USE."""
        channel = self.ctx.network(self.host)
        for wire in sorted(self.after, key=_is_on_top):
            undo.push(channel, NetworkDriver.disconnect, wire.bridge.name)
            self.laid[wire.bridge.name] = await lay(channel, self.subject, wire)

    async def move_guests(self, undo: Undo, moves: Iterable[Moved]) -> None:
        """Join guests to their new bridges, which lie by now."""
        channel = self.ctx.domains(self.host)
        for move in moves:
            vm, store = self.ctx.store.get(VM, move.vif.VM), self.ctx.store
            undo.push(channel, DomainDriver.move_nic, vm.uuid, nic_spec(store, move.vif))
            spec = nic_spec(store, move.vif, move.network)
            links = await channel.call(DomainDriver.move_nic, vm.uuid, spec)
            if links:
                self.links[move.vif.uuid] = links

    async def remove_empty(self, undo: Undo) -> None:
        """Remove the bridges that lead nowhere any more. Where somebody is still joined to one, it stays."""
        channel = self.ctx.network(self.host)
        kept = {wire.bridge.name for wire in self.after}
        for wire in self.before:
            if wire.bridge.name in kept:
                continue
            undo.push(channel, NetworkDriver.ensure_bridge, Bridge(wire.bridge.name, wire.bridge.uuid, wire.bridge.mtu))
            try:
                await channel.letting_through(InUse).call(NetworkDriver.remove_bridge, wire.bridge.name)
            except InUse:
                continue

    def record(self, tx: Transaction) -> None:
        """Write the change, and what came of the wires."""
        self.change(tx)
        for pif in self.ctx.store.where(PIF, host=self.host.ref):
            made = self.laid.get(self.ctx.store.get(Network, pif.network).bridge)
            if made is not None and pif.currently_attached:
                note(tx, pif, made)


async def change_one(ctx: Context, pif: PIF, change: Change) -> None:
    """Change what the records say of one interface, which is up then, and its wire: both or neither.

    Raises PIF_CONFIGURATION_ERROR.
    """
    host, network = ctx.store.get(Host, pif.host), ctx.store.get(Network, pif.network)
    async with ctx.lock(network), ctx.undoing() as undo:
        latest, network = ctx.now(pif), ctx.now(network)
        wire = tried_out(ctx, change, lambda: wire_spec.wire(ctx.store, ctx.now(pif)))
        channel = ctx.network(host)
        if network.bridge in {bridge.name for bridge in await channel.call(NetworkDriver.bridges)}:
            undo.push(channel, NetworkDriver.connect, wire_spec.wire(ctx.store, latest))
        else:
            undo.push(channel, NetworkDriver.disconnect, network.bridge)
        made = await lay(channel, latest, wire)
        with ctx.write() as tx:
            change(tx)
            note(tx, ctx.now(pif), made)


def tried_out(ctx: Context, change: Change, read: Callable[[], T]) -> T:
    """What would be read after a change, which is not made."""
    found: list[T] = []
    with suppress(_TriedOut), ctx.store.write() as tx:
        change(tx)
        found.append(read())
        raise _TriedOut
    return found[0]


def wires(store: Store, host: Host) -> dict[str, Wire]:
    """What the records say of the wires of a host that are up, by their bridges."""
    up = [pif for pif in store.where(PIF, host=host.ref) if pif.managed and pif.currently_attached]
    wired = (pif for pif in up if not is_sriov_pif(store, pif))
    return {store.get(Network, pif.network).bridge: wire_spec.wire(store, pif) for pif in wired}


def _is_on_top(wire: Wire) -> bool:
    """Whether it goes over what another wire leads out by: as VLANs and tunnels do."""
    return wire.uplink is None or wire.uplink.tag != UNTAGGED
