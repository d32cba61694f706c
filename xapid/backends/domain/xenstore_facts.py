"""What a guest under Xen says of itself, read out of what it wrote into xenstore: a pure function."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from xapid.backends.domain.guest_report import GuestReport, in_order, with_first

FOLDERS = ("attr", "data", "control", "drivers", "feature", "device", "xenserver/attr/net-sriov-vf")
"""Below a domain's own folder: all that is read here."""

OS_VERSION = {
    "data/os_name": "name",
    "data/os_uname": "uname",
    "data/os_distro": "distro",
    "data/os_majorver": "major",
    "data/os_minorver": "minor",
    "attr/os/spmajor": "spmajor",
    "attr/os/spminor": "spminor",
}
DRIVERS_VERSION = {
    "attr/PVAddons/MajorVersion": "major",
    "attr/PVAddons/MinorVersion": "minor",
    "attr/PVAddons/MicroVersion": "micro",
    "attr/PVAddons/BuildVersion": "build",
    "attr/PVAddons/Application": "application",
}
CONNECTED = "4"
"""State of a device whose driver in the guest is at work."""
NO_MICRO = "-1"
CANNOT_SUSPEND = "data/cant_suspend_reason"

_ADDRESS = re.compile(r"attr/vif/([0-9]+)/(ipv4|ipv6)/([0-9]+)")
_SRIOV_ADDRESS = re.compile(r"xenserver/attr/net-sriov-vf/([0-9]+)/(ipv4|ipv6)/([0-9]+)")
_OLD_ADDRESS = re.compile(r"attr/(?:eth|xenbr|eno|ens|emp|enx)([0-9]+)/(?:(ip)|ipv6/([0-9]+)/addr)")
_STATE = re.compile(r"device/[^/]+/[0-9]+/state")
_DRIVER = re.compile(r"drivers/[0-9]+")


def report(tree: Mapping[str, str]) -> GuestReport | None:
    """What is said by the keys below a domain's folder, such as ``data/os_name``; None: nothing yet.

    Keys without a value say nothing: the toolstack makes some for the guest to fill.
    """
    said = {key: value for key, value in tree.items() if value}
    found = GuestReport(
        os_version=_renamed(said, OS_VERSION),
        netbios_name=_name(said),
        drivers_version=_drivers(said),
        drivers_detected=any(_STATE.fullmatch(key) and value == CONNECTED for key, value in said.items()),
        networks=_networks(said),
        other=_other(said),
        services=_below(said, "data/service/"),
        can_use_hotplug_vbd=_claim(said, "feature/hotplug/vbd"),
        can_use_hotplug_vif=_claim(said, "feature/hotplug/vif"),
        device_id=said.get("data/device_id", ""),
    )
    return None if found == GuestReport() else found.taken()


def _renamed(said: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    return {name: said[path] for path, name in names.items() if path in said}


def _below(said: Mapping[str, str], folder: str) -> dict[str, str]:
    return {key.removeprefix(folder): value for key, value in said.items() if key.startswith(folder)}


def _name(said: Mapping[str, str]) -> dict[str, str]:
    name = said.get("data/host_name_dns", "")
    if not name:
        return {}
    return {"host_name": ".".join(filter(None, (name, said.get("data/domain"))))}


def _drivers(said: Mapping[str, str]) -> dict[str, str]:
    found = _renamed(said, DRIVERS_VERSION)
    for key in in_order(key for key in said if _DRIVER.fullmatch(key)):
        # "vendor name version attributes", the last often missing
        vendor, name, *rest = [*said[key].split(maxsplit=3), "", ""][:4]
        if name:
            found[name.lower()] = " ".join([vendor, *rest]).strip()
    if found:
        found.setdefault("micro", NO_MICRO)
    return found


def _other(said: Mapping[str, str]) -> dict[str, str]:
    found = {key: value for key, value in _below(said, "control/").items() if "/" not in key}
    if stamp := said.get("data/ts"):
        found["data-ts"] = stamp
    if reason := said.get(CANNOT_SUSPEND):
        found.pop("feature-suspend", None)
        found["data-cant-suspend-reason"] = reason
    return found


def _claim(said: Mapping[str, str], key: str) -> bool | None:
    return {"0": False, "1": True}.get(said.get(key, ""))


# --- Addresses ---------------------------------------------------------------------------------------


def _networks(said: Mapping[str, str]) -> dict[str, str]:
    found = {name: value for pattern in (_ADDRESS, _SRIOV_ADDRESS) for name, value in _addresses(said, pattern)}
    if not any(key.startswith("attr/vif/") for key in said):
        found = {**dict(_old_addresses(said)), **found}
    return with_first(found)


def _addresses(said: Mapping[str, str], pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    for key, value in said.items():
        if match := pattern.fullmatch(key):
            yield "/".join(match.groups()), value


def _old_addresses(said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """As agents of old wrote them, under the names that their interfaces have. One key may hold several."""
    for key, value in said.items():
        if match := _OLD_ADDRESS.fullmatch(key):
            position, ip, place = match.groups()
            if ip:
                yield from ((f"{position}/ipv4/{count}", each) for count, each in enumerate(value.split()))
            else:
                yield f"{position}/ipv6/{place}", value
