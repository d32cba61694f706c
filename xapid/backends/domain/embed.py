"""The root folder of a libvirt without a daemon (``qemu:///embed?root=FOLDER``), run by this process itself."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import signal
import time
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, quote, urlsplit

from xapid.backends.domain.domain_facts import parse
from xapid.backends.interface import BadConfig, InUse

log = logging.getLogger(__name__)

LIBVIRTD = Path("/run/libvirt/libvirt-sock")
"""Of the system's own libvirt, which needs none of this where it runs."""
SOCKET_PATH_LIMIT = 107
"""Bytes in the path of a Unix socket, the kernel's limit."""
DEEPEST_SOCKET = "lib/qemu/domain-99999-01234567-89ab-cdef-0/monitor.sock"

PREDECESSOR_SECONDS = 5.0
"""How long a process that had a root before gets to end, after the daemon that it worked for was killed."""

SETTINGS = """\
# Written by xapid when it is not there; yours to change.

# There is no virtlogd that could take what guests print.
stdio_handler = "file"
# This folder, the disks and the sockets are root's; so nothing needs to change its owner.
user = "root"
group = "root"
dynamic_ownership = 0
"""


def uri(root: Path) -> str:
    """The address of the libvirt whose root is that folder."""
    return f"qemu:///embed?root={quote(str(root))}"


def root_of(uri: str) -> Path | None:
    """The root folder that an address names; None: it is not one of an embedded libvirt."""
    parts = urlsplit(uri)
    if parts.path != "/embed":
        return None
    roots = parse_qs(parts.query).get("root")
    if not roots:
        raise BadConfig(f"{uri} names no root folder", key="libvirt_uri")
    return Path(roots[0])


def assert_room(root: Path) -> None:
    """Raises BadConfig where libvirt's sockets would have paths too long for the kernel."""
    room = SOCKET_PATH_LIMIT - len(DEEPEST_SOCKET) - 1
    if len(bytes(root)) > room:
        raise BadConfig(f"{root}: the path may have {room} bytes, for there are sockets in it", key="libvirt_uri")


def prepare(root: Path) -> None:
    """Make the folder, with the settings that it must have before libvirt sees it for the first time."""
    assert_room(root)
    settings = root / "etc" / "qemu.conf"
    settings.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not settings.exists():
        fresh = settings.with_suffix(".new")
        fresh.write_text(SETTINGS)
        fresh.rename(settings)


def clear_wreckage(root: Path) -> None:
    """Remove what libvirt never looks at again when the process was killed that had this root before.

    That is domains whose QEMU was about to be started: libvirt notes a domain down before it starts QEMU, and QEMU
    waits until the number of its process is noted down too. One without a number never ran, but libvirt would list it
    for ever and could not end it. And it is each QEMU that was being asked what it can do. To be called once in a
    process, before libvirt is opened: once that has failed for want of the root, it fails in this process for ever.
    Raises InUse if another process has this root and does not end soon.
    """
    states = root / "run" / "qemu"
    try:
        lock = (states / "driver.pid").open("r+")
    except FileNotFoundError:
        return
    with lock:
        _wait_for_predecessor(lock, root)
        for status in states.glob("*.xml"):
            _forget_if_unborn(status)
        _end_probes(root / "lib" / "qemu")


def _wait_for_predecessor(lock: IO[str], root: Path) -> None:
    """Take the lock as libvirt does; it is released with the file, for libvirt to take it again."""
    deadline = time.monotonic() + PREDECESSOR_SECONDS
    while True:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if time.monotonic() > deadline:
                raise InUse(f"{root} belongs to another process as long as that runs", path=str(root)) from error
            time.sleep(0.05)
        else:
            return


def _forget_if_unborn(status: Path) -> None:
    noted = parse(status.read_text())
    if noted.tag != "domstatus" or noted.get("pid") != "0":
        return
    log.warning("%s was about to start when its driver was killed", status.stem)
    monitor = noted.find("monitor")
    if monitor is not None and (path := monitor.get("path")):
        shutil.rmtree(Path(path).parent, ignore_errors=True)
    status.with_suffix(".pid").unlink(missing_ok=True)
    status.unlink()


def _end_probes(folder: Path) -> None:
    """End what was started to be asked what QEMU can do. Each has a folder of its own, named in its command line."""
    probes = list(folder.glob("qmp-*"))
    if not probes:
        return
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # It ended meanwhile.
            if f"{folder}/qmp-".encode() in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
    for probe in probes:
        shutil.rmtree(probe, ignore_errors=True)


def qemu_log(root: Path | None, domain: str) -> Path:
    """What the QEMU of a domain wrote: its command line and its last words. Without a root: that of a daemon."""
    logs = Path("/var/log/libvirt") if root is None else root / "log"
    return logs / "qemu" / f"{domain}.log"
