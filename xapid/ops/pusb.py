"""Messages of class PUSB: what is plugged into the USB ports of hosts."""

from __future__ import annotations

import logging

from xapid.backends.host.interface import HostDriver, UsbDevice
from xapid.datamodel import PUSB, SR, VBD, VDI, VUSB, Host, USB_group
from xapid.datamodel.errors import PUSB_VDI_CONFLICT, USB_ALREADY_ATTACHED, ApiError
from xapid.datamodel.map_keys import USB_PATH
from xapid.ops import sr, vusb
from xapid.rules import usb, volume_spec
from xapid.runtime.context import Context
from xapid.runtime.guard import AT_ONCE
from xapid.store.store import Store
from xapid.store.transaction import Transaction

log = logging.getLogger(__name__)

REMOVABLE = "udev"
"""The type of repositories of what is plugged into a host."""


async def scan(ctx: Context, host: Host) -> None:
    """Devices that are new get a record and a group of their own; those that are gone take both with them."""
    async with ctx.lock(host):
        found = {_identity(device): device for device in await ctx.machine(host).call(HostDriver.usb_devices)}
        for row in ctx.store.where(PUSB, host=host.ref):
            if _identity_of(row) not in found:
                await _take_back(ctx, row)
        with ctx.write() as tx:
            for row in list(ctx.store.where(PUSB, host=host.ref)):
                device = found.pop(_identity_of(row), None)
                if device is None:
                    _forget(ctx.store, tx, row)
                elif row.speed < 0:
                    tx.set(row, speed=device.speed)
            for device in found.values():
                _record(tx, host, device)


def _identity(device: UsbDevice) -> tuple[str, str, str, str]:
    """The same device on another port is another, since guests are given ports."""
    return device.path, device.vendor_id, device.product_id, device.serial


def _identity_of(row: PUSB) -> tuple[str, str, str, str]:
    return row.path, row.vendor_id, row.product_id, row.serial


async def _take_back(ctx: Context, row: PUSB) -> None:
    """A machine does not go on with a device that was pulled out."""
    for each in usb.holders(ctx.store, row.USB_group):
        try:
            # A start that is under way finds out by itself.
            await vusb.take_back(ctx, each, AT_ONCE)
        except ApiError as error:
            log.info("the USB device %s was pulled out of its machine: %s", row.uuid, error)


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


# --- Who uses a device -------------------------------------------------------------------------------


async def set_passthrough_enabled(ctx: Context, self: PUSB, value: bool) -> None:
    """Leave a device to machines, or to the host, which looks for disks on it then."""
    if value:
        with ctx.write() as tx:
            for vdi in _disks_on(ctx.store, self):
                tx.delete(vdi)
            tx.set(self, passthrough_enabled=True)
        return
    with ctx.write() as tx:
        for each in usb.holders(ctx.store, self.USB_group):
            raise USB_ALREADY_ATTACHED(self.ref, each.VM)
        for each in list(ctx.store.where(VUSB, USB_group=self.USB_group)):
            tx.delete(each)
        tx.set(self, passthrough_enabled=False)
    for repository in _removable(ctx.store, self):
        try:
            await sr.look(ctx, repository)
        except ApiError as error:
            log.warning("disks on the USB device %s are not looked for: %s", self.uuid, error)


def _disks_on(store: Store, device: PUSB) -> list[VDI]:
    """The disks that the host sees on a device. Raises PUSB_VDI_CONFLICT for one that is in a drive."""
    disks = [
        vdi
        for repository in _removable(store, device)
        for vdi in store.where(VDI, SR=repository.ref)
        if USB_PATH.of(vdi) == device.path
    ]
    for vdi in disks:
        if store.where(VBD, VDI=vdi.ref):
            raise PUSB_VDI_CONFLICT(device.ref, vdi.ref)
    return disks


def _removable(store: Store, device: PUSB) -> list[SR]:
    """The repositories of what is plugged into the host of a device."""
    host = store.get(Host, device.host)
    return [each for each in store.all(SR) if each.type == REMOVABLE and volume_spec.plugged(store, each, host)]
