"""Settings of a machine: the files that are written below its root, and the commands that are run."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.backends.host.machines import DEBIAN, XEN, lay_out
from xapid.backends.host.interface import CrashDump, DriverVariant, KernelDriver, Pack, TimeSource, UsbDevice
from xapid.backends.host.linux import Linux
from xapid.backends.host.time_servers import chrony_with
from xapid.backends.interface import BadConfig, Failed, NotFound, NotSupported


class Commands:
    """Notes each command instead of running it, and answers as it was told."""

    def __init__(self) -> None:
        self.run: list[str] = []
        self.prints: dict[str, str] = {}
        """What a command prints, by its beginning."""
        self.fail: dict[str, Exception] = {}

    def __call__(self, argv: Sequence[str]) -> str:
        line = " ".join(argv)
        self.run.append(line)
        for beginning, error in self.fail.items():
            if line.startswith(beginning):
                raise error
        return next((text for beginning, text in self.prints.items() if line.startswith(beginning)), "")


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
def machine(tmp_path: Path, commands: Commands) -> Linux:
    return Linux(lay_out(tmp_path, DEBIAN), commands)


# --- The log ----------------------------------------------------------------------------------------


def test_where_the_kernel_is_the_hypervisor_its_messages_are_the_console(machine: Linux, commands: Commands) -> None:
    commands.prints["dmesg"] = "Linux version 6.1\n"

    assert machine.console_text() == "Linux version 6.1\n"
    with pytest.raises(NotSupported):
        machine.send_debug_keys("h")
    assert commands.run == ["dmesg"]


def test_xen_has_a_console_and_keys_of_its_own(tmp_path: Path, commands: Commands) -> None:
    machine = Linux(lay_out(tmp_path, XEN), commands)

    machine.console_text()
    machine.send_debug_keys("-h")

    assert commands.run == ["xl dmesg", "xl debug-keys -- -h"]


REMOTE = "etc/rsyslog.d/xapid-remote.conf"


@pytest.mark.parametrize(
    "destination, written",
    [
        ("192.0.2.9", "*.* @192.0.2.9"),
        ("log.example:5140", "*.* @log.example:5140"),
        ("fd00::9", "*.* @[fd00::9]"),
        ("[fd00::9]:5140", "*.* @[fd00::9]:5140"),
    ],
)
def test_the_log_is_sent_to_another_machine_until_it_is_not(
    tmp_path: Path, machine: Linux, commands: Commands, destination: str, written: str
) -> None:
    (tmp_path / "etc/rsyslog.d").mkdir()

    machine.send_log_to(destination)
    content = (tmp_path / REMOTE).read_text().splitlines()
    machine.send_log_to("")

    assert content[1:] == [written]
    assert list((tmp_path / "etc/rsyslog.d").iterdir()) == []
    assert commands.run == ["systemctl restart rsyslog"] * 2


def test_without_rsyslog_no_log_can_be_sent(machine: Linux, commands: Commands) -> None:
    machine.send_log_to("")
    with pytest.raises(NotSupported, match="no rsyslog"):
        machine.send_log_to("192.0.2.9")

    assert commands.run == []


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, machine: Linux) -> None:
    (tmp_path / REMOTE).mkdir(parents=True)

    with pytest.raises(Failed, match=f"/{REMOTE} cannot be written"):
        machine.send_log_to("192.0.2.9")
    assert [path.name for path in (tmp_path / "etc/rsyslog.d").iterdir()] == ["xapid-remote.conf"]


# --- Crashes ----------------------------------------------------------------------------------------


def test_crashes_have_left_folders(tmp_path: Path, machine: Linux) -> None:
    lay_out(
        tmp_path,
        {
            "var/crash/20261127-082030-UTC/dump": "x" * 100,
            "var/crash/20261127-082030-UTC/deep/log": "y" * 11,
            "var/crash/20269999-082030-UTC/dump": "z",
            "var/crash/note": "no folder",
        },
    )
    (tmp_path / "var/crash/link").symlink_to(tmp_path / "etc")
    os.utime(tmp_path / "var/crash/20269999-082030-UTC", (1_700_000_000, 1_700_000_000))

    assert machine.crash_dumps() == (
        CrashDump("20261127-082030-UTC", 1_795_767_630.0, 111),
        CrashDump("20269999-082030-UTC", 1_700_000_000.0, 1),
    )

    machine.remove_crash_dump("20261127-082030-UTC")

    assert [dump.name for dump in machine.crash_dumps()] == ["20269999-082030-UTC"]
    assert (tmp_path / "var/crash/note").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "../etc", "note", "link"])
def test_only_a_dump_is_removed(tmp_path: Path, machine: Linux, name: str) -> None:
    lay_out(tmp_path, {"var/crash/note": "", "etc/passwd": ""})
    (tmp_path / "var/crash/link").symlink_to(tmp_path / "etc")

    with pytest.raises(NotFound):
        machine.remove_crash_dump(name)

    assert (tmp_path / "etc/passwd").exists()


# --- The clock --------------------------------------------------------------------------------------


def test_the_clock_is_set_in_seconds_and_read_in_its_own_zone(
    tmp_path: Path, machine: Linux, commands: Commands
) -> None:
    machine.set_time(1_700_000_000.0)
    machine.set_timezone("Asia/Kolkata")
    before = time.time()
    (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/Asia/Kolkata")
    now = machine.now()

    assert commands.run == ["timedatectl set-time @1700000000", "timedatectl set-timezone Asia/Kolkata"]
    assert before <= now.seconds <= time.time()
    assert now.local == time.strftime("%Y%m%dT%H:%M:%S", time.gmtime(now.seconds + 5.5 * 3600))


def test_a_zone_that_python_does_not_know_is_read_as_utc(tmp_path: Path, machine: Linux) -> None:
    (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/Atlantis/Capital")

    now = machine.now()

    assert now.local == time.strftime("%Y%m%dT%H:%M:%S", time.gmtime(now.seconds))


@pytest.mark.parametrize("zone", ["", "Atlantis/Capital", "../etc/passwd", "-h", "/usr/share/zoneinfo/UTC"])
def test_a_zone_that_is_none_is_not_tried(machine: Linux, commands: Commands, zone: str) -> None:
    with pytest.raises(BadConfig) as error:
        machine.set_timezone(zone)

    assert (error.value.facts, commands.run) == ({"key": "timezone"}, [])


@pytest.mark.parametrize("printed, found", [("yes\n", True), ("no\n", False), ("", False)])
def test_systemd_says_whether_the_clock_goes_by_a_server(
    machine: Linux, commands: Commands, printed: str, found: bool
) -> None:
    commands.prints["timedatectl show --property=NTPSynchronized --value"] = printed

    assert machine.synchronized() is found


# --- Time servers -----------------------------------------------------------------------------------

CHRONY: dict[str, str | bytes] = {
    "usr/lib/systemd/system/chrony.service": "",
    "usr/lib/systemd/system/systemd-timesyncd.service": "",
    "etc/systemd/system/multi-user.target.wants/chrony.service": "",
    "etc/chrony/chrony.conf": "# from Debian\npool 2.debian.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\n"
    "sourcedir /etc/chrony/sources.d\nrefclock PPS /dev/pps0\nmakestep 1 3\n",
}
TIMESYNCD: dict[str, str | bytes] = {
    "usr/lib/systemd/system/systemd-timesyncd.service": "",
    "etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service": "",
}
RED_HAT: dict[str, str | bytes] = {
    "usr/lib/systemd/system/chronyd.service": "",
    "etc/systemd/system/multi-user.target.wants/chronyd.service": "",
    "etc/chrony.conf": "server 192.0.2.1 iburst\n",
}
OWN = ("ntp.example", "192.0.2.7")


def source(machine: Linux) -> tuple[TimeSource, tuple[str, ...]]:
    found = machine.facts()
    return found.time_source, found.time_servers


@pytest.mark.parametrize(
    "files, unit",
    [(CHRONY, "chrony.service"), (TIMESYNCD, "systemd-timesyncd.service"), (RED_HAT, "chronyd.service")],
)
def test_where_the_time_comes_from_is_set_read_and_taken_back(
    tmp_path: Path, commands: Commands, files: dict[str, str | bytes], unit: str
) -> None:
    machine = Linux(lay_out(tmp_path, DEBIAN, files), commands)
    before = source(machine)

    machine.set_time_source(TimeSource.Custom, OWN)
    custom = source(machine)
    machine.set_time_source(TimeSource.DHCP, ())
    dhcp = source(machine)
    machine.set_time_source(TimeSource.Factory, ())

    assert (before, custom, dhcp) == ((TimeSource.Factory, ()), (TimeSource.Custom, OWN), (TimeSource.DHCP, ()))
    assert source(machine) == before
    assert commands.run == ["timedatectl set-ntp true", f"systemctl restart {unit}"] * 3
    for name, content in files.items():
        assert (tmp_path / name).read_text() == content
    assert not (tmp_path / "etc/systemd/timesyncd.conf.d/xapid.conf").exists()


def test_servers_of_its_own_are_the_only_ones_that_chrony_asks() -> None:
    text = chrony_with(str(CHRONY["etc/chrony/chrony.conf"]), TimeSource.Custom, OWN)

    heard = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert heard == [
        "refclock PPS /dev/pps0",
        "makestep 1 3",
        "server ntp.example iburst",
        "server 192.0.2.7 iburst",
    ]


def test_by_dhcp_chrony_looks_where_its_clients_write() -> None:
    debian = chrony_with(str(CHRONY["etc/chrony/chrony.conf"]), TimeSource.DHCP, ()).splitlines()
    plain = chrony_with("pool ntp.example\n", TimeSource.DHCP, ()).splitlines()

    for lines in (debian, plain):
        assert [line for line in lines if line.startswith(("server", "pool", "sourcedir"))] == [
            "sourcedir /run/chrony-dhcp"
        ]


def test_a_chrony_that_came_without_servers_cannot_go_back_to_them() -> None:
    with pytest.raises(BadConfig) as error:
        chrony_with("makestep 1 3\nsourcedir /run/chrony-dhcp\n", TimeSource.Factory, ())

    assert error.value.facts == {"key": "source"}


def test_servers_of_its_own_are_the_only_ones_that_timesyncd_asks(tmp_path: Path, commands: Commands) -> None:
    Linux(lay_out(tmp_path, TIMESYNCD), commands).set_time_source(TimeSource.Custom, OWN)

    written = (tmp_path / "etc/systemd/timesyncd.conf.d/xapid.conf").read_text().splitlines()
    assert written[1:] == ["[Time]", "NTP=", "NTP=ntp.example 192.0.2.7", "FallbackNTP="]


def test_time_servers_are_switched_off(tmp_path: Path, commands: Commands) -> None:
    machine = Linux(lay_out(tmp_path, CHRONY), commands)

    machine.set_time_source(TimeSource.Disabled, ())
    (tmp_path / "etc/systemd/system/multi-user.target.wants/chrony.service").unlink()  # as that command does

    assert commands.run == ["timedatectl set-ntp false"]
    assert source(machine) == (TimeSource.Disabled, ())


def test_a_machine_without_a_program_for_it_takes_its_time_from_nowhere(machine: Linux, commands: Commands) -> None:
    machine.set_time_source(TimeSource.Disabled, ())
    with pytest.raises(NotSupported, match="neither chrony nor"):
        machine.set_time_source(TimeSource.DHCP, ())

    assert source(machine) == (TimeSource.Disabled, ())
    assert (machine.time_servers(), commands.run) == ({}, [])


def test_chrony_says_what_it_thinks_of_each_server(tmp_path: Path, commands: Commands) -> None:
    commands.prints["chronyc -c sources"] = (
        "^,*,192.0.2.1,5,6,377,57,-0.0,-0.1,0.08\n^,?,ntp.example,0,8,0,4294967295,0.0,0.0,0.0\n"
        "^,+,192.0.2.2,5,6,377,54,0.0,0.0,0.07\n^,-,192.0.2.3,5,6,377,54,0.0,0.0,0.07\n"
        "#,*,PPS0,0,4,377,8,0.0,0.0,0.0\n^,x,192.0.2.4,5\n^,~,192.0.2.5,5\n^,!,192.0.2.6,5\nnot a row\n"
    )

    assert Linux(lay_out(tmp_path, CHRONY), commands).time_servers() == {
        "192.0.2.1": "synced",
        "ntp.example": "unreachable",
        "192.0.2.2": "combined",
        "192.0.2.3": "uncombined",
        "192.0.2.4": "error",
        "192.0.2.5": "variable",
        "192.0.2.6": "unknown",
    }


@pytest.mark.parametrize("address, state", [("ServerAddress=192.0.2.7\n", "synced"), ("", "unreachable")])
def test_timesyncd_knows_the_one_server_that_it_asks(
    tmp_path: Path, commands: Commands, address: str, state: str
) -> None:
    commands.prints["timedatectl show-timesync"] = (
        f"SystemNTPServers=a.example b.example\nServerName=a.example\n{address}PollIntervalMinUSec=32s\n"
    )

    found = Linux(lay_out(tmp_path, TIMESYNCD), commands).time_servers()

    assert found == {"a.example": state, "b.example": "unknown"}


# --- Logins -----------------------------------------------------------------------------------------

DEBIAN_SSH: dict[str, str | bytes] = {
    "lib/systemd/system/ssh.service": "",
    "lib/systemd/system/ssh.socket": "",
    "etc/systemd/system/xapid.service": "",
}
AUTO = "etc/systemd/system/xapid.service.d/ssh.conf"


@pytest.mark.parametrize(
    "files, found",
    [
        ({}, False),
        (DEBIAN_SSH, False),
        ({"sys/fs/cgroup/system.slice/ssh.service/cgroup.procs": "1\n"}, True),
        ({"sys/fs/cgroup/systemd/system.slice/sshd.service/cgroup.procs": "1\n"}, True),
        ({"sys/fs/cgroup/system.slice/cron.service/cgroup.procs": "1\n"}, False),
        ({"etc/systemd/system/sockets.target.wants/ssh.socket": ""}, True),
    ],
)
def test_a_machine_knows_whether_one_can_log_in(tmp_path: Path, files: dict[str, str | bytes], found: bool) -> None:
    assert Linux(lay_out(tmp_path, DEBIAN, files)).facts().ssh is found


@pytest.mark.parametrize(
    "enabled, at_boot, words",
    [(True, True, "enable start"), (False, False, "disable stop"), (False, True, "enable stop")],
)
def test_logins_go_on_and_off(tmp_path: Path, commands: Commands, enabled: bool, at_boot: bool, words: str) -> None:
    Linux(lay_out(tmp_path, DEBIAN_SSH), commands).set_ssh(enabled, at_boot)

    expected = [f"systemctl {word} ssh.service" for word in words.split()]
    assert commands.run == ["systemctl disable --now ssh.socket", *expected]


def test_the_server_is_called_by_its_name(tmp_path: Path, commands: Commands) -> None:
    Linux(lay_out(tmp_path, {"usr/lib/systemd/system/sshd.service": ""}), commands).set_ssh(True, True)

    assert commands.run == ["systemctl enable sshd.service", "systemctl start sshd.service"]


def test_without_a_server_there_is_nothing_to_switch_on(machine: Linux, commands: Commands) -> None:
    machine.set_ssh_auto(False)
    for switch in (lambda: machine.set_ssh(True, True), lambda: machine.set_ssh_auto(True)):
        with pytest.raises(NotSupported, match="no server for SSH"):
            switch()

    assert commands.run == []


def test_systemd_lets_people_in_while_the_toolstack_is_down(tmp_path: Path, commands: Commands) -> None:
    machine = Linux(lay_out(tmp_path, DEBIAN_SSH), commands)

    for _ in range(2):
        machine.set_ssh_auto(True)
    written = (tmp_path / AUTO).read_text().splitlines()
    machine.set_ssh_auto(False)

    assert written[1:] == ["[Service]", "ExecStopPost=-systemctl --no-block start ssh.service"]
    assert not (tmp_path / AUTO).exists()
    assert commands.run == ["systemctl daemon-reload"] * 2


def test_a_toolstack_that_is_no_service_cannot_be_watched(tmp_path: Path, commands: Commands) -> None:
    machine = Linux(lay_out(tmp_path, {"lib/systemd/system/ssh.service": ""}), commands)

    with pytest.raises(NotSupported, match="no service of systemd"):
        machine.set_ssh_auto(True)
    assert not (tmp_path / AUTO).exists()


def test_idle_logins_end_after_a_while(tmp_path: Path, machine: Linux) -> None:
    path = tmp_path / "etc/profile.d/xapid_idle.sh"

    machine.set_idle_timeout(600)
    written = path.read_text().splitlines()
    readable = path.stat().st_mode & 0o777
    machine.set_idle_timeout(0)

    assert (written[1:], readable, path.exists()) == (["export TMOUT=600"], 0o644, False)


# --- Names and processors ---------------------------------------------------------------------------


def test_the_machine_is_called_otherwise(machine: Linux, commands: Commands) -> None:
    machine.set_hostname("beta.example")
    with pytest.raises(BadConfig) as error:
        machine.set_hostname("x" * 65)

    assert commands.run == ["hostnamectl set-hostname -- beta.example"]
    assert error.value.facts == {"key": "hostname"}


def test_the_machine_goes_down(machine: Linux, commands: Commands) -> None:
    machine.go_down(reboot=False)
    machine.go_down(reboot=True)

    assert commands.run == ["systemctl --no-block poweroff", "systemctl --no-block reboot"]


def test_an_initiator_is_named_where_there_is_one(tmp_path: Path, machine: Linux) -> None:
    path = tmp_path / "etc/iscsi/initiatorname.iscsi"

    machine.set_initiator("iqn.2026-01.example:one")
    before = path.exists()
    path.parent.mkdir()
    machine.set_initiator("iqn.2026-01.example:two")

    assert (before, path.read_text()) == (False, "InitiatorName=iqn.2026-01.example:two\n")
    assert path.stat().st_mode & 0o777 == 0o600


STATES = ("POLL", "C1", "C1E", "C6", "PC10-odd")


@pytest.mark.parametrize(
    "state, substate, off",
    [
        (None, None, "00000"),
        (0, None, "01111"),
        (1, None, "00011"),
        (1, 0, "00111"),
        (1, 1, "00011"),
        (0, 7, "01111"),
    ],
)
def test_processors_sleep_no_deeper_than_they_may(
    tmp_path: Path, machine: Linux, state: int | None, substate: int | None, off: str
) -> None:
    for cpu in ("cpu0", "cpu12"):
        for number, name in enumerate(STATES):
            folder = f"sys/devices/system/cpu/{cpu}/cpuidle/state{number}"
            lay_out(tmp_path, {f"{folder}/name": f"{name}\n", f"{folder}/disable": "x\n"})
    lay_out(tmp_path, {"sys/devices/system/cpu/cpuidle/current_driver": "intel_idle\n"})

    machine.set_max_cstate(state, substate)

    for cpu in ("cpu0", "cpu12"):
        idle = tmp_path / "sys/devices/system/cpu" / cpu / "cpuidle"
        assert "".join((idle / f"state{number}" / "disable").read_text() for number in range(5)) == off


def test_processors_that_do_not_sleep_cannot_be_kept_awake(machine: Linux) -> None:
    machine.set_max_cstate(None, None)
    with pytest.raises(NotSupported):
        machine.set_max_cstate(1, None)


# --- Drivers with variants --------------------------------------------------------------------------

LISTED = """{"protocol": {"version": 0.1}, "operation": {"reboot": false}, "drivers": {
 "a": {"type": "network", "friendly_name": "cisco-enic", "description": "d", "info": "i", "selected": null,
       "active": "dell", "variants": {
        "dell": {"version": "1.5", "hardware_present": true, "priority": 90, "status": "beta"}}}}}"""


def test_a_tool_tells_of_drivers_with_variants(tmp_path: Path, commands: Commands) -> None:
    machine = Linux(lay_out(tmp_path, {"usr/sbin/driver-tool": ""}), commands)
    commands.prints["/usr/sbin/driver-tool -l"] = LISTED

    (driver,) = machine.kernel_drivers()
    machine.select_variant("cisco-enic", "dell")
    machine.select_variant("cisco-enic", "")

    assert driver == KernelDriver(
        "cisco-enic", "network", "d", "i", (DriverVariant("dell", "1.5", True, 90.0, "beta"),), "dell", ""
    )
    assert commands.run[1:] == [
        "/usr/sbin/driver-tool -s -n cisco-enic -v dell",
        "/usr/sbin/driver-tool -d cisco-enic",
    ]


@pytest.mark.parametrize("printed", ["", "[]", '{"drivers": []}', '{"drivers": {"a": {}}}', '{"drivers": {"a": 1}}'])
def test_a_tool_that_prints_something_else_is_blamed(tmp_path: Path, commands: Commands, printed: str) -> None:
    commands.prints["/usr/sbin/driver-tool -l"] = printed

    with pytest.raises(Failed, match="driver-tool prints cannot be read"):
        Linux(lay_out(tmp_path, {"usr/sbin/driver-tool": ""}), commands).kernel_drivers()


def test_without_the_tool_no_driver_has_variants(machine: Linux, commands: Commands) -> None:
    assert machine.kernel_drivers() == ()
    with pytest.raises(NotSupported):
        machine.select_variant("cisco-enic", "dell")
    assert commands.run == []


# --- USB --------------------------------------------------------------------------------------------


def usb(name: str, device: str, interface: tuple[str, str, str], **told: str) -> dict[str, str | bytes]:
    """A device with one interface, as the kernel shows it."""
    folder = f"sys/bus/usb/devices/{name}"
    kinds = zip(("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"), interface, strict=True)
    return {
        f"{folder}/bDeviceClass": f"{device}\n",
        **{f"{folder}/{key}": f"{value}\n" for key, value in told.items()},
        **{f"{folder}:1.0/{key}": f"{value}\n" for key, value in kinds},
    }


def test_devices_are_told_that_guests_could_be_given(tmp_path: Path) -> None:
    machine = Linux(
        lay_out(
            tmp_path,
            usb("usb1", "09", ("09", "00", "00"), idVendor="1d6b"),
            usb("1-1", "09", ("09", "00", "01"), idVendor="0424", idProduct="2514"),
            usb(
                "1-1.4", "00", ("08", "06", "50"), idVendor="0781", idProduct="5581", manufacturer=" SanDisk ",
                product="Ultra", serial="4C53", version=" 3.20", speed="5000",
            ),
            usb("1-2", "00", ("03", "01", "01"), idVendor="046d", idProduct="c31c"),
            usb("1-3", "00", ("03", "01", "02"), idVendor="046d", idProduct="c077"),
            usb("2-1", "00", ("03", "00", "00"), idVendor="056a", idProduct="0315", speed="1.5"),
            usb("2-2", "ef", ("0e", "01", "00"), idVendor="046d", idProduct="0825", speed="fast"),
        )
    )  # fmt: skip

    assert machine.usb_devices() == (
        UsbDevice("1-1.4", "0781", "5581", "SanDisk", "Ultra", "4C53", "3.20", 5000.0),
        UsbDevice("2-1", "056a", "0315", speed=1.5),
        UsbDevice("2-2", "046d", "0825", speed=-1.0),
    )


# --- Packs ------------------------------------------------------------------------------------------


def test_packs_are_read_from_their_descriptions(tmp_path: Path, commands: Commands) -> None:
    folder = "etc/xensource/installed-repos"
    tools = (
        '<?xml version="1.0"?>\n<repository originator="acme" name="tools" version="2.1" build="77" '
        'enforce-homogeneity="true"><description>Tools &amp; more</description><requires/></repository>'
    )
    linux = '<repository originator="xs" name="linux" version="1.0"><description>Linux</description></repository>'
    bomb = '<!DOCTYPE x [<!ENTITY e "e">]><repository originator="a" name="b" version="1"/>'

    machine = Linux(
        lay_out(
            tmp_path,
            DEBIAN,
            {
                f"{folder}/acme:tools/XS-REPOSITORY": tools,
                f"{folder}/xs:linux/XS-REPOSITORY": linux,
                f"{folder}/bomb/XS-REPOSITORY": bomb,
                f"{folder}/empty/other": "",
                f"{folder}/nameless/XS-REPOSITORY": '<repository originator="x"/>',
            },
        ),
        commands,
    )

    assert machine.packs() == (
        Pack("acme", "tools", "2.1", "Tools & more", "77", homogeneous=True),
        Pack("xs", "linux", "1.0", "Linux"),
    )
    assert machine.facts().packs == machine.packs()


# --- The firewall -----------------------------------------------------------------------------------


def test_firewalld_is_told_which_ports_are_open(tmp_path: Path, machine: Linux, commands: Commands) -> None:
    machine.set_ports({22: True, 80: False})
    without = list(commands.run)
    (tmp_path / "sys/fs/cgroup/system.slice/firewalld.service").mkdir(parents=True)

    machine.set_ports({80: False, 22: True})

    assert without == []
    assert commands.run == ["firewall-cmd --add-port=22/tcp", "firewall-cmd --remove-port=80/tcp"]
