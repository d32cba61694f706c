"""USB devices of hosts: which of them a machine gets, and who has one."""

from __future__ import annotations

from xapid.datamodel import PUSB, VUSB, Host
from xapid.datamodel.errors import OPERATION_NOT_ALLOWED, ApiError
from xapid.store.store import Store


def holders(store: Store, group: str) -> list[VUSB]:
    """VUSBs whose machines have a device of a group, or are being given one or rid of it. A group serves one."""
    return [each for each in store.where(VUSB, USB_group=group) if each.currently_attached or each.current_operations]


def device_for(store: Store, vusb: VUSB, host: Host) -> PUSB:
    """What a machine gets on a host by its VUSB. Raises OPERATION_NOT_ALLOWED."""
    if all(each.ref == vusb.ref for each in holders(store, vusb.USB_group)):
        for device in sorted(store.where(PUSB, USB_group=vusb.USB_group, host=host.ref), key=lambda each: each.path):
            if device.passthrough_enabled:
                return device
    raise not_available(vusb, host)


def not_available(vusb: VUSB, host: Host) -> ApiError:
    return OPERATION_NOT_ALLOWED(f"VUSB {vusb.ref} is not available on Host {host.ref}")


def given_ports(store: Store, hosts: set[str]) -> set[str]:
    """The USB ports of hosts, by their references, that are left to machines."""
    return {each.path for each in store.all(PUSB) if each.passthrough_enabled and each.host in hosts}
