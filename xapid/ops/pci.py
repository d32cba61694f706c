"""Messages of class PCI: devices on the PCI buses of hosts, and whether a host itself uses them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xapid.backends.host.interface import HostDriver, PciDevice
from xapid.datamodel import PCI, Host
from xapid.datamodel.pci import PciDom0Access
from xapid.ops.pci_access import ACCESS, access_to, let_host_use
from xapid.ops.pgpu import Graphics, follow
from xapid.runtime.context import Context
from xapid.store.store import Store
from xapid.store.transaction import Transaction


async def scan(ctx: Context, host: Host) -> None:
    """Records of devices and graphics cards follow what the host has; those still there keep their references."""
    machine = ctx.machine(host)
    async with ctx.lock(host):
        found = await machine.call(HostDriver.pci_devices)
        displays = [device.address for device in found if device.is_display]
        access = {each: ACCESS[await machine.call(HostDriver.pci_access, each)] for each in displays}
        with ctx.write() as tx:
            rows = _follow_devices(ctx.store, tx, host, found)
            cards = {
                rows[each.address].ref: Graphics(rows[each.address], access[each.address], each.shows_console)
                for each in found
                if each.is_display
            }
            follow(ctx.store, tx, ctx.now(host), cards)


def _follow_devices(store: Store, tx: Transaction, host: Host, found: Iterable[PciDevice]) -> dict[str, PCI]:
    """The rows by address. The same product in the same place is the same device."""
    known = {_identity(row): row for row in store.where(PCI, host=host.ref)}
    rows: dict[str, PCI] = {}
    for device in found:
        values: dict[str, Any] = {
            "class_id": device.class_id,
            "class_name": device.class_name,
            "vendor_id": device.vendor_id,
            "vendor_name": device.vendor_name,
            "device_id": device.device_id,
            "device_name": device.device_name,
            "subsystem_vendor_id": device.subsystem_vendor_id,
            "subsystem_vendor_name": device.subsystem_vendor_name,
            "subsystem_device_id": device.subsystem_device_id,
            "subsystem_device_name": device.subsystem_device_name,
            "driver_name": device.driver,
        }
        identity = (
            device.address,
            device.vendor_id,
            device.device_id,
            device.subsystem_vendor_id,
            device.subsystem_device_id,
        )
        row = known.pop(identity, None)
        if row is None:
            row = tx.create(PCI, host=host.ref, pci_id=device.address)
        rows[device.address] = tx.set(row, **values)
    for device in found:
        others = tuple(rows[each].ref for each in device.dependencies)
        rows[device.address] = tx.set(rows[device.address], dependencies=others)
    for row in known.values():
        tx.delete(row)
    return rows


def _identity(row: PCI) -> tuple[str, str, str, str, str]:
    return row.pci_id, row.vendor_id, row.device_id, row.subsystem_vendor_id, row.subsystem_device_id


# --- Who uses a device -------------------------------------------------------------------------------


async def get_dom0_access_status(ctx: Context, self: PCI) -> PciDom0Access:
    return await access_to(ctx, self)


async def enable_dom0_access(ctx: Context, self: PCI) -> PciDom0Access:
    return await let_host_use(ctx, self, True)


async def disable_dom0_access(ctx: Context, self: PCI) -> PciDom0Access:
    return await let_host_use(ctx, self, False)
