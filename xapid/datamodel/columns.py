"""How the original's database spells a field: words of a name space are joined by two underscores.

Clients see these in query expressions (``field "name__label"``) and in MAP_DUPLICATE_KEY.
"""

from __future__ import annotations

from xapid.datamodel.types import Field

_SPACES = {
    "name": ("label", "description"),
    "memory": (
        "overhead", "target", "static_max", "dynamic_max", "dynamic_min", "static_min", "total", "free", "actual",
    ),
    "VCPUs": ("params", "max", "at_startup", "number", "utilisation", "CPU", "flags"),
    "actions": ("after_softreboot", "after_shutdown", "after_reboot", "after_crash"),
    "PV": ("bootloader", "kernel", "ramdisk", "args", "bootloader_args", "legacy_args"),
    "HVM": ("boot_policy", "boot_params", "shadow_multiplier"),
    "API_version": ("major", "minor", "vendor", "vendor_implementation"),
    "io": ("read_kbs", "write_kbs"),
    "qos": ("algorithm_type", "algorithm_params", "supported_algorithms"),
}  # fmt: skip
_COLUMNS = {f"{space}_{word}": f"{space}__{word}" for space, words in _SPACES.items() for word in words}


def column_name(field: Field) -> str:
    """``name_label`` is ``name__label``; most fields are spelled alike."""
    return _COLUMNS.get(field.name, field.name)
