"""Whom the host asks for names: a file such as /etc/resolv.conf, or systemd-resolved, told what bridges of ours say.

Each bridge has a note of what was said of it, beside its lease; from these notes follows what the host asks, whoever
changes one of them: the daemon, or a client of DHCP while there is none.
"""

from __future__ import annotations

import enum
import fcntl
import logging
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from xapid.backends.interface import BackendError
from xapid.backends.network.interface import Lease, Naming
from xapid.backends.process import run
from xapid.backends.whole_files import write_whole

log = logging.getLogger(__name__)

NAMES, LEASE, LEASE_OF_IPV6 = ".names", ".lease", ".lease6"
BEFORE = "resolv.conf.before"
"""In the folder of notes: the file that ours stands in for, or a link to where that led."""
MARK = "# xapid: made of what the host's interfaces say; changes are lost"
OF_A_PROGRAM = re.compile(r"^[#;].*(generated|managed|maintained|created) by", re.IGNORECASE | re.MULTILINE)
"""What programs write into files of theirs."""
RESOLVED = "systemd/resolve"
"""Part of where a link to systemd-resolved's file leads."""
RESOLVECTL = "resolvectl"
PATIENCE = 10.0
"""Seconds for systemd-resolved to answer."""
DOMAIN = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*\.?", re.IGNORECASE)
ANYTHING = "~."
"""A domain of systemd-resolved: whatever no other link has is asked here."""


class Policy(enum.StrEnum):
    """Whose the host's list of name servers is."""

    auto = "auto"
    """Ours, unless a program of somebody else keeps it."""
    always = "always"
    never = "never"


class Keeper(enum.Enum):
    """Who keeps the file at present."""

    we = enum.auto()
    nobody = enum.auto()
    """It was written once, or is not there."""
    resolved = enum.auto()
    others = enum.auto()


