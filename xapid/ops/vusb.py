"""Messages of class VUSB: places for USB devices of the host, which machines get when they start."""

from __future__ import annotations

from xapid.backends.domain.interface import DomainDriver
from xapid.backends.interface import Busy, InUse
from xapid.datamodel import VM, VUSB, USB_group
from xapid.datamodel.errors import (
    DEVICE_DETACH_REJECTED,
    LICENCE_RESTRICTION,
    OPERATION_NOT_ALLOWED,
    TOO_MANY_VUSBS,
    USB_GROUP_CONFLICT,
)
from xapid.datamodel.vusb import VusbOperations
from xapid.ops.vm.change import host_of
from xapid.ops.vm.record import PROTECTED
from xapid.rules.features import restricted
from xapid.runtime.context import Context
from xapid.runtime.guard import STANDARD

MOST = 6
"""Of one machine."""


def create(ctx: Context, vm: VM, group: USB_group, other_config: dict[str, str]) -> str:
    """A running machine is given the device when it starts the next time."""
    if restricted(ctx.store, "usb_passthrough"):
        raise LICENCE_RESTRICTION("USB_passthrough")
    if len(ctx.store.where(VUSB, VM=vm.ref)) >= MOST:
        raise TOO_MANY_VUSBS(MOST)
    if ctx.store.where(VUSB, USB_group=group.ref):
        raise USB_GROUP_CONFLICT(group.ref)
    if vm.ha_restart_priority == PROTECTED:
        raise OPERATION_NOT_ALLOWED("A machine that high availability starts again, anywhere, has no USB devices")
    with ctx.write() as tx:
        return str(tx.create(VUSB, VM=vm.ref, USB_group=group.ref, other_config=other_config).ref)


async def unplug(ctx: Context, self: VUSB) -> None:
    """Take the device from the running machine; it has it again when it is started anew."""
    await take_back(ctx, self, STANDARD)


async def take_back(ctx: Context, vusb: VUSB, patience: float) -> None:
    """The same. ``patience``: seconds for which it waits for what else goes on with the device."""
    async with ctx.operation(vusb, VusbOperations.unplug, patience=patience):
        vm = ctx.store.get(VM, vusb.VM)
        domains = ctx.domains(host_of(ctx, vm))
        domains = domains.saying((Busy, InUse), lambda _: DEVICE_DETACH_REJECTED("VUSB", vusb.ref, ""))
        await domains.call(DomainDriver.detach_usb, vm.uuid, vusb.uuid)
        with ctx.write() as tx:
            tx.set(vusb, currently_attached=False)


def destroy(ctx: Context, self: VUSB) -> None:
    """The machine gets the device no more."""
    if self.currently_attached or self.current_operations:
        vm = ctx.store.get(VM, self.VM)
        raise OPERATION_NOT_ALLOWED(f"VUSB '{self.uuid}' still attached to '{vm.uuid}'")
    with ctx.write() as tx:
        tx.delete(self)
