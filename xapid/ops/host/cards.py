"""Graphics cards of a host that become several: each guest gets a virtual function of one."""

from __future__ import annotations

from xapid.backends.host.interface import HostDriver
from xapid.backends.interface import NotSupported
from xapid.datamodel import PCI, VM, Host
from xapid.datamodel.errors import NVIDIA_SRIOV_MISCONFIGURED, PGPU_IN_USE_BY_VM
from xapid.ops import pci
from xapid.runtime.context import Context


async def mxgpu_vf_setup(ctx: Context, host: Host) -> None:
    await ctx.machine(host).call(HostDriver.share_amd_cards)
    # Even if nothing changed now: somebody may have done it before the daemon started.
    await pci.scan(ctx, host)


async def nvidia_vf_setup(ctx: Context, host: Host, pf: PCI, enable: bool) -> None:
    """Raises NVIDIA_SRIOV_MISCONFIGURED for a card that has no virtual functions, as set by its firmware."""
    vms = [vm.ref for vm in ctx.store.all(VM) if pf.ref in vm.attached_PCIs]
    if vms:
        raise PGPU_IN_USE_BY_VM(*vms)
    machine = ctx.machine(host).saying(NotSupported, lambda _: NVIDIA_SRIOV_MISCONFIGURED(host.ref, pf.device_name))
    async with ctx.lock(pf):
        await machine.call(HostDriver.share_nvidia_card, pf.pci_id, enable)
    await pci.scan(ctx, host)
