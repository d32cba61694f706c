"""The flash in which OVMF keeps its variables: the layout of EDK II, read and written.

A firmware volume begins with a header, behind which lies the store of variables: a header, then one variable after the
other, each on a multiple of four bytes. What was erased is 0xff. Beyond the store lies what the firmware needs to write
safely, which is left as it comes.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Iterator

from xapid.backends.domain.interface import EfiVariable
from xapid.backends.interface import BadConfig, NoSpace

VOLUME = struct.Struct("<16x16sQ4sIHHH")
VOLUME_SIGNATURE = b"_FVH"
STORE = struct.Struct("<16sIBB6x")
AUTHENTICATED = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le
"""The kind of store whose variables say when, and by whom, they were signed."""
FORMATTED, HEALTHY = 0x5A, 0xFE

VARIABLE = struct.Struct("<HBxIQ16sIII16s")
START = 0x55AA
ADDED = 0x3F
REPLACING = 0x3E
"""It counts unless there is another one of the name: its successor was not written to the end."""
ALIGNMENT = 4
ERASED = b"\xff"

NON_VOLATILE = 0x1


def variables(flash: bytes) -> tuple[EfiVariable, ...]:
    """What the firmware keeps. Raises BadConfig (``key``: flash) for what is no such flash, or half written."""
    begin, end = _bounds(flash)
    found: dict[tuple[str, str], EfiVariable] = {}
    leaving: dict[tuple[str, str], EfiVariable] = {}
    for state, variable in _walk(flash, begin, end):
        key = (variable.vendor, variable.name)
        if state == ADDED:
            found[key] = variable
        elif state == REPLACING:
            leaving[key] = variable
    return tuple((leaving | found).values())


def written(template: bytes, kept: Iterable[EfiVariable]) -> bytes:
    """A flash with these variables and no others, laid out as the template. Raises NoSpace, BadConfig."""
    begin, end = _bounds(template)
    body = bytearray()
    for variable in kept:
        if variable.attributes & NON_VOLATILE:
            body += _packed(variable)
            body += ERASED * (-(begin + len(body)) % ALIGNMENT)
    if len(body) > end - begin:
        raise NoSpace(f"the variables of the firmware have {len(body)} bytes, and there is room for {end - begin}")
    return template[:begin] + bytes(body).ljust(end - begin, ERASED) + template[end:]


def _bounds(flash: bytes) -> tuple[int, int]:
    """Where variables begin and end."""
    try:
        _, length, signature, _, header, _, _ = VOLUME.unpack_from(flash)
        kind, size, formatted, state = STORE.unpack_from(flash, header)
    except struct.error:
        raise _damaged("it is too short") from None
    if signature != VOLUME_SIGNATURE or length > len(flash) or header + size > length:
        raise _damaged("it does not begin with a firmware volume")
    if (kind, formatted, state) != (AUTHENTICATED, FORMATTED, HEALTHY):
        raise _damaged("there is no store of variables in it, or one that is just being made")
    begin = header + STORE.size
    return begin + -begin % ALIGNMENT, header + size


def _walk(flash: bytes, begin: int, end: int) -> Iterator[tuple[int, EfiVariable]]:
    place = begin
    while place + VARIABLE.size <= end and flash[place : place + 2] != ERASED * 2:
        start, state, attributes, _, timestamp, _, name_size, data_size, vendor = VARIABLE.unpack_from(flash, place)
        name_at = place + VARIABLE.size
        data_at = name_at + name_size
        if start != START:
            raise _damaged(f"no variable begins at {place}")
        if state in (ADDED, REPLACING):
            if data_at + data_size > end:
                raise _damaged(f"the variable at {place} is cut off")
            name, data = flash[name_at:data_at], flash[data_at : data_at + data_size]
            yield state, _read(name, vendor, data, attributes, timestamp)
        place = data_at + data_size
        place += -place % ALIGNMENT


def _read(name: bytes, vendor: bytes, data: bytes, attributes: int, timestamp: bytes) -> EfiVariable:
    try:
        text = name.decode("utf-16-le", "surrogatepass").rstrip("\0")
    except UnicodeDecodeError as error:
        raise _damaged(f"a name is none: {error}") from None
    return EfiVariable(text, str(uuid.UUID(bytes_le=vendor)), data, attributes, timestamp)


def _packed(variable: EfiVariable) -> bytes:
    name = f"{variable.name}\0".encode("utf-16-le", "surrogatepass")
    vendor = uuid.UUID(variable.vendor).bytes_le
    sizes = (len(name), len(variable.data))
    head = VARIABLE.pack(START, ADDED, variable.attributes, 0, variable.timestamp, 0, *sizes, vendor)
    return head + name + variable.data


def _damaged(why: str) -> BadConfig:
    return BadConfig(f"this is no flash of UEFI variables: {why}", key="flash")
