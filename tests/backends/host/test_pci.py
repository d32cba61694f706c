"""PCI devices as Linux tells of them, and as it is told who shall use them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backends.host.machines import XEN, lay_out
from tests.backends.host.test_linux_settings import Commands
from xapid.backends.host.interface import PciAccess, PciDevice
from xapid.backends.host.linux import Linux
from xapid.backends.interface import Failed, InUse, NotFound, NotSupported

NAMES = """# A list of names
8086  Intel Corporation
\t3e98  CoffeeLake-S GT2
10de  NVIDIA Corporation
\t10f8  TU104 HD Audio Controller
\t1eb8  TU104GL [Tesla T4]
\t\t10de 12a2  Tesla T4 16GB
\t\t1028 12a2  A card of another
1028  Dell

C 03  Display controller
\t00  VGA compatible controller
\t\t00  VGA controller
C 04  Multimedia controller
"""


def device(address: str, kind: str, vendor: str, number: str, **more: str) -> dict[str, str | bytes]:
    folder = f"sys/bus/pci/devices/{address}"
    files = {"class": f"0x{kind}", "vendor": f"0x{vendor}", "device": f"0x{number}", **more}
    return {f"{folder}/{name}": f"{text}\n" for name, text in files.items()}


def driven(root: Path, address: str, driver: str) -> None:
    link = root / "sys/bus/pci/devices" / address / "driver"
    link.unlink(missing_ok=True)
    link.symlink_to(f"../../../../bus/pci/drivers/{driver}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A graphics card with its sound, an SSD with a virtual function, a bridge."""
    lay_out(
        tmp_path,
        device("0000:03:00.0", "030000", "10de", "1eb8", subsystem_vendor="0x10de", subsystem_device="0x12a2"),
        device("0000:03:00.1", "040300", "10de", "10f8"),
        device("0000:00:02.0", "030000", "8086", "3e98", boot_vga="1"),
        device("0000:00:1d.0", "010802", "144d", "A808"),
        device("0000:00:1d.4", "010802", "144d", "a808"),
        device("0000:00:1c.0", "060400", "8086", "a338"),
        {"usr/share/misc/pci.ids": NAMES},
    )
    (tmp_path / "sys/bus/pci/devices/0000:00:1d.4/physfn").symlink_to("../0000:00:1d.0")
    driven(tmp_path, "0000:03:00.0", "nouveau")
    return tmp_path


def test_devices_that_matter_are_told_with_their_names(root: Path) -> None:
    found = {each.address: each for each in Linux(root).pci_devices()}

    assert list(found) == ["0000:00:02.0", "0000:00:1d.0", "0000:03:00.0", "0000:03:00.1"]
    assert found["0000:03:00.0"] == PciDevice(
        address="0000:03:00.0",
        class_id="0300",
        class_name="VGA compatible controller",
        vendor_id="10de",
        vendor_name="NVIDIA Corporation",
        device_id="1eb8",
        device_name="TU104GL [Tesla T4]",
        subsystem_vendor_id="10de",
        subsystem_vendor_name="NVIDIA Corporation",
        subsystem_device_id="12a2",
        subsystem_device_name="Tesla T4 16GB",
        driver="nouveau",
        dependencies=("0000:03:00.1",),
        is_display=True,
    )
    sound = found["0000:03:00.1"]
    assert (sound.class_name, sound.device_name) == ("Multimedia controller", "TU104 HD Audio Controller")
    assert (sound.dependencies, sound.driver, sound.is_display) == (("0000:03:00.0",), "", False)
    assert found["0000:00:02.0"].shows_console
    assert (found["0000:00:1d.0"].device_id, found["0000:00:1d.0"].dependencies) == ("a808", ())


def test_without_a_list_of_names_there_are_numbers_alone(root: Path) -> None:
    (root / "usr/share/misc/pci.ids").unlink()

    found = Linux(root).pci_devices()

    assert {(each.class_name, each.vendor_name, each.device_name) for each in found} == {("", "", "")}
    assert found[0].vendor_id == "8086"


def test_a_machine_without_pci_has_no_devices(tmp_path: Path) -> None:
    assert Linux(tmp_path).pci_devices() == ()


@pytest.mark.parametrize("machine, keeper, module", [({}, "vfio-pci", "vfio-pci"), (XEN, "pciback", "xen-pciback")])
def test_a_device_is_kept_for_guests_from_the_next_boot_on(
    root: Path, machine: dict[str, str | bytes], keeper: str, module: str
) -> None:
    linux = Linux(lay_out(root, machine))
    rules = root / "etc/udev/rules.d/10-xapid-pci.rules"
    modules = root / "etc/modules-load.d/xapid-pci.conf"
    found = [linux.pci_access("0000:03:00.0")]

    linux.set_pci_access("0000:03:00.1", False)
    linux.set_pci_access("0000:03:00.0", False)
    linux.set_pci_access("0000:03:00.0", False)
    written = rules.read_text().splitlines()
    found.append(linux.pci_access("0000:03:00.0"))
    driven(root, "0000:03:00.0", keeper)  # The boot.
    found.append(linux.pci_access("0000:03:00.0"))
    linux.set_pci_access("0000:03:00.0", True)
    found.append(linux.pci_access("0000:03:00.0"))

    assert found == [PciAccess(True, True), PciAccess(True, False), PciAccess(False, False), PciAccess(False, True)]
    assert len(written) == 2
    assert written[0] == (
        f'ACTION=="add", SUBSYSTEM=="pci", KERNEL=="0000:03:00.0", ATTR{{driver_override}}="{keeper}"'
    )
    assert modules.read_text() == f"{module}\n"
    assert linux.pci_access("0000:03:00.1").host_next is False
    linux.set_pci_access("0000:03:00.1", True)
    assert (rules.exists(), modules.exists()) == (False, False)


