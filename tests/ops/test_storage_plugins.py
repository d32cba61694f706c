"""Storage plug-ins of the first kind under a whole daemon, which they call back."""

from __future__ import annotations

import base64
import os
import shutil
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from xmlrpc.client import DateTime

import pytest

from tests.daemon import Client, Daemon, Failure
from tests.machines import MIB, NULL
from tests.plugin_host import HANGS, Host, a_machine, started, until
from tests.storage_plugins import V1, Installed
from tests.told import lives


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with started() as daemon:
        yield daemon


@pytest.fixture
def host(daemon: Daemon, client: Client, tmp_path: Path) -> Iterator[Host]:
    host = Host(daemon, Installed(daemon.directory / "plugins"), client, tmp_path)
    yield host
    for ref, vm in host.call("VM.get_all_records").items():
        if vm["power_state"] == "Running" and not vm["is_control_domain"]:
            host.call("VM.hard_shutdown", ref)  # There is memory for a few only.


@pytest.fixture
def own_host(tmp_path: Path) -> Iterator[Host]:
    """One whose daemon is the test's own, to end and start."""
    with started() as daemon:
        host = Host(daemon, Installed(daemon.directory / "plugins"), daemon.client(), tmp_path)
        yield host
        host.client.close()


# --- What there is -----------------------------------------------------------------------------------


def test_a_plugin_is_described_as_it_describes_itself(host: Host) -> None:
    (sm,) = [each for each in host.call("SM.get_all_records").values() if each["type"] == V1]

    assert (sm["name_label"], sm["name_description"]) == ("example", "Raw files in a directory")
    assert (sm["vendor"], sm["copyright"], sm["version"]) == ("the tests", "(C) the tests", "1.2")
    assert (sm["required_api_version"], sm["driver_filename"]) == ("1.1", str(host.plugins.program))
    assert sm["configuration"] == {"location": "the directory"}
    assert sm["features"]["VDI_RESET_ON_BOOT"] == "2"
    assert {"VDI_CREATE", "SR_PROBE"} < set(sm["capabilities"])
    assert "ATOMIC_PAUSE" not in sm["capabilities"]
    assert V1 in host.call("SR.get_supported_types")


def test_plugins_come_and_go_while_the_daemon_runs(host: Host) -> None:
    def types() -> set[str]:
        return set(host.call("SR.get_supported_types"))

    shutil.copy(host.plugins.program, host.plugins.smapiv1 / "OtherSR")
    until(lambda: "other" in types())
    program = host.plugins.smapiv1 / "OtherSR"
    program.write_text(program.read_text().replace("the tests", "others"))
    until(lambda: "others" in {each["vendor"] for each in host.call("SM.get_all_records").values()})
    program.unlink()
    until(lambda: "other" not in types())
    assert V1 in types()


# --- Its life ----------------------------------------------------------------------------------------


def test_a_disk_lives_in_a_repository_of_a_plugin(host: Host) -> None:
    sr = host.sr()
    record = host.call("SR.get_record", sr)
    assert (record["type"], record["sm_config"]) == (V1, {"k": "v"})
    assert int(record["physical_size"]) > 0

    vdi = host.disk(sr, 4 * MIB - 1)
    made = host.vdi(vdi)
    assert (made["virtual_size"], made["location"]) == (str(4 * MIB), f"{made['uuid']}.img")
    assert (made["name_label"], made["other_config"], made["sm_config"]) == ("a disk", {"folder": "/x"}, {"hint": "1"})
    assert (made["name_description"], made["managed"], made["SR"]) == ("of a test", True, sr)

    snapshot = host.call("VDI.snapshot", vdi, {"how": "quickly"})
    assert host.said("vdi_snapshot")[0]["driver_params"] == {"how": "quickly"}
    shot = host.vdi(snapshot)
    assert (shot["is_a_snapshot"], shot["snapshot_of"], shot["name_label"]) == (True, vdi, "a disk")
    clone = host.call("VDI.clone", vdi, {})
    assert (host.vdi(clone)["is_a_snapshot"], host.vdi(clone)["other_config"]) == (False, {"folder": "/x"})

    host.call("VDI.resize", vdi, str(6 * MIB))
    assert host.vdi(vdi)["virtual_size"] == str(6 * MIB)
    host.call("VDI.update", vdi)
    for each in (snapshot, clone):
        host.call("VDI.destroy", each)
    (left,) = host.call("SR.get_VDIs", sr)
    assert left == vdi
    host.call("SR.update", sr)
    assert host.call("SR.get_virtual_allocation", sr) == str(6 * MIB)


