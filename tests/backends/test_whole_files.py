"""Small files, read as a whole: what is none of ours is not waited for, nor read without end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from xapid.auth.certificate import CertificateError, read_certificate
from xapid.auth.client_certificates import ClientCertificates
from xapid.auth.passwords import PasswordFile
from xapid.auth.pool_secret import PoolSecret
from xapid.backends.whole_files import LARGEST, forget_unfinished, read_whole, write_whole
from xapid.http.tls import server_context
from xapid.runtime.local_settings import LocalSettings


def long(path: Path) -> None:
    path.touch()
    os.truncate(path, LARGEST + 1)


STRANGE: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a directory": Path.mkdir,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a long file": long,
}


@pytest.fixture(params=STRANGE.values(), ids=STRANGE)
def strange(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "certs" / "file.pem"
    path.parent.mkdir()
    request.param(path)
    return path


def test_what_was_written_is_read_also_by_a_link(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", b"text")
    (tmp_path / "link").symlink_to("file")

    assert read_whole(tmp_path / "link") == b"text"


def test_what_a_crash_has_left_half_written_goes(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from xapid.backends.whole_files import write_whole; "
        "os.fsync = lambda handle: os.kill(os.getpid(), 9); write_whole(Path(sys.argv[1]), b'secret')"
    )
    for name in ("pool-secret", "crls/list.pem"):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / name)], check=False)
    (tmp_path / "crls" / ".other").touch()
    assert len(list(tmp_path.rglob(".*"))) == 3

    forget_unfinished(tmp_path)

    assert [each.name for each in tmp_path.rglob("*")] == ["crls", ".other"]


def test_what_is_no_small_file_is_an_error(strange: Path) -> None:
    with pytest.raises(OSError, match=str(strange)):
        read_whole(strange)


def test_whoever_reads_it_goes_on_without(strange: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert PasswordFile(strange).users() == frozenset()
    assert not PoolSecret(strange).is_right("")
    assert LocalSettings(strange).get("key") == ""
    with pytest.raises(CertificateError):
        read_certificate(strange)
    with pytest.raises(OSError):
        server_context(strange)
    assert len(caplog.records) == 3


def test_an_authority_that_cannot_be_read_is_passed_over(strange: Path) -> None:
    store = type("Joined", (), {"all": lambda self, cls: [type("", (), {"client_certificate_auth_enabled": True})]})()

    assert ClientCertificates(store, strange.parent.parent).authorities() == ""


@pytest.mark.parametrize("text", ["", "[" * 100_000, "[]", "\xff"])
def test_settings_that_are_damaged_count_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "local.json").write_text(text, encoding="latin-1")

    assert LocalSettings(tmp_path / "local.json").get("key") == ""
