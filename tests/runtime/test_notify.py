"""Readiness reaches the service manager, and needs none."""

import socket
from pathlib import Path

import pytest

from xapid.runtime.notify import notify


@pytest.mark.parametrize("abstract", [False, True])
def test_the_state_arrives_as_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = str(tmp_path / "s")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}" if abstract else name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}" if abstract else name)
        manager.settimeout(10)

        notify("READY=1")

        assert manager.recv(100) == b"READY=1"
