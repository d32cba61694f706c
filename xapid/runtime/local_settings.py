"""What a host keeps for itself, outside of the database of its pool: texts by their names, in a file."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path

from xapid.backends.whole_files import read_whole, write_whole

log = logging.getLogger(__name__)

AUTO_ENABLE = "host_auto_enable"
"""``false``: the host takes no guests when its toolstack has started, until it is enabled by hand."""
DISABLED_UNTIL_REBOOT = "host_disabled_until_reboot"
"""``true``: its guests and its storage are gone, since it goes down."""
GOING_DOWN = "xapid_going_down"
"""What was asked for, while the host is to go down (``going_down.py``)."""
BOOT = "xapid_boot"
"""The boot in which the toolstack was started last."""
GUESTS_TO_START = "xapid_guests_to_start"
"""``true``: the host has booted, and the guests that start with it were not all started yet."""
MANAGEMENT = "xapid_management"
"""uuid of the interface that a client chose for the management of the host; ``off``: it has none. Empty: the one it was
installed with."""
MANAGEMENT_TRIAL = "xapid_management_trial"
"""JSON: a change of that which is taken back unless a client comes to the new address (``ops/management.py``)."""
SCHEDULES_DUE = "xapid_schedules_due"
"""JSON: when each schedule of snapshots is due next, by its uuid, and what its timing was then."""


class LocalSettings:
    """Read once; each change is on disk when ``put`` returns, which blocks. Names that nobody reads are kept, too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._values: dict[str, str] | None = None

    def get(self, name: str) -> str:
        """Empty where nothing was put."""
        with self._lock:
            return self._read().get(name, "")

    def put(self, name: str, value: str) -> None:
        """Empty: forget it. Raises OSError."""
        with self._lock:
            values = {key: text for key, text in self._read().items() if key != name}
            if value:
                values[name] = value
            if values != self._read():
                write_whole(self._path, json.dumps(values, indent=1, sort_keys=True).encode() + b"\n")
                self._values = values

    def _read(self) -> dict[str, str]:
        if self._values is None:
            self._values = self._found()
        return self._values

    def _found(self) -> dict[str, str]:
        try:
            found = json.loads(read_whole(self._path))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            log.warning("what this host kept for itself cannot be read, and counts as empty: %s: %s", self._path, error)
            return {}
        if not isinstance(found, dict):
            log.warning("what this host kept for itself is no map, and counts as empty: %s", self._path)
            return {}
        return {str(name): str(value) for name, value in found.items()}