@dataclass(frozen=True)
class Names:
    """What the host asks for names."""

    servers: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As a file. Of the servers a C library asks the first three."""
        search = [f"search {' '.join(self.domains)}"] if self.domains else []
        return "\n".join([MARK, *search, *(f"nameserver {each}" for each in self.servers), ""])


class Resolver:
    """Notes of bridges, and what the host asks."""

    def __init__(self, folder: Path, file: Path, policy: Policy) -> None:
        """``folder``: of notes and leases; ``file``: /etc/resolv.conf, or what stands in for it."""
        self._folder = folder
        self._file = file
        self._policy = policy

    def say(self, bridge: str, naming: Naming, *, leased: bool) -> None:
        """Note what is said of a bridge. What was said already changes nothing.

        ``leased``: whether a server may say more.
        """
        if naming == Naming() and not leased:
            self.forget(bridge)
            return
        note = self._folder / f"{bridge}{NAMES}"
        content = msgspec.json.encode(naming)
        with self._alone():
            if not (note.exists() and note.read_bytes() == content):
                write_whole(note, content)
            self._apply()

    def forget(self, bridge: str) -> None:
        """Nobody is asked for names by a bridge any more."""
        note = self._folder / f"{bridge}{NAMES}"
        if note.exists():
            with self._alone():
                note.unlink(missing_ok=True)
                if self._keeper() is Keeper.resolved and self._policy is not Policy.never and _is_there(bridge):
                    _tell("revert", bridge)
                self._apply()

    def apply(self) -> None:
        """Let the host ask as the notes say; where it does, nothing is written."""
        with self._alone():
            self._apply()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Clients of DHCP are processes of their own."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "names.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _apply(self) -> None:
        said = self._said() if self._policy is not Policy.never else {}
        keeper = self._keeper()
        try:
            if self._policy is Policy.auto and keeper is Keeper.resolved:
                _tell_resolved(said)
                return
            names = _together(said)
            if keeper is Keeper.we and not names.servers:
                self._put_back()
            elif names.servers and self._is_ours_to_write(keeper, said):
                self._write(names, keeper)
        except OSError as error:
            log.warning("%s cannot say which name servers are asked: %s", self._file, error)

    def _is_ours_to_write(self, keeper: Keeper, said: dict[str, Naming]) -> bool:
        if self._policy is Policy.always or keeper is Keeper.we or not self._is_file():
            return True
        # What stands in a file that somebody wrote once is replaced by those alone whom the whole host is to ask.
        wanted = keeper is Keeper.nobody and any(naming.first and naming.servers for naming in said.values())
        if not wanted:
            log.info("%s is somebody else's: name servers of interfaces are not written there", self._file)
        return wanted

    def _write(self, names: Names, keeper: Keeper) -> None:
        content = names.text.encode()
        if keeper is Keeper.we:
            if self._file.read_bytes() == content:
                return
        elif self._is_file():
            self._keep_aside()
        write_whole(self._file, content, 0o644)
        log.info("names are asked of %s", ", ".join(names.servers))

    def _keep_aside(self) -> None:
        before = self._folder / BEFORE
        before.unlink(missing_ok=True)
        shutil.copy2(self._file, before, follow_symlinks=False)

    def _put_back(self) -> None:
        before = self._folder / BEFORE
        if before.is_symlink():
            self._file.unlink()
            self._file.symlink_to(before.readlink())
        elif before.exists():
            write_whole(self._file, before.read_bytes(), before.stat().st_mode & 0o777)
        else:
            self._file.unlink()
        before.unlink(missing_ok=True)

    def _is_file(self) -> bool:
        return self._file.is_symlink() or self._file.exists()

    def _keeper(self) -> Keeper:
        if self._file.is_symlink():
            return Keeper.resolved if RESOLVED in str(self._file.readlink()) else Keeper.others
        try:
            text = self._file.read_text(errors="replace")
        except OSError:
            return Keeper.nobody
        if text.startswith(MARK):
            return Keeper.we
        return Keeper.others if OF_A_PROGRAM.search(text) else Keeper.nobody

    def _said(self) -> dict[str, Naming]:
        """What is said of each bridge that is there, by people and then by servers."""
        found = {}
        for note in sorted(self._folder.glob(f"*{NAMES}")):
            bridge = note.name.removesuffix(NAMES)
            with suppress(OSError, msgspec.MsgspecError):
                naming = msgspec.json.decode(note.read_bytes(), type=Naming)
                leases = [self._lease(bridge, kind) for kind in (LEASE, LEASE_OF_IPV6)]
                servers = [*naming.servers, *(each for lease in leases for each in lease.name_servers)]
                domains = [*naming.domains, *(each for lease in leases for each in lease.domains)]
                if _is_there(bridge):
                    found[bridge] = Naming(_once(servers), _once(filter(is_domain, domains)), naming.first)
        return found

    def _lease(self, bridge: str, kind: str) -> Lease:
        with suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode((self._folder / f"{bridge}{kind}").read_bytes(), type=Lease)
        return Lease("")


def is_domain(text: str) -> bool:
    """Whether a text can be looked for in: servers may say anything."""
    return len(text) < 254 and DOMAIN.fullmatch(text) is not None


def _once(words: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))  # type: ignore[call-overload]


def _together(said: dict[str, Naming]) -> Names:
    """Those of the bridge that goes first, and then those of the others."""
    ordered = sorted(said.values(), key=lambda naming: not naming.first)
    return Names(
        _once(each for naming in ordered for each in naming.servers),
        _once(each for naming in ordered for each in naming.domains),
    )


def _is_there(bridge: str) -> bool:
    try:
        return socket.if_nametoindex(bridge) > 0
    except OSError:
        return False


def _tell_resolved(said: dict[str, Naming]) -> None:
    """Have systemd-resolved ask by these bridges; it forgets what it was told of one when that goes."""
    for bridge, naming in said.items():
        domains = (*naming.domains, ANYTHING) if naming.first and naming.servers else naming.domains
        for what, wanted in (("dns", naming.servers), ("domain", domains)):
            if _tell(what, bridge).rpartition("):")[2].split() != list(wanted):
                _tell(what, bridge, *(wanted or ("",)))


def _tell(*words: str) -> str:
    try:
        return run([RESOLVECTL, *words], timeout=PATIENCE)
    except BackendError as error:
        log.warning("systemd-resolved cannot be told which name servers are asked: %s", error)
        return ""
