"""SM objects: the kinds of storage repositories there are, as the storage drivers describe themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xapid.backends.interface import DriverInfo
from xapid.backends.storage.interface import Feature
from xapid.datamodel import SM
from xapid.datamodel.sm import ImageFormatType
from xapid.store.store import Store
from xapid.store.transaction import Transaction

API = "1.1"
"""Of the storage drivers."""


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


def _facts(info: DriverInfo) -> dict[str, Any]:
    # A feature may carry its version: VDI_RESET_ON_BOOT/2.
    named = sorted(info.features - {Feature.MERGE})
    versions = {name: int(version or 1) for name, _, version in (each.partition("/") for each in named)}
    return {
        "name_label": info.name,
        "name_description": info.description,
        "vendor": "xapid",
        "version": info.version,
        "required_api_version": API,
        "configuration": info.configuration,
        "capabilities": tuple(versions),
        "features": versions,
        "supported_image_formats": tuple(ImageFormatType(each) for each in info.formats),
    }
