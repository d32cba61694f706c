"""Targets of iSCSI, by the commands of open-iscsi: what a server has, sessions with it, and their disks.

Passwords are written into the record of a target, which root alone can read, for as long as a login takes; no command
line has them.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xapid.backends.interface import BackendError, BadConfig, Failed, Unavailable
from xapid.backends.process import Run, run
from xapid.backends.storage.scsi_disks import SYSFS, ScsiDisk, ScsiDisks
from xapid.backends.storage.servers import in_brackets

RECORDS = Path("/etc/iscsi/nodes")
INITIATOR = Path("/etc/iscsi/initiatorname.iscsi")
IQN = re.compile(r"(iqn\.[0-9]{4}-[0-9]{2}\.[a-z0-9.-]+(:[^\s,/]+)?|(eui|naa)\.[0-9A-Fa-f]{16,32})")
FOUND = re.compile(r"^\[?([0-9A-Fa-f.:]+?)\]?:([0-9]+),-?[0-9]+ (\S+)$", re.MULTILINE)
SETTINGS = "node.session.auth."
PRESENT = "15"
"""How iscsiadm ends where there is a session already."""
REFUSED = ("24", "19")
"""Where the target knows nobody of that name, or no such password."""


@dataclass(frozen=True)
class Target:
    """What a server offers, at one of its addresses."""

    address: str
    port: int
    iqn: str


@dataclass(frozen=True)
class Login:
    """Who logs in, and by which passwords; each may be empty."""

    local_iqn: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    incoming_user: str = ""
    incoming_password: str = field(default="", repr=False)


class Iscsi:
    """The sessions of this host, which outlive this process."""

    def __init__(
        self, records: Path = RECORDS, initiator: Path = INITIATOR, sysfs: Path = SYSFS, command: Run = run
    ) -> None:
        self._records = records
        self._initiator = initiator
        self._sysfs = sysfs
        self._command = command
        self.disks = ScsiDisks(sysfs, command)

    def targets(self, server: str, port: int) -> list[Target]:
        """What a server offers. Raises Failed (83)."""
        portal = f"{in_brackets(server)}:{port}"
        try:
            said = self._iscsiadm(["-m", "discovery", "-t", "sendtargets", "-o", "nonpersistent", "-p", portal])
        except Failed as error:
            raise Failed(f"{server} does not say what it offers: {error.message}", code="83") from error
        return [Target(found[1], int(found[2]), found[3]) for found in FOUND.finditer(said)]

    def session(self, iqn: str) -> Path | None:
        """Where sysfs shows the session with a target, if there is one."""
        for place in sorted((self._sysfs / "class" / "iscsi_session").glob("session*")):
            with contextlib.suppress(OSError):
                if (place / "targetname").read_text().strip() == iqn:
                    return place
        return None

    def log_in(self, target: Target, login: Login) -> None:
        """Have a session. Raises BadConfig (97) without a name of this host, Failed (68)."""
        if self.session(target.iqn) is not None:
            return
        if not login.local_iqn and not self._has_name():
            raise BadConfig("this host has no IQN: give one as localIQN", key="localIQN")
        where = ["-m", "node", "-T", target.iqn, "-p", f"{in_brackets(target.address)}:{target.port}"]
        interface = self._interface(login.local_iqn)
        try:
            self._iscsiadm([*where, "-o", "new", *interface])
            self._iscsiadm([*where, "-o", "update", "-n", "node.startup", "-v", "manual"])
            with self._passwords(target, login):
                self._iscsiadm([*where, "--login"])
        except Failed as error:
            if error.facts.get("status") == PRESENT:
                return
            why = "the target refuses that name or password" if error.facts.get("status") in REFUSED else error.message
            raise Failed(f"{target.iqn}: {why}", code="68") from error

    def log_out(self, iqn: str) -> None:
        """Have none any more, unless disks of it are in use."""
        session = self.session(iqn)
        if session is not None:
            if any(self.disks.in_use(disk) for disk in self.disks.of(session)):
                return
            self._iscsiadm(["-m", "node", "-T", iqn, "--logout"])
        with contextlib.suppress(BackendError):
            self._iscsiadm(["-m", "node", "-T", iqn, "-o", "delete"])

    def units(self, iqn: str) -> list[ScsiDisk]:
        """The disks of a target with which there is a session."""
        session = self.session(iqn)
        if session is None:
            return []
        # udev may have seen none of them yet.
        with contextlib.suppress(BackendError):
            self._command(["udevadm", "settle", "--timeout=10"])
        return self.disks.of(session)

    # How

    def _has_name(self) -> bool:
        try:
            return re.search(r"^InitiatorName=\S+", self._initiator.read_text(), re.MULTILINE) is not None
        except OSError:
            return False

    def _interface(self, iqn: str) -> list[str]:
        """The way to say a name of this host that is not its usual one."""
        if not iqn:
            return []
        name = f"xapid-{iqn.encode().hex()[-32:]}"
        with contextlib.suppress(Failed):  # It is there.
            self._iscsiadm(["-m", "iface", "-I", name, "-o", "new"])
        self._iscsiadm(["-m", "iface", "-I", name, "-o", "update", "-n", "iface.initiatorname", "-v", iqn])
        return ["-I", name]

    @contextlib.contextmanager
    def _passwords(self, target: Target, login: Login) -> Iterator[None]:
        """Have them in the record of a target for as long as that takes."""
        if not login.user:
            yield
            return
        pairs = {"authmethod": "CHAP", "username": login.user, "password": login.password}
        if login.incoming_user:
            pairs |= {"username_in": login.incoming_user, "password_in": login.incoming_password}
        said = {f"{SETTINGS}{name}": value for name, value in pairs.items()}
        folder = self._records / target.iqn
        # One that no discovery made has no number of a group of portals in its name, and is a file.
        places = [folder / f"{target.address},{target.port}", *folder.glob(f"{target.address},{target.port},*")]
        records = [each for place in places for each in (place.iterdir() if place.is_dir() else [place])]
        kept = {path: path.read_text() for path in records if path.is_file()}
        for path, text in kept.items():
            lines = [line for line in text.splitlines() if line.partition(" = ")[0] not in said]
            end = next((n for n, line in enumerate(lines) if line.startswith("# END")), len(lines))
            lines[end:end] = [f"{name} = {value}" for name, value in said.items()]
            _write_closed(path, "\n".join(lines) + "\n")
        try:
            yield
        finally:
            for path, text in kept.items():
                _write_closed(path, text)

    def _iscsiadm(self, words: Sequence[str]) -> str:
        try:
            return self._command(["iscsiadm", *words])
        except Unavailable as error:
            if "not installed" in error.message:
                raise Unavailable("iscsiadm is not installed: apt-get install open-iscsi") from error
            raise


def iqn(text: str, key: str) -> str:
    """A name of a target or of this host. Raises BadConfig (``key``)."""
    if not IQN.fullmatch(text) or not text.isprintable() or len(text) > 223:
        raise BadConfig(f"{key} must be an IQN, not {text[:255]!r}", key=key)
    return text


def _write_closed(path: Path, text: str) -> None:
    """For root alone, and wholly or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
    fresh.rename(path)
