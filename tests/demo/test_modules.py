"""Which kernel modules the demo guest gets, and in which order."""

import lzma
from pathlib import Path

import pytest

from xapid.demo.modules import dependencies, in_load_order


def module(depends: str) -> bytes:
    return b"\x7fELF code" + b"\0license=GPL\0depends=" + depends.encode() + b"\0name=x\0"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, depends in {
        "drivers/virtio/virtio_pci.ko": "virtio,virtio_ring",
        "drivers/virtio/virtio_ring.ko": "virtio",
        "drivers/virtio/virtio.ko": "",
        "drivers/net/xen-netfront.ko": "net-failover",
        "drivers/net/net_failover.ko": "",
        "fs/other.ko": "virtio",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(module(depends))
    return tmp_path


def test_what_a_module_needs_comes_before_it_and_once(tree: Path) -> None:
    assert list(in_load_order(tree, ["virtio_pci", "virtio_ring"])) == ["virtio", "virtio_ring", "virtio_pci"]


def test_a_dash_and_an_underscore_are_the_same_in_a_name(tree: Path) -> None:
    assert list(in_load_order(tree, ["xen_netfront"])) == ["net_failover", "xen_netfront"]


def test_a_module_that_the_kernel_has_built_in_is_left_out(tree: Path) -> None:
    assert list(in_load_order(tree, ["atkbd", "virtio"])) == ["virtio"]


def test_a_compressed_module_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "evdev.ko.xz").write_bytes(lzma.compress(module("")))

    assert in_load_order(tmp_path, ["evdev"]) == {"evdev": module("")}


@pytest.mark.parametrize(
    "data, found",
    [
        (module("a,b-c"), ("a", "b_c")),
        (module(""), ()),
        (b"nothing of the kind", ()),
        (b"\0softdepends=x\0depends=y\0", ("y",)),
    ],
)
def test_a_module_says_itself_what_it_needs(data: bytes, found: tuple[str, ...]) -> None:
    assert dependencies(data) == found
