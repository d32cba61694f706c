"""Supplemental packs in ``host.software_version``: software that came onto a host beside its system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xapid.backends.host.interface import Pack

LINUX_PACK = "xs:linux"
LINUX_KEY = "package-linux"
"""Older clients look for this key, and not for that of the pack."""


def pack_versions(packs: Iterable[Pack]) -> dict[str, str]:
    """What they add to the map."""
    found = {}
    for pack in packs:
        build = f", build {pack.build}" if pack.build else ""
        homogeneous = ", homogeneous" if pack.homogeneous else ""
        found[f"{pack.originator}:{pack.name}"] = f"{pack.description}, version {pack.version}{build}{homogeneous}"
    return {**found, LINUX_KEY: "installed"} if LINUX_PACK in found else found


def without_packs(versions: Mapping[str, str]) -> dict[str, str]:
    """The map but for them: they alone have a colon in their keys."""
    return {key: value for key, value in versions.items() if ":" not in key and key != LINUX_KEY}
