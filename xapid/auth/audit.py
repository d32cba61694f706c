"""The audit log: who asked for what, with which outcome, in files that rotate.

A line has the form of the original's, so that what reads those reads ours:
``[20261127T08:20:30.123Z|audit|HOST|TASK|ORIGINATOR|audit] ('trackid=...' 'SUBJECT' 'USER' 'ALLOWED' 'OK' 'API'
'VM.start' (('vm' 'NAME' 'UUID' 'OpaqueRef:...')))``. Values of parameters are not written, only which objects were
meant: so no secret ever gets here. Of a handler beside the calls stands ``'HTTP' 'http/connect_console'``.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import socket
import threading
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from xapid.auth.sessions import SessionState, track_id_of
from xapid.datamodel import Session
from xapid.datamodel.errors import RBAC_PERMISSION_DENIED
from xapid.datamodel.types import Object

log = logging.getLogger(__name__)

LONGEST = 500
"""Characters of one text of a line."""
LONGEST_LINE = 16384
"""Characters of a line that another host has made."""
LOCAL_SUPERUSER = "LOCAL_SUPERUSER"
ALLOWED, DENIED = "ALLOWED", "DENIED"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff'\\]")

_NUMBER = re.compile("[1-9][0-9]{0,11}")
_UNESCAPED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Meant(NamedTuple):
    """An object that a call was about."""

    parameter: str
    object: Object | str
    """Its photograph; of one that is gone, and of whatever else was taken for one, the reference."""


class Entry(NamedTuple):
    """One call, as it ended."""

    moment: float
    """Seconds since 1970."""
    call: str
    outcome: str
    """OK, or the code of an error."""
    decision: str = ALLOWED
    user: str = ""
    subject: str = LOCAL_SUPERUSER
    """Identifier of a directory's user."""
    track_id: str = ""
    originator: str = ""
    task: str = ""
    about: tuple[Meant, ...] = ()


def subject_of(session: SessionState) -> str:
    """As whom a directory knows the user of a session; root is of no directory."""
    return LOCAL_SUPERUSER if session.superuser else session.user_sid


def decision_of(outcome: str) -> str:
    return DENIED if outcome == RBAC_PERMISSION_DENIED.__name__ else ALLOWED


def line(entry: Entry, host: str) -> str:
    """How an entry is written."""
    moment = time.strftime("%Y%m%dT%H:%M:%S", time.gmtime(entry.moment)) + f".{int(entry.moment % 1 * 1000):03d}Z"
    head = "|".join(_plain(each).replace("|", "/") for each in (host, entry.task, entry.originator))
    kind = "HTTP" if entry.call.startswith("http/") else "API"
    said = (entry.track_id, entry.subject, entry.user, entry.decision, entry.outcome, kind, entry.call)
    about = " ".join(f"({' '.join(map(_quoted, _shown(each)))})" for each in entry.about)
    return f"[{moment}|audit|{head}|audit] ({' '.join(map(_quoted, said))} ({about}))\n"


def _shown(meant: Meant) -> tuple[str, str, str, str]:
    """Parameter, name, uuid and reference."""
    row = meant.object
    if isinstance(row, str):
        return meant.parameter, "", "", row
    if isinstance(row, Session):
        # Whoever may read the log could use its reference, and find that by its uuid.
        return meant.parameter, "", "", track_id_of(row.ref)
    return meant.parameter, row.__dict__.get("name_label", ""), row.__dict__.get("uuid", ""), row.ref


def _plain(text: str) -> str:
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text[:LONGEST])


def _quoted(text: str) -> str:
    return f"'{_plain(text)}'"


def _write_lines(file: FileIO, size: int, data: bytes) -> None:
    """Add whole lines to a file: of what the disk takes in part, the line that it cuts short is taken back."""
    if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
        # A daemon died while it wrote this line. It is let be, for nothing is known to be wrong with what is there.
        data = b"\n" + data
    written = 0
    try:
        while written < len(data):
            written += file.write(data[written:])
    except OSError:
        file.truncate(size + data.rfind(b"\n", 0, written) + 1)
        raise