def test_a_scan_finds_what_came_and_went(host: Host) -> None:
    sr = host.sr()
    gone = host.disk(sr)
    host.folder.joinpath("sr", host.vdi(gone)["location"]).unlink()
    uuid = "5a5a5a5a-0000-4000-8000-0000000000f7"
    with (host.folder / "sr" / f"{uuid}.img").open("xb") as file:
        file.truncate(2 * MIB)

    host.call("SR.scan", sr)

    (found,) = host.call("SR.get_VDIs", sr)
    assert (host.vdi(found)["uuid"], host.vdi(found)["virtual_size"]) == (uuid, str(2 * MIB))
    assert host.call("SR.get_virtual_allocation", sr) == str(2 * MIB)


def test_a_disk_is_taken_up_by_its_plugin(host: Host) -> None:
    sr = host.sr()
    location, uuid = "left over.img", "5a5a5a5a-0000-4000-8000-0000000000f8"
    with (host.folder / "sr" / location).open("xb") as file:
        file.truncate(2 * MIB)

    vdi = introduced(host, sr, uuid, location)

    made = host.vdi(vdi)
    assert (made["uuid"], made["location"], made["virtual_size"]) == (uuid, location, str(2 * MIB))
    assert (made["name_label"], made["other_config"], made["type"]) == ("found", {"folder": "/x"}, "system")
    with pytest.raises(Failure) as error:
        introduced(host, sr, "5a5a5a5a-0000-4000-8000-0000000000f9", "nothing.img")
    assert error.value.args[:3] == ("SR_BACKEND_FAILURE_46", "", "there is no nothing.img")


def introduced(host: Host, sr: str, uuid: str, location: str) -> str:
    return str(host.call(
        "VDI.introduce", uuid, "found", "", sr, "system", False, False, {"folder": "/x"}, location, {}, {}, True,
        "0", "0", NULL, False, DateTime("19700101T00:00:00Z"), NULL,
    ))  # fmt: skip


def test_a_plugin_says_how_it_is_called_without_a_toolstack(host: Host) -> None:
    vdi = host.disk(host.sr())
    (home,) = host.call("host.get_all")

    (call,), method = xmlrpc.client.loads(host.call("VDI.generate_config", home, vdi))

    assert method == call["command"] == "vdi_attach_from_config"
    assert (call["vdi_uuid"], call["device_config"]["SRmaster"]) == (host.vdi(vdi)["uuid"], "true")
    assert set(call) == {"command", "device_config", "sr_uuid", "vdi_uuid"}


def test_a_plugin_reads_another_name_in_the_records(host: Host) -> None:
    sr = host.sr()
    vdi = host.disk(sr)
    updates = len(host.said("sr_update")), len(host.said("vdi_update"))

    host.call("VDI.set_name_label", vdi, "renamed")
    host.call("SR.set_name_description", sr, "described")

    assert (host.vdi(vdi)["name_label"], host.call("SR.get_name_description", sr)) == ("renamed", "described")
    assert (len(host.said("sr_update")), len(host.said("vdi_update"))) == (updates[0] + 1, updates[1] + 1)


