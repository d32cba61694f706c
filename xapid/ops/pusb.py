"""Messages of class PUSB: what is plugged into the USB ports of hosts."""

from __future__ import annotations

from xapid.backends.host.interface import HostDriver, UsbDevice
from xapid.datamodel import PUSB, VUSB, Host, USB_group
from xapid.runtime.context import Context
from xapid.store.store import Store
from xapid.store.transaction import Transaction


async def scan(ctx: Context, host: Host) -> None:
    """Devices that are new get a record and a group of their own; those that are gone take both with them."""
    async with ctx.lock(host):
        found = {_identity(device): device for device in await ctx.machine(host).call(HostDriver.usb_devices)}
        with ctx.write() as tx:
            for row in list(ctx.store.where(PUSB, host=host.ref)):
                device = found.pop((row.path, row.vendor_id, row.product_id, row.serial), None)
                if device is None:
                    _forget(ctx.store, tx, row)
                elif row.speed < 0:
                    tx.set(row, speed=device.speed)
            for device in found.values():
                _record(tx, host, device)


def _identity(device: UsbDevice) -> tuple[str, str, str, str]:
    """The same device on another port is another, since guests are given ports."""
    return device.path, device.vendor_id, device.product_id, device.serial


def _record(tx: Transaction, host: Host, device: UsbDevice) -> None:
    group = tx.create(USB_group, name_label=f"Group of {device.vendor_id} {device.product_id} USBs")
    tx.create(
        PUSB,
        USB_group=group.ref,
        host=host.ref,
        path=device.path,
        vendor_id=device.vendor_id,
        vendor_desc=device.vendor,
        product_id=device.product_id,
        product_desc=device.product,
        serial=device.serial,
        version=device.version,
        description=" ".join(filter(None, (device.vendor, device.product))),
        speed=device.speed,
    )


def _forget(store: Store, tx: Transaction, row: PUSB) -> None:
    group = store.find(USB_group, row.USB_group)
    if group is not None and not any(other.ref != row.ref for other in store.where(PUSB, USB_group=group.ref)):
        for vusb in list(store.where(VUSB, USB_group=group.ref)):
            tx.delete(vusb)
        tx.delete(group)
    tx.delete(row)
