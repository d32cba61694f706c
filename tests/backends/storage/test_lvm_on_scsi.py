"""Repositories on disks of a storage network: what is asked of a configuration, and what clients choose from."""

from __future__ import annotations

import socket
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.backends.storage.rig import fresh
from xapid.backends.interface import BackendError, BadConfig, Failed, NotFound, Unavailable
from xapid.backends.storage.interface import Sr
from xapid.backends.storage.iscsi import Iscsi, Login, Target
from xapid.backends.storage.lvm_on_scsi import Lvmohba, Lvmoiscsi
from xapid.backends.storage.scsi_disks import ScsiDisks

IQN = "iqn.2026-01.org.example:disks"
OTHER = "iqn.2026-01.org.example:more"
SCSI_ID = "360000000000000000e00000000010001"
PASSWORD = "a-long-password"
RECORD = """# BEGIN RECORD
node.name = x
node.session.auth.authmethod = None
node.session.auth.chap_algs = MD5
# END RECORD
"""


class Host:
    """A host whose sysfs is a folder, and whose commands are these. A login makes a session with one disk."""

    def __init__(self, folder: Path, port: int) -> None:
        self.sysfs = folder / "sys"
        self.records = folder / "nodes"
        self.said: list[Sequence[str]] = []
        self.seen_at_login = ""
        self.refuses = ""
        self._port = port
        (self.sysfs / "class" / "iscsi_session").mkdir(parents=True)
        self.initiator = folder / "initiatorname.iscsi"
        self.initiator.write_text("InitiatorName=iqn.2026-01.org.example:host\n")
        self.iscsi = Iscsi(self.records, self.initiator, self.sysfs, self)

    def __call__(self, argv: Sequence[str]) -> str:
        self.said.append(argv)
        match argv:
            case ["iscsiadm", "-m", "discovery", *_]:
                return f"127.0.0.1:{self._port},1 {OTHER}\n127.0.0.1:{self._port},1 {IQN}\n[2001:db8::1]:3260,1 {IQN}\n"
            case ["iscsiadm", "-m", "node", *_] if "new" in argv:
                self.record.parent.mkdir(parents=True, exist_ok=True)
                self.record.write_text(RECORD)
            case ["iscsiadm", "-m", "node", *_] if "--login" in argv:
                self.seen_at_login = self.record.read_text()
                if self.refuses:
                    raise Failed("it will not", status=self.refuses)
                self.add_session()
            case ["iscsiadm", "-m", "node", *_] if "--logout" in argv:
                (self.sysfs / "class" / "iscsi_session" / "session1").rename(self.sysfs / "gone")
            case ["/lib/udev/scsi_id", *_]:
                return f"ID_SERIAL={SCSI_ID}\nID_SCSI_SERIAL=beaf11\n"
        return ""

    @property
    def record(self) -> Path:
        return self.records / IQN / f"127.0.0.1,{self._port}"

    def add_session(self) -> None:
        session = self.sysfs / "class" / "iscsi_session" / "session1"
        add_disk(session / "device" / "target2:0:0" / "2:0:0:1", "sdq")
        (session / "targetname").write_text(f"{IQN}\n")


def add_disk(place: Path, name: str) -> None:
    (place / "block" / name).mkdir(parents=True)
    (place / "vendor").write_text("IET     \n")
    (place / "block" / name / "size").write_text("2048\n")


