"""What is on disk, what comes back from it, and which files are refused."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from xapid.datamodel import VBD, VM, Task
from xapid.datamodel.types import CLASSES, DateTime
from xapid.datamodel.vm import VmPowerState
from xapid.store.database import Database, DatabaseError, StateDirectory
from xapid.store.rows import PERSISTENT, columns_of
from xapid.store.store import Store
from xapid.store.writer import Writer

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
        store = Store()
        for row in database.rows():
            store.adopt(row)
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


async def test_what_was_deleted_stays_away(store: Store, reopen: Reopen) -> None:
    with store.write() as tx:
        vm = tx.create(VM)
    with store.write() as tx:
        tx.delete(vm)
    await store.settled()

    assert reopen().find(VM, vm.ref) is None


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

    with pytest.raises(DatabaseError, match=str(path)):
        Database(path).open()

    assert path.read_bytes() == b"not a database" * 1000


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "xapid.db"
    Database(path).open()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE _meta SET value = '999' WHERE key = 'format'")

    with pytest.raises(DatabaseError, match="newer"):
        Database(path).open()


def test_a_state_directory_has_one_daemon(tmp_path: Path) -> None:
    first = StateDirectory(tmp_path)
    first.open()

    with pytest.raises(DatabaseError, match="used by another daemon"):
        StateDirectory(tmp_path).open()

    first.close()
    second = StateDirectory(tmp_path)
    second.open()
    second.close()
