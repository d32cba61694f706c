"""Files of a repository that are not images may be another's work as well: they lead nowhere else, and have an end."""

from __future__ import annotations

import json
import os

import pytest

from tests.backends.storage.hostile import contents, directory
from tests.backends.storage.rig import Rig, fresh
from xapid.backends.interface import BackendError, Failed


@pytest.mark.parametrize(
    "change",
    [
        {"removes": ["../precious"]},
        {"removes": ["/nonexistent/precious"]},
        {"removes": ["sr.json"]},
        {"removes": ["children/../../precious"]},
        {"writes": {"../precious": "gone"}},
        {"writes": {"lock": ""}},
        {"moves": [["../precious", "mine.json"]]},
        {"moves": [[f"tmp/{fresh()}.raw", "../precious"]]},
    ],
)
def test_a_change_under_way_that_leads_out_of_the_repository_is_not_completed(
    file_rig: Rig, change: dict[str, object]
) -> None:
    volume = file_rig.volume()
    precious = directory(file_rig).parent / "precious"
    precious.write_text("precious")
    (directory(file_rig) / "pending.json").write_text(json.dumps(change))
    before = contents(directory(file_rig))

    with pytest.raises(Failed, match="not a file of volumes"):
        file_rig.driver.attach(volume, fresh(), True)

    assert precious.read_text() == "precious"
    assert contents(directory(file_rig)) == before


@pytest.mark.parametrize("text", ["", "{", '{"moves": 1}', "[" * 100_000, '{"removes": ["\\ud800"]}', "\xff"])
def test_a_change_under_way_that_cannot_be_read_is_told(file_rig: Rig, text: str) -> None:
    volume = file_rig.volume()
    (directory(file_rig) / "pending.json").write_bytes(text.encode("latin-1"))

    with pytest.raises(Failed, match=r"pending\.json"):
        file_rig.driver.attach(volume, fresh(), True)


@pytest.mark.parametrize("name", ["tmp", "children"])
def test_a_folder_that_is_a_link_is_not_gone_through(file_rig: Rig, name: str) -> None:
    volume = file_rig.volume()
    branch = file_rig.snapshot(volume)
    elsewhere = directory(file_rig).parent / "elsewhere"
    (directory(file_rig) / name).rename(elsewhere)
    (directory(file_rig) / name).symlink_to(elsewhere)
    (elsewhere / "precious").write_text("precious")
    before = contents(elsewhere)

    for call in (
        lambda: file_rig.snapshot(branch.active),
        lambda: file_rig.driver.attach_sr(file_rig.sr) if name == "tmp" else file_rig.driver.destroy(branch.new),
    ):
        with pytest.raises(Failed, match="is a link"):
            call()

    assert contents(elsewhere) == before


@pytest.mark.parametrize(
    "record",
    [
        {"parent": "../../etc"},
        {"parent": "x"},
        {"uuid": "../x"},
        {"uuid": "x" * 100_000},
        {"format": "vmdk"},
        {"format": "raw", "parent": "00112233-4455-6677-8899-aabbccddeeff"},
        {"name": "\udc00"},
        {"more": [[]]},
    ],
)
def test_a_record_that_is_none_is_damage(file_rig: Rig, record: dict[str, object]) -> None:
    volume = file_rig.volume()
    path = directory(file_rig) / f"{volume.key}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | record))

    scan = file_rig.driver.scan(file_rig.sr)

    # What later versions add is not looked at.
    assert scan.damaged == (() if "more" in record else (volume.key,))


def test_a_record_without_an_end_is_not_read(file_rig: Rig) -> None:
    volume, whole = file_rig.volume(), file_rig.volume()
    os.truncate(directory(file_rig) / f"{volume.key}.json", 1 << 40)

    scan = file_rig.driver.scan(file_rig.sr)

    assert (scan.damaged, [each.key for each in scan.volumes]) == ((volume.key,), [whole.key])


def test_a_lease_of_odd_bytes_is_one_of_somebody_else(file_rig: Rig) -> None:
    volume = file_rig.volume()
    (directory(file_rig) / f"{volume.key}.lease").write_bytes(b"\xff\xfe")

    with pytest.raises(BackendError, match="is written by"):
        file_rig.driver.attach(volume, fresh(), True)
    assert file_rig.driver.attach(volume, fresh(), False)
