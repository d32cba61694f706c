"""Where devices of the host are found that machines are given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.domain.machines import CAMERA, CARD, SOUND, STICK
from xapid.backends.domain.host_devices import UsbPlace, require_pcis, usb_places
from xapid.backends.domain.interface import UsbSpec
from xapid.backends.interface import NotFound


def plugged(tree: Path, usb: UsbSpec, bus: int, device: int) -> None:
    (tree / usb.port).mkdir()
    for name, value in (("idVendor", usb.vendor), ("idProduct", usb.product), ("busnum", bus), ("devnum", device)):
        (tree / usb.port / name).write_text(f"{value}\n")


def test_a_usb_device_has_the_number_that_it_got_when_it_was_plugged_in(tmp_path: Path) -> None:
    plugged(tmp_path, STICK, 1, 7)
    plugged(tmp_path, CAMERA, 2, 113)

    assert usb_places([CAMERA, STICK], tmp_path) == {CAMERA.vusb: UsbPlace(2, 113), STICK.vusb: UsbPlace(1, 7)}


def test_an_empty_port_and_one_with_another_device_are_told(tmp_path: Path) -> None:
    plugged(tmp_path, replace(STICK, product="5591"), 1, 7)

    for each in (STICK, CAMERA):
        with pytest.raises(NotFound) as error:
            usb_places([each], tmp_path)
        assert error.value.facts == {"vusb": each.vusb}


def test_a_pci_device_has_to_be_in_the_host(tmp_path: Path) -> None:
    (tmp_path / CARD.address).mkdir()

    require_pcis([CARD], tmp_path)
    with pytest.raises(NotFound) as error:
        require_pcis([CARD, SOUND], tmp_path)

    assert error.value.facts == {"pci": SOUND.address}
