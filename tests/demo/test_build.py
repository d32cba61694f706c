"""The demo guest is found or made, whole or not at all."""

from pathlib import Path

import pytest

from tests.demo.conftest import Mirror, needs_dpkg
from xapid.demo.build import DemoGuestError, ensure, find

pytestmark = needs_dpkg


def test_a_guest_is_made_of_the_packages(tmp_path: Path, mirror: Mirror) -> None:
    guest = ensure(tmp_path / "cache")

    initrd = guest.initrd.read_bytes()
    assert guest.kernel.read_bytes() == b"the kernel"
    assert initrd.index(b"the busybox") < initrd.index(b"xapid demo guest: ready ADDRESS")
    assert initrd.index(b"modules/00-virtio.ko") < initrd.index(b"modules/01-virtio_pci.ko")


def test_a_guest_that_is_there_is_found_without_a_mirror(tmp_path: Path, mirror: Mirror) -> None:
    made = ensure(tmp_path / "cache")
    asked = mirror.asked()

    assert ensure(tmp_path / "cache") == made == find(tmp_path / "cache")
    assert mirror.asked() == asked


def test_a_guest_is_made_again_of_kept_packages_without_a_mirror(tmp_path: Path, mirror: Mirror) -> None:
    made = ensure(tmp_path / "cache")
    first = made.initrd.read_bytes()
    made.initrd.unlink()
    made.initrd.parent.rename(tmp_path / "gone")
    mirror.reachable(False)

    again = ensure(tmp_path / "cache")

    assert again.initrd.read_bytes() == first


def test_without_a_mirror_the_error_says_so_in_one_line_and_leaves_nothing(tmp_path: Path, mirror: Mirror) -> None:
    mirror.reachable(False)

    with pytest.raises(DemoGuestError) as error:
        ensure(tmp_path / "cache")

    assert str(error.value) == (
        "the demo guest's Debian packages cannot be had: apt-get: W: something / E: Could not resolve the mirror"
    )
    assert [path.name for path in (tmp_path / "cache").rglob("*")] == ["packages"]
    assert find(tmp_path / "cache") is None


def test_where_nothing_can_be_written_the_error_names_the_place(tmp_path: Path, mirror: Mirror) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DemoGuestError, match=r"^the demo guest cannot be made in .*/file/cache: .*Not a directory"):
        ensure(tmp_path / "file" / "cache")


def test_fresh_lists_are_fetched_where_the_system_has_none_and_do_not_stay(tmp_path: Path, mirror: Mirror) -> None:
    mirror.system_lists(False)

    ensure(tmp_path / "cache")

    asked = mirror.asked().splitlines()
    assert sum(line.startswith("apt-get update") for line in asked) == 1
    assert not list((tmp_path / "cache").rglob("lists*"))


def test_without_apt_the_error_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DemoGuestError, match="apt-get is not installed; the demo guest is made of Debian packages"):
        ensure(tmp_path / "cache")
