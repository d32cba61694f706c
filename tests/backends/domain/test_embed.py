"""The root folder of a libvirt without a daemon."""

from __future__ import annotations

import signal
import subprocess
import sys
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


def test_a_fresh_root_folder_gets_its_settings_and_one_that_was_changed_keeps_them(short_path: Path) -> None:
    settings = short_path / "etc" / "qemu.conf"

    embed.prepare(short_path)
    written = settings.read_text()
    settings.write_text(f"{embed.OURS}\nan older one")
    embed.prepare(short_path)
    renewed = settings.read_text()
    settings.write_text("# mine")
    embed.prepare(short_path)

    assert 'stdio_handler = "file"' in written
    assert renewed == written
    assert settings.read_text() == "# mine"


def kvm(folder: Path, mode: int) -> Path:
    device = folder / "kvm"
    device.touch()
    device.chmod(mode)
    return device


def test_guests_run_as_root_where_others_do_not_come_through(short_path: Path) -> None:
    assert embed.guests_of(short_path, short_path / "none") == embed.Guests(why=f"others may not pass {short_path}")


@pytest.mark.libvirt
@pytest.mark.parametrize("mode, user", [(0o666, "libvirt-qemu"), (0o660, "libvirt-qemu"), (0o600, "root")])
def test_guests_run_as_a_user_of_their_own_if_that_comes_through_to_all(short_path: Path, mode: int, user: str) -> None:
    short_path.chmod(0o711)

    guests = embed.guests_of(short_path / "root", kvm(short_path, mode))

    assert guests.user == user
    assert bool(guests.why) is (user == "root")
    if mode == 0o660:
        assert guests.group == "root"
    hand_over = 1 if user != "root" else 0
    assert f"dynamic_ownership = {hand_over}\n" in embed.text_of(guests)


def test_the_way_is_closed_where_the_first_folder_is(short_path: Path) -> None:
    (short_path / "a" / "b").mkdir(parents=True)
    short_path.chmod(0o711)
    assert embed.closed_to_others(short_path / "a" / "b" / "not there yet") is None

    (short_path / "a").chmod(0o710)

    assert embed.closed_to_others(short_path / "a" / "b") == short_path / "a"


def test_a_root_folder_too_deep_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as error:
        embed.prepare(tmp_path / ("x" * 60))

    assert error.value.facts == {"key": "libvirt_uri"}


def probe(root: Path) -> subprocess.Popen[bytes]:
    """What stands for a QEMU that is asked what it can do."""
    monitor = root / "lib" / "qemu" / "qmp-AB12Y3" / "qmp.monitor"
    monitor.parent.mkdir(parents=True)
    monitor.touch()
    (root / "run" / "qemu").mkdir(parents=True)
    (root / "run" / "qemu" / "driver.pid").touch()
    return subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()", f"unix:{monitor},server=on"])


def test_a_qemu_that_was_being_asked_what_it_can_do_when_its_driver_was_killed_is_ended(tmp_path: Path) -> None:
    with probe(tmp_path / "ours") as left, probe(tmp_path / "theirs") as other:
        embed.clear_wreckage(tmp_path / "ours")

        assert left.wait() == -signal.SIGKILL
        assert other.poll() is None
        other.kill()
    assert list((tmp_path / "ours" / "lib" / "qemu").iterdir()) == []
    assert [path.name for path in (tmp_path / "theirs" / "lib" / "qemu").iterdir()] == ["qmp-AB12Y3"]
