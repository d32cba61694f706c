"""Every driver that keeps volumes, each with an empty repository."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.backends.storage.file_servers import ADDRESS, PASSWORD, USER, servers
from tests.backends.storage.loop_device import loop_device
from tests.backends.storage.loop_groups import LoopGroups
from tests.backends.storage.plugin_rig import PLUGINS, rig_of, served
from tests.backends.storage.rig import MIB, Rig, fresh, repository
from xapid.backends.interface import BackendError
from xapid.backends.storage import block_devices
from xapid.backends.storage.dummy import Dummy
from xapid.backends.storage.ext import Ext
from xapid.backends.storage.file import File
from xapid.backends.storage.interface import Sr, StorageDriver
from xapid.backends.storage.lvm import Lvm
from xapid.backends.storage.mounts import Mounts
from xapid.backends.storage.nfs import Nfs
from xapid.backends.storage.sim import Sim
from xapid.backends.storage.smb import Smb

CHANGES = "write,pwrite64,pwritev,pwritev2,ftruncate,fallocate,fdatasync,fsync"
"""System calls by which a file becomes another."""


@contextmanager
def made(name: str, folder: Path) -> Iterator[Rig]:
    """A repository of a driver, with all of it below a folder."""
    match name:
        case "sim":
            yield repository(Sim("file"), folder / "sr")
        case "file":
            yield repository(File(), folder / "sr")
        case "dummy":
            driver = Dummy(folder)
            sr = Sr(fresh(), "dummy")
            driver.create_sr(sr, 0)
            driver.attach_sr(sr)
            yield Rig(driver, sr, leftover=(folder / "dummy" / sr.uuid).exists, step=512)
        case "ext":
            with loop_device(folder / "disk", 256 * MIB) as device:
                driver = Ext(mounts=Mounts(folder / "mounts"))
                sr = Sr(fresh(), "ext", {"device": str(device)})
                driver.create_sr(sr, 0)
                driver.attach_sr(sr)
                try:
                    yield Rig(driver, sr, "device", "/dev/nowhere", "91", partial(block_devices.signature, device))
                finally:
                    with suppress(BackendError):  # Of tests that made no more of it.
                        driver.detach_sr(sr)
        case "ext-joined-loop":
            groups = LoopGroups(folder, 256 * MIB)
            yield from _joined(Ext(mounts=Mounts(folder / "mounts"), commands=lambda devices: groups), folder)
            groups.tidy()
        case "ext-joined":
            yield from _joined(Ext(mounts=Mounts(folder / "mounts")), folder)
        case "example" | "example3":
            yield rig_of(name, folder)
        case "lvm-loop" | "lvm-thin-loop":
            groups = LoopGroups(folder, 64 * 1024 * MIB)
            driver = Lvm(place=folder / "opened", commands=lambda devices: groups)
            try:
                with loop_device(folder / "disk", 16 * MIB) as device:
                    yield _on_devices(driver, device, "thin" if "thin" in name else "thick")
            finally:
                groups.tidy()
        case "lvm":
            driver = Lvm(place=folder / "opened")
            with loop_device(folder / "disk", 64 * 1024 * MIB) as device:
                rig = _on_devices(driver, device, "thick")
                try:
                    yield rig
                finally:
                    with suppress(BackendError):
                        driver.detach_sr(rig.sr)
        case "nfs":
            config = {"server": ADDRESS, "serverpath": servers.folder}
            yield from _exported(Nfs(mounts=Mounts(folder / "mounts")), config, "serverpath", "/nowhere", "73")
        case "smb":
            config = {"server": servers.share, "username": USER, "password": PASSWORD}
            yield from _exported(Smb(mounts=Mounts(folder / "mounts")), config, "server", rf"\\{ADDRESS}\x", "111")


def _on_devices(driver: Lvm, device: Path, allocation: str) -> Rig:
    sr = Sr(fresh(), "lvm", {"device": str(device)}, {"allocation": allocation})
    driver.create_sr(sr, 0)
    driver.attach_sr(sr)
    return Rig(driver, sr, "device", "/dev/nowhere", "91", partial(block_devices.signature, device), step=2 * MIB)


def _joined(driver: Ext, folder: Path) -> Iterator[Rig]:
    """Its file system lies on two devices."""
    with loop_device(folder / "disk", 128 * MIB) as first, loop_device(folder / "second", 128 * MIB) as second:
        sr = Sr(fresh(), "ext", {"device": f"{first},{second}"})
        driver.create_sr(sr, 0)
        driver.attach_sr(sr)
        try:
            yield Rig(driver, sr, "device", "/dev/nowhere,/dev/null", "91", partial(block_devices.signature, second))
        finally:
            with suppress(BackendError):
                driver.detach_sr(sr)


def _exported(driver: StorageDriver, config: dict[str, str], key: str, away: str, code: str) -> Iterator[Rig]:
    sr = Sr(fresh(), driver.info.name, config)
    driver.create_sr(sr, 0)
    driver.attach_sr(sr)
    try:
        yield Rig(driver, sr, key, away, code, lambda: Path(servers.folder, sr.uuid).exists())
    finally:
        with suppress(BackendError):
            driver.detach_sr(sr)


@pytest.fixture(scope="session", autouse=True)
def _servers_end() -> Iterator[None]:
    yield
    servers.stop()
    served.stop()


EXT = pytest.param("ext", marks=pytest.mark.root)
"""It mounts."""
JOINED = [
    pytest.param("ext-joined-loop", marks=pytest.mark.root),
    pytest.param("ext-joined", marks=[pytest.mark.spare, pytest.mark.root]),
]
"""The same on several devices."""
LOOPS = [pytest.param(each, marks=pytest.mark.root) for each in ("lvm-loop", "lvm-thin-loop")]
GROUPS = pytest.param("lvm", marks=[pytest.mark.spare, pytest.mark.root])
"""On device-mapper."""
SERVED = [pytest.param(each, marks=[pytest.mark.spare, pytest.mark.root]) for each in ("nfs", "smb")]
"""On servers."""
TOOLS = [pytest.param(each, marks=pytest.mark.libvirt) for each in ("file", "dummy")]
"""Where QEMU's are needed."""


