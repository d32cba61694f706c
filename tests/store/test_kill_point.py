"""A daemon dies at the place that a test names, and nowhere else."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

DAEMON = """
import asyncio, sys
from pathlib import Path
from xapid.datamodel import VM
from xapid.store.database import Database
from xapid.store.store import Store
from xapid.store.writer import Writer

async def main():
    folder = Path(sys.argv[1])
    database = Database(folder / "xapid.db")
    database.open()
    writer = Writer(database.engine, 0)
    writer.start(asyncio.get_running_loop())
    store = Store(sink=writer)
    for name in ("first", "second", "third"):
        with store.write() as tx:
            tx.create(VM, name_label=name)
        await store.settled()
        print(name, flush=True)
        if name == "first" and len(sys.argv) > 2:
            (folder / "kill at").write_text(sys.argv[2])

asyncio.run(main())
"""

pytestmark = pytest.mark.slow


def run(folder: Path, *after_the_first: str) -> subprocess.CompletedProcess[str]:
    """A process that writes three machines, each in a commit of its own."""
    command = [sys.executable, "-c", DAEMON, str(folder), *after_the_first]
    paths = {"PYTHONPATH": os.pathsep.join(sys.path), "XAPID_KILL_AT_BATCH": str(folder / "kill at")}
    environment = {**os.environ, **paths}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def on_disk(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "xapid.db") as connection:
        return [name for (name,) in connection.execute("SELECT name_label FROM VM ORDER BY _created")]


@pytest.mark.parametrize(
    ("setting", "told", "kept"),
    [
        ("1", [], []),
        ("1+", [], ["first"]),
        ("3", ["first", "second"], ["first", "second"]),
        ("3+", ["first", "second"], ["first", "second", "third"]),
    ],
)
def test_a_daemon_dies_before_or_after_the_commit_that_a_test_names(
    tmp_path: Path, setting: str, told: list[str], kept: list[str]
) -> None:
    (tmp_path / "kill at").write_text(setting)
    done = run(tmp_path)

    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == told
    assert on_disk(tmp_path) == kept


def test_counting_begins_when_the_test_says(tmp_path: Path) -> None:
    done = run(tmp_path, "1")

    assert done.returncode == -signal.SIGKILL
    assert on_disk(tmp_path) == ["first"]


def test_a_daemon_that_does_less_than_the_number_lives(tmp_path: Path) -> None:
    (tmp_path / "kill at").write_text("4")
    done = run(tmp_path)

    assert (done.returncode, on_disk(tmp_path)) == (0, ["first", "second", "third"])


def test_while_nobody_says_where_to_die_a_daemon_lives(tmp_path: Path) -> None:
    done = run(tmp_path)

    assert (done.returncode, on_disk(tmp_path)) == (0, ["first", "second", "third"])
