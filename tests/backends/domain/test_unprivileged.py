"""Guests that run as a user of their own, as they do on a host whose KVM and folders are open to that user."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import known_qemu
from tests.backends.domain.child import Child
from tests.backends.domain.hypervisor import MIB, Hypervisor, process_of, user_of
from tests.backends.domain.uefi import uefi_spec
from tests.demo_guest import CACHE
from tests.qemu_daemon import end_emulators
from xapid.backends.domain import embed
from xapid.backends.domain.interface import Tpm

pytestmark = [
    pytest.mark.libvirt,
    pytest.mark.slow,
    pytest.mark.skipif(embed.closed_to_others(CACHE) is not None, reason="others do not come through to the guest"),
]
GUESTS = embed.Guests(embed.GUEST_USER, embed.GUEST_USER, embed.TPM_USER)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="xd-") as name:
        known_qemu.hand_over(Path(name, "root"))
        settings = Path(name, "root", "etc", "qemu.conf")
        settings.parent.mkdir(parents=True)
        settings.write_text(embed.text_of(GUESTS).removeprefix(embed.OURS))
        Path(name).chmod(0o711)
        yield Path(name)
        end_emulators(Path(name))


def with_open_kvm(folder: Path) -> tuple[str, ...]:
    """Words before a command that may open KVM, whoever it runs as; where this host has none, it does without.

    KVM is not used. But where it is closed to who runs guests, libvirt asks QEMU anew at each step what it can do.
    """
    if not embed.KVM.exists():
        return ()
    node = folder / "kvm"
    os.mknod(node, stat.S_IFCHR, embed.KVM.stat().st_rdev)
    node.chmod(0o666)
    return "unshare", "--mount", "sh", "-c", f'mount --bind "$0" {embed.KVM}; exec "$@"', str(node)


def test_a_guest_of_another_user_does_all_that_others_do(real: Hypervisor, folder: Path) -> None:
    shop = replace(real, folder=folder, started=[], lines=[])
    driver, disk, plugged, image = (
        Child(folder, with_open_kvm(folder)),
        shop.drive(),
        shop.drive(position=1),
        shop.image(200 * MIB),
    )
    changes = {"disks": (disk,), "nics": (shop.nic(),), "xenstore_data": {"vm-data/a": "b"}}
    spec = uefi_spec(shop, tpm=Tpm(), **changes)

    driver.ask("start", spec, True)
    user = user_of(process_of(folder / "root", spec.uuid))
    driver.ask("attach_disk", spec.uuid, plugged)
    driver.ask("suspend", spec.uuid, image)
    kept = driver.ask("kept", spec.uuid)
    back = driver.ask("resume", replace(spec, tpm=Tpm(kept.tpm)), image, True)
    driver.ask("destroy", spec.uuid)
    driver.kill()

    assert user == embed.GUEST_USER
    assert kept.tpm
    assert set(back.disks) == {disk.vbd, plugged.vbd}
    assert disk.disk is not None
    assert Path(disk.disk.path).stat().st_uid == 0
