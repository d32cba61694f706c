"""SM objects: the kinds of storage repositories there are, as the storage drivers describe themselves."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from xapid.backends.interface import DriverInfo
from xapid.backends.storage.interface import Feature
from xapid.datamodel import SM
from xapid.datamodel.sm import ImageFormatType
from xapid.store.store import Store
from xapid.store.transaction import Transaction


def write_storage_kinds(store: Store, tx: Transaction, drivers: Mapping[str, DriverInfo]) -> None:
    """One object a type. That of a driver which is there no more goes."""
    known = {row.type: row for row in store.all(SM)}
    for kind, info in drivers.items():
        row = known.pop(kind, None)
        if row is None:
            tx.create(SM, type=kind, **_facts(info))
        else:
            tx.set(row, **_facts(info))
    for row in known.values():
        tx.delete(row)


def write_plugin_kinds(
    store: Store, tx: Transaction, drivers: Mapping[str, DriverInfo], gone: AbstractSet[str]
) -> None:
    """Types that plug-ins have begun to serve, or serve in another way, and those that nobody serves any more."""
    for row in list(store.all(SM)):
        if row.type in gone:
            tx.delete(row)
        elif row.type in drivers:
            tx.set(row, **_facts(drivers[row.type]))
    known = {row.type for row in store.all(SM)}
    for kind, info in drivers.items():
        if kind not in known:
            tx.create(SM, type=kind, **_facts(info))


def _facts(info: DriverInfo) -> dict[str, Any]:
    # A feature may carry its version: VDI_RESET_ON_BOOT/2.
    named = sorted(info.features - {Feature.MERGE})
    versions = {name: int(version or 1) for name, _, version in (each.partition("/") for each in named)}
    return {
        "name_label": info.name,
        "name_description": info.description,
        "vendor": info.vendor,
        "copyright": info.copyright,
        "version": info.version,
        "required_api_version": info.api_version,
        "driver_filename": info.program,
        "required_cluster_stack": info.cluster_stacks,
        "configuration": info.configuration,
        "capabilities": tuple(versions),
        "features": versions,
        "supported_image_formats": tuple(
            ImageFormatType(each) for each in info.formats if each in ImageFormatType.__members__
        ),
    }
