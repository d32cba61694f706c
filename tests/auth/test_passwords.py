"""The password file: who is known by it, and that it takes as long to refuse who is not."""

from __future__ import annotations

import stat
from pathlib import Path

import argon2
import pytest

from xapid.auth.passwords import DECOY, PasswordFile


@pytest.fixture
def passwords(tmp_path: Path) -> PasswordFile:
    return PasswordFile(tmp_path / "state" / "passwords")


def test_only_the_right_password_of_a_known_user_is_right(passwords: PasswordFile) -> None:
    assert not passwords.check("root", "right")

    passwords.set("root", "right")
    passwords.set("alice", "hers")

    answers = {
        pair: passwords.check(*pair) for pair in (("root", "right"), ("root", "hers"), ("", ""), ("bob", "right"))
    }
    assert answers == {("root", "right"): True, ("root", "hers"): False, ("", ""): False, ("bob", "right"): False}
    assert passwords.users() == {"root", "alice"}


def test_the_file_shows_no_password_and_only_to_its_owner(passwords: PasswordFile) -> None:
    passwords.set("root", "right")

    assert stat.S_IMODE(passwords.path.stat().st_mode) == 0o600
    assert "right" not in passwords.path.read_text()
    assert list(passwords.path.parent.iterdir()) == [passwords.path]


def test_the_hash_that_an_unknown_user_is_checked_against_costs_as_much_as_any(passwords: PasswordFile) -> None:
    passwords.set("root", "some")
    made = passwords.hash_of("root")

    assert made is not None
    assert argon2.extract_parameters(DECOY) == argon2.extract_parameters(made)
    # It can be read, so the work is done before it is found to differ.
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(DECOY, "some")


@pytest.mark.parametrize("line", ["", "# root:x", "root", "root:", "root:no hash", "root:$argon2id$v=19$m=1"])
def test_a_line_that_holds_no_hash_lets_nobody_in(passwords: PasswordFile, line: str) -> None:
    passwords.path.parent.mkdir()
    passwords.path.write_text(line + "\n")

    assert not passwords.check("root", "")


@pytest.mark.parametrize("user", ["a:b", "a\nb"])
def test_a_name_that_would_be_two_is_refused(passwords: PasswordFile, user: str) -> None:
    with pytest.raises(ValueError, match="colon"):
        passwords.set(user, "x")


def test_a_file_that_cannot_be_read_lets_nobody_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "garbage").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "directory").mkdir()

    assert not PasswordFile(tmp_path / "garbage").check("root", "x")
    assert not PasswordFile(tmp_path / "directory").check("root", "x")
    assert "cannot be read" in caplog.text
