"""Storage plug-ins of the third kind under a whole daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xmlrpc.client import DateTime

import pytest

from tests.daemon import Client, Daemon, Failure
from tests.machines import MIB, NULL
from tests.plugin_host import Host, a_machine, started, until
from tests.storage_plugins import V1, V3, Installed


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with started() as daemon:
        yield daemon


@pytest.fixture
def host(daemon: Daemon, client: Client, tmp_path: Path) -> Host:
    return Host(daemon, Installed(daemon.directory / "plugins"), client, tmp_path)


@pytest.fixture
def sr(host: Host) -> str:
    return host.sr(kind=V3)


def facts(host: Host, vdi: str) -> dict[str, object]:
    """What the plug-in keeps of a disk."""
    path = host.folder / "sr" / host.vdi(vdi)["location"]
    kept: dict[str, object] = json.loads(path.with_suffix(".json").read_text())
    return kept


def test_a_repository_has_the_configuration_that_its_plugin_made_of_it(host: Host, sr: str) -> None:
    (pbd,) = host.call("SR.get_PBDs", sr)

    config = host.call("PBD.get_device_config", pbd)

    assert config["sr_uuid"] == host.call("SR.get_uuid", sr)
    assert host.call("PBD.get_currently_attached", pbd)
    assert int(host.call("SR.get_physical_size", sr)) > 0


def test_a_disk_lives_in_it(host: Host, sr: str) -> None:
    vdi = host.disk(sr, 4 * MIB - 1)
    made = host.vdi(vdi)
    assert (made["virtual_size"], made["name_label"], made["read_only"]) == (str(4 * MIB), "a disk", False)
    assert facts(host, vdi) == {"name": "a disk", "description": "of a test", "keys": {"vdi-type": "user"}}

    snapshot, clone = host.call("VDI.snapshot", vdi, {}), host.call("VDI.clone", vdi, {})
    assert (host.vdi(snapshot)["is_a_snapshot"], host.vdi(snapshot)["snapshot_of"]) == (True, vdi)
    keys = facts(host, snapshot)["keys"]
    assert isinstance(keys, dict)
    assert (keys["is_a_snapshot"], keys["snapshot_of"]) == ("true", made["location"])

    host.call("VDI.resize", vdi, str(6 * MIB))
    host.call("SR.scan", sr)
    assert set(host.call("SR.get_VDIs", sr)) == {vdi, snapshot, clone}
    assert host.vdi(vdi)["virtual_size"] == str(6 * MIB)
    for each in (vdi, snapshot, clone):
        host.call("VDI.destroy", each)
    assert list((host.folder / "sr").glob("*.img")) == []


def test_names_are_told_to_a_plugin(host: Host, sr: str) -> None:
    vdi = host.disk(sr)
    mark = host.folder / "sr" / "names.json"

    host.call("VDI.set_name_label", vdi, "renamed")
    host.call("VDI.set_name_description", vdi, "described")
    host.call("SR.set_name_label", sr, "the repository")
    host.call("SR.set_name_description", sr, "of a plug-in")

    assert (facts(host, vdi)["name"], facts(host, vdi)["description"]) == ("renamed", "described")
    assert (host.vdi(vdi)["name_label"], host.vdi(vdi)["name_description"]) == ("renamed", "described")
    assert json.loads(mark.read_text()) == {"name": "the repository", "description": "of a plug-in"}
    assert host.call("SR.get_name_label", sr) == "the repository"


def test_a_name_that_a_plugin_refuses_is_not_recorded(host: Host, sr: str) -> None:
    vdi = host.disk(sr)
    path = host.folder / "sr" / host.vdi(vdi)["location"]
    path.rename(path.with_suffix(".away"))

    with pytest.raises(Failure) as error:
        host.call("VDI.set_name_label", vdi, "renamed")

    assert error.value.args[0] == "Volume_does_not_exist"
    assert host.vdi(vdi)["name_label"] == "a disk"
    path.with_suffix(".away").rename(path)


def test_a_disk_is_taken_up(host: Host, sr: str) -> None:
    vdi = host.disk(sr)
    location, uuid = host.vdi(vdi)["location"], "5a5a5a5a-0000-4000-8000-0000000000fa"
    host.call("VDI.forget", vdi)

    found = host.call(
        "VDI.introduce", uuid, "found", "", sr, "user", False, False, {}, location, {}, {}, True, "0", "0", NULL, False,
        DateTime("19700101T00:00:00Z"), NULL,
    )  # fmt: skip

    host.call("SR.scan", sr)
    assert host.call("SR.get_VDIs", sr) == [found]
    assert (host.vdi(found)["uuid"], host.vdi(found)["virtual_size"]) == (uuid, str(4 * MIB))


def test_a_scan_finds_what_came_and_went(host: Host, sr: str) -> None:
    gone, stays = host.disk(sr), host.disk(sr)
    path = host.folder / "sr" / host.vdi(gone)["location"]
    for ending in (".img", ".json"):
        path.with_suffix(ending).rename(path.with_name(f"another{ending}"))

    for _ in range(2):
        host.call("SR.scan", sr)

    found = {host.vdi(each)["location"]: each for each in host.call("SR.get_VDIs", sr)}
    assert set(found) == {"another.img", host.vdi(stays)["location"]}
    assert stays in found.values()


def test_a_guest_and_copies_open_it_by_its_datapath(host: Host, sr: str) -> None:
    vdi = host.disk(sr)
    path = host.folder / "sr" / host.vdi(vdi)["location"]
    with path.open("r+b") as file:
        file.write(b"contents")
    vm = a_machine(host, vdi)

    copy = host.call("VDI.copy", vdi, host.sr("first", V1), NULL, NULL)
    host.call("VM.start", vm, False, False)
    uses = host.daemon.directory / "state" / "plugins" / host.call("SR.get_uuid", sr)
    (kept,) = [json.loads(each.read_text()) for each in uses.glob("*.json")]
    host.call("VM.hard_shutdown", vm)

    assert (host.folder / "first" / host.vdi(copy)["location"]).read_bytes()[:8] == b"contents"
    assert (kept["disk"]["path"], kept["disk"]["kind"]) == (str(path), "file")
    assert list(uses.glob("*.json")) == []


def test_a_probe_finds_it(host: Host, sr: str) -> None:
    (home,) = host.call("host.get_all")
    uuid = host.call("SR.get_uuid", sr)

    (found,) = host.call("SR.probe_ext", home, {"location": str(host.folder / "sr")}, V3, {})
    text = host.call("SR.probe", home, {"location": str(host.folder / "sr")}, V3, {})

    assert (found["complete"], found["sr"]["uuid"], found["configuration"]["sr_uuid"]) == (True, uuid, uuid)
    assert f"<UUID>{uuid}</UUID>" in text


def test_a_repository_is_destroyed(host: Host, sr: str) -> None:
    for pbd in host.call("SR.get_PBDs", sr):
        host.call("PBD.unplug", pbd)

    host.call("SR.destroy", sr)

    assert not (host.folder / "sr").exists()


VERB = "Volume.resize"
FAILURES = {
    "echo '{\"code\": \"OWN_CODE\", \"params\": [\"a\", \"b\"], \"backtrace\": {}}'; exit 1": ["OWN_CODE", "a", "b"],
    "echo no json": ["SCRIPT_FAILED", VERB, "bad json on stdout", "no json\n"],
    "echo 1.; exit 3": ["SCRIPT_FAILED", VERB, "non-zero exit and bad json on stdout", "3", "1.\n", "1.\n"],
    "kill -9 $$": ["SCRIPT_FAILED", VERB, "signalled", "SIGKILL", "", ""],
}  # fmt: skip


@pytest.mark.parametrize("script", FAILURES)
def test_what_a_verb_fails_with_is_what_the_client_hears(host: Host, sr: str, script: str) -> None:
    vdi = host.disk(sr)
    verb = host.plugins.volume / VERB
    link = verb.readlink()
    verb.unlink()
    verb.write_text(f"#!/bin/sh\ncat >/dev/null\n{script}\n")
    verb.chmod(0o755)
    try:
        with pytest.raises(Failure) as error:
            host.call("VDI.resize", vdi, str(8 * MIB))
    finally:
        verb.unlink()
        verb.symlink_to(link)

    assert [each.replace(str(verb), VERB) for each in error.value.args] == FAILURES[script]
    until(lambda: V3 in host.call("SR.get_supported_types"))


def test_a_verb_that_is_missing_is_told(host: Host, sr: str) -> None:
    verb = host.plugins.volume / "Volume.set"
    link = verb.readlink()
    verb.unlink()
    try:
        with pytest.raises(Failure, match="SCRIPT_MISSING"):
            host.disk(sr)
    finally:
        verb.symlink_to(link)
    assert list((host.folder / "sr").glob("*.img")) == []