def test_what_the_kernel_was_told_to_hide_stays_hidden(root: Path) -> None:
    linux = Linux(lay_out(root, {"proc/cmdline": "root=LABEL=x xen-pciback.hide=(0000:03:00.0)(0000:03:00.1) ro\n"}))

    assert linux.pci_access("0000:03:00.1").host_next is False
    with pytest.raises(NotSupported):
        linux.set_pci_access("0000:03:00.1", True)


@pytest.mark.parametrize("address", ["0000:09:00.0", "", "../devices/0000:03:00.0", '0000:03:00.0"', "0000:03:00.0\n"])
def test_a_device_that_is_not_there_is_not_found(root: Path, address: str) -> None:
    with pytest.raises(NotFound):
        Linux(root).set_pci_access(address, False)

    assert not (root / "etc").exists()


def mounted(root: Path, line: str, **links: str) -> None:
    """How / is mounted, and where links of block devices lead."""
    mounts = f"22 1 0:5 / /proc rw - proc proc rw\n{line}\n"
    lay_out(root, {"proc/self/mountinfo": mounts})
    for name, target in links.items():
        link = root / "sys" / name.replace("__", "/").replace("_", ":")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)


def test_the_device_that_the_system_is_on_stays_with_the_host(root: Path) -> None:
    disk = "../../devices/pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1/nvme0n1p2"
    mounted(root, "29 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw", dev__block__259_2=disk)

    with pytest.raises(InUse) as error:
        Linux(root).set_pci_access("0000:00:1d.0", False)

    assert error.value.facts == {"device": "/dev/nvme0n1p2"}
    Linux(root).set_pci_access("0000:03:00.0", False)


def test_below_volumes_the_disk_is_found_too(root: Path) -> None:
    mounted(root, "29 1 0:31 /root / rw - btrfs /dev/mapper/vg-root rw")
    block = root / "sys/class/block"
    (root / "sys/devices/virtual/block/dm-0/slaves/nvme0n1").mkdir(parents=True)
    block.mkdir(parents=True)
    (block / "vg-root").symlink_to("../../devices/virtual/block/dm-0")
    (block / "nvme0n1").symlink_to("../../devices/pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1")

    with pytest.raises(InUse):
        Linux(root).set_pci_access("0000:00:1d.0", False)


# --- One card that becomes several ------------------------------------------------------------------

CARD = "0000:03:00.0"
FOLDER = f"sys/bus/pci/devices/{CARD}"


@pytest.fixture
def commands() -> Commands:
    return Commands()


def test_a_card_of_nvidia_is_given_its_driver_and_shared(root: Path, commands: Commands) -> None:
    lay_out(
        root,
        {f"{FOLDER}/sriov_numvfs": "0\n", "usr/lib/nvidia/sriov-manage": "", "sys/bus/pci/drivers/nvidia/bind": ""},
    )
    (root / FOLDER / "driver").unlink()

    Linux(root, commands).share_nvidia_card(CARD, True)

    assert (root / "sys/bus/pci/drivers/nvidia/bind").read_text() == CARD
    assert commands.run == [f"/usr/lib/nvidia/sriov-manage -e {CARD}"]


def test_a_card_is_taken_from_another_driver(root: Path, commands: Commands) -> None:
    lay_out(root, {f"{FOLDER}/sriov_numvfs": "16\n", "sys/bus/pci/drivers/nvidia/bind": ""})
    other = root / "sys/bus/pci/drivers/vfio-pci"
    lay_out(root, {"sys/bus/pci/drivers/vfio-pci/unbind": ""})
    (root / FOLDER / "driver").unlink()
    (root / FOLDER / "driver").symlink_to(other)

    Linux(root, commands).share_nvidia_card(CARD, True)

    assert (other / "unbind").read_text() == CARD
    assert commands.run == []  # It is shared already.


def test_a_card_is_one_again(root: Path, commands: Commands) -> None:
    lay_out(root, {f"{FOLDER}/sriov_numvfs": "16\n", "usr/lib/nvidia/sriov-manage": ""})
    driven(root, CARD, "nvidia")

    Linux(root, commands).share_nvidia_card(CARD, False)

    assert commands.run == [f"/usr/lib/nvidia/sriov-manage -d {CARD}"]


def test_a_card_without_virtual_functions_is_left_alone(root: Path, commands: Commands) -> None:
    with pytest.raises(NotSupported):
        Linux(root, commands).share_nvidia_card(CARD, True)
    with pytest.raises(NotFound):
        Linux(root, commands).share_nvidia_card("0000:09:00.0", True)

    assert commands.run == []


def test_without_the_program_of_the_driver_a_card_is_not_shared(root: Path, commands: Commands) -> None:
    lay_out(root, {f"{FOLDER}/sriov_numvfs": "0\n"})
    driven(root, CARD, "nvidia")

    with pytest.raises(Failed):
        Linux(root, commands).share_nvidia_card(CARD, True)


def test_for_cards_of_amd_a_driver_is_loaded(root: Path, commands: Commands) -> None:
    Linux(root, commands).share_amd_cards()

    assert commands.run == ["modprobe -- gim"]