def test_a_disk_is_open_as_long_as_a_guest_has_it(host: Host) -> None:
    vdi = host.disk(host.sr())
    vm = a_machine(host, vdi)

    host.call("VM.start", vm, False, False)
    opened = host.vdi(vdi)["sm_config"]
    host.call("VM.hard_shutdown", vm)

    assert (opened["attached"], "attached" in host.vdi(vdi)["sm_config"]) == ("true", False)
    assert [each["args"] for each in host.said("vdi_activate")] == [["true"]]
    assert len(host.said("vdi_deactivate")) == len(host.said("vdi_detach")) == 1


def test_a_snapshot_is_taken_while_a_guest_writes(host: Host) -> None:
    vdi = host.disk(host.sr())
    vm = a_machine(host, vdi)
    host.call("VM.start", vm, False, False)

    snapshot = host.call("VM.snapshot", vm, "as of now")

    assert host.call("VM.get_is_a_snapshot", snapshot)
    (kept,) = host.call("VDI.get_snapshots", vdi)
    assert host.vdi(kept)["location"] != host.vdi(vdi)["location"]
    assert host.vdi(vdi)["sm_config"]["attached"] == "true"


def test_a_disk_grows_under_a_guest_where_its_plugin_can_do_that(host: Host) -> None:
    program = host.plugins.smapiv1 / "OnlineSR"
    program.write_text(host.plugins.program.read_text().replace('"VDI_RESIZE",', '"VDI_RESIZE", "VDI_RESIZE_ONLINE",'))
    program.chmod(0o755)
    until(lambda: "online" in host.call("SR.get_supported_types"))
    growing, fixed = host.disk(host.sr("growing", "online")), host.disk(host.sr())
    for vdi in (growing, fixed):
        host.call("VM.start", a_machine(host, vdi), False, False)

    host.call("VDI.resize_online", growing, str(6 * MIB))

    assert host.vdi(growing)["virtual_size"] == str(6 * MIB)
    assert [each["args"] for each in host.said("vdi_resize_online")] == [[str(6 * MIB)]]
    with pytest.raises(Failure, match="SR_OPERATION_NOT_SUPPORTED"):
        host.call("VDI.resize_online", fixed, str(6 * MIB))
    program.unlink()


def test_a_disk_that_begins_anew_is_the_plugins_affair(host: Host) -> None:
    vdi = host.disk(host.sr())
    vm = a_machine(host, vdi)

    host.call("VDI.set_on_boot", vdi, "reset")
    host.call("VM.start", vm, False, False)

    assert [each["vdi_on_boot"] for each in host.said("vdi_attach")] == ["reset"]
    assert host.said("vdi_snapshot") == host.said("vdi_clone") == []


def test_disks_are_copied_between_a_plugin_and_the_toolstacks_own(host: Host) -> None:
    sr = host.sr()
    vdi = host.disk(sr)
    path = host.folder / "sr" / host.vdi(vdi)["location"]
    with path.open("r+b") as file:
        file.write(b"contents")

    copy = host.call("VDI.copy", vdi, sr, NULL, NULL)

    assert (host.folder / "sr" / host.vdi(copy)["location"]).read_bytes()[:8] == b"contents"
    assert host.vdi(copy)["name_label"] == "a disk"
    assert len(host.said("vdi_detach")) == 2


def test_a_plugin_tells_which_blocks_changed(host: Host) -> None:
    vdi = host.disk(host.sr())
    host.call("VDI.enable_cbt", vdi)
    before = host.call("VDI.snapshot", vdi, {})
    with (host.folder / "sr" / host.vdi(vdi)["location"]).open("r+b") as file:
        file.seek(3 * 65536)
        file.write(b"x")

    bits = base64.b64decode(host.call("VDI.list_changed_blocks", before, vdi))

    assert host.vdi(vdi)["cbt_enabled"]
    assert bits == b"\x10" + bytes(7)


def test_a_repository_is_unplugged_destroyed_and_forgotten(host: Host) -> None:
    sr = host.sr()
    for pbd in host.call("SR.get_PBDs", sr):
        host.call("PBD.unplug", pbd)

    host.call("SR.destroy", sr)

    assert not (host.folder / "sr").exists()
    assert [each["sr_ref"] for each in host.said("sr_delete")] == [sr]
    with pytest.raises(Failure, match="HANDLE_INVALID"):
        host.call("SR.get_record", sr)


