"""Variables of UEFI firmware in the flash of a machine, read and written."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from tests.backends.domain.flash import HEADER, fresh_flash
from xapid.backends.domain import efi_store
from xapid.backends.domain.interface import EfiVariable
from xapid.backends.interface import BadConfig, NoSpace

GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
LANG = EfiVariable("PlatformLang", GLOBAL, b"en\0", 0x7)
ORDER = EfiVariable("BootOrder", GLOBAL, b"\1\0\0\0", 0x7)
SIGNED = EfiVariable("PK", GLOBAL, b"key", 0x27, timestamp=bytes(range(16)))
FIRST = HEADER + 28
STATE = 2


def test_what_is_written_is_read() -> None:
    flash = efi_store.written(fresh_flash(), [LANG, ORDER, SIGNED])

    assert efi_store.variables(flash) == (LANG, ORDER, SIGNED)
    assert len(flash) == len(fresh_flash())
    assert flash.endswith(b"with care")


def test_a_fresh_flash_has_no_variables() -> None:
    assert efi_store.variables(fresh_flash()) == ()


def test_what_is_gone_when_the_power_is_off_is_not_written() -> None:
    volatile = EfiVariable("SetupMode", GLOBAL, b"\1", 0x6)

    assert efi_store.variables(efi_store.written(fresh_flash(), [volatile, LANG])) == (LANG,)


def test_the_first_variable_lies_where_the_firmware_looks_for_it() -> None:
    flash = efi_store.written(fresh_flash(), [LANG])

    assert flash[FIRST : FIRST + 4] == b"\xaa\x55\x3f\x00"
    assert struct.unpack_from("<II", flash, FIRST + 36) == (len("PlatformLang\0") * 2, 3)


def with_state(flash: bytes, state: int, number: int = 0) -> bytes:
    """The flash with another state of one variable."""
    at = FIRST
    for _ in range(number):
        name, data = struct.unpack_from("<II", flash, at + 36)
        at += 60 + name + data
        at += -at % 4
    return flash[: at + STATE] + bytes([state]) + flash[at + STATE + 1 :]


def test_a_variable_that_was_deleted_is_gone() -> None:
    flash = efi_store.written(fresh_flash(), [LANG, ORDER])

    assert efi_store.variables(with_state(flash, 0x3D)) == (ORDER,)


def test_a_variable_that_is_being_replaced_counts_until_its_successor_does() -> None:
    newer = EfiVariable("PlatformLang", GLOBAL, b"de\0", 0x7)
    flash = with_state(efi_store.written(fresh_flash(), [LANG, newer]), 0x3E)

    assert efi_store.variables(flash) == (newer,)
    assert efi_store.variables(with_state(flash, 0x7F, number=1)) == (LANG,)


def test_more_than_there_is_room_for_is_refused() -> None:
    with pytest.raises(NoSpace):
        efi_store.written(fresh_flash(), [EfiVariable("Long", GLOBAL, bytes(4096), 0x7)])


@pytest.mark.parametrize(
    "flash",
    [
        b"",
        bytes(100),
        fresh_flash()[: HEADER + 40],
        fresh_flash().replace(b"_FVH", b"_XXX"),
        fresh_flash().replace(b"\x5a\xfe", b"\x5a\xff"),
        efi_store.written(fresh_flash(), [LANG])[:FIRST] + bytes(4096),
    ],
)
def test_what_is_no_flash_or_half_written_is_told(flash: bytes) -> None:
    with pytest.raises(BadConfig):
        efi_store.variables(flash)


def test_a_guest_that_writes_anything_breaks_nothing() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    flash = efi_store.written(fresh_flash(), [LANG, ORDER, SIGNED])

    for _ in range(2000):
        spoilt = bytearray(flash)
        for _ in range(chance.randint(1, 8)):
            spoilt[chance.randrange(FIRST, FIRST + 320)] = chance.randrange(256)
        try:
            found = efi_store.variables(bytes(spoilt))
        except BadConfig:
            continue
        assert len(found) <= 3, seed


@pytest.mark.libvirt
@pytest.mark.parametrize("name", ["OVMF_VARS_4M.fd", "OVMF_VARS_4M.ms.fd"])
def test_the_flash_of_the_firmware_that_is_installed_is_understood(name: str) -> None:
    template = Path("/usr/share/OVMF", name).read_bytes()

    found = efi_store.variables(template)

    assert ("PK" in {each.name for each in found}) is name.endswith(".ms.fd")
    assert efi_store.variables(efi_store.written(template, found)) == found
