"""VM.NVRAM: the variables of a machine's firmware as they are recorded, and with which it starts.

``EFI-variables`` is Base64 of what varstored keeps, so that machines can come from other hosts and go there: a head
(magic, version, count, length), then for each variable its name in UTF-16 and its value, each behind its length, its
vendor, attributes, the time of its last signed change, and a digest of the signer. All numbers are little endian.
"""

from __future__ import annotations

import base64
import struct
import uuid
from collections.abc import Iterable, Iterator, Mapping

from xapid.backends.domain.interface import SECURE_BOOT_KEYS, EfiVariable
from xapid.datamodel import VM
from xapid.datamodel.errors import INVALID_VALUE
from xapid.datamodel.map_keys import EFI_VARIABLES, EFI_VARIABLES_ON_BOOT, SECURE_BOOT
from xapid.datamodel.vm import VmSecurebootReadiness

HEAD = struct.Struct("<4sIQQ")
MAGIC = b"VARS"
VERSION = 1
LENGTH = struct.Struct("<Q")
TAIL = struct.Struct("<16sI16s32s")

RESET = "reset"
SPELLED = "NVRAM['EFI-variables']"

AUTH = struct.Struct("<16sI")
"""Of a signed change: its time, and how long the signature is that follows, its own length included."""
SIGNED = 0x27
"""Kept, seen by firmware and guest, changed by who signs."""
WANTED_BY_AUTO = frozenset({"db.auth", "KEK.auth"})


class _NoVariables(Exception):
    """The text says why it is none."""


def at_start(vm: VM, certificates: Mapping[str, bytes]) -> tuple[EfiVariable, ...]:
    """What the firmware starts with. Raises INVALID_VALUE for what was never such variables.

    ``certificates``: files of the pool, PK.auth, KEK.auth and so on.
    """
    kept = () if starts_afresh(vm) else recorded(vm)
    return enrolled(kept, certificates) if secure_boot(vm, certificates) else kept


def starts_afresh(vm: VM) -> bool:
    """Whether nothing outlives a boot. Raises INVALID_VALUE."""
    return EFI_VARIABLES_ON_BOOT.of(vm) == RESET


def secure_boot(vm: VM, certificates: Mapping[str, bytes]) -> bool:
    wanted = SECURE_BOOT.of(vm)
    return certificates.keys() >= WANTED_BY_AUTO if wanted == "auto" else wanted == "true"


def enrolled(kept: tuple[EfiVariable, ...], certificates: Mapping[str, bytes]) -> tuple[EfiVariable, ...]:
    """With the keys of the pool where the machine has none; one that has an owner (PK) is its owner's affair."""
    names = {each.name for each in kept if _is_key(each)}
    if "PK" in names:
        return kept
    missing = [name for name in SECURE_BOOT_KEYS if name not in names]
    added = (_from_file(name, certificates.get(f"{name}.auth", b"")) for name in missing)
    return (*kept, *(each for each in added if each is not None))


def disowned(kept: tuple[EfiVariable, ...]) -> tuple[EfiVariable, ...]:
    """Without any keys, so that whoever comes may write some."""
    return tuple(each for each in kept if not _is_key(each))


def readiness(vm: VM, certificates: Mapping[str, bytes]) -> VmSecurebootReadiness:
    """How far a machine with UEFI is from checking what it boots. Raises INVALID_VALUE."""
    if not secure_boot(vm, certificates):
        return VmSecurebootReadiness.disabled
    kept = recorded(vm)
    if not kept:
        return VmSecurebootReadiness.first_boot
    names = {each.name for each in kept if _is_key(each)}
    if "PK" not in names:
        return VmSecurebootReadiness.setup_mode
    if not names >= {"KEK", "db"}:
        return VmSecurebootReadiness.certs_incomplete
    return VmSecurebootReadiness.ready if "dbx" in names else VmSecurebootReadiness.ready_no_dbx


def _is_key(variable: EfiVariable) -> bool:
    return SECURE_BOOT_KEYS.get(variable.name) == variable.vendor


def _from_file(name: str, file: bytes) -> EfiVariable | None:
    """What a signed change would make of a variable; None for what is none."""
    if len(file) < AUTH.size:
        return None
    timestamp, length = AUTH.unpack_from(file)
    data = file[len(timestamp) + length :]
    return EfiVariable(name, SECURE_BOOT_KEYS[name], data, SIGNED, timestamp) if data else None


# --- As it is recorded -------------------------------------------------------------------------------


def recorded(vm: VM) -> tuple[EfiVariable, ...]:
    """The variables in the record. Raises INVALID_VALUE."""
    text = EFI_VARIABLES.of(vm)
    if not text:
        return ()
    try:
        return tuple(_unpacked(base64.b64decode("".join(text.split()), validate=True)))
    except _NoVariables as error:
        raise INVALID_VALUE(SPELLED, str(error)) from error
    except ValueError as error:
        raise INVALID_VALUE(SPELLED, "they are not in Base64, or have names that are none") from error


def text_of(variables: Iterable[EfiVariable]) -> str:
    """The variables as they are recorded."""
    packed = [_packed(each) for each in variables]
    body = b"".join(packed)
    return base64.b64encode(HEAD.pack(MAGIC, VERSION, len(packed), len(body)) + body).decode()


def _packed(variable: EfiVariable) -> bytes:
    name = variable.name.encode("utf-16-le", "surrogatepass")
    vendor = uuid.UUID(variable.vendor).bytes_le
    tail = TAIL.pack(vendor, variable.attributes, variable.timestamp, variable.signer)
    return LENGTH.pack(len(name)) + name + LENGTH.pack(len(variable.data)) + variable.data + tail


def _unpacked(blob: bytes) -> Iterator[EfiVariable]:
    try:
        magic, version, count, length = HEAD.unpack_from(blob)
    except struct.error:
        raise _NoVariables("they are cut off") from None
    if magic != MAGIC or version != VERSION:
        raise _NoVariables("they are not in the format VARS 1")
    if len(blob) != HEAD.size + length:
        raise _NoVariables("they are cut off")
    place = HEAD.size
    for _ in range(count):
        name, place = _counted(blob, place)
        data, place = _counted(blob, place)
        if place + TAIL.size > len(blob):
            raise _NoVariables("they are cut off")
        vendor, attributes, timestamp, signer = TAIL.unpack_from(blob, place)
        place += TAIL.size
        text = name.decode("utf-16-le", "surrogatepass")
        yield EfiVariable(text, str(uuid.UUID(bytes_le=vendor)), data, attributes, timestamp, signer)
    if place != len(blob):
        raise _NoVariables("there is more than they are said to be")


def _counted(blob: bytes, place: int) -> tuple[bytes, int]:
    """A text of bytes behind its length, and where it ends."""
    begin = place + LENGTH.size
    if begin > len(blob):
        raise _NoVariables("they are cut off")
    (length,) = LENGTH.unpack_from(blob, place)
    if begin + length > len(blob):
        raise _NoVariables("they are cut off")
    return blob[begin : begin + length], begin + length
