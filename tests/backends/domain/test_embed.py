"""The root folder of a libvirt without a daemon."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from xapid.backends.domain import embed
from xapid.backends.interface import BadConfig


@pytest.mark.parametrize("folder", ["/var/lib/xapid/libvirt", "/home/a user/50% & more?/libvirt"])
def test_the_address_of_a_root_folder_can_be_read_back(folder: str) -> None:
    assert embed.root_of(embed.uri(Path(folder))) == Path(folder)


@pytest.mark.parametrize("uri", ["qemu:///system", "qemu+unix:///system?socket=/run/sock", "test:///default"])
def test_other_addresses_name_no_root_folder(uri: str) -> None:
    assert embed.root_of(uri) is None


def test_an_embedded_libvirt_without_a_root_folder_is_refused() -> None:
    with pytest.raises(BadConfig):
        embed.root_of("qemu:///embed")


@pytest.fixture
def short_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="xd-") as name:
        yield Path(name)


def test_a_fresh_root_folder_gets_its_settings_and_an_old_one_keeps_them(short_path: Path) -> None:
    settings = short_path / "etc" / "qemu.conf"

    embed.prepare(short_path)
    written = settings.read_text()
    settings.write_text("# mine")
    embed.prepare(short_path)

    assert 'stdio_handler = "file"' in written
    assert settings.read_text() == "# mine"


def test_a_root_folder_too_deep_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as error:
        embed.prepare(tmp_path / ("x" * 60))

    assert error.value.facts == {"key": "libvirt_uri"}
