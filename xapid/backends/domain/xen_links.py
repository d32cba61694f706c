"""How the host's ends of the interfaces of Xen's guests are called: by the numbers of domain and device."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element

from xapid.backends.domain.xenstore import Xenstore
from xapid.backends.interface import NotFound

BACKENDS = "/local/domain/0/backend/vif"
"""What this host does for guests, which they cannot write."""


def links(store: Xenstore, domain: int, interfaces: Mapping[str, Element]) -> dict[str, tuple[str, ...]]:
    """The names by the uuid of the VIF, as far as they are there; the second is that of the emulated device, if any.

    libvirt does not say them of what was plugged in later, so each is found by its hardware address.
    """
    found: dict[str, tuple[str, ...]] = {}
    by_mac = {_mac(element): vif for vif, element in interfaces.items()}
    try:
        handles = store.names(f"{BACKENDS}/{domain}")
    except NotFound:
        return {}
    for handle in handles:
        try:
            mac = store.read(f"{BACKENDS}/{domain}/{handle}/mac").lower()
        except NotFound:
            continue  # It went just now.
        if (vif := by_mac.get(mac)) is not None and handle.isdecimal():
            name = f"vif{domain}.{handle}"
            found[vif] = (*found.get(vif, ()), name, f"{name}-emu")
    return found


def _mac(element: Element) -> str:
    mac = element.find("mac")
    return "" if mac is None else mac.get("address", "").lower()