@pytest.fixture(params=["sim", "file", "dummy", EXT, *LOOPS, GROUPS, *SERVED])
def own_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """Those of our own, whose volumes have the uuid that they are given, and inner nodes."""
    with made(request.param, tmp_path) as rig:
        yield rig


@pytest.fixture(params=["sim", "file", "dummy", EXT, *JOINED, *LOOPS, GROUPS, *SERVED, *PLUGINS])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with made(request.param, tmp_path) as rig:
        yield rig


@pytest.fixture(params=["sim", "file", EXT, *JOINED, *LOOPS, GROUPS, *SERVED, *PLUGINS])
def placed_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """The same of those whose configuration says where they are."""
    with made(request.param, tmp_path) as rig:
        yield rig


@pytest.fixture(
    params=["sim", *TOOLS, EXT, *LOOPS, GROUPS, *SERVED]
    + [pytest.param(each, marks=pytest.mark.libvirt) for each in PLUGINS]
)
def rig_with_tools(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """The same for calls in which a driver runs qemu-img."""
    with made(request.param, tmp_path) as rig:
        yield rig


@pytest.fixture(params=["sim", *TOOLS, EXT, *LOOPS, GROUPS, *SERVED])
def merging_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """The same of drivers that merge images: plug-ins do so by themselves, if they do."""
    with made(request.param, tmp_path) as rig:
        yield rig


@pytest.fixture(params=["file", EXT, *LOOPS, GROUPS, *SERVED])
def real_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """Those whose places are real."""
    with made(request.param, tmp_path) as rig:
        yield rig


@pytest.fixture(params=["file", EXT, *JOINED, *LOOPS, GROUPS])
def single_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """Those of which one place has one."""
    with made(request.param, tmp_path) as rig:
        yield rig


@pytest.fixture
def ext_rig(tmp_path: Path) -> Iterator[Rig]:
    with made("ext", tmp_path) as rig:
        yield rig


@pytest.fixture(params=["sim", pytest.param("file", marks=pytest.mark.libvirt), EXT, *LOOPS, GROUPS])
def rewinding_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """The same of types whose disks can begin anew with each start."""
    if request.param == "sim":
        yield repository(Sim("ext"), tmp_path / "sr", device="/dev/sdz")
        return
    with made(request.param, tmp_path) as rig:
        yield rig


@pytest.fixture
def file_rig(tmp_path: Path) -> Rig:
    return repository(File(), tmp_path / "sr")


@pytest.fixture
def deadly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts a qemu-img first that dies before the change of a file whose number this file holds; 0: it does not die."""
    program, tool, number = tmp_path / "bin" / "qemu-img", shutil.which("qemu-img"), tmp_path / "number"
    assert tool is not None
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f"n=$(cat {number})\n"
        f'[ "$n" = 0 ] && exec {tool} "$@"\n'
        f'exec strace -f -qq -o /dev/null -e trace={CHANGES} -e inject={CHANGES}:signal=KILL:when=$n {tool} "$@"\n'
    )
    program.chmod(0o755)
    number.write_text("0")
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return number
