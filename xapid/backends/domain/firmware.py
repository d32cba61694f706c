"""UEFI firmware for QEMU's machines: where this host has it, and the variables that it starts with."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from xapid.backends.domain import efi_store
from xapid.backends.domain.interface import SECURE_BOOT_KEYS, EfiVariable
from xapid.backends.interface import NotSupported

DESCRIPTIONS = Path("/usr/share/qemu/firmware")
"""What distributions say of their firmware, in QEMU's own format."""
MACHINE = "pc-q35-7.2"
"""Any of the kind that UEFI gets; descriptions name patterns."""
PACKAGE = "ovmf"
"""Of Debian."""

SECURE_BOOT = frozenset({"secure-boot", "requires-smm"})
ENROLLED = "enrolled-keys"
UNWANTED = frozenset({"amd-sev-es", "amd-sev-snp", "intel-tdx"})

OWNER = "PK"
SWITCH = EfiVariable("SecureBootEnable", "f0a30bc7-af08-4556-99c4-001009c93a44", b"\1", 0x3)
"""EDK II's own: with keys and without this switch it starts what it is given."""


@dataclass(frozen=True)
class Firmware:
    """One build of it."""

    code: Path
    template: Path
    """The flash for variables, fresh."""
    secure: bool
    """It keeps to secure boot, in a mode that the guest has no way into."""
    enrolled: Path | None = None
    """The same flash with the keys of those who sign boot loaders."""


def find(secure: bool, descriptions: Path = DESCRIPTIONS) -> Firmware:
    """What this host has. Raises NotSupported (fact ``firmware``) with what to install."""
    for found in _described(descriptions):
        if found.secure is secure and found.code.exists() and found.template.exists():
            return found
    what = "UEFI firmware with secure boot" if secure else "UEFI firmware"
    raise NotSupported(f"this host has no {what}: apt-get install {PACKAGE}", firmware="uefi")


def _described(folder: Path) -> list[Firmware]:
    """Those that fit our machines, in the order in which their descriptions want to be looked at."""
    fitting = [each for path in sorted(folder.glob("*.json")) if (each := _read(path)) is not None]
    plain = [firmware for firmware, features in fitting if ENROLLED not in features]
    keys = [firmware for firmware, features in fitting if ENROLLED in features]
    return [replace(each, enrolled=_enrolled(each, keys)) for each in plain]


def _enrolled(firmware: Firmware, keys: Iterable[Firmware]) -> Path | None:
    code = firmware.code.resolve()
    return next((each.template for each in keys if each.secure and each.code.resolve() == code), None)


def _read(path: Path) -> tuple[Firmware, frozenset[str]] | None:
    """One description; None: it is of something else, or cannot be read."""
    try:
        said: dict[str, Any] = json.loads(path.read_text())
        mapping = said["mapping"]
        features = frozenset(said["features"])
        machines = [name for each in said["targets"] if each["architecture"] == "x86_64" for name in each["machines"]]
        if mapping["device"] != "flash" or "uefi" not in said["interface-types"] or features & UNWANTED:
            return None
        code, template = mapping["executable"], mapping["nvram-template"]
        raw = code["format"] == template["format"] == "raw"
        firmware = Firmware(Path(code["filename"]), Path(template["filename"]), features >= SECURE_BOOT)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    fits = any(fnmatchcase(MACHINE, name) for name in machines)
    return (firmware, features) if raw and fits else None


def flash(firmware: Firmware, kept: tuple[EfiVariable, ...]) -> bytes:
    """The flash that a machine starts with. Raises NoSpace, BadConfig."""
    if firmware.secure:
        shipped = () if firmware.enrolled is None else efi_store.variables(firmware.enrolled.read_bytes())
        kept = guarded(kept, shipped)
    else:
        kept = unguarded(kept)
    return efi_store.written(firmware.template.read_bytes(), kept)


def guarded(kept: tuple[EfiVariable, ...], shipped: Iterable[EfiVariable]) -> tuple[EfiVariable, ...]:
    """With secure boot on: by the machine's own keys if it has an owner, else also by those that were shipped."""
    names = set(filter(None, map(_key, kept)))
    own = tuple(each for each in kept if not _is_switch(each))
    if OWNER not in names:
        own += tuple(each for each in shipped if _key(each) and _key(each) not in names)
    return (*own, SWITCH)


def unguarded(kept: tuple[EfiVariable, ...]) -> tuple[EfiVariable, ...]:
    """With secure boot off, whatever keys there are."""
    if OWNER not in map(_key, kept):
        return kept
    return (*(each for each in kept if not _is_switch(each)), replace(SWITCH, data=b"\0"))


def _key(variable: EfiVariable) -> str:
    """Which of the keys of secure boot it is; empty: none."""
    return variable.name if SECURE_BOOT_KEYS.get(variable.name) == variable.vendor else ""


def _is_switch(variable: EfiVariable) -> bool:
    return (variable.vendor, variable.name) == (SWITCH.vendor, SWITCH.name)
