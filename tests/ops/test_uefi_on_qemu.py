"""A machine with UEFI and a TPM on QEMU, through the whole daemon: what they keep gets into its records and back."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.backends.domain.hypervisor import within
from tests.console_client import LIMIT, serial_line
from tests.daemon import Client
from tests.qemu_daemon import QemuDaemon, new_guest, qemu_daemon

pytestmark = [pytest.mark.slow, pytest.mark.libvirt]

FIRMWARE_IS_UP = "\x1b[2J"
"""It clears its screens, of which the serial line is one, once it has found them and noted them down."""


@pytest.fixture(scope="module")
def daemon() -> Iterator[QemuDaemon]:
    with qemu_daemon() as daemon:
        yield daemon


@pytest.fixture
def vm(client: Client) -> str:
    """A machine of the demo guest's size, which boots from its disk by UEFI, off."""
    vm = new_guest(client, "modern")
    client.call("VM.set_domain_type", vm, "hvm")
    client.call("VM.set_HVM_boot_params", vm, {"firmware": "uefi", "order": "c"})
    client.call("VTPM.create", vm, False)
    return vm


def run_firmware(daemon: QemuDaemon, client: Client, vm: str) -> None:
    """Start the machine, and switch it off once its firmware is up."""
    client.call("VM.start", vm, False, False)
    with serial_line(daemon.socket, client, vm) as line:
        line.wait_for(FIRMWARE_IS_UP)
    client.call("VM.hard_shutdown", vm)


def kept(client: Client, vm: str) -> tuple[bytes, bytes]:
    """Variables of the firmware, and what the TPM keeps."""
    variables = base64.b64decode(client.call("VM.get_NVRAM", vm)["EFI-variables"])
    (vtpm,) = client.call("VM.get_VTPMs", vm)
    return variables, base64.b64decode(client.call("VTPM.get_contents", vtpm))


def test_what_firmware_and_tpm_keep_is_recorded_copied_and_started_with(
    daemon: QemuDaemon, client: Client, vm: str
) -> None:
    run_firmware(daemon, client, vm)
    variables, tpm = kept(client, vm)
    copy = client.call("VM.clone", vm, "copy")
    run_firmware(daemon, client, copy)

    assert variables.startswith(b"VARS\1\0\0\0")
    assert "ConOut".encode("utf-16-le") in variables
    assert tpm
    # Its firmware went on from the same, and its TPM is the same one.
    assert "ConOut".encode("utf-16-le") in kept(client, copy)[0]
    assert len(kept(client, copy)[1]) == len(tpm)
    assert list((daemon.directory / "state" / "kept").iterdir()) == []
    for each in (vm, copy):
        client.call("VM.destroy", each)


def test_a_daemon_that_was_killed_records_what_a_guest_left_meanwhile(
    daemon: QemuDaemon, client: Client, vm: str
) -> None:
    client.call("VM.start", vm, False, False)
    with serial_line(daemon.socket, client, vm) as line:
        line.wait_for(FIRMWARE_IS_UP)
    daemon.kill()
    daemon.end_guests()

    daemon.start()

    with closing(daemon.client()) as again:
        assert within(LIMIT, lambda: again.call("VM.get_power_state", vm) == "Halted")
        assert kept(again, vm)[0].startswith(b"VARS")
        again.call("VM.destroy", vm)
