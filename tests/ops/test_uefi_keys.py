"""Whose keys the firmware of a machine with UEFI keeps, and whether it checks what it boots by them."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from tests.conftest import FreshHost
from tests.machines import Workshop
from tests.xapi import Xapi
from xapid.backends.domain.interface import SECURE_BOOT_KEYS, EfiVariable
from xapid.backends.host import uefi
from xapid.rules.nvram import recorded, text_of

UEFI = {"firmware": "uefi"}
ORDER = EfiVariable("BootOrder", SECURE_BOOT_KEYS["PK"], b"\1\0", 0x7)


def keys(*names: str) -> tuple[EfiVariable, ...]:
    return tuple(EfiVariable(name, SECURE_BOOT_KEYS[name], b"theirs", 0x27) for name in names)


@pytest.fixture
async def pool_keys(fresh: FreshHost, pool: str) -> None:
    """The pool has certificates of its own."""
    config = fresh.runtime.config
    fresh.runtime.config = replace(config, guests=replace(config.guests, custom_uefi_certificates=True))
    signed = bytes(16) + struct.pack("<I", 8) + b"sign" + b"ours"
    files = {f"{name}.auth": signed for name in ("PK", "KEK", "db")}
    await fresh.xapi.pool.set_custom_uefi_certificates(pool, uefi.packed(files))


@pytest.mark.parametrize(
    "secureboot, kept, readiness",
    [
        ("false", keys("PK", "KEK", "db", "dbx"), "disabled"),
        ("true", (), "first_boot"),
        ("true", (ORDER,), "setup_mode"),
        ("true", keys("PK", "db"), "certs_incomplete"),
        ("true", keys("PK", "KEK", "db"), "ready_no_dbx"),
        ("true", keys("PK", "KEK", "db", "dbx"), "ready"),
    ],
)
async def test_it_is_told_what_a_machine_lacks_for_secure_boot(
    workshop: Workshop, xapi: Xapi, secureboot: str, kept: tuple[EfiVariable, ...], readiness: str
) -> None:
    nvram = {"EFI-variables": text_of(kept)} if kept else {}
    vm = await workshop.vm(HVM_boot_params=UEFI, platform={"secureboot": secureboot}, NVRAM=nvram)

    assert await xapi.VM.get_secureboot_readiness(vm) == readiness


@pytest.mark.usefixtures("pool_keys")
async def test_a_machine_is_given_the_keys_of_its_pool_and_gives_them_up(workshop: Workshop, xapi: Xapi) -> None:
    nvram = {"EFI-variables": text_of((ORDER, *keys("PK", "dbx")))}
    vm = await workshop.vm(HVM_boot_params=UEFI, platform={"secureboot": "auto"}, NVRAM=nvram)

    assert await xapi.VM.set_uefi_mode(vm, "user") == ""
    owned = {each.name: each.data for each in recorded(workshop.row(vm))}
    readiness = await xapi.VM.get_secureboot_readiness(vm)
    await xapi.VM.set_uefi_mode(vm, "setup")

    assert owned == {"BootOrder": ORDER.data, "PK": b"ours", "KEK": b"ours", "db": b"ours"}
    assert readiness == "ready_no_dbx"
    assert recorded(workshop.row(vm)) == (ORDER,)
    assert await xapi.VM.get_secureboot_readiness(vm) == "setup_mode"


@pytest.mark.usefixtures("pool_keys")
async def test_a_firmware_that_runs_is_left_alone(workshop: Workshop, xapi: Xapi) -> None:
    vm = await workshop.vm(HVM_boot_params=UEFI)
    await xapi.VM.start(vm, False, False)

    await xapi.VM.set_uefi_mode(vm, "user")

    assert workshop.row(vm).NVRAM == {}
