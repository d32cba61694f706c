"""Every driver that keeps volumes, each with an empty repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backends.storage.rig import Rig, repository
from xapid.backends.storage.file import File
from xapid.backends.storage.interface import StorageDriver
from xapid.backends.storage.sim import Sim


def made(name: str) -> StorageDriver:
    return Sim("file") if name == "sim" else File()


@pytest.fixture(params=["sim", "file"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    return repository(made(request.param), tmp_path / "sr")


@pytest.fixture(params=["sim", pytest.param("file", marks=pytest.mark.libvirt)])
def rig_with_tools(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    """The same for calls in which a driver runs qemu-img."""
    return repository(made(request.param), tmp_path / "sr")


@pytest.fixture
def file_rig(tmp_path: Path) -> Rig:
    return repository(File(), tmp_path / "sr")
