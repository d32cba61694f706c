"""Files of certificates on the shelves of a host."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from xapid.backends.certificates.interface import AUTHORITIES, OWN, SERVER, SHELVES
from xapid.backends.certificates.local import Certificates
from xapid.backends.interface import AlreadyExists, Failed, NotFound


@pytest.fixture
def shelves(tmp_path: Path) -> Certificates:
    return Certificates(str(tmp_path / "state"))


@pytest.mark.parametrize("shelf", SHELVES)
def test_what_was_added_is_found_until_it_is_removed(shelves: Certificates, shelf: str) -> None:
    before = shelves.names(shelf)
    shelves.add(shelf, "b.pem", "first")
    shelves.add(shelf, "a.pem", "second")

    assert (before, shelves.names(shelf)) == ((), ("a.pem", "b.pem"))
    assert shelves.read(shelf, "b.pem") == "first"

    shelves.remove(shelf, "b.pem")

    assert shelves.names(shelf) == ("a.pem",)
    with pytest.raises(NotFound):
        shelves.read(shelf, "b.pem")
    with pytest.raises(NotFound):
        shelves.remove(shelf, "b.pem")


def test_the_longest_name_of_a_file_will_do(shelves: Certificates) -> None:
    name = "x" * 251 + ".pem"
    shelves.add(AUTHORITIES, name, "text")

    assert shelves.read(AUTHORITIES, name) == "text"


def test_what_is_there_is_replaced_and_not_added_again(shelves: Certificates) -> None:
    shelves.add(AUTHORITIES, "a.pem", "first")
    with pytest.raises(AlreadyExists):
        shelves.add(AUTHORITIES, "a.pem", "second")

    shelves.replace(AUTHORITIES, "a.pem", "third")

    assert shelves.read(AUTHORITIES, "a.pem") == "third"


def test_only_the_owner_can_read_them(shelves: Certificates, tmp_path: Path) -> None:
    shelves.replace(OWN, SERVER, "with its key")

    (path,) = (tmp_path / "state").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["../a.pem", "a/b.pem", "a.txt", "", ".", "a\0.pem"])
def test_names_lead_nowhere_else(shelves: Certificates, tmp_path: Path, name: str) -> None:
    with pytest.raises(Failed):
        shelves.replace(AUTHORITIES, name, "text")

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_other_files_are_no_certificates(shelves: Certificates, tmp_path: Path) -> None:
    shelves.replace(OWN, SERVER, "with its key")
    (tmp_path / "state" / "xapid.db").write_text("rows")
    (tmp_path / "state" / ".half.pem").write_text("half")
    (tmp_path / "state" / "link.pem").symlink_to("/etc/hostname")

    assert shelves.names(OWN) == (SERVER,)
