"""Looking through databases, putting backups in their place, and keeping a copy before a migration."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.daemon import Daemon, Failure
from xapid.cli.server_command import main
from xapid.datamodel import VM, Network
from xapid.main import opened_store
from xapid.store import database as database_module
from xapid.store.copies import BackupError, back_up
from xapid.store.database import Database, DatabaseError
from xapid.store.restore import check, restore


async def state_with(directory: Path, *names: str) -> Path:
    """A state directory in whose database there are networks of these names. Returns the database."""
    async with opened_store(directory) as (store, _):
        with store.write() as tx:
            for name in names:
                tx.create(Network, name_label=name)
        await store.settled()
    return directory / "xapid.db"


def networks(database: Path) -> list[str]:
    opened = Database(database)
    opened.open()
    return [row.__dict__["name_label"] for row in opened.rows() if isinstance(row, Network)]


def names_in(copy: Path) -> list[str]:
    """The same of a file that is only read."""
    with closing(sqlite3.connect(copy)) as connection:
        return [name for (name,) in connection.execute("SELECT name_label FROM network ORDER BY 1")]


def run(database: Path, sql: str) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(sql)


# Looking through


async def test_a_sound_database_has_no_problems(tmp_path: Path) -> None:
    database = await state_with(tmp_path, "a", "b")

    found = check(database)

    assert (found.problems, found.objects["network"]) == ([], 2)


async def test_references_to_what_is_gone_are_counted_and_are_no_problem(tmp_path: Path) -> None:
    async with opened_store(tmp_path) as (store, _):
        with store.write() as tx:
            tx.create(VM, affinity="OpaqueRef:gone")
        await store.settled()

    found = check(tmp_path / "xapid.db")

    assert found.dangling == {"VM.affinity": 1}
    assert found.problems == []


@pytest.mark.parametrize(
    "sql, problem",
    [
        ("UPDATE network SET tags = 'no JSON' WHERE name_label = 'a'", "column tags"),
        ("UPDATE _meta SET value = '999' WHERE key = 'format'", "made by a newer xapid"),
        ("UPDATE alembic_version SET version_num = 'ffff'", "made by a newer xapid"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_changed(tmp_path: Path, sql: str, problem: str) -> None:
    database = await state_with(tmp_path, "a", "b")
    run(database, sql)
    before = database.read_bytes()

    found = check(database)

    assert len(found.problems) == 1 and problem in found.problems[0]
    assert database.read_bytes() == before
    assert "check" not in found.problems[0].partition(":")[0]


async def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    database = await state_with(tmp_path, *(f"network {number}" for number in range(500)))
    run(database, "PRAGMA journal_mode=DELETE")
    with closing(sqlite3.connect(database)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'network'").fetchone()
    with database.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)

    with pytest.raises(BackupError, match=r"damaged|malformed"):
        check(database)


# Putting back


async def test_a_backup_takes_the_place_of_the_database_which_is_kept(tmp_path: Path) -> None:
    state = tmp_path / "state"
    database = await state_with(state, "before")
    back_up(database, tmp_path / "backup")
    await state_with(state, "after")

    kept = restore(database, tmp_path / "backup")

    assert kept is not None
    assert networks(database) == ["before"]
    assert networks(kept) == ["before", "after"]
    assert (tmp_path / "backup").exists()


async def test_a_backup_is_put_where_there_is_no_database(tmp_path: Path) -> None:
    back_up(await state_with(tmp_path / "state", "only"), tmp_path / "backup")
    other = tmp_path / "other" / "xapid.db"
    other.parent.mkdir()

    assert restore(other, tmp_path / "backup") is None
    assert networks(other) == ["only"]


async def test_a_damaged_database_is_replaced_and_kept_as_it_is(tmp_path: Path) -> None:
    state = tmp_path / "state"
    database = await state_with(state, "good")
    back_up(database, tmp_path / "backup")
    database.write_bytes(b"garbage" * 1000)
    database.with_name("xapid.db-wal").write_bytes(b"its log")

    kept = restore(database, tmp_path / "backup")

    assert kept is not None
    assert kept.read_bytes() == b"garbage" * 1000
    assert kept.with_name(kept.name + "-wal").read_bytes() == b"its log"
    assert networks(database) == ["good"]


@pytest.mark.parametrize("content", [b"no database", b""])
async def test_what_is_no_backup_is_not_put_back(tmp_path: Path, content: bytes) -> None:
    database = await state_with(tmp_path / "state", "precious")
    (tmp_path / "backup").write_bytes(content)

    with pytest.raises(BackupError):
        restore(database, tmp_path / "backup")

    assert networks(database) == ["precious"]
    assert not list((tmp_path / "state").glob("*before-restore*"))


# The commands


async def test_the_command_restores_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state"
    back_up(await state_with(state, "a"), tmp_path / "backup")

    assert main(["db", "check", "--state-dir", str(state)]) == 0
    assert main(["db", "check", "--state-dir", str(state), str(tmp_path / "backup")]) == 0
    assert main(["db", "restore", "--state-dir", str(state), str(tmp_path / "backup")]) == 0

    said = capsys.readouterr().out
    assert "xapid.db: 1 objects, 0 problems" in said
    assert "the old one is kept in" in said


@pytest.mark.slow
def test_nothing_is_restored_under_a_daemon_that_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    daemon, state = Daemon(tmp_path), tmp_path / "state"
    with daemon:
        assert main(["db", "backup", "--state-dir", str(state), str(tmp_path / "backup")]) == 0
        assert main(["db", "check", "--state-dir", str(state)]) == 0
        assert main(["db", "restore", "--state-dir", str(state), str(tmp_path / "backup")]) == 1

    assert "is used by another daemon" in capsys.readouterr().err
    assert main(["db", "restore", "--state-dir", str(state), str(tmp_path / "backup")]) == 0
    with daemon:
        daemon.client().close()


@pytest.mark.slow
def test_an_emptied_database_is_refused_and_a_backup_put_in_its_place_is_not(tmp_path: Path) -> None:
    daemon, state = Daemon(tmp_path, "--https", "127.0.0.1:0"), tmp_path / "state"
    with daemon, closing(daemon.client()) as client:
        uuid = client.call("pool.get_uuid", client.call("pool.get_all")[0])
        assert main(["db", "backup", "--state-dir", str(state), str(tmp_path / "backup")]) == 0
    for left in state.glob("xapid.db-*"):
        left.unlink()
    (state / "xapid.db").write_bytes(b"")

    with pytest.raises(RuntimeError, match="is empty, although this state directory was in use"):
        daemon.start()

    assert main(["db", "restore", "--state-dir", str(state), str(tmp_path / "backup")]) == 0
    with daemon, closing(daemon.client()) as client:
        assert client.call("pool.get_uuid", client.call("pool.get_all")[0]) == uuid


# Migrations


NEXT = """
from alembic import op