def test_what_a_probe_says_is_handed_on_word_for_word(host: Host) -> None:
    sr = host.sr()
    (home,) = host.call("host.get_all")
    config = {"location": str(host.folder / "sr"), "diary": str(host.diary), "chappassword": "rosebud"}

    secrets = host.call("secret.get_all")
    text = host.call("SR.probe", home, config, V1, {})

    uuid = host.call("SR.get_uuid", sr)
    assert text == f'<?xml version="1.0" ?><SRlist><SR><UUID>{uuid}</UUID></SR></SRlist>'
    (said,) = host.said("sr_probe")
    assert set(said["device_config"]) == {"location", "diary", "chappassword_secret", "SRmaster"}
    assert host.call("secret.get_all") == secrets
    with pytest.raises(Failure, match="SR_OPERATION_NOT_SUPPORTED"):
        host.call("SR.probe_ext", home, config, V1, {})


def test_a_repository_is_plugged_again_with_the_next_start(own_host: Host) -> None:
    host = own_host
    sr = host.sr()
    vdi = host.disk(sr)
    host.daemon.stop()

    host.again()

    (pbd,) = host.call("SR.get_PBDs", sr)
    until(lambda: host.call("PBD.get_currently_attached", pbd))
    assert len(host.said("sr_attach")) == 2
    host.call("VDI.destroy", vdi)


# --- How it is called --------------------------------------------------------------------------------


def test_a_plugin_is_told_all_that_the_protocol_says(host: Host) -> None:
    sr = host.sr(chappassword="rosebud")
    vdi = host.disk(sr)
    host.call("VDI.resize", vdi, str(8 * MIB))
    (home,) = host.call("host.get_all")
    (pbd,) = host.call("SR.get_PBDs", sr)
    config = host.call("PBD.get_device_config", pbd)
    record = host.vdi(vdi)

    (created,), (made,), (resized,) = (host.said(each) for each in ("sr_create", "vdi_create", "vdi_resize"))

    about = {
        "host_ref": home, "sr_ref": sr, "sr_uuid": host.call("SR.get_uuid", sr), "sr_sm_config": {"k": "v"},
        "device_config": config | {"SRmaster": "true"},
    }  # fmt: skip
    assert created.pop("session_ref") != made.pop("session_ref") != resized.pop("session_ref")
    for said in (created, made, resized):
        assert said.pop("subtask_of").startswith("OpaqueRef:")
    assert "chappassword" not in config
    assert created == about | {"command": "sr_create", "args": ["0"]}
    assert made == about | {
        "command": "vdi_create", "vdi_type": "user", "vdi_sm_config": {"hint": "1"},
        "args": [
            str(4 * MIB), "a disk", "of a test", "", "false", "19700101T00:00:00Z", "OpaqueRef:NULL", "false",
        ],
    }  # fmt: skip
    assert resized == about | {
        "command": "vdi_resize", "args": [str(8 * MIB)], "vdi_ref": vdi, "vdi_uuid": record["uuid"],
        "vdi_location": record["location"], "vdi_type": "user", "vdi_sm_config": {"hint": "1"},
        "vdi_on_boot": "persist", "vdi_allow_caching": "false",
    }  # fmt: skip


def test_the_session_of_a_call_ends_with_it(host: Host) -> None:
    host.sr()
    (said,) = host.said("sr_create")

    with pytest.raises(Failure, match="SESSION_INVALID"):
        host.client.raw("SR.get_all", said["session_ref"])
    assert said["session_ref"] not in host.daemon.log.read_text()


# --- What goes wrong ---------------------------------------------------------------------------------


