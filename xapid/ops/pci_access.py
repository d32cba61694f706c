"""Who uses a PCI device, the host itself or guests: now, and after the next boot of the host."""

from __future__ import annotations

from xapid.backends.host.interface import HostDriver, PciAccess
from xapid.backends.interface import InUse
from xapid.datamodel import PCI, PGPU, Host
from xapid.datamodel.errors import BOOT_DEVICE_PASSTHROUGH_DISALLOWED
from xapid.datamodel.pci import PciDom0Access
from xapid.runtime.context import Context

ACCESS = {
    PciAccess(host_now=True, host_next=True): PciDom0Access.enabled,
    PciAccess(host_now=True, host_next=False): PciDom0Access.disable_on_reboot,
    PciAccess(host_now=False, host_next=False): PciDom0Access.disabled,
    PciAccess(host_now=False, host_next=True): PciDom0Access.enable_on_reboot,
}


async def access_to(ctx: Context, device: PCI) -> PciDom0Access:
    host = ctx.store.get(Host, device.host)
    return ACCESS[await ctx.machine(host).call(HostDriver.pci_access, device.pci_id)]


async def let_host_use(ctx: Context, device: PCI, host_uses_it: bool) -> PciDom0Access:
    """From the next boot on. Raises BOOT_DEVICE_PASSTHROUGH_DISALLOWED for what the host boots from."""
    host = ctx.store.get(Host, device.host)
    machine = ctx.machine(host).saying(
        InUse, lambda error: BOOT_DEVICE_PASSTHROUGH_DISALLOWED(error.facts.get("device", ""))
    )
    async with ctx.lock(host):
        await machine.call(HostDriver.set_pci_access, device.pci_id, host_uses_it)
        access = await access_to(ctx, device)
        with ctx.write() as tx:
            for card in ctx.store.where(PGPU, host=host.ref):
                if device.ref == card.PCI:
                    tx.set(card, dom0_access=access)
    return access
