"""The root folder of a libvirt without a daemon (``qemu:///embed?root=FOLDER``), run by this process itself."""

from __future__ import annotations

import contextlib
import fcntl
import grp
import logging
import os
import pwd
import shutil
import signal
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, quote, urlsplit

from xapid.backends.domain.domain_facts import parse
from xapid.backends.interface import BadConfig, InUse
from xapid.backends.whole_files import write_whole

log = logging.getLogger(__name__)

LIBVIRTD = Path("/run/libvirt/libvirt-sock")
"""Of the system's own libvirt, which needs none of this where it runs."""
SOCKET_PATH_LIMIT = 107
"""Bytes in the path of a Unix socket, the kernel's limit."""
DEEPEST_SOCKET = "lib/qemu/domain-99999-01234567-89ab-cdef-0/monitor.sock"

PREDECESSOR_SECONDS = 5.0
"""How long a process that had a root before gets to end, after the daemon that it worked for was killed."""

OURS = "# Written by xapid at each start. Delete this line, and the file is yours."
SETTINGS = """\
{ours}

# There is no virtlogd that could take what guests print.
stdio_handler = "file"
# Who runs guests, and their TPMs.
user = "{user}"
group = "{group}"
swtpm_user = "{tpm_user}"
swtpm_group = "{tpm_group}"
# Whether disks are theirs while guests have them; afterwards they are root's again.
dynamic_ownership = {hand_over}
remember_owner = 0
"""

GUEST_USER = "libvirt-qemu"
TPM_USER = "tss"
"""As whom libvirt runs swtpm, if there is one."""
ROOT = "root"
KVM = Path("/dev/kvm")


@dataclass(frozen=True)
class Guests:
    """As whom a libvirt without a daemon runs guests."""

    user: str = ROOT
    group: str = ROOT
    tpm_user: str = ROOT
    why: str = ""
    """Why as root, if so."""


def root_below(state: Path) -> Path:
    """The root folder in a state directory."""
    return state / "libvirt"


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
    assert_room_below(root, DEEPEST_SOCKET, "libvirt_uri")


def assert_room_below(folder: Path, socket: str, setting: str) -> None:
    """Raises BadConfig (``key``: the setting) for a folder in which a socket would have a path too long."""
    room = SOCKET_PATH_LIMIT - len(socket) - 1
    if len(bytes(folder)) > room:
        raise BadConfig(f"{folder}: the path may have {room} bytes, for there are sockets in it", key=setting)


def prepare(root: Path) -> None:
    """Make the folder, with the settings that it must have before libvirt sees it for the first time."""
    assert_room(root)
    settings = root / "etc" / "qemu.conf"
    settings.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not settings.exists() or settings.read_text().startswith(OURS):
        guests = guests_of(root)
        if guests.why:
            log.warning("guests run as root: %s", guests.why)
        write_whole(settings, text_of(guests).encode(), mode=0o644)


def text_of(guests: Guests) -> str:
    """The settings of a libvirt that runs guests so."""
    return SETTINGS.format(
        ours=OURS,
        user=guests.user,
        group=guests.group,
        tpm_user=guests.tpm_user,
        tpm_group=guests.tpm_user,
        hand_over=int(guests.user != ROOT),
    )


def guests_of(root: Path, device: Path = KVM) -> Guests:
    """Who is to run guests: users of their own, where these come through to their files and to KVM.

    Also where KVM is not used: if it is there and QEMU cannot open it, libvirt asks QEMU at each start what it can do,
    which takes seconds.
    """
    if (closed := closed_to_others(root)) is not None:
        return Guests(why=f"others may not pass {closed}")
    tpm_user = TPM_USER if _is_user(TPM_USER) else ROOT
    if not _is_user(GUEST_USER):
        return Guests(tpm_user=tpm_user, why=f"there is no user {GUEST_USER}")
    group = grp.getgrgid(pwd.getpwnam(GUEST_USER).pw_gid).gr_name
    if device.exists() and not (found := device.stat()).st_mode & stat.S_IWOTH:
        if not found.st_mode & stat.S_IWGRP:
            return Guests(tpm_user=tpm_user, why=f"nobody else may open {device}")
        group = grp.getgrgid(found.st_gid).gr_name
    return Guests(GUEST_USER, group, tpm_user)


def closed_to_others(folder: Path) -> Path | None:
    """The first folder on the way, and itself, that other users cannot pass. What is not there yet is left out."""
    way = [*reversed(folder.parents), folder]
    return next((each for each in way if each.exists() and not each.stat().st_mode & stat.S_IXOTH), None)


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


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


def tpm_folder(root: Path | None) -> Path:
    """Where libvirt keeps what the TPMs of its domains hold. Without a root: a daemon's."""
    return Path("/var/lib/libvirt/swtpm") if root is None else root / "lib" / "swtpm"
