"""Readiness reaches the service manager, and needs none; a watchdog hears that the loop turns."""

import asyncio
import socket
from pathlib import Path

import pytest

from xapid.runtime.notify import keep_watchdog_quiet, notify


@pytest.mark.parametrize("abstract", [False, True])
def test_the_state_arrives_as_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = str(tmp_path / "s")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}" if abstract else name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}" if abstract else name)
        manager.settimeout(10)

        notify("READY=1")

        assert manager.recv(100) == b"READY=1"


async def test_a_watchdog_hears_again_and_again_that_the_loop_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "s"))
    monkeypatch.setenv("WATCHDOG_USEC", "2000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "s"))
        manager.settimeout(10)

        quiet = asyncio.ensure_future(keep_watchdog_quiet())
        heard = [await asyncio.to_thread(manager.recv, 100) for _ in range(3)]
        quiet.cancel()

    assert heard == [b"WATCHDOG=1"] * 3


@pytest.mark.parametrize("variables", [{}, {"WATCHDOG_USEC": "2000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}])
async def test_without_a_watchdog_of_our_own_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "s"))
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "s"))
        manager.setblocking(False)

        await asyncio.wait_for(keep_watchdog_quiet(), 10)

        with pytest.raises(BlockingIOError):
            manager.recv(100)


def test_a_service_manager_that_is_not_there_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))

    notify("READY=1")

    assert "is not told READY=1" in caplog.text
