"""Which UEFI firmware a host has, and with which keys a machine starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.backends.domain.flash import fresh_flash
from xapid.backends.domain import efi_store
from xapid.backends.domain.firmware import SWITCH, find, flash
from xapid.backends.domain.interface import SECURE_BOOT_KEYS, EfiVariable
from xapid.backends.interface import NotSupported

SECURE = ["acpi-s3", "requires-smm", "secure-boot"]


def key(name: str, data: bytes = b"theirs") -> EfiVariable:
    return EfiVariable(name, SECURE_BOOT_KEYS[name], data, 0x27)


SHIPPED = (key("PK"), key("KEK"), key("db"), EfiVariable("Timeout", SECURE_BOOT_KEYS["PK"], b"\0\0", 0x7))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With firmware of each kind, described as a distribution does."""
    (tmp_path / "plain.fd").write_bytes(b"code")
    (tmp_path / "secure.fd").write_bytes(b"code")
    (tmp_path / "enrolled.fd").symlink_to("secure.fd")
    (tmp_path / "vars.fd").write_bytes(fresh_flash())
    (tmp_path / "vars.keys.fd").write_bytes(efi_store.written(fresh_flash(), SHIPPED))
    describe(tmp_path, "40-enrolled", "enrolled.fd", "vars.keys.fd", [*SECURE, "enrolled-keys"])
    describe(tmp_path, "50-secure", "secure.fd", "vars.fd", SECURE)
    describe(tmp_path, "60-plain", "plain.fd", "vars.fd", ["acpi-s3"])
    return tmp_path


def describe(folder: Path, name: str, code: str, template: str, features: list[str], **changes: Any) -> None:
    said = {
        "interface-types": ["uefi"],
        "mapping": {
            "device": "flash",
            "executable": {"filename": str(folder / code), "format": "raw"},
            "nvram-template": {"filename": str(folder / template), "format": "raw"},
        },
        "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}],
        "features": features,
    }
    (folder / f"{name}.json").write_text(json.dumps(said | changes))


def kept_in(flash: bytes) -> dict[str, bytes]:
    return {each.name: each.data for each in efi_store.variables(flash)}


def test_the_firmware_is_as_secure_as_was_asked_for(folder: Path) -> None:
    assert find(False, folder).code == folder / "plain.fd"
    assert find(True, folder).code == folder / "secure.fd"


@pytest.mark.parametrize("secure", [False, True])
def test_without_firmware_it_is_said_what_to_install(tmp_path: Path, secure: bool) -> None:
    (tmp_path / "broken.json").write_text("{")
    describe(tmp_path, "gone", "none.fd", "none.fd", SECURE if secure else [])
    describe(tmp_path, "other", "none.fd", "none.fd", [], targets=[{"architecture": "aarch64", "machines": ["virt"]}])

    with pytest.raises(NotSupported, match="apt-get install ovmf"):
        find(secure, tmp_path)


def test_secure_boot_starts_with_keys_that_were_shipped_where_there_are_none(folder: Path) -> None:
    assert kept_in(flash(find(True, folder), ())) == {
        "PK": b"theirs",
        "KEK": b"theirs",
        "db": b"theirs",
        SWITCH.name: b"\1",
    }


def test_keys_that_are_there_without_an_owner_stay(folder: Path) -> None:
    assert kept_in(flash(find(True, folder), (key("db", b"ours"),)))["db"] == b"ours"


def test_a_machine_with_an_owner_gets_no_keys(folder: Path) -> None:
    own = (key("PK", b"ours"), EfiVariable(SWITCH.name, SWITCH.vendor, b"\0", 0x3))

    assert kept_in(flash(find(True, folder), own)) == {"PK": b"ours", SWITCH.name: b"\1"}


def test_without_secure_boot_keys_are_let_be_and_switched_off(folder: Path) -> None:
    assert kept_in(flash(find(False, folder), (key("PK"), key("db")))) == {
        "PK": b"theirs",
        "db": b"theirs",
        SWITCH.name: b"\0",
    }
    assert kept_in(flash(find(False, folder), (key("db"),))) == {"db": b"theirs"}
