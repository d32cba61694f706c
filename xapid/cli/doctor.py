"""What ``xapid doctor`` looks at: what would keep the daemon or its guests from running."""

from __future__ import annotations

import enum
import errno
import os
import shutil
import socket
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from xapid.auth.pam import is_described
from xapid.backends.domain import embed
from xapid.backends.domain.guest_folders import assert_room
from xapid.backends.interface import BadConfig
from xapid.cli.guest_needs import lacking, missing
from xapid.runtime.config import Address, Config, Drivers
from xapid.store.database import DatabaseError, StateDirectory

LITTLE_SPACE = 1 << 30
"""Bytes free below which a local disk soon has no room."""
HELP = {
    errno.EADDRINUSE: ": stop what listens there, or take another address",
    errno.EACCES: ": ports below 1024 need root",
}
"""What helps, by the number of an error."""


class Grade(enum.StrEnum):
    """How bad it is."""

    ok = "ok"
    warning = "warning"
    trouble = "trouble"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    grade: Grade
    subject: str
    text: str


def examine(config: Config) -> Iterator[Finding]:
    """Look at everything that these settings concern. Holds the lock of the state directory for a moment."""
    running, finding = _state_directory(config.state_dir)
    yield finding
    yield _database(config.database)
    yield _passwords(config.passwords, config.pam_service)
    for address in (*config.http, *config.https):
        yield _listener(address, running)
    for path in config.unix:
        yield _unix_socket(path, running)
    if config.drivers is not Drivers.sim:
        # What can be missing here only stands in the way of guests; with `auto` there still is the API.
        yield from (Finding(Grade.trouble, "guests", text) for text in (*missing(), *_too_deep(config)))
        yield from (Finding(Grade.warning, "some guests", text) for text in lacking())
        yield _kvm(config.demo_cache / "kvm-check.json")
        if _embedded(config):
            yield _guest_user(config.state_dir.absolute())


def daemon_runs(state: Path) -> bool:
    """Whether a daemon holds this state directory."""
    return _state_directory(state)[0]


def _guest_user(state: Path) -> Finding:
    """As whom guests run, where no libvirtd of the system sees to that."""
    guests = embed.guests_of(embed.root_below(state))
    if guests.why:
        return Finding(Grade.warning, "guests", f"would run as root, not as a user of their own: {guests.why}")
    return Finding(Grade.ok, "guests", f"run as {guests.user}")


def _state_directory(path: Path) -> tuple[bool, Finding]:
    """Whether a daemon holds it, and how it looks."""
    subject = f"state directory {path}"
    if not os.path.lexists(path):
        closed = _closed(path)
        if closed is not None:
            return False, Finding(Grade.trouble, subject, f"cannot be made: this user may not write in {closed}")
        return False, Finding(Grade.ok, subject, "not there yet; the first start makes it")
    if not path.is_dir():
        return False, Finding(Grade.trouble, subject, "is no directory")
    if not _may_write(path):
        return False, Finding(Grade.trouble, subject, "cannot be written by this user")
    free = shutil.disk_usage(path).free
    space, grade = f"{free >> 20} MiB free", Grade.warning if free < LITTLE_SPACE else Grade.ok
    directory = StateDirectory(path)
    try:
        directory.open()
    except DatabaseError as error:
        held = str(error).removeprefix(f"{subject} ")
        running = held.startswith("is used")
        return running, Finding(grade if running else Grade.trouble, subject, f"{held}; {space}")
    finally:
        directory.close()
    return False, Finding(grade, subject, f"no daemon runs on it; {space}")


def _closed(path: Path) -> Path | None:
    """The folder in which something would have to be made for a path to be, if this user may not."""
    above = next(each for each in path.absolute().parents if os.access(each, os.F_OK, effective_ids=True))
    return None if _may_write(above) else above


def _may_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK, effective_ids=True)


def _database(path: Path) -> Finding:
    subject = f"database {path}"
    if not os.path.lexists(path):
        return Finding(Grade.ok, subject, "not there yet; the first start makes it")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        return Finding(Grade.trouble, subject, f"cannot be read: {error}")
    if found != "ok":
        said = " ".join(str(found).split())
        return Finding(Grade.trouble, subject, f"is damaged ({said}): put back a backup with `xapid db restore`")
    return Finding(Grade.ok, subject, f"is whole; {path.stat().st_size >> 10} KiB")


def _passwords(path: Path, pam_service: str) -> Finding:
    subject = f"passwords {path}"
    try:
        users = sum(":" in line and not line.startswith("#") for line in path.read_text().splitlines())
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        if pam_service and is_described(pam_service):
            return Finding(Grade.ok, subject, f"none set: root logs in by PAM, as service {pam_service}")
        return Finding(Grade.warning, subject, "none set: nobody can log in but over the Unix socket; `xapid passwd`")
    except OSError as error:
        return Finding(Grade.trouble, subject, f"cannot be read: {error.strerror}")
    if mode & 0o077:
        return Finding(Grade.warning, subject, f"may be read by others (mode {mode:o}): chmod 600")
    return Finding(Grade.ok, subject, f"{users} local user{'' if users == 1 else 's'}")


def _listener(address: Address, running: bool) -> Finding:
    subject = f"listener {address}"
    if running:
        return Finding(Grade.ok, subject, "not tried: a daemon runs")
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with socket.socket(family) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address.host, address.port))
    except OSError as error:
        if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL) and address.host == "::":
            return Finding(Grade.ok, subject, "this host has no IPv6")
        return Finding(Grade.trouble, subject, f"cannot be opened: {error.strerror}{HELP.get(error.errno or 0, '')}")
    return Finding(Grade.ok, subject, "is free")


def _unix_socket(path: Path, running: bool) -> Finding:
    subject = f"listener {path}"
    if len(bytes(path)) > embed.SOCKET_PATH_LIMIT:
        return Finding(Grade.trouble, subject, f"the path of a socket may have {embed.SOCKET_PATH_LIMIT} bytes")
    if running:
        return Finding(Grade.ok, subject, "not tried: a daemon runs")
    closed = _closed(path)
    if closed is not None:
        return Finding(Grade.trouble, subject, f"cannot be opened: this user may not write in {closed}")
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))
    except ConnectionRefusedError:
        return Finding(Grade.ok, subject, "is free: left by a daemon that was killed")
    except FileNotFoundError:
        return Finding(Grade.ok, subject, "is free")
    except OSError as error:
        return Finding(Grade.trouble, subject, f"cannot be opened: {error.strerror}")
    return Finding(Grade.trouble, subject, "another process listens there")


def _too_deep(config: Config) -> Iterator[str]:
    """A state directory below which sockets of libvirt or of guests have no room."""
    state = config.state_dir.absolute()
    try:
        if _embedded(config):
            embed.assert_room(embed.root_below(state))
        assert_room(state / "run")
    except BadConfig as error:
        yield str(error)


def _embedded(config: Config) -> bool:
    """Whether libvirt runs, or will run, in a process of the daemon."""
    begun = embed.root_below(config.state_dir.absolute()).exists()
    return not config.libvirt.uri and (begun or not os.access(embed.LIBVIRTD, os.F_OK))


def _kvm(kept: Path) -> Finding:
    if not Path("/dev/kvm").exists():
        return Finding(Grade.warning, "KVM", "there is no /dev/kvm: processors of guests are emulated, and slow")
    if kept.exists():
        return Finding(Grade.ok, "KVM", f"found out before, see {kept}; remove it to have KVM tried again")
    return Finding(Grade.ok, "KVM", "/dev/kvm is there; the first start tries whether a guest boots on it")
