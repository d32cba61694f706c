"""What is written down of a volume group: whole or not at all, and nothing that leads elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.backends.storage.rig import fresh
from xapid.backends.interface import Failed, NoSpace, NotFound, NotSupported
from xapid.backends.storage.group_records import BLOCK, FORMAT, HALF, SIZE, Contents, GroupRecords, Kept, Pending
from xapid.backends.storage.interface import VolumeFormat
from xapid.backends.storage.volume_store import Record

KEY = "00000000-0000-4000-8000-000000000001"
EMPTY = Contents(FORMAT, fresh())


def volume(**more: str) -> Kept:
    return Kept(replace(Record(fresh(), VolumeFormat.qcow2, size=4096), **more), 4 << 20)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "records"
    with found.open("xb") as file:
        file.truncate(SIZE)
    return found


def spoil(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"spoilt")


def test_what_was_written_last_is_read(path: Path) -> None:
    records = GroupRecords(path)
    for _ in range(3):
        last = replace(EMPTY, volumes={fresh(): volume()}, leases={fresh(): "a guest"})
        records.write(last)

    assert GroupRecords(path).read() == last


@pytest.mark.parametrize("within", [0, 20, BLOCK, BLOCK + 30])
def test_what_was_being_written_counts_for_nothing_until_it_is_whole(path: Path, within: int) -> None:
    records = GroupRecords(path)
    for leases in ({}, {fresh(): "a guest"}):
        records.write(replace(EMPTY, leases=leases))
    spoil(path, within)  # The second change lies in the first half.

    assert records.read() == EMPTY
    records.write(EMPTY)
    assert records.read() == EMPTY


def test_where_nothing_is_whole_there_is_no_repository(path: Path) -> None:
    records = GroupRecords(path)
    records.write(EMPTY)
    spoil(path, HALF)

    with pytest.raises(NotFound):
        records.read()


def test_what_lay_there_before_can_be_erased(path: Path) -> None:
    records = GroupRecords(path)
    records.write(EMPTY)
    records.write(EMPTY)

    records.erase()

    with pytest.raises(NotFound):
        records.read()


def test_a_later_format_is_refused(path: Path) -> None:
    records = GroupRecords(path)
    records.write(replace(EMPTY, format=FORMAT + 1))

    with pytest.raises(NotSupported, match="later version"):
        records.read()


def test_too_many_volumes_are_refused_before_anything_is_written(path: Path) -> None:
    records = GroupRecords(path)
    records.write(EMPTY)

    with pytest.raises(NoSpace):
        records.write(replace(EMPTY, leases={"x" * HALF: ""}))

    assert records.read() == EMPTY


@pytest.mark.parametrize(
    "pending",
    [
        Pending(removes=["RECORDS"]),
        Pending(removes=["../theirs/root"]),
        Pending(moves=[("QCOW2-x", "LV-y")]),
        Pending(grows={"-o": (0, 1)}),
    ],
)
def test_a_change_under_way_that_leads_elsewhere_is_not_completed(path: Path, pending: Pending) -> None:
    GroupRecords(path).write(replace(EMPTY, pending=pending))

    with pytest.raises(Failed, match="which is no volume"):
        GroupRecords(path).read()


@pytest.mark.parametrize("key, more", [("../x", {}), (KEY, {"parent": "../../etc"}), (KEY, {"uuid": "-o"})])
def test_a_record_that_is_none_is_refused(path: Path, key: str, more: dict[str, str]) -> None:
    GroupRecords(path).write(replace(EMPTY, volumes={key: volume(**more)}))

    with pytest.raises(Failed, match="a record that is none"):
        GroupRecords(path).read()


def test_what_later_versions_add_is_not_looked_at(path: Path) -> None:
    class Later(msgspec.Struct):
        format: int
        uuid: str
        more: list[int]

    records = GroupRecords(path)
    records.write(Later(FORMAT, EMPTY.uuid, [1]))  # type: ignore[arg-type]

    assert records.read() == EMPTY
