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

from xapid.cli.guest_needs import missing
from xapid.runtime.config import Address, Config, Drivers
from xapid.store.database import DatabaseError, StateDirectory

LITTLE_SPACE = 1 << 30
"""Bytes free below which a local disk soon has no room."""


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
    yield _passwords(config.passwords)
    for address in (*config.http, *config.https):
        yield _listener(address, running)
    if config.drivers is not Drivers.sim:
        # What can be missing here only stands in the way of guests; with `auto` there still is the API.
        yield from (Finding(Grade.trouble, "guests", text) for text in missing())
        yield _kvm(config.demo_cache / "kvm-check.json")


def _state_directory(path: Path) -> tuple[bool, Finding]:
    """Whether a daemon holds it, and how it looks."""
    subject = f"state directory {path}"
    if not path.exists():
        return False, Finding(Grade.ok, subject, "not there yet; the first start makes it")
    if not os.access(path, os.W_OK):
        return False, Finding(Grade.trouble, subject, "cannot be written by this user")
    free = shutil.disk_usage(path).free
    directory = StateDirectory(path)
    try:
        directory.open()
        held = "no daemon runs on it"
    except DatabaseError as error:
        held = str(error).removeprefix(f"state directory {path} ")
    finally:
        directory.close()
    grade = Grade.warning if free < LITTLE_SPACE else Grade.ok
    running = held.startswith("is used")
    return running, Finding(grade, subject, f"{held}; {free >> 20} MiB free")


def _database(path: Path) -> Finding:
    subject = f"database {path}"
    if not path.exists():
        return Finding(Grade.ok, subject, "not there yet; the first start makes it")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        return Finding(Grade.trouble, subject, f"cannot be read: {error}")
    if found != "ok":
        return Finding(Grade.trouble, subject, f"is damaged ({found}): restore a backup")
    return Finding(Grade.ok, subject, f"is whole; {path.stat().st_size >> 10} KiB")


def _passwords(path: Path) -> Finding:
    subject = f"passwords {path}"
    try:
        users = sum(":" in line and not line.startswith("#") for line in path.read_text().splitlines())
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return Finding(Grade.warning, subject, "none set: nobody can log in but over the Unix socket; `xapid passwd`")
    except OSError as error:
        return Finding(Grade.trouble, subject, f"cannot be read: {error.strerror}")
    if mode & 0o077:
        return Finding(Grade.warning, subject, f"may be read by others (mode {mode:o}): chmod 600")
    return Finding(Grade.ok, subject, f"{users} of local users")


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
        return Finding(Grade.trouble, subject, f"cannot be opened: {error.strerror}")
    return Finding(Grade.ok, subject, "is free")


def _kvm(kept: Path) -> Finding:
    if not Path("/dev/kvm").exists():
        return Finding(Grade.warning, "KVM", "there is no /dev/kvm: processors of guests are emulated, and slow")
    if kept.exists():
        return Finding(Grade.ok, "KVM", f"found out before, see {kept}; remove it to have KVM tried again")
    return Finding(Grade.ok, "KVM", "/dev/kvm is there; the first start tries whether a guest boots on it")
