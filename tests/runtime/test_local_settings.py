"""What a host keeps for itself: on disk at once, and never the reason that it does not start."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from xapid.runtime.local_settings import LocalSettings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "local.json"


def test_what_was_put_is_there_after_a_restart(path: Path) -> None:
    settings = LocalSettings(path)
    before = settings.get("a")

    settings.put("a", "1")
    settings.put("b", 'quoted "two"\n')
    settings.put("a", "")

    again = LocalSettings(path)
    assert (before, again.get("a"), again.get("b")) == ("", "", 'quoted "two"\n')
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"null"])
def test_what_cannot_be_read_counts_as_empty(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    settings = LocalSettings(path)

    assert settings.get("a") == ""
    settings.put("a", "1")

    assert LocalSettings(path).get("a") == "1"


def test_what_could_not_be_written_was_not_put(path: Path) -> None:
    settings = LocalSettings(path)
    settings.put("a", "1")
    path.unlink()
    path.mkdir()

    with pytest.raises(OSError, match="local"):
        settings.put("a", "2")

    assert settings.get("a") == "1"


def test_many_may_put_at_a_time(path: Path) -> None:
    settings = LocalSettings(path)

    threads = [threading.Thread(target=settings.put, args=(f"name {number}", "x")) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    again = LocalSettings(path)
    assert [again.get(f"name {number}") for number in range(20)] == ["x"] * 20
