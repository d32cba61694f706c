"""Machines with UEFI really boot, and keep what their firmware and TPM keep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.domain.hypervisor import MIB, Hypervisor, SerialLine, serial
from tests.backends.domain.uefi import ARGUMENTS, Signer, boot_variables, uefi_spec
from xapid.backends.domain.interface import Tpm

PATIENCE = 180.0
"""Seconds: emulated firmware alone takes ten, on a machine with nothing else to do."""

pytestmark = [pytest.mark.libvirt, pytest.mark.slow]


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path)


def test_a_machine_with_uefi_and_a_tpm_keeps_what_they_keep_over_suspend_and_stop(real: Hypervisor) -> None:
    driver, image = real.driver, real.image(400 * MIB)
    spec = uefi_spec(real, tpm=Tpm())
    line = real.booted(spec, PATIENCE)
    assert line is not None
    line.send("cat /sys/class/tpm/tpm0/tpm_version_major | sed 's/^/version /'\n")
    assert line.wait_for("version 2") == ""

    driver.suspend(spec.uuid, image)
    kept = driver.kept(spec.uuid)
    assert driver.keeping() == [spec.uuid]
    driver.forget(spec.uuid)
    assert driver.keeping() == []

    assert kept.efi_variables is not None
    assert kept.tpm is not None
    assert {"Boot0007", "BootOrder", "ConOut"} <= {each.name for each in kept.efi_variables}
    domain = driver.resume(replace(spec, efi_variables=kept.efi_variables, tpm=Tpm(kept.tpm)), image, paused=False)
    line = SerialLine(serial(domain))
    real.lines.append(line)
    line.send('echo "meas""ured $(cat /sys/class/tpm/tpm0/pcr-sha256/0)"\n')
    measured = line.wait_for("measured ")
    driver.destroy(spec.uuid)

    assert len(measured) == 64
    assert measured.strip("0")
    left = driver.kept(spec.uuid)
    assert (left.efi_variables, left.tpm) == (kept.efi_variables, kept.tpm)
    driver.forget(spec.uuid)


def test_disks_and_interfaces_are_plugged_into_a_machine_with_uefi(real: Hypervisor) -> None:
    spec = uefi_spec(real)
    line = real.booted(spec, PATIENCE)
    assert line is not None
    disk, nic = real.drive(position=1), real.nic()

    real.driver.attach_disk(spec.uuid, disk)
    assert line.wait_for("disk vdb") == "16 MiB"
    real.driver.attach_nic(spec.uuid, nic)
    assert line.wait_for("nic eth0") == nic.mac
    real.driver.detach_disk(spec.uuid, disk.vbd, False)
    line.wait_for("vdb gone")


def test_secure_boot_starts_what_is_signed_by_a_key_of_the_machine(real: Hypervisor, signer: Signer) -> None:
    assert real.demo is not None
    keys = (*boot_variables(f"{ARGUMENTS} loglevel=6"), *signer.variables())
    spec = uefi_spec(real, signer.signed(real.demo.kernel), secure_boot=True, efi_variables=keys)
    line = real.booted(spec, PATIENCE)
    assert line is not None

    line.send("dmesg | grep -i secureboot\n")

    assert "enabled" in line.wait_for("secureboot:")


def test_secure_boot_refuses_what_is_not(real: Hypervisor) -> None:
    """By the keys that come with the firmware, for the machine has none; the kernel's signer is not among them."""
    spec = uefi_spec(real, secure_boot=True)
    domain = real.driver.start(spec, paused=True)
    line = SerialLine(serial(domain))
    real.lines.append(line)

    real.driver.unpause(spec.uuid)

    line.wait_for("Access Denied", PATIENCE)
