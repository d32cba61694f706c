"""Bridges compared with the networks of the records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from xapid.backends.network.interface import Bridge, NetworkDriver
from xapid.datamodel import VIF, VM, Host, Network
from xapid.ops import wires
from xapid.ops.findings.finding import Finding, Grade
from xapid.ops.vm.aftermath import LIVE
from xapid.runtime.context import Context


async def look(ctx: Context, host: Host) -> AsyncIterator[Finding]:
    """Bridges that nobody needs, and those that are missing."""
    there = await ctx.network(host).call(NetworkDriver.bridges)
    for bridge in there:
        if not bridge.ports and not _is_needed(ctx, host, bridge):
            yield Finding(
                f"bridge-{bridge.name}",
                f"the bridge {bridge.name} was made for network {bridge.uuid}, which does not need it",
                repair="the bridge is removed, if still nothing is joined to it",
                mend=partial(wires.remove_bridge, ctx, host, bridge.name),
            )
    for tap in await ctx.network(host).call(NetworkDriver.unopened_taps):
        yield Finding(
            f"tap-{tap}",
            f"the device {tap} for a guest is joined to a bridge of xapid's, and no process has it open",
            repair="the device is removed, if still nobody has it open",
            loses=True,
            mend=partial(ctx.network(host).call, NetworkDriver.remove_tap, tap),
        )
    names = {bridge.name for bridge in there}
    for ref, vifs in _joined(ctx, host).items():
        network = ctx.store.get(Network, ref)
        if network.managed and network.bridge not in names:
            yield Finding(
                f"network-{network.uuid}",
                f"the bridge {network.bridge} of network {network.uuid} ({network.name_label}) is not there: "
                f"{len(vifs)} interfaces of guests that run are cut off",
                Grade.trouble,
                "the bridge is made; then unplug and plug the interfaces, or reboot the guests",
                mend=partial(wires.ensure_bridges, ctx, host, vifs),
            )


def _is_needed(ctx: Context, host: Host, bridge: Bridge) -> bool:
    network = ctx.store.find_uuid(Network, bridge.uuid)
    if network is None or network.bridge != bridge.name:
        return False
    return not wires.is_internal(ctx.store, network, host) or wires.wanted(ctx.store, network, host)


def _joined(ctx: Context, host: Host) -> dict[str, list[VIF]]:
    """The interfaces of guests on the host, by the networks that they are joined to."""
    found: dict[str, list[VIF]] = {}
    for vif in ctx.store.all(VIF):
        vm = ctx.store.find(VM, vif.VM)
        runs = vm is not None and vm.power_state in LIVE and vm.resident_on == host.ref
        if runs and vif.currently_attached and not vif.current_operations:
            found.setdefault(vif.network, []).append(vif)
    return found
