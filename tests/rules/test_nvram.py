"""The variables of a machine's firmware: as they are recorded, and with which keys it starts."""

from __future__ import annotations

import base64
import random
import struct

import pytest

from tests.rules.rows import World
from xapid.backends.domain.interface import SECURE_BOOT_KEYS, EfiVariable
from xapid.datamodel import VM
from xapid.datamodel.errors import INVALID_VALUE
from xapid.rules.nvram import at_start, recorded, secure_boot, text_of

GLOBAL = SECURE_BOOT_KEYS["PK"]
ORDER = EfiVariable("BootOrder", GLOBAL, b"\1\0", 0x7)
OWNED = EfiVariable("PK", GLOBAL, b"mine", 0x27, bytes(range(16)), bytes(range(32)))
ODD = EfiVariable("\ud800é", "00112233-4455-6677-8899-aabbccddeeff", b"", 0x3)


def auth(data: bytes, timestamp: bytes = b"t" * 16, signature: bytes = b"signature") -> bytes:
    """A file with a signed change."""
    return timestamp + struct.pack("<I", 4 + len(signature)) + signature + data


CERTIFICATES = {f"{name}.auth": auth(name.encode()) for name in ("PK", "KEK", "db")}


def machine(world: World, *variables: EfiVariable, on_boot: str = "persist", **platform: str) -> VM:
    nvram = {"EFI-variables-on-boot": on_boot} | ({"EFI-variables": text_of(variables)} if variables else {})
    return world.make(VM, platform=platform, NVRAM=nvram)


def test_what_is_recorded_is_read(world: World) -> None:
    assert recorded(machine(world, ORDER, OWNED, ODD)) == (ORDER, OWNED, ODD)


def test_the_record_is_as_other_hosts_write_it(world: World) -> None:
    """Byte by byte what varstored keeps of one variable."""
    blob = (
        b"VARS" + struct.pack("<IQQ", 1, 1, 104)
        + struct.pack("<Q", 18) + "BootOrder".encode("utf-16-le")
        + struct.pack("<Q", 2) + b"\1\0"
        + bytes.fromhex("61dfe48bca93d211aa0d00e098032b8c") + struct.pack("<I", 7) + bytes(16) + bytes(32)
    )  # fmt: skip

    assert base64.b64decode(text_of([ORDER])) == blob
    assert recorded(world.make(VM, NVRAM={"EFI-variables": base64.encodebytes(blob).decode()})) == (ORDER,)


@pytest.mark.parametrize("text", ["z", "", "VkFSUw==", base64.b64encode(b"VARS" + bytes(20)).decode()])
def test_what_was_never_such_a_record_is_refused(world: World, text: str) -> None:
    vm = world.make(VM, NVRAM={"EFI-variables": text} if text else {})

    if not text:
        assert recorded(vm) == ()
        return
    with pytest.raises(INVALID_VALUE) as error:
        recorded(vm)
    assert error.value.args[0] == "NVRAM['EFI-variables']"


def test_a_spoilt_record_is_refused_or_read_and_breaks_nothing(world: World) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    whole = base64.b64decode(text_of([ORDER, OWNED]))

    for _ in range(500):
        spoilt = bytearray(whole[: chance.randint(0, len(whole))])
        if spoilt:
            spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
        vm = world.make(VM, NVRAM={"EFI-variables": base64.b64encode(spoilt).decode()})
        try:
            assert len(recorded(vm)) <= 2, seed
        except INVALID_VALUE:
            continue


def test_variables_that_are_reset_do_not_outlive_a_boot(world: World) -> None:
    assert at_start(machine(world, ORDER, on_boot="reset"), {}) == ()
    assert at_start(machine(world, ORDER), {}) == (ORDER,)


@pytest.mark.parametrize(
    "platform, files, wanted",
    [
        ({}, CERTIFICATES, False),
        ({"secureboot": "false"}, CERTIFICATES, False),
        ({"secureboot": "true"}, {}, True),
        ({"secureboot": "auto"}, CERTIFICATES, True),
        ({"secureboot": "auto"}, {}, False),
        ({"secureboot": "auto"}, {"db.auth": b""}, False),
    ],
)
def test_secure_boot_is_as_was_asked_for_or_as_the_pool_can(
    world: World, platform: dict[str, str], files: dict[str, bytes], wanted: bool
) -> None:
    assert secure_boot(machine(world, **platform), files) is wanted


def test_with_secure_boot_a_machine_gets_the_keys_of_its_pool(world: World) -> None:
    started = at_start(machine(world, ORDER, secureboot="true"), CERTIFICATES)

    assert started == (
        ORDER,
        *(EfiVariable(name, SECURE_BOOT_KEYS[name], name.encode(), 0x27, b"t" * 16) for name in ("PK", "KEK", "db")),
    )


def test_a_machine_with_an_owner_keeps_its_keys(world: World) -> None:
    assert at_start(machine(world, OWNED, secureboot="true"), CERTIFICATES) == (OWNED,)


@pytest.mark.parametrize("file", [b"", b"short", auth(b""), b"t" * 16 + b"\xff\xff\xff\xff"])
def test_a_file_without_a_key_gives_none(world: World, file: bytes) -> None:
    assert at_start(machine(world, secureboot="true"), {"PK.auth": file}) == ()
