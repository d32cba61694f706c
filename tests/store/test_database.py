"""What is on disk, what comes back from it, and which files are refused."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from xapid.datamodel import VBD, VM, Console, Task, VBD_metrics
from xapid.datamodel.types import CLASSES, DateTime
from xapid.datamodel.vm import VmPowerState
from xapid.store.database import DELETIONS_KEPT, Database, DatabaseError, StateDirectory
from xapid.store.rows import PERSISTENT, columns_of
from xapid.store.store import Store
from xapid.store.writer import RESERVED, Writer

Reopen = Callable[[], Store]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    database = Database(tmp_path / "xapid.db")
    database.open()
    writer = Writer(database.engine, 0)
    writer.start(asyncio.get_running_loop())
    yield Store(sink=writer)
    writer.stop()


@pytest.fixture
def reopen(tmp_path: Path) -> Reopen:
    def load() -> Store:
        database = Database(tmp_path / "xapid.db")
        database.open()
        store = Store(generation=int(database.meta()["generation_ceiling"]))
        for row in database.rows():
            store.adopt(row)
        store.recall(database.deletions())
        return store

    return load


async def test_what_was_settled_is_found_again(store: Store, reopen: Reopen) -> None:
    with store.write() as tx:
        vm = tx.create(
            VM, name_label="é <&> '", tags=("b", "a", "b"), other_config={"key": "value"}, memory_static_max=2**40,
            power_state=VmPowerState.Running, snapshot_time=DateTime("20260102T03:04:05Z"), HVM_shadow_multiplier=1.5,
        )  # fmt: skip
        drive = tx.create(VBD, VM=vm.ref)
    await store.settled()

    again = reopen()

    fields = [field.name for field in columns_of(VM)]
    found = again.get(VM, vm.ref)
    assert {name: found.__dict__[name] for name in fields} == {name: vm.__dict__[name] for name in fields}
    assert isinstance(found.power_state, VmPowerState)
    assert again.members(found, "VBDs") == (drive.ref,)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e308, 5e-324])
async def test_a_number_is_found_again_whatever_it_is(store: Store, reopen: Reopen, number: float) -> None:
    with store.write() as tx:
        vm = tx.create(VM, HVM_shadow_multiplier=number)
    await store.settled()

    assert repr(reopen().get(VM, vm.ref).HVM_shadow_multiplier) == repr(number)


async def test_what_was_deleted_stays_away(store: Store, reopen: Reopen) -> None:
    with store.write() as tx:
        vm = tx.create(VM)
    with store.write() as tx:
        tx.delete(vm)
    await store.settled()

    assert reopen().find(VM, vm.ref) is None


@pytest.mark.parametrize("count", [1, 2, 3, 64, 71, 200])
async def test_rows_written_together_are_found_each_with_its_own(store: Store, reopen: Reopen, count: int) -> None:
    with store.write() as tx:
        machines = [tx.create(VM, name_label=str(number)) for number in range(count)]
    await store.settled()

    with store.write() as tx:
        for number, vm in enumerate(machines[: count - count // 3]):
            tx.set(vm, name_description=f"changed {number}", tags=(f"tag {number}",))
        for vm in machines[count - count // 3 :]:
            tx.delete(vm)
    await store.settled()

    again = reopen()
    assert [(vm.name_label, vm.name_description, vm.tags) for vm in again.all(VM)] == [
        (str(number), f"changed {number}", (f"tag {number}",)) for number in range(count - count // 3)
    ]
    assert [line.ref for line in again.feed.classes["VM"].deleted] == [vm.ref for vm in machines[count - count // 3 :]]


async def test_many_changes_are_committed_in_few_goes(store: Store) -> None:
    with store.write() as tx:
        vm = tx.create(VM)
    await store.settled()
    assert isinstance(store.sink, Writer)
    before = store.sink.commits

    for number in range(200):
        with store.write() as tx:
            tx.set(vm, name_label=str(number))
    await store.settled()

    assert store.sink.commits - before < 100


async def test_fields_that_are_not_persistent_are_not_written(store: Store) -> None:
    with store.write() as tx:
        vm = tx.create(VM)
    await store.settled()
    assert isinstance(store.sink, Writer)
    before, submitted = store.sink.batches, store.submitted

    with store.write() as tx:
        tx.set(vm, current_operations={"OpaqueRef:task": "start"})

    assert store.get(VM, vm.ref).current_operations
    assert store.submitted == submitted
    assert store.is_durable(store.get(VM, vm.ref))
    assert store.sink.batches == before


async def test_a_volatile_row_is_not_written(store: Store, reopen: Reopen) -> None:
    with store.write() as tx:
        task = tx.create(Task, volatile=True)
        kept = tx.create(Task)
    await store.settled()

    again = reopen()

    assert again.find(Task, task.ref) is None
    assert again.find(Task, kept.ref) is not None


async def test_the_tables_can_be_read_with_the_plain_shell(store: Store, tmp_path: Path) -> None:
    with store.write() as tx:
        tx.create(VM, name_label="readable", tags=("x",), is_a_template=True)
    await store.settled()

    with sqlite3.connect(tmp_path / "xapid.db") as connection:
        found = connection.execute("SELECT name_label, tags, is_a_template FROM VM").fetchall()

    assert found == [("readable", '["x"]', 1)]


async def test_a_row_shown_before_it_is_on_disk_says_so(store: Store) -> None:
    with store.write() as tx:
        vm = tx.create(VM)

    assert not store.is_durable(vm)
    await store.durable(vm._wait)
    assert store.is_durable(vm)


def test_every_class_has_one_typed_column_a_field(tmp_path: Path) -> None:
    Database(tmp_path / "xapid.db").open()

    with sqlite3.connect(tmp_path / "xapid.db") as connection:
        columns = {
            name: {line[1]: line[2] for line in connection.execute(f'PRAGMA table_info("{name}")')}
            for name in PERSISTENT
        }

    for name, found in columns.items():
        assert {field.column for field in columns_of(CLASSES[name])} <= found.keys()
        assert {"_ref", "_created", "_modified", "_epoch", "_extra"} <= found.keys()
        assert set(found.values()) <= {"TEXT", "INTEGER", "FLOAT"}


def test_the_migrations_lead_to_the_declared_tables(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from xapid.store.tables import METADATA

    database = Database(tmp_path / "xapid.db")
    database.open()

    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)

    assert differences == []


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "xapid.db"
    path.write_bytes(b"not a database" * 1000)

    with pytest.raises(
        DatabaseError, match=rf"{path}: file is not a database; put back a backup with `xapid db restore`"
    ):
        Database(path).open()

    assert path.read_bytes() == b"not a database" * 1000


@pytest.mark.parametrize(
    "sql",
    ["UPDATE _meta SET value = '999' WHERE key = 'format'", "UPDATE alembic_version SET version_num = 'ffff'"],
)
def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "xapid.db"
    Database(path).open()
    with sqlite3.connect(path) as connection:
        connection.execute(sql)
    connection.close()
    before = path.read_bytes()

    with pytest.raises(DatabaseError, match=r"made by a newer xapid.*: install the newer version, or put back"):
        Database(path).open()

    assert path.read_bytes() == before
    assert list(tmp_path.glob("*.before-*")) == []


def test_a_state_directory_has_one_daemon(tmp_path: Path) -> None:
    first = StateDirectory(tmp_path)
    first.open()

    with pytest.raises(DatabaseError, match="used by another daemon"):
        StateDirectory(tmp_path).open()

    first.close()
    second = StateDirectory(tmp_path)
    second.open()
    second.close()


async def test_rows_come_back_in_the_order_in_which_they_were_made(store: Store, reopen: Reopen) -> None:
    made = []
    for _ in range(3):
        with store.write() as tx:
            made.append(tx.create(VM).ref)
    with store.write() as tx:
        tx.set(store.get(VM, made[0]), name_label="changed later")
    await store.settled()

    assert [row.ref for row in reopen().all(VM)] == made


async def test_a_client_without_a_token_is_told_of_every_object_after_a_restart(store: Store, reopen: Reopen) -> None:
    with store.write() as tx:
        vm, secret = tx.create(VM), tx.create(VBD_metrics)
    await store.settled()

    again = reopen()

    assert list(again.feed.classes["VM"].changed_since(0)) == [vm.ref]
    assert list(again.feed.classes["VBD_metrics"].changed_since(0)) == [secret.ref]


async def test_what_a_restart_may_have_changed_is_told_to_who_has_a_token(store: Store, reopen: Reopen) -> None:
    with store.write() as tx:
        vm, console = tx.create(VM), tx.create(Console)
    with store.write() as tx:
        tx.set(vm, current_operations={"OpaqueRef:task": "start"})
    await store.settled()
    token = store.generation

    again = reopen()

    assert list(again.feed.classes["VM"].changed_since(token)) == [vm.ref]
    assert not again.get(VM, vm.ref).current_operations
    assert not list(again.feed.classes["console"].changed_since(token))
    assert again.get(Console, console.ref)._gen == console._gen


async def test_a_restart_never_gives_a_generation_again(tmp_path: Path) -> None:
    store, writer = opened(tmp_path)
    with store.write() as tx:
        vm = tx.create(VM)
    await store.settled()
    store.generation += 3 * RESERVED

    with store.write() as tx:
        tx.set(vm, current_operations={"OpaqueRef:task": "start"})
    writer.stop()

    assert int(Database(tmp_path / "xapid.db").meta()["generation_ceiling"]) > store.generation


async def test_only_the_latest_deletions_are_kept_and_that_is_known(tmp_path: Path) -> None:
    store, writer = opened(tmp_path)
    gone = []
    for _ in range(DELETIONS_KEPT + 3):
        with store.write() as tx:
            vm = tx.create(VM)
        with store.write() as tx:
            tx.delete(vm)
        gone.append(store.generation)
    await store.settled()
    writer.stop()

    database = Database(tmp_path / "xapid.db")
    database.open()

    assert [line[0] for line in database.deletions()] == gone[3:]
    assert database.forgotten() == {"VM": gone[2]}


def test_a_first_start_that_is_killed_leaves_nothing_half_made(tmp_path: Path) -> None:
    path = tmp_path / "xapid.db"
    program = (
        "import os, sys, sqlalchemy as sa\n"
        "from pathlib import Path\n"
        "from xapid.store.database import Database\n"
        "database, made = Database(Path(sys.argv[1])), []\n"
        "@sa.event.listens_for(database.engine, 'before_cursor_execute')\n"
        "def count(connection, cursor, statement, *rest):\n"
        "    made.append(statement)\n"
        "    if len([each for each in made if 'CREATE TABLE' in each]) == 40:\n"
        "        os.kill(os.getpid(), 9)\n"
        "database.open()\n"
    )

    killed = subprocess.run([sys.executable, "-c", program, str(path)], cwd=Path(__file__).parents[2], check=False)
    Database(path).open()

    assert killed.returncode == -9
    assert Database(path).meta()["format"] == "1"


@pytest.mark.parametrize("statement", ["DELETE FROM alembic_version", "DROP TABLE alembic_version"])
def test_a_database_without_a_revision_is_refused_with_what_helps_and_left_alone(
    tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "xapid.db"
    Database(path).open()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
        before = list(connection.iterdump())

    with pytest.raises(DatabaseError, match=r"names no revision: .* `xapid db restore`"):
        Database(path).open()

    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before


async def test_an_undo_line_outlives_the_end_of_the_journal_before_it(tmp_path: Path) -> None:
    store, writer = opened(tmp_path, started=False)
    with store.write() as tx:
        tx.journal("other", 1, "of another task")
    for number in (1, 2):
        with store.write() as tx:
            tx.journal("task", 0, None)
            tx.journal("task", number, f"step {number}")

    writer.start(asyncio.get_running_loop())
    await store.settled()
    writer.stop()

    found = Database(tmp_path / "xapid.db").journal()
    assert [(line.task, line.payload) for line in found] == [("other", "of another task"), ("task", "step 2")]


def opened(directory: Path, *, started: bool = True) -> tuple[Store, Writer]:
    """A store of a fresh database."""
    database = Database(directory / "xapid.db")
    database.open()
    writer = Writer(database.engine, 0)
    if started:
        writer.start(asyncio.get_running_loop())
    return Store(sink=writer), writer
