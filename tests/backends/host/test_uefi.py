"""Certificates for secure boot in files: those of the system by a link, or others in a folder in its place."""

from __future__ import annotations

import base64
import io
import tarfile
from pathlib import Path

import pytest

from tests.backends.host.machines import lay_out
from xapid.backends.host import uefi
from xapid.backends.host.linux import Linux
from xapid.backends.interface import BadConfig, Failed

SYSTEM = "usr/share/varstored"
OWN = {"KEK.auth": b"kek", "PK.auth": b"pk", "db.auth": b"own"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return lay_out(tmp_path, {f"{SYSTEM}/PK.auth": "pk", f"{SYSTEM}/db.auth": "db", f"{SYSTEM}/README": "read"})


def archive(**members: tarfile.TarInfo) -> str:
    """An archive of entries as one likes, without their contents."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for entry in members.values():
            tar.addfile(entry)
    return base64.b64encode(raw.getvalue()).decode()


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_those_of_the_system_are_one_archive_always_the_same(root: Path) -> None:
    first = Linux(root).uefi_certificates()
    (root / SYSTEM / "PK.auth").touch()

    assert Linux(root).uefi_certificates() == first
    assert uefi.unpacked(first) == {"PK.auth": b"pk", "db.auth": b"db"}


def test_a_system_without_any_has_none(tmp_path: Path) -> None:
    assert (Linux(tmp_path).uefi_certificates(), Linux(tmp_path).used_uefi_certificates()) == ("", ())


def test_others_take_their_place_and_leave_it(root: Path) -> None:
    machine, place = Linux(root), root / uefi.USED

    for _ in range(2):
        machine.use_uefi_certificates("")
        assert place.readlink() == Path("/usr/share/varstored")
        machine.use_uefi_certificates(uefi.packed({**OWN, "dbx.auth": b"x"}))
        machine.use_uefi_certificates(uefi.packed(OWN))
        assert {each.name: each.read_bytes() for each in place.iterdir()} == OWN
        assert machine.used_uefi_certificates() == ("KEK.auth", "PK.auth", "db.auth")

    assert sorted(each.name for each in place.parent.iterdir()) == ["varstored"]
    assert (root / SYSTEM / "db.auth").read_text() == "db"


def test_an_archive_may_come_in_lines_and_in_folders(root: Path) -> None:
    text = uefi.packed({"etc/keys/db.auth": b"db"})

    Linux(root).use_uefi_certificates("\n".join(text[at : at + 76] for at in range(0, len(text), 76)) + "\n")

    assert (root / uefi.USED / "db.auth").read_bytes() == b"db"


@pytest.mark.parametrize(
    "hostile",
    [
        archive(a=entry("../../etc/passwd")),
        archive(a=entry("db.auth", tarfile.SYMTYPE, "/etc/shadow")),
        archive(a=entry("db.auth", tarfile.LNKTYPE, "/etc/shadow")),
        archive(a=entry("db.auth", tarfile.CHRTYPE)),
        archive(a=entry("db.auth", tarfile.DIRTYPE)),
        uefi.packed({"db.auth": bytes(uefi.MOST + 1)}),
    ],
)
def test_an_archive_of_something_else_writes_nothing(root: Path, hostile: str) -> None:
    with pytest.raises(BadConfig):
        Linux(root).use_uefi_certificates(hostile)

    assert not (root / "var").exists()
    assert not (root.parent / "etc").exists()


def test_a_file_never_lands_outside_of_its_folder(root: Path) -> None:
    Linux(root).use_uefi_certificates(uefi.packed({"../../../x.auth": b"x", "/y.auth": b"y"}))

    assert sorted(each.name for each in (root / uefi.USED).iterdir()) == ["x.auth", "y.auth"]


def test_where_nothing_can_be_written_that_is_said(root: Path) -> None:
    (root / "var").write_text("a file")

    with pytest.raises(Failed):
        Linux(root).use_uefi_certificates(uefi.packed(OWN))