@pytest.fixture
def port() -> Iterator[int]:
    """Somebody takes connections there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def host(tmp_path: Path, port: int) -> Host:
    return Host(tmp_path, port)


@pytest.fixture
def driver(host: Host, tmp_path: Path) -> Lvmoiscsi:
    return Lvmoiscsi(place=tmp_path / "opened", iscsi=host.iscsi)


def config(port: int, **more: str) -> dict[str, str]:
    return {"target": "127.0.0.1", "port": str(port), "targetIQN": IQN, "SCSIid": SCSI_ID} | more


def refused(driver: Lvmoiscsi | Lvmohba, given: dict[str, str]) -> BackendError:
    with pytest.raises(BackendError) as error:
        driver.create_sr(Sr(fresh(), driver.info.name, given), 0)
    return error.value


def test_without_a_target_the_server_is_asked_which_it_has(driver: Lvmoiscsi, port: int) -> None:
    error = refused(driver, {"target": "127.0.0.1", "port": str(port)})

    found = ElementTree.fromstring(error.facts["found"])
    assert (error.facts["key"], found.tag) == ("targetIQN", "iscsi-target-iqns")
    assert [(each.findtext("Index"), each.findtext("TargetIQN")) for each in found] == [
        ("0", OTHER),
        ("1", IQN),
        ("2", IQN),
    ]
    assert found[0].findtext("IPAddress") == "127.0.0.1"
    assert found[0].findtext("Port") == str(port)


def test_without_a_disk_the_target_is_asked_which_it_has(driver: Lvmoiscsi, host: Host, port: int) -> None:
    error = refused(driver, {key: value for key, value in config(port).items() if key != "SCSIid"})

    found = ElementTree.fromstring(error.facts["found"])
    assert (error.facts["key"], found.tag) == ("SCSIid", "iscsi-target")
    (unit,) = found
    assert {each.tag: each.text for each in unit} == {
        "vendor": "IET",
        "serial": "beaf11",
        "LUNid": "1",
        "size": str(2048 * 512),
        "SCSIid": SCSI_ID,
    }
    assert host.iscsi.session(IQN) is None


@pytest.mark.parametrize(
    "given, key",
    [
        ({"target": ""}, "target"),
        ({"target": "a;b"}, "target"),
        ({"target": "-oProxyCommand"}, "target"),
        ({"target": "a\nb"}, "target"),
        ({"port": "x"}, "port"),
        ({"port": "70000"}, "port"),
        ({"targetIQN": "-o"}, "targetIQN"),
        ({"targetIQN": "iqn.2026-01.org.example:$(x)\n"}, "targetIQN"),
        ({"targetIQN": "iqn.2026-01.org.example:../../x"}, "targetIQN"),
        ({"SCSIid": "../x"}, "SCSIid"),
        ({"localIQN": "x"}, "localIQN"),
        ({"chapuser": "me"}, "chapuser"),
        ({"chapuser": "me", "chappassword": "x\nnode.startup = automatic"}, "chappassword"),
    ],
)
def test_a_configuration_that_could_mean_something_else_is_refused(
    driver: Lvmoiscsi, port: int, given: dict[str, str], key: str
) -> None:
    error = refused(driver, config(port) | given)

    assert isinstance(error, BadConfig)
    assert error.facts["key"] == key


def test_a_target_that_the_server_has_not_is_told_with_those_that_it_has(driver: Lvmoiscsi, port: int) -> None:
    error = refused(driver, config(port, targetIQN="iqn.2026-01.org.example:none"))

    assert (error.facts["key"], IQN in error.facts["found"]) == ("targetIQN", True)


def test_a_disk_that_the_target_has_not_is_told(driver: Lvmoiscsi, host: Host, port: int) -> None:
    error = refused(driver, config(port, SCSIid="3600"))

    assert isinstance(error, NotFound)
    assert error.facts["code"] == "67"
    assert host.iscsi.session(IQN) is None


def test_a_server_that_does_not_answer_is_told(driver: Lvmoiscsi) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]

    error = refused(driver, config(closed))

    assert isinstance(error, Unavailable)
    assert error.facts["code"] == "141"


@pytest.mark.parametrize("status", ["24", "8"])
def test_a_login_that_fails_is_told(driver: Lvmoiscsi, host: Host, port: int, status: str) -> None:
    host.refuses = status

    assert refused(driver, config(port)).facts["code"] == "68"


def test_a_host_without_a_name_cannot_log_in(driver: Lvmoiscsi, host: Host, port: int) -> None:
    host.initiator.unlink()

    assert refused(driver, config(port)).facts["key"] == "localIQN"


def test_passwords_stand_in_a_record_for_as_long_as_the_login_takes_and_nowhere_else(host: Host, port: int) -> None:
    host.iscsi.log_in(Target("127.0.0.1", port, IQN), Login("", "me", PASSWORD, "it", f"{PASSWORD}2"))

    assert f"node.session.auth.password = {PASSWORD}\n" in host.seen_at_login
    assert f"node.session.auth.password_in = {PASSWORD}2\n" in host.seen_at_login
    assert "authmethod = None" not in host.seen_at_login
    assert "chap_algs = MD5" in host.seen_at_login
    assert host.record.read_text() == RECORD
    assert host.record.stat().st_mode & 0o777 == 0o600
    assert not any(PASSWORD in word for argv in host.said for word in argv)
    assert PASSWORD not in repr(Login("", "me", PASSWORD))


def test_a_session_that_is_there_is_not_begun_again_and_ends_when_nobody_uses_it(host: Host, port: int) -> None:
    target = Target("127.0.0.1", port, IQN)
    host.iscsi.log_in(target, Login())
    logins = len(host.said)
    host.iscsi.log_in(target, Login())
    holders = host.sysfs / "class" / "block" / "sdq" / "holders"
    (holders / "dm-0").mkdir(parents=True)
    again = len(host.said)

    host.iscsi.log_out(IQN)
    used = host.iscsi.session(IQN)
    (holders / "dm-0").rmdir()
    host.iscsi.log_out(IQN)

    assert (logins, used is not None, host.iscsi.session(IQN)) == (again, True, None)


def test_disks_behind_adapters_are_shown_where_none_is_named(host: Host, tmp_path: Path) -> None:
    add_disk(host.sysfs / "bus" / "scsi" / "devices" / "3:0:1:2", "sdr")
    driver = Lvmohba(place=tmp_path / "opened", disks=ScsiDisks(host.sysfs, host))

    error = refused(driver, {})

    found = ElementTree.fromstring(error.facts["found"])
    device, adapter = found
    assert (error.facts["key"], found.tag, device.tag, adapter.tag) == ("SCSIid", "Devlist", "BlockDevice", "Adapter")
    said = {each.tag: each.text for each in device}
    assert (said["path"], said["SCSIid"], said["hba"], said["id"], said["lun"]) == ("/dev/sdr", SCSI_ID, "3", "1", "2")
    assert adapter.findtext("host") == "host3"
