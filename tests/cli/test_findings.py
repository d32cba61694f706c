"""`xapid doctor` beside a daemon: what differs is listed, and repaired where that is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import ROOT, Client, Daemon
from xapid.cli.findings import described, look
from xapid.runtime.config import Config

pytestmark = pytest.mark.slow


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as daemon:
        yield daemon


@pytest.fixture
def image(client: Client, tmp_path: Path) -> str:
    """The uuid of a suspend image of no machine."""
    host = client.call("host.get_all")[0]
    place = {"location": str(tmp_path / "images")}
    sr = client.call("SR.create", host, place, "0", "disks", "", "file", "user", False, {})
    wanted = {
        "name_label": "image", "name_description": "", "SR": sr, "virtual_size": "4194304", "type": "suspend",
        "sharable": False, "read_only": False, "other_config": {},
    }  # fmt: skip
    vdi = client.call("VDI.create", wanted)
    uuid: str = client.call("VDI.get_uuid", vdi)
    return uuid


def doctor(daemon: Daemon, *options: str) -> subprocess.CompletedProcess[str]:
    settings = ("--unix", str(daemon.socket), "--state-dir", str(daemon.directory / "state"), "--drivers", "sim")
    return subprocess.run(
        [sys.executable, "-m", "xapid", "doctor", *settings, *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_a_finding_is_repaired_once_it_is_named_and_not_in_a_dry_run(
    daemon: Daemon, client: Client, image: str
) -> None:
    name = f"image-{image}"

    listed = doctor(daemon)
    unnamed = doctor(daemon, "--repair")
    dry = doctor(daemon, "--dry-run", "--repair", name)
    kept = client.call("VDI.get_by_uuid", image)
    named = doctor(daemon, "--repair", name)
    after = doctor(daemon)

    assert f"warning {name}: the suspend image {image}" in listed.stdout
    assert "Repair, if named: the image is destroyed" in listed.stdout
    assert "done" not in unnamed.stdout
    assert f"would   {name}: the image is destroyed" in dry.stdout
    assert kept not in client.call("VDI.get_all")
    assert (named.returncode, f"done    {name}: the image is destroyed" in named.stdout) == (0, True)
    assert name not in after.stdout


def test_a_name_that_is_none_is_said_and_fails(daemon: Daemon) -> None:
    done = doctor(daemon, "--repair", "image-1")

    assert (done.returncode, done.stderr) == (1, "xapid: nothing to repair is called image-1\n")


def test_without_a_daemon_it_is_said_that_one_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(unix=(tmp_path / "xapi",))

    well = look(config, None, runs=False, dry_run=False)
    repaired = look(config, (), runs=False, dry_run=False)

    assert (well, repaired) == (True, False)
    assert capsys.readouterr().out.startswith("ok      guests, disks, bridges: are looked at while the daemon runs")


def test_a_daemon_that_runs_and_does_not_answer_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    look(Config(unix=(tmp_path / "elsewhere",)), None, runs=True, dry_run=False)

    assert capsys.readouterr().out.startswith("warning guests, disks, bridges: are looked at while the daemon runs")


def test_where_all_is_as_recorded_it_is_said(daemon: Daemon) -> None:
    assert "ok      guests, disks, bridges: are as the records say" in doctor(daemon).stdout


def test_a_finding_without_a_repair_is_a_plain_sentence() -> None:
    finding = {"grade": "ok", "name": "foreign-x", "text": "the hypervisor runs x", "repair": "", "loses": "false"}

    assert described(finding) == "ok      foreign-x: the hypervisor runs x"
