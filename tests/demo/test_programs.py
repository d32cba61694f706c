"""Programs are packed with the libraries that they are linked with."""

import re
import sys
from pathlib import Path

import pytest

from tests.demo.conftest import Mirror, needs_dpkg
from xapid.demo.packages import PackageError, Packages
from xapid.demo.programs import needed, pattern_of, with_libraries


@pytest.mark.parametrize(
    "library, package",
    [
        ("libglib-2.0.so.0", "libglib2.0-0"),
        ("libglib-2.0.so.0", "libglib2.0-0t64"),
        ("libpcre2-8.so.0", "libpcre2-8-0"),
        ("libc.so.6", "libc6"),
        ("libudev.so.1", "libudev1"),
    ],
)
def test_a_library_is_in_the_package_that_is_called_after_it(library: str, package: str) -> None:
    assert re.fullmatch(pattern_of(library), package)
    assert not re.fullmatch(pattern_of(library), f"{package}-dev")


def test_a_program_names_the_libraries_that_it_needs() -> None:
    assert "libc.so.6" in needed(Path(sys.executable).resolve().read_bytes())
    assert needed(b"#!/bin/sh\n") == []


@needs_dpkg
def test_a_program_without_libraries_comes_alone(tmp_path: Path, mirror: Mirror) -> None:
    with Packages(tmp_path / "packages") as packages:
        found = with_libraries(packages, "qemu-guest-agent", "qemu-ga", tmp_path / "unpacked")

    assert found == {"qemu-ga": b"the agent"}


@needs_dpkg
def test_a_library_that_no_package_has_is_named(tmp_path: Path, mirror: Mirror) -> None:
    mirror.add("linked", {"bin/linked": Path(sys.executable).resolve().read_bytes()})

    with Packages(tmp_path / "packages") as packages, pytest.raises(PackageError, match="depends on nothing like"):
        with_libraries(packages, "linked", "linked", tmp_path / "unpacked")
