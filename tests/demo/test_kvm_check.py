"""KVM counts only if a guest boots on it. QEMU is played by small programs here."""

from collections.abc import Callable
from pathlib import Path

import pytest

from xapid.demo.build import DemoGuest
from xapid.demo.kvm_check import KvmVerdict, kvm_usable

Program = Callable[[str, str], Path]
DEMO = DemoGuest(Path("/kernel"), Path("/initrd"))
BOOTS = "echo 'Linux version 6.1'; echo 'xapid demo guest: ready none'; exec sleep 100"


@pytest.fixture
def check(tmp_path: Path, program: Program) -> Callable[..., KvmVerdict]:
    """Checks with a device that opens, and a QEMU whose guest does what the shell line says."""
    device = tmp_path / "kvm"
    device.touch()

    def run(guest: str, version: str = "QEMU 1", timeout: float = 30.0, device: Path = device) -> KvmVerdict:
        text = (
            f'#!/bin/sh\n[ "$1" = --version ] && {{ echo "{version}"; exit; }}\necho boot >>{tmp_path}/boots\n{guest}\n'
        )
        qemu = program("qemu", text)
        return kvm_usable(DEMO, tmp_path / "cache", timeout, device=device, qemu=str(qemu))

    return run


def boots(tmp_path: Path) -> int:
    log = tmp_path / "boots"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_kvm_on_which_the_guest_gets_ready_is_usable(check: Callable[..., KvmVerdict]) -> None:
    verdict = check(BOOTS)

    assert verdict.usable
    assert verdict.reason.startswith("a guest booted on it in ")


@pytest.mark.parametrize(
    "guest, reason",
    [
        ("exec sleep 100", "a guest on it printed nothing for 0 s"),
        ("echo 'no CPUID' >&2; exec sleep 100", "a guest on it printed nothing for 0 s"),
        ("echo Probing; exec sleep 100", "a guest on it stopped after printing: Probing"),
        ("echo 'no MSR' >&2; exit 1", "QEMU ended: no MSR"),
        ("exit 3", "QEMU ended: status 3"),
    ],
)
def test_kvm_on_which_it_does_not_is_not_and_the_reason_is_told(
    check: Callable[..., KvmVerdict], guest: str, reason: str
) -> None:
    assert check(guest, timeout=0.3) == KvmVerdict(False, reason)


def test_the_answer_is_kept(check: Callable[..., KvmVerdict], tmp_path: Path) -> None:
    first = check(BOOTS)

    second = check("exit 1")

    assert second == first
    assert boots(tmp_path) == 1


def test_that_it_hung_is_kept_too(check: Callable[..., KvmVerdict]) -> None:
    first = check("exec sleep 100", timeout=0.3)

    assert check(BOOTS) == first


def test_that_qemu_ended_is_not_kept_for_it_may_have_been_the_moment(check: Callable[..., KvmVerdict]) -> None:
    first = check("echo 'no memory' >&2; exit 1")

    assert not first.usable
    assert check(BOOTS).usable


def test_another_qemu_is_tried_anew(check: Callable[..., KvmVerdict], tmp_path: Path) -> None:
    check(BOOTS, version="QEMU 1")

    check(BOOTS, version="QEMU 2")

    assert boots(tmp_path) == 2


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"made_with": 1}'])
def test_an_answer_that_cannot_be_read_is_found_out_anew(
    check: Callable[..., KvmVerdict], tmp_path: Path, content: str
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/kvm-check.json").write_text(content)

    assert check(BOOTS).usable


def test_without_the_device_nothing_is_booted_and_nothing_kept(
    check: Callable[..., KvmVerdict], tmp_path: Path
) -> None:
    verdict = check(BOOTS, device=tmp_path / "none")

    assert verdict == KvmVerdict(False, f"there is no {tmp_path}/none")
    assert boots(tmp_path) == 0
    assert check(BOOTS).usable


def test_without_qemu_kvm_is_of_no_use(tmp_path: Path) -> None:
    device = tmp_path / "kvm"
    device.touch()

    verdict = kvm_usable(DEMO, tmp_path, device=device, qemu=str(tmp_path / "none"))

    assert verdict == KvmVerdict(False, f"{tmp_path}/none is not installed")
