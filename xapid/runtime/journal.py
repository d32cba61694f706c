"""The log into systemd's journal: each line with task, object and originator as fields that journalctl can look for.

By the journal's native protocol (systemd, "Native Journal Protocol"): one datagram an entry.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")
IDENTIFIER = "xapid"
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""By the least level; below is 7, for who looks for faults."""


def is_connected(environment: Mapping[str, str], descriptor: int) -> bool:
    """Whether what is written to a descriptor ends up in the journal: systemd says so in JOURNAL_STREAM."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM", "") == f"{found.st_dev}:{found.st_ino}"


def encoded(fields: Mapping[str, str]) -> bytes:
    """An entry. A value of several lines goes with its length before it."""
    parts = []
    for name, value in fields.items():
        data = value.encode(errors="backslashreplace")
        if b"\n" in data:
            parts.append(name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n")
        else:
            parts.append(name.encode() + b"=" + data + b"\n")
    return b"".join(parts)


class JournalHandler(logging.Handler):
    """Sends records to the journal; what it does not take goes to the standard error output, which it reads too."""

    def __init__(self, path: Path = SOCKET) -> None:
        """Raises OSError where there is no journal."""
        super().__init__()
        # A journal that does not read holds nobody up: what it does not take is counted.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._left_out = 0
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        fields = {
            "MESSAGE": text,
            "PRIORITY": str(next((number for level, number in PRIORITIES if record.levelno >= level), 7)),
            "SYSLOG_IDENTIFIER": IDENTIFIER,
            "XAPID_LOGGER": record.name,
            **{name: value for name, value in record.__dict__.items() if name.startswith("XAPID_")},
        }
        try:
            if self._left_out:
                said = f"{self._left_out} lines of the log were left out: the journal did not take them"
                self._socket.send(encoded({"MESSAGE": said, "PRIORITY": "4", "SYSLOG_IDENTIFIER": IDENTIFIER}))
                self._left_out = 0
            self._socket.send(encoded(fields))
        except BlockingIOError:
            self._left_out += 1
        except OSError:
            print(text, file=sys.stderr)

    def close(self) -> None:
        self._socket.close()
        super().close()
