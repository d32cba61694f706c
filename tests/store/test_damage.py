"""Databases that SQLite finds whole, and that are not: start, check and restore say so, and change nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from xapid.cli.server_command import main
from xapid.datamodel import VM, Network
from xapid.datamodel.types import CLASSES
from xapid.main import opened_store
from xapid.store.copies import BackupError
from xapid.store.database import DatabaseError
from xapid.store.restore import check, restore
from xapid.store.rows import PERSISTENT, columns_of
from xapid.store.tables import to_sql
from xapid.store.values import from_sql


async def damaged(directory: Path, *statements: str) -> Path:
    """A database with two machines and a network, to which something was done. Returns it."""
    async with opened_store(directory) as (store, _):
        with store.write() as tx:
            for name in ("one", "two"):
                tx.create(VM, ref=f"OpaqueRef:{name}", name_label=name)
            tx.create(Network, name_label="three")
        await store.settled()
    with closing(sqlite3.connect(directory / "xapid.db", isolation_level=None)) as connection:
        for each in statements:
            connection.execute(each)
    return directory / "xapid.db"


def content(database: Path) -> bytes:
    return database.read_bytes()


async def refused(database: Path) -> str:
    """What a start says of it, in one line. The file stays as it is."""
    before = content(database)
    with pytest.raises(DatabaseError) as error:
        async with opened_store(database.parent):
            pass
    said = str(error.value)
    assert content(database) == before
    assert said.startswith(f"database {database} is damaged: ") and "\n" not in said
    assert said.endswith("; put back a backup with `xapid db restore`")
    return said


LACKS = {
    "the column VM.name_description": "ALTER TABLE VM DROP COLUMN name_description",
    "the table network": "DROP TABLE network",
    "the table _deleted": "DROP TABLE _deleted",
    "the column _journal.payload": "ALTER TABLE _journal DROP COLUMN payload",
}


@pytest.mark.parametrize("lack", LACKS)
async def test_tables_and_columns_that_are_missing_are_named(tmp_path: Path, lack: str) -> None:
    database = await damaged(tmp_path / "state", LACKS[lack])

    assert f"it lacks {lack};" in await refused(database)
    assert [problem for problem in check(database).problems if f"lacks {lack};" in problem]
    with pytest.raises(BackupError, match=f"is not put back: .* lacks {lack};"):
        restore(tmp_path / "other" / "xapid.db", database)


async def test_of_much_that_is_missing_the_first_are_named(tmp_path: Path) -> None:
    names = ("VBD", "VIF", "SR", "VDI", "PBD", "PIF", "Bond")
    database = await damaged(tmp_path, *(f"DROP TABLE {name}" for name in names))

    assert "and 2 more;" in await refused(database)


VALUES = {
    "other_config: what stands there is no (string -> string) map": "'{bad'",
    "platform: what stands there is no (string -> string) map": """'{"a": 1}'""",
    "VCPUs_params: what stands there is no (string -> string) map": "X'7b7d'",
    "VCPUs_max: what stands there is no int": "'abc'",
    "memory_target: what stands there is no int": "9e99",
    "power_state: what stands there is no enum vm_power_state": "'Bogus'",
    "name_label: what stands there is no string": "X'fffe'",
    "name_description: what stands there is no string": "CAST(X'fffe' AS TEXT)",
    "tags: what stands there is no string set": "'{}'",
    "blocked_operations: what stands there is no (enum vm_operations -> string) map": """'{"fly": ""}'""",
    "is_a_template: what stands there is no bool": "2",
    "HVM_shadow_multiplier: what stands there is no float": "'much'",
    "snapshot_time: what stands there is no datetime": "'yesterday'",
    "affinity: what stands there is no host ref": "X'00'",
    "_modified: what stands there is no int": "'x'",
}


@pytest.mark.parametrize("place", VALUES)
async def test_a_value_that_its_column_cannot_have_is_named(tmp_path: Path, place: str) -> None:
    column = place.partition(":")[0]
    change = f"UPDATE VM SET {column} = {VALUES[place]} WHERE name_label = 'two'"
    database = await damaged(tmp_path / "state", change)
    named = f"table VM, row OpaqueRef:two, column {place}"

    assert f" {named};" in await refused(database)
    assert check(database).problems == [named]
    with pytest.raises(BackupError, match="is not put back: table VM, row OpaqueRef:two"):
        restore(tmp_path / "other" / "xapid.db", database)


async def test_all_such_values_are_named_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = ("UPDATE VM SET tags = '{}', VCPUs_max = 'abc'", "UPDATE network SET other_config = '{bad'")
    database = await damaged(tmp_path, *changes)

    assert "(`xapid db check` names 4 more)" in await refused(database)
    assert main(["db", "check", "--state-dir", str(tmp_path)]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("trouble: table VM, row OpaqueRef:one, column ") for line in lines) == 2
    assert sum(line.startswith("trouble: table VM, row OpaqueRef:two, column ") for line in lines) == 2
    assert sum(line.startswith("trouble: table network, row OpaqueRef:") for line in lines) == 1
    assert lines[-1].endswith("5 problems")


NOTES = {
    "table _meta, row generation_ceiling, column value": "UPDATE _meta SET value = 'x' WHERE key LIKE 'gen%'",
    "table _meta, row forgotten:cat, column key": "INSERT INTO _meta VALUES ('forgotten:cat', '1')",
    "table _deleted, row 7, column class": "INSERT INTO _deleted VALUES (7, 'cat', 'OpaqueRef:1', 1)",
    "table _journal, row t, column payload": "INSERT INTO _journal VALUES ('t', 1, '{bad')",
}


@pytest.mark.parametrize("place", NOTES)
async def test_the_same_of_tables_that_are_no_class_s(tmp_path: Path, place: str) -> None:
    database = await damaged(tmp_path, NOTES[place])

    assert f" {place}: what stands there is no " in await refused(database)
    assert [problem.startswith(place) for problem in check(database).problems] == [True]


async def test_a_row_s_name_does_not_break_the_line(tmp_path: Path) -> None:
    database = await damaged(
        tmp_path, "UPDATE VM SET _ref = 'a' || char(10) || 'b', tags = '{}' WHERE name_label = 'two'"
    )

    assert "row 'a\\nb', column tags" in await refused(database)


def test_what_every_column_is_given_by_default_fits() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        for name in PERSISTENT:
            for field in columns_of(CLASSES[name]):
                (found,) = connection.execute("SELECT ?", (to_sql(field.type)(field.empty),)).fetchone()
                assert from_sql(field)(found) == field.empty, f"{name}.{field.name}"
