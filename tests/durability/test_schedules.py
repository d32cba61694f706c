"""Schedules of snapshots over a stop of the daemon: what is a little late is made up for, what was missed is told."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Client, Daemon

pytestmark = pytest.mark.slow

DUE = "xapid_schedules_due"
LIMIT = 30.0
"""Seconds within which something is told."""


def told(client: Client) -> dict[str, Any]:
    """The first message about a schedule."""
    token, deadline = "", time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        for each in client.call("message.get_all_records").values():
            if each["cls"] == "VMSS":
                return dict(each)
        token = client.call("event.from", ["message"], token, 5.0)["token"]
    raise AssertionError("nothing was told of the schedule")


def scheduled(client: Client) -> tuple[str, str]:
    """A machine, and a schedule that it is under."""
    (template,) = client.call("VM.get_by_name_label", "Other install media")
    vm = client.call("VM.clone", template, "guest")
    client.call("VM.provision", vm)
    vmss = client.call(
        "VMSS.create",
        {
            "name_label": "nightly", "name_description": "", "enabled": True, "type": "snapshot",
            "retained_snapshots": "7", "frequency": "daily", "schedule": {"hour": "1", "min": "15"},
        },
    )  # fmt: skip
    client.call("VM.set_snapshot_schedule", vm, vmss)
    return vm, vmss


def wait_until_seen(daemon: Daemon, uuid: str) -> None:
    """Return when the daemon has looked at a schedule, which it does every few seconds."""
    path, deadline = daemon.directory / "state" / "local.json", time.monotonic() + LIMIT
    while uuid not in path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def set_due(daemon: Daemon, uuid: str, moment: float) -> None:
    """As if it had been due then."""
    path = daemon.directory / "state" / "local.json"
    kept = json.loads(path.read_text())
    due = json.loads(kept[DUE])
    due[uuid][0] = moment
    path.write_text(json.dumps(kept | {DUE: json.dumps(due)}))


@pytest.mark.parametrize(
    "ago, name, snapshots", [(60.0, "VMSS_SNAPSHOT_SUCCEEDED", 1), (7200.0, "VMSS_SNAPSHOT_MISSED_EVENT", 0)]
)
def test_a_start_sees_what_came_while_the_daemon_was_away(
    tmp_path: Path, ago: float, name: str, snapshots: int
) -> None:
    with Daemon(tmp_path) as daemon:
        with closing(daemon.client()) as client:
            vm, vmss = scheduled(client)
            uuid = client.call("VMSS.get_uuid", vmss)
        wait_until_seen(daemon, uuid)
        daemon.stop()
        set_due(daemon, uuid, time.time() - ago)

        daemon.start()

        with closing(daemon.client()) as client:
            message = told(client)
            assert (message["name"], message["obj_uuid"]) == (name, uuid)
            assert len(client.call("VM.get_snapshots", vm)) == snapshots
            ran = client.call("VMSS.get_last_run_time", vmss).value != "19700101T00:00:00Z"
            assert ran is bool(snapshots)
