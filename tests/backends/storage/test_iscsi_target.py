"""A repository on a disk of a real server of iSCSI, which this host is itself, with passwords both ways."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.storage.file_servers import command
from tests.backends.storage.rig import MIB, Rig, fresh, whole
from xapid.backends.interface import BadConfig, Failed
from xapid.backends.storage.interface import Sr
from xapid.backends.storage.iscsi import RECORDS, Iscsi
from xapid.backends.storage.lvm_on_scsi import Lvmoiscsi

IQN = "iqn.2026-01.org.example:disks"
LOGIN = {"chapuser": "me", "chappassword": "a-long-password"}

pytestmark = [pytest.mark.spare, pytest.mark.root]


def tgtadm(*words: str) -> None:
    command("tgtadm", "--lld", "iscsi", *words)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[str]:
    """The address of a server that has one disk for who knows the password."""
    disk = tmp_path / "disk"
    with disk.open("xb") as file:
        file.truncate(1024 * MIB)
    for service in ("tgt", "iscsid"):
        command("systemctl", "start", service)
    tgtadm("--op", "new", "--mode", "target", "--tid", "1", "-T", IQN)
    try:
        tgtadm("--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", str(disk))
        tgtadm("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL")
        tgtadm("--op", "new", "--mode", "account", "--user", LOGIN["chapuser"], "--password", LOGIN["chappassword"])
        tgtadm("--op", "bind", "--mode", "account", "--tid", "1", "--user", LOGIN["chapuser"])
        yield "127.0.0.1"
    finally:
        subprocess.run(["iscsiadm", "-m", "node", "-T", IQN, "--logout"], check=False)
        tgtadm("--op", "delete", "--force", "--mode", "target", "--tid", "1")
        subprocess.run(["tgtadm", "--op", "delete", "--mode", "account", "--user", LOGIN["chapuser"]], check=False)


def test_a_repository_is_found_made_used_and_destroyed(target: str, tmp_path: Path) -> None:
    driver = Lvmoiscsi(place=tmp_path / "opened")
    given = {"target": target} | LOGIN
    with pytest.raises(BadConfig) as asked:
        driver.probe(given)
    found = ElementTree.fromstring(asked.value.facts["found"])
    assert IQN in [each.findtext("TargetIQN") for each in found]
    given["targetIQN"] = IQN
    with pytest.raises(Failed) as refused:
        driver.probe(given | {"chappassword": "another-password"})
    assert refused.value.facts["code"] == "68"
    with pytest.raises(BadConfig) as asked:
        driver.probe(given)
    units = ElementTree.fromstring(asked.value.facts["found"])
    (given["SCSIid"],) = [each.findtext("SCSIid") or "" for each in units if each.findtext("size") == str(1024 * MIB)]
    assert Iscsi().session(IQN) is None

    sr = Sr(fresh(), "lvmoiscsi", given)
    driver.create_sr(sr, 0)
    driver.attach_sr(sr)
    rig = Rig(driver, sr)
    volume = rig.written(rig.volume(8 * MIB), (MIB, b"kept"))
    branch = rig.snapshot(volume)
    driver.detach_sr(sr)
    assert Iscsi().session(IQN) is None
    driver.attach_sr(sr)

    assert whole(driver.attach(branch.new, "reader", False))[MIB : MIB + 4] == b"kept"
    driver.detach(branch.new, "reader")
    assert sr.uuid in [each.uuid for each in driver.probe(given)]
    assert not any(LOGIN["chappassword"] in path.read_text() for path in RECORDS.rglob("*") if path.is_file())
    for each in (branch.active, branch.new):
        driver.destroy(each)
    driver.detach_sr(sr)
    driver.destroy_sr(sr)
    driver.destroy_sr(sr)
    assert driver.probe(given) == []
    assert Iscsi().session(IQN) is None
