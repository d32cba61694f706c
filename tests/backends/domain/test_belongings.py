"""What machines keep over a boot, as files of the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backends.domain.flash import fresh_flash
from xapid.backends.domain.belongings import TPM_STATE, Belongings
from xapid.backends.domain.firmware import Firmware
from xapid.backends.domain.interface import DomainKind, DomainSpec, EfiVariable, Tpm

UUID = "5d1f9a3e-0000-4000-8000-000000000009"
LANG = EfiVariable("Lang", "8be4df61-93ca-11d2-aa0d-00e098032b8c", b"en", 0x7)


@pytest.fixture
def belongings(tmp_path: Path) -> Belongings:
    return Belongings(tmp_path / "kept", tmp_path / "tpms", lambda: None)


@pytest.fixture
def uefi(tmp_path: Path) -> Firmware:
    (tmp_path / "vars.fd").write_bytes(fresh_flash())
    return Firmware(tmp_path / "code.fd", tmp_path / "vars.fd", secure=False)


def spec(tpm: Tpm | None = None, *variables: EfiVariable) -> DomainSpec:
    return DomainSpec(UUID, "one", DomainKind.hvm, 1 << 28, 1 << 28, 1, 1, tpm=tpm, efi_variables=variables)


def test_a_machine_finds_what_it_had(belongings: Belongings, uefi: Firmware, tmp_path: Path) -> None:
    belongings.bring(spec(Tpm(b"state"), LANG), uefi)

    assert belongings.variables(UUID) == (LANG,)
    assert belongings.tpm(UUID) == b"state"
    assert (tmp_path / "tpms" / UUID / TPM_STATE).stat().st_mode & 0o077 == 0
    assert belongings.flash(UUID).stat().st_mode & 0o077 == 0
    assert belongings.owners() == {UUID}


def test_a_new_tpm_is_left_to_be_made(belongings: Belongings, tmp_path: Path) -> None:
    belongings.bring(spec(Tpm()), None)

    assert belongings.tpm(UUID) is None
    assert not (tmp_path / "tpms").exists()


def test_what_was_there_before_goes(belongings: Belongings, uefi: Firmware) -> None:
    belongings.bring(spec(Tpm(b"old"), LANG), uefi)

    belongings.bring(spec(), None)

    assert (belongings.variables(UUID), belongings.tpm(UUID), belongings.owners()) == (None, None, set())


def test_the_tpm_of_a_machine_that_is_not_ours_stays(belongings: Belongings, tmp_path: Path) -> None:
    theirs = tmp_path / "tpms" / UUID / TPM_STATE
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")

    belongings.forget(UUID)

    assert theirs.read_bytes() == b"theirs"
    assert belongings.tpm(UUID) is None
    assert belongings.owners() == set()
