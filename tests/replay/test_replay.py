"""The recorded conversations, held again with a daemon on the simulator: no answer differs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.load import free_port
from tests.daemon import Daemon
from tests.replay.selection import SELECTED, Selection, listed_differences
from xapid.auth.passwords import PasswordFile

VECTORS = Path(__file__).parent.parent / "vectors"
PASSWORD = "right"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, address: str) -> Iterator[Daemon]:
    directory = tmp_path_factory.mktemp("replay")
    PasswordFile(directory / "passwords").set("root", PASSWORD)
    with Daemon(directory, "--password-file", str(directory / "passwords"), "--http", address) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Directories for what the recordings make: repositories, and a library of two discs."""
    repositories, discs = tmp_path_factory.mktemp("repositories"), tmp_path_factory.mktemp("discs")
    for name in ("disc-a.iso", "disc-b.iso"):
        (discs / name).write_bytes(bytes(65536))
    return ["--set", f"sr_location={repositories}", "--set", f"iso_location={discs}"]


@pytest.mark.parametrize("selection", SELECTED, ids=str)
def test_the_recording_replays(
    selection: Selection, daemon: Daemon, address: str, places: list[str], tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    over_tcp = ("--url", f"http://{address}", "--password", PASSWORD)

    finished = subprocess.run(
        [
            sys.executable, str(VECTORS / "replay.py"), "--unix", str(daemon.socket), "--json", str(result), "-q",
            *places, *selection.options, *(over_tcp if selection.over_tcp else ()),
            *(str(VECTORS / f"{name}.json.gz") for name in selection.files),
        ],
        capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "default"}, check=False,
    )  # fmt: skip

    assert result.exists(), finished.stdout + finished.stderr
    taken = json.loads(result.read_text())["steps"]
    steps = [step for step in taken if selection.looks_at(step["scenario"], step["step"])]
    known = listed_differences()
    different = [
        f"{step['file']}/{step['scenario']} #{step['step']} {step['what']}: {step['differences'][:3]}"
        for step in steps
        if step["result"] != "same" and (step["file"], step["scenario"], step["step"]) not in known
    ]
    assert different == []
    assert len(steps) > selection.at_least
