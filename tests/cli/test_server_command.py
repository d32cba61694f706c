"""The command ``xapid``: what it understands, and what it says when it does not."""

import io
import sqlite3
import stat
from pathlib import Path

import pytest

from xapid import __version__
from xapid.auth.passwords import PasswordFile
from xapid.cli.server_command import main


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])

    assert end.value.code == 0
    assert capsys.readouterr().out == f"xapid {__version__}\n"


@pytest.mark.parametrize(
    "command, words",
    [
        (["--help"], ["serve", "db", "passwd", "doctor", "XAPID_STATE_DIR", "/etc/xapid/xapid.toml"]),
        (["serve", "--help"], ["--config FILE", "--state-dir DIR", "--drivers auto|libvirt|sim", "--libvirt-uri URI"]),
        (["db", "backup", "--help"], ["FILE", "--state-dir DIR"]),
    ],
)
def test_help_helps(capsys: pytest.CaptureFixture[str], command: list[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(command)

    text = capsys.readouterr().out
    assert end.value.code == 0
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    "command", [[], ["swerve"], ["serve", "--htt", "x"], ["serve", "--log-format", "json"], ["db"]]
)
def test_what_is_not_understood_ends_with_two(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(command)

    assert end.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize("command", [["serve"], ["db", "backup", "x"], ["passwd"], ["doctor"]])
def test_a_wrong_setting_is_one_line_and_nothing_is_done(
    capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    status = main([*command, "--log-level", "loud"])

    assert status == 2
    assert capsys.readouterr().err == "xapid: --log-level: 'loud' is none of debug, info, warning, error\n"


def test_a_password_is_read_from_standard_input_and_kept_as_a_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cret\n"))

    status = main(["passwd", "--state-dir", str(tmp_path)])

    file = tmp_path / "passwords"
    assert status == 0
    assert PasswordFile(file).check("root", "s3cret")
    assert "s3cret" not in file.read_text() + capsys.readouterr().out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "typed, user, message",
    [
        ("", "root", "an empty password is none"),
        ("x\n", "a:b", "holds no colon"),
        ("x\n", "", "a user name is"),
        ("x\n", "#root", "begins with no #"),
        ("\udcff\n", "root", "text in UTF-8"),
    ],
)
def test_a_password_that_cannot_be_set_is_told_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    user: str,
    message: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))

    status = main(["passwd", user, "--state-dir", str(tmp_path)])

    errors = capsys.readouterr().err
    assert status == 1
    assert message in errors and errors.count("\n") == 1


class Terminal(io.StringIO):
    """A standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("second, status", [("s3cret", 0), ("s3crte", 1)])
def test_on_a_terminal_a_password_is_typed_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], second: str, status: int
) -> None:
    typed = iter(["s3cret", second])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))

    assert main(["passwd", "--state-dir", str(tmp_path)]) == status

    assert (tmp_path / "passwords").exists() is (status == 0)
    assert ("not the same" in capsys.readouterr().err) is (status == 1)


def test_ctrl_c_ends_a_command_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", interrupted)

    assert main(["passwd", "--state-dir", str(tmp_path)]) == 130

    assert capsys.readouterr().err == "\nxapid: interrupted\n"


def test_a_password_file_that_cannot_be_written_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "passwords").mkdir()
    monkeypatch.setattr("sys.stdin", io.StringIO("x\n"))

    assert main(["passwd", "--state-dir", str(tmp_path)]) == 1

    assert capsys.readouterr().err == f"xapid: {tmp_path}/passwords: It is no file\n"


def test_a_backup_is_made_of_the_database_in_the_state_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(tmp_path / "xapid.db") as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()

    status = main(["db", "backup", str(tmp_path / "copy"), "--state-dir", str(tmp_path)])

    assert status == 0
    assert (tmp_path / "copy").exists()
    assert capsys.readouterr().out.startswith(f"{tmp_path}/copy: ")


def test_a_backup_of_nothing_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["db", "backup", str(tmp_path / "copy"), "--state-dir", str(tmp_path)])

    assert status == 1
    assert capsys.readouterr().err == f"xapid: there is no database {tmp_path}/xapid.db\n"


def test_the_doctor_ends_with_one_if_there_is_trouble(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "xapid.db").write_bytes(b"not a database, and long enough to be seen as none" * 40)
    quiet = ["doctor", "--state-dir", str(tmp_path), "--drivers", "sim", "--http", "", "--https", ""]

    status = main(quiet)

    assert status == 1
    assert f"trouble database {tmp_path}/xapid.db: cannot be read" in capsys.readouterr().out
