"""A copy of what Open vSwitch's database holds, kept by what the database tells of changes, whoever made them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xapid.backends.interface import Unavailable
from xapid.backends.network import ovsdb
from xapid.backends.network.ovs_rows import COLUMNS, HELD, Switch
from xapid.backends.network.ovsdb import Ovsdb, Row, many, value_of

MAPS = frozenset({"external_ids", "other_config", "options"})
NOTHING: Row = {
    "external_ids": {},
    "other_config": {},
    "options": {},
    "ports": (),
    "interfaces": (),
    "tag": (),
    "bond_mode": (),
    "lacp": (),
    "bond_updelay": 0,
    "bond_downdelay": 0,
    "datapath_type": "",
    "fail_mode": (),
    "type": "",
    "mtu_request": (),
    "error": (),
}
"""What columns hold of which nothing is said when a row is new."""


class Copy:
    """Used by several threads: each has it to itself while it looks, and nobody looks for long."""

    def __init__(self, path: Path) -> None:
        """``path``: the socket of the database, which need not be there yet."""
        self._path = path
        self._looking = threading.Lock()
        self._database: Ovsdb | None = None
        self._switch = Switch()

    @contextmanager
    def look(self) -> Iterator[Switch]:
        """All that was acknowledged to anybody by now. Not to be kept beyond the block. Raises Unavailable."""
        with self._looking:
            try:
                self._catch_up()
            except BaseException:
                self._hang_up()
                raise
            yield self._switch

    def close(self) -> None:
        with self._looking:
            self._hang_up()

    def _catch_up(self) -> None:
        if self._database is not None:
            try:
                told = self._database.told()
            except Unavailable:
                # It was started anew, perhaps, and is asked anew, for all that it has.
                self._hang_up()
            else:
                for change in told:
                    self._hear(change)
                return
        self._database = ovsdb.opened(self._path)
        self._switch = Switch()
        self._hear(self._database.watch(COLUMNS))

    def _hang_up(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _hear(self, change: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """Changes of one moment: rows by table and uuid. Names pass from rows that go to rows that come."""
        rows = [(table, uuid, what) for table, those in change.items() for uuid, what in those.items()]
        for table, uuid, what in rows:
            if "delete" in what:
                self._switch.drop(table, uuid)
        for table, uuid, what in rows:
            if "modify" in what:
                self._switch.put(table, uuid, modified(self._switch.row(uuid), _read(what["modify"])))
            for new in ("initial", "insert"):
                if new in what:
                    self._switch.put(table, uuid, {**NOTHING, **_read(what[new])})


def _read(row: Mapping[str, Any]) -> Row:
    return {name: value_of(value) for name, value in row.items()}


def modified(row: Row, difference: Row) -> Row:
    """A row after a change, which of sets and maps tells only what came, and what went."""
    found = dict(row)
    for name, value in difference.items():
        if name in MAPS:
            found[name] = _other_map(row[name], value)
        elif name in HELD.values():
            before, told = dict.fromkeys(many(row[name])), many(value)
            gone = before.keys() & set(told)
            found[name] = (*(each for each in before if each not in gone), *(each for each in told if each not in gone))
        else:
            found[name] = value
    return found


def _other_map(before: Mapping[str, str], difference: Mapping[str, str]) -> dict[str, str]:
    """What is told of as it was is gone."""
    gone = {key for key, value in difference.items() if before.get(key) == value}
    return {key: value for key, value in {**before, **difference}.items() if key not in gone}