GATHERED = 0.1
"""Seconds in which entries are gathered before they are written."""
PATIENCE = 5.0
"""Seconds that a reader waits for what was noted before."""


class AuditLog:
    """Takes entries from the event loop; a thread writes them. ``audit.log`` is the newest, ``audit.log.1`` next."""

    def __init__(self, path: Path, size: int, files: int) -> None:
        """``size``: bytes after which a file is done with; ``files``: how many of those are kept."""
        self.path = path
        self._size = size
        self._files = files
        self._host = socket.gethostname()
        self._queue: queue.SimpleQueue[Entry | str | threading.Event | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._hurry = threading.Event()
        self._failing = False

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="audit-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is waiting, then end."""
        if self._thread is not None:
            self._queue.put(None)
            self._hurry.set()
            self._thread.join()
            self._thread = None

    def note(self, entry: Entry) -> None:
        """Have an entry written soon: within ``GATHERED`` seconds and what the disk takes."""
        self._queue.put(entry)

    def append(self, text: str) -> None:
        """The same for a line that another host has made; it stays one line."""
        self._queue.put(_UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text[:LONGEST_LINE]) + "\n")

    def _settle(self) -> None:
        """Wait until what was noted is written."""
        if self._thread is not None:
            settled = threading.Event()
            self._queue.put(settled)
            self._hurry.set()
            settled.wait(PATIENCE)

    def _run(self) -> None:
        going = True
        while going:
            taken = [self._queue.get()]
            # Not a wake-up and a write for each of a thousand calls a second, which would cost those calls a third.
            self._hurry.wait(GATHERED)
            self._hurry.clear()
            taken += (self._queue.get_nowait() for _ in range(self._queue.qsize()))
            going = None not in taken
            text = "".join(map(self._text, taken))
            try:
                self._write(text)
                self._failing = False
            except OSError as error:
                if not self._failing:
                    log.error("the audit log cannot be written: %s", error)
                self._failing = True
            for each in taken:
                if isinstance(each, threading.Event):
                    each.set()

    def _text(self, taken: Entry | str | threading.Event | None) -> str:
        if isinstance(taken, str):
            return taken
        if not isinstance(taken, Entry):
            return ""
        try:
            return line(taken, self._host)
        except Exception:
            # Whatever is odd about one, the next are written.
            log.exception("a call of %s cannot be noted in the audit log", taken.call)
            return ""

    def _write(self, text: str) -> None:
        if self.path.exists() and not self.path.is_file():
            raise OSError(f"{self.path} is no file")
        with self.path.open("ab+", buffering=0) as file:
            self.path.chmod(0o600)
            size = file.seek(0, os.SEEK_END)
            _write_lines(file, size, text.encode())
            size = file.tell()
        if size >= self._size:
            self._rotate()

    def _rotate(self) -> None:
        for number in self._kept():
            if number < self._files:
                self._numbered(number).rename(self._numbered(number + 1))
        self.path.rename(self._numbered(1))

    def _kept(self) -> list[int]:
        """Numbers of the files that are done with, the oldest first."""
        found = (each.name.rpartition(".")[2] for each in self.path.parent.glob(f"{self.path.name}.*"))
        numbers = (int(each) for each in found if _NUMBER.fullmatch(each))
        return sorted((each for each in numbers if each <= self._files), reverse=True)

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def lines(self, since: str = "") -> Iterator[str]:
        """All lines from a moment on (``20261127T08:20:30Z``; dashes do not count), oldest first."""
        self._settle()
        wanted = since.replace("-", "").removesuffix("Z")
        for path in (*map(self._numbered, self._kept()), self.path):
            if not path.is_file():
                continue  # What a pipe or a device has to say may have no end.
            try:
                with path.open(errors="replace") as file:
                    yield from (each for each in file if each[1 : 1 + len(wanted)] >= wanted)
            except FileNotFoundError:
                continue