revision = "0002"
down_revision = "{first}"


def upgrade():
    op.execute("CREATE TABLE added (x)")
    op.execute("{last}")
"""


def migrate_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str) -> None:
    """From now on this is a version of the program with one more migration, which ends with a statement."""
    scripts = tmp_path / "migrations"
    shutil.copytree(database_module.migrations_directory(), scripts)
    (first,) = (path.stem.partition("_")[0] for path in (scripts / "versions").glob("*.py"))
    (scripts / "versions" / "0002_next.py").write_text(NEXT.format(first=first, last=last))
    monkeypatch.setattr(database_module, "migrations_directory", lambda: scripts)


async def test_a_database_is_kept_as_it_was_before_it_is_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await state_with(tmp_path / "state", "old")
    migrate_next(tmp_path, monkeypatch, "SELECT 1")

    Database(database).open()
    Database(database).open()

    with closing(sqlite3.connect(database)) as now, closing(sqlite3.connect(f"{database}.before-0002")) as then:
        assert now.execute("SELECT count(*) FROM added").fetchone() == (0,)
        assert then.execute("SELECT name_label FROM network").fetchall() == [("old",)]
        assert then.execute("SELECT name FROM sqlite_schema WHERE name = 'added'").fetchall() == []


async def test_copies_before_migrations_of_two_states_are_both_kept_and_of_one_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await state_with(tmp_path / "state", "old")
    # Left by a migration of another state, before a backup was put back.
    back_up(database, tmp_path / "state/xapid.db.before-0002")
    await state_with(tmp_path / "state", "new")
    migrate_next(tmp_path, monkeypatch, "NONSENSE")

    for _ in range(2):
        with pytest.raises(DatabaseError, match="NONSENSE"):
            Database(database).open()

    copies = sorted((tmp_path / "state").glob("*.before-0002*"))
    assert [names_in(each) for each in copies] == [["old"], ["new", "old"]]


async def test_the_same_state_is_not_copied_twice_before_a_migration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await state_with(tmp_path / "state", "old")
    migrate_next(tmp_path, monkeypatch, "NONSENSE")

    for _ in range(3):
        with pytest.raises(DatabaseError, match="NONSENSE"):
            Database(database).open()

    assert len(list((tmp_path / "state").glob("*.before-*"))) == 1


async def test_a_migration_that_fails_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = await state_with(tmp_path / "state", "old")
    with monkeypatch.context() as newer:
        migrate_next(tmp_path, newer, "NONSENSE")

        with pytest.raises(DatabaseError, match="NONSENSE"):
            Database(database).open()

    assert networks(database) == ["old"]
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema WHERE name = 'added'").fetchall() == []


def test_who_knew_what_was_before_a_restore_is_told_that_events_were_lost(tmp_path: Path) -> None:
    """Both begin to count at about the same place: without more, the one would take the other's tokens."""
    state, backup = tmp_path / "state", tmp_path / "backup"
    daemon = Daemon(tmp_path)
    with daemon:
        back_up(state / "xapid.db", backup)
        daemon.stop()
        daemon.start()
        with closing(daemon.client()) as client:
            for number in range(3):
                client.call("network.create", {"name_label": f"gone {number}", "other_config": {}})
            token = client.call("event.from", ["*"], "", 1.0)["token"]
        daemon.stop()
        restore(state / "xapid.db", backup)
        daemon.start()
        with closing(daemon.client()) as client:
            client.call("network.create", {"name_label": "new", "other_config": {}})

            with pytest.raises(Failure, match="EVENTS_LOST"):
                client.call("event.from", ["network"], token, 2.0)

            anew = client.call("event.from", ["network"], "", 1.0)
            client.call("network.create", {"name_label": "newest", "other_config": {}})
            after = client.call("event.from", ["network"], anew["token"], 2.0)
    assert "gone 0" not in {event["snapshot"]["name_label"] for event in anew["events"]}
    assert [event["snapshot"]["name_label"] for event in after["events"]] == ["newest"]