ACCIDENTS = {
    "a fault": ("raise Refused(44, 'no room')", ["SR_BACKEND_FAILURE_44", "", "no room", ""]),
    "another fault": (
        "import sys; print('<x/>', file=sys.stderr); raise Refused(1200, 'odd')",
        ["SR_BACKEND_FAILURE_1200", "", "odd", "<x/>\n"],
    ),
    "a name of its own": ("raise Refused(16, '')", ["SR_DEVICE_IN_USE"]),
    "an exit": (
        "import sys; print('said'); print('why', file=sys.stderr); sys.exit(3)",
        ["SR_BACKEND_FAILURE", "non-zero exit", "said\n", "why\n"],
    ),
    "a signal": ("import os; os.kill(os.getpid(), 9)", ["SR_BACKEND_FAILURE", "task signaled", "", ""]),
}


@pytest.mark.parametrize("name", ACCIDENTS)
def test_what_a_plugin_fails_with_is_what_the_client_hears(host: Host, name: str) -> None:
    code, expected = ACCIDENTS[name]
    sr = host.sr()
    host.accident("vdi_create", code)

    with pytest.raises(Failure) as error:
        host.disk(sr)

    assert list(error.value.args) == expected
    host.no_accident("vdi_create")
    assert host.vdi(host.disk(sr))["managed"]


@pytest.mark.parametrize("code", ["print('garbage')", "print('x' * 100_000_000)", "print('<methodResponse>' * 10**6)"])
def test_garbage_fails_the_call_that_met_it(host: Host, code: str) -> None:
    sr = host.sr()
    host.accident("sr_update", f"{code}; raise SystemExit")

    with pytest.raises(Failure, match="SR_BACKEND_FAILURE"):
        host.call("SR.update", sr)

    host.no_accident("sr_update")
    host.call("SR.update", sr)


def test_a_repository_that_could_not_be_made_leaves_no_record(host: Host) -> None:
    host.accidents.mkdir()
    host.accident("sr_create", "raise Refused(42, 'there is one')")

    with pytest.raises(Failure, match="SR_BACKEND_FAILURE_42"):
        host.sr("unmade")

    assert "unmade" not in [each["name_label"] for each in host.call("SR.get_all_records").values()]
    assert host.said("sr_delete") == []


def test_a_plugin_that_hangs_holds_up_its_repository_alone_and_can_be_cancelled(host: Host) -> None:
    sr, other = host.sr(), host.sr("other")
    host.accident("vdi_create", f"(pathlib.Path(r'{host.folder}') / 'pid').write_text(str(os.getpid())); {HANGS}")
    wanted = {"name_label": "", "name_description": "", "SR": sr, "virtual_size": "1", "type": "user",
              "sharable": False, "read_only": False, "other_config": {}}  # fmt: skip
    task = host.call("Async.VDI.create", wanted)
    pid = int(until(lambda: (host.folder / "pid").exists() and (host.folder / "pid").read_text()))

    host.call("SR.scan", other)
    host.call("task.cancel", task)

    until(lambda: host.call("task.get_status", task) == "cancelled")
    until(lambda: not lives(pid))
    host.no_accident("vdi_create")
    assert host.vdi(host.disk(sr))["managed"]


def test_a_daemon_that_is_killed_takes_the_plugin_along_and_leaves_nothing_half_done(own_host: Host) -> None:
    host = own_host
    sr = host.sr()
    vdi = host.disk(sr)
    vm = a_machine(host, vdi)
    host.accident("vdi_activate", f"(pathlib.Path(r'{host.folder}') / 'pid').write_text(str(os.getpid())); {HANGS}")
    host.call("Async.VM.start", vm, False, False)
    pid = int(until(lambda: (host.folder / "pid").exists() and (host.folder / "pid").read_text()))

    host.daemon.kill()
    if lives(pid):
        os.kill(pid, 9)  # In this process it has no agent that would see to it.
    host.no_accident("vdi_activate")
    host.again()

    until(lambda: "attached" not in host.vdi(vdi)["sm_config"])
    until(lambda: host.call("PBD.get_currently_attached", host.call("SR.get_PBDs", sr)[0]))
    host.call("VM.start", vm, False, False)
    assert host.vdi(vdi)["sm_config"]["attached"] == "true"
