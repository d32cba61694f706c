"""A daemon, its agent or a storage plug-in is killed in the middle of a call: nothing is lost, nothing stays open."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon, Failure
from tests.machines import MIB
from tests.plugin_host import HANGS, Host, a_machine, started, until
from tests.sim_apart import SimApart
from tests.storage_plugins import Installed
from tests.told import lives

pytestmark = pytest.mark.slow


class Apart(SimApart):
    """Its drivers, and so plug-ins, are in an agent process."""

    def arguments(self, *options: str) -> list[str]:
        plugins = Installed(self.directory / "plugins")
        settings = self.directory / "xapid.toml"
        settings.write_text(f'[storage]\nsmapiv1 = "{plugins.smapiv1}"\nsmapiv3 = "{plugins.smapiv3}"\n')
        return super().arguments("--config", str(settings), *options)


def apart(folder: Path, environment: dict[str, str]) -> Daemon:
    return Apart(folder)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with started(apart) as daemon:
        host = Host(daemon, Installed(daemon.directory / "plugins"), daemon.client(), tmp_path)
        yield host
        host.client.close()


def hanging(host: Host, command: str, *, done: bool = False) -> None:
    """Let a command hang, when it has said who it is; ``done``: once it has done its work."""
    note = f"(pathlib.Path({str(host.folder)!r}) / 'pid').write_text(str(os.getpid()))"
    work = f"getattr(self, {command!r})(); " if done else ""
    host.accident(command, f"{work}{note}; {HANGS}")


def hung(host: Host) -> int:
    """The process that hangs."""
    path = host.folder / "pid"
    return int(until(lambda: path.exists() and path.read_text()))


def plugged(host: Host, sr: str) -> bool:
    (pbd,) = host.call("SR.get_PBDs", sr)
    return bool(host.call("PBD.get_currently_attached", pbd))


def assert_records_are_true(host: Host, sr: str) -> None:
    """Each file has its record and each record its file."""
    host.call("SR.scan", sr)
    recorded = {host.vdi(each)["location"] for each in host.call("SR.get_VDIs", sr)}
    assert recorded == {path.name for path in (host.folder / "sr").glob("*.img")}


CALLS = {
    "vdi_create": lambda host, sr, vdi: host.call("Async.VDI.create", wanted(sr)),
    "vdi_snapshot": lambda host, sr, vdi: host.call("Async.VDI.snapshot", vdi, {}),
    "vdi_resize": lambda host, sr, vdi: host.call("Async.VDI.resize", vdi, str(8 * MIB)),
    "vdi_delete": lambda host, sr, vdi: host.call("Async.VDI.destroy", vdi),
    "sr_scan": lambda host, sr, vdi: host.call("Async.SR.scan", sr),
}


def wanted(sr: str) -> dict[str, object]:
    return {
        "name_label": "", "name_description": "", "SR": sr, "virtual_size": "1", "type": "user", "sharable": False,
        "read_only": False, "other_config": {},
    }  # fmt: skip


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("command", CALLS)
def test_a_daemon_is_killed_in_the_middle_of_a_call(host: Host, command: str, done: bool) -> None:
    sr = host.sr()
    vdi = host.disk(sr)
    hanging(host, command, done=done)
    CALLS[command](host, sr, vdi)
    pid = hung(host)

    host.daemon.kill()
    until(lambda: not lives(pid))
    host.no_accident(command)
    host.again()

    until(lambda: plugged(host, sr))
    assert_records_are_true(host, sr)
    host.disk(sr)


def test_a_guest_that_was_starting_leaves_its_disk_closed(host: Host) -> None:
    sr = host.sr()
    vdi = host.disk(sr)
    vm = a_machine(host, vdi)
    hanging(host, "vdi_activate")
    host.call("Async.VM.start", vm, False, False)
    pid = hung(host)

    host.daemon.kill()
    until(lambda: not lives(pid))
    host.no_accident("vdi_activate")
    host.again()

    until(lambda: "attached" not in host.vdi(vdi)["sm_config"])
    until(lambda: plugged(host, sr))
    host.call("VM.start", vm, False, False)
    assert host.vdi(vdi)["sm_config"]["attached"] == "true"


def test_a_plugin_is_killed_and_its_call_fails(host: Host) -> None:
    sr = host.sr()
    hanging(host, "vdi_create")
    task = host.call("Async.VDI.create", wanted(sr))

    os.kill(hung(host), signal.SIGKILL)

    until(lambda: host.call("task.get_status", task) == "failure")
    assert host.call("task.get_error_info", task) == ["SR_BACKEND_FAILURE", "task signaled", "", ""]
    (said,) = host.said("vdi_create")
    with pytest.raises(Failure, match="SESSION_INVALID"):
        host.client.raw("SR.get_all", said["session_ref"])
    host.no_accident("vdi_create")
    assert_records_are_true(host, sr)


def test_an_agent_is_killed_and_the_next_one_has_the_plugins_too(host: Host) -> None:
    sr = host.sr()
    hanging(host, "vdi_create")
    task = host.call("Async.VDI.create", wanted(sr))
    pid = hung(host)
    (agent,) = [int(each) for each in Path(f"/proc/{pid}/status").read_text().split("PPid:")[1].split()[:1]]

    os.kill(agent, signal.SIGKILL)

    until(lambda: host.call("task.get_status", task) == "failure")
    (said,) = host.said("vdi_create")
    with pytest.raises(Failure, match="SESSION_INVALID"):
        host.client.raw("SR.get_all", said["session_ref"])
    os.kill(pid, signal.SIGKILL)
    host.no_accident("vdi_create")
    assert host.vdi(host.disk(sr))["managed"]


def test_plugins_that_come_while_the_agent_runs_are_served_by_it(host: Host) -> None:
    program = host.plugins.smapiv1 / "LaterSR"
    program.write_text(host.plugins.program.read_text())
    program.chmod(0o755)
    until(lambda: "later" in host.call("SR.get_supported_types"))

    sr = host.sr("later", "later")

    assert host.vdi(host.disk(sr))["managed"]
    program.unlink()
    until(lambda: "later" not in host.call("SR.get_supported_types"))
    with pytest.raises(Failure, match="SR_UNKNOWN_DRIVER"):
        host.call("SR.scan", sr)
