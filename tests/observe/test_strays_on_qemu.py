"""A guest on QEMU that a restored database does not know: it runs on, and ends where that is asked for by name."""

from __future__ import annotations

import sys
from contextlib import closing

import pytest

from tests.qemu_daemon import qemu_daemon

pytestmark = [pytest.mark.slow, pytest.mark.libvirt, pytest.mark.root]


def test_a_guest_that_a_restored_database_does_not_know_runs_on_until_its_end_is_asked_for() -> None:
    with qemu_daemon() as daemon:
        backup, state = daemon.directory / "backup.db", daemon.directory / "state"
        xapid = (sys.executable, "-m", "xapid")
        place = ("--state-dir", str(state))
        daemon.run(*xapid, "db", "backup", str(backup), *place)
        vm = daemon.booted("forgotten")
        with closing(daemon.client()) as client:
            uuid = client.call("VM.get_uuid", vm)
        guests = daemon.guests
        daemon.stop()
        daemon.run(*xapid, "db", "restore", str(backup), *place)
        daemon.start()

        name = f"guest-{uuid}"
        with closing(daemon.client()) as client:
            found = {each["name"]: each for each in client.call("xapid.examine")}
            after_start, bridges = daemon.guests, daemon.run("ip", "-br", "link", "show", "type", "bridge")
            client.call("xapid.repair", name)
            left = {each["name"] for each in client.call("xapid.examine")}

        assert guests == after_start
        assert len(guests) == 1
        assert "xapi" in bridges
        assert found[name]["loses"] == "true"
        assert "runs as domain" in found[name]["text"]
        assert daemon.guests == []
        assert name not in left
        assert daemon.run("ip", "-br", "link", "show", "type", "tun") == ""
        assert list(state.glob("sr/*/*.lease")) == []
        with closing(daemon.client()) as client:
            assert not client.call("VM.get_by_name_label", "forgotten")
            assert uuid in daemon.log.read_text()
