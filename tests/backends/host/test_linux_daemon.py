"""A whole daemon on the host driver of Linux, in its agent process: what clients set arrives in the machine's files."""

from __future__ import annotations

import io
import shutil
import socket
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.backends.domain.hypervisor import within
from tests.backends.host.machines import DEBIAN, DMI, intel, lay_out
from tests.daemon import Client, Failure
from tests.http.client import Client as HttpClient
from tests.linux_apart import LinuxApart

pytestmark = pytest.mark.slow

REBOOT = "systemctl --no-block reboot"

UNITS = "usr/lib/systemd/system"
CPU = "sys/devices/system/cpu/cpu0/cpuidle"
GPU = "sys/bus/pci/devices/0000:03:00.0"
STICK = "sys/bus/usb/devices/1-1"
CRASH = "20260101-120000-UTC"
FILES: dict[str, str | bytes] = {
    f"{UNITS}/ssh.service": "",
    f"{UNITS}/chrony.service": "",
    "etc/systemd/system/multi-user.target.wants/chrony.service": "",
    "sys/fs/cgroup/system.slice/chrony.service/cgroup.procs": "1\n",
    "sys/fs/cgroup/system.slice/ssh.service/cgroup.procs": "1\n",
    "etc/chrony/chrony.conf": "pool 2.debian.pool.ntp.org iburst\ndriftfile /var/lib/chrony/drift\n",
    "etc/rsyslog.d/50-default.conf": "",
    "etc/iscsi/initiatorname.iscsi": "InitiatorName=iqn.1993-08.org.debian:01:abc\n",
    **{f"{CPU}/state{number}/name": name for number, name in enumerate(("POLL", "C1", "C6"))},
    **{f"{CPU}/state{number}/disable": "0" for number in range(3)},
    f"{GPU}/class": "0x030000\n",
    f"{GPU}/vendor": "0x10de\n",
    f"{GPU}/device": "0x1eb8\n",
    f"{STICK}/bDeviceClass": "00\n",
    f"{STICK}/idVendor": "0781\n",
    f"{STICK}/idProduct": "5581\n",
    f"{STICK}:1.0/bInterfaceClass": "08\n",
    f"{STICK}:1.0/bInterfaceSubClass": "06\n",
    f"{STICK}:1.0/bInterfaceProtocol": "50\n",
    f"var/crash/{CRASH}/vmcore": b"core",
    "proc/loadavg": "0.00 0.01 0.05 1/100 1\n",
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LinuxApart]:
    daemon = LinuxApart(tmp_path_factory.mktemp("linux"))
    lay_out(daemon.root, DEBIAN, DMI, intel(1, 2, 1), FILES)
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture
def host(client: Client) -> str:
    (host,) = client.call("host.get_all")
    return str(host)


def test_a_host_that_is_to_go_down_does_so_although_its_toolstack_dies(tmp_path: Path) -> None:
    daemon = LinuxApart(tmp_path)
    lay_out(daemon.root, DEBIAN, DMI, intel(1, 2, 1), FILES, {"proc/sys/kernel/random/boot_id": "one\n"})
    daemon.start()
    with closing(daemon.client()) as client:
        (host,) = client.call("host.get_all")
        client.call("host.disable", host)
        client.call("host.reboot", host)
    daemon.kill()
    daemon.start()

    try:
        with closing(daemon.client()) as client:
            # The ten seconds in which it can be called off may be over by now, and it with them.
            assert within(60, lambda: REBOOT in daemon.commands())
            assert within(60, lambda: "pending" not in statuses(client))
            assert statuses(client) <= {"success"}
            assert client.call("host.get_current_operations", host) == {}
            assert client.call("host.get_enabled", host) is False
        assert daemon.commands().count(REBOOT) == 1
    finally:
        daemon.stop()


def statuses(client: Client) -> set[str]:
    """Of all tasks that there are."""
    return {task["status"] for task in client.call("task.get_all_records").values()}


def test_the_record_describes_the_machine(client: Client, host: str) -> None:
    record = client.call("host.get_record", host)

    assert (record["hostname"], record["timezone"], record["ntp_mode"]) == ("alpha", "Europe/Berlin", "Factory")
    assert record["ssh_enabled"] is True
    assert record["software_version"]["linux"] == "6.1.0-28-amd64"
    assert (record["cpu_info"]["cpu_count"], record["bios_strings"]["system-manufacturer"]) == ("2", "Dell Inc.")
    assert client.call("host.dmesg", host) == "Linux version 6.1\n"


def test_devices_have_records(client: Client, host: str) -> None:
    (card,) = client.call("host.get_PGPUs", host)
    (stick,) = client.call("host.get_PUSBs", host)

    (group,) = client.call("GPU_group.get_all_records").values()
    pci = client.call("PCI.get_record", client.call("PGPU.get_PCI", card))
    assert (pci["pci_id"], group["PGPUs"], group["GPU_types"]) == ("0000:03:00.0", [card], ["10de/1eb8"])
    assert client.call("PUSB.get_vendor_id", stick) == "0781"


def test_devices_that_come_and_go_are_found(client: Client, daemon: LinuxApart, host: str) -> None:
    more = {name.replace("1-1", "2-4"): text for name, text in FILES.items() if name.startswith(STICK)}
    lay_out(daemon.root, more)

    client.call("PUSB.scan", host)
    during = len(client.call("host.get_PUSBs", host))
    for folder in {(daemon.root / name).parent for name in more}:
        shutil.rmtree(folder)
    client.call("PUSB.scan", host)

    assert (during, len(client.call("host.get_PUSBs", host))) == (2, 1)


def test_the_clock_gets_another_zone_and_other_servers(client: Client, daemon: LinuxApart, host: str) -> None:
    client.call("host.set_timezone", host, "Asia/Tokyo")
    client.call("host.set_ntp_custom_servers", host, ["192.0.2.1"])
    client.call("host.set_ntp_mode", host, "Custom")

    conf = (daemon.root / "etc/chrony/chrony.conf").read_text()
    assert "\nserver 192.0.2.1 iburst\n" in conf
    assert not conf.startswith("pool")
    assert client.call("host.get_ntp_servers_status", host) == {"192.0.2.1": "synced"}
    assert client.call("host.get_ntp_synchronized", host) is True
    assert {"timedatectl set-timezone Asia/Tokyo", "systemctl restart chrony.service"} <= set(daemon.commands())
    local, utc = (str(client.call(f"host.get_server{name}", host)) for name in ("_localtime", "time"))
    assert (int(local[9:11]) - int(utc[9:11])) % 24 in (9, 10)


def test_the_clock_is_set_where_nobody_else_does(client: Client, daemon: LinuxApart, host: str) -> None:
    mode = client.call("host.get_ntp_mode", host)
    client.call("host.set_ntp_mode", host, "Disabled")

    client.call("host.set_servertime", host, "20300102T03:04:05Z")
    client.call("host.set_ntp_mode", host, mode)

    assert "timedatectl set-time @1893553445" in daemon.commands()


def test_ssh_goes_off_and_on(client: Client, daemon: LinuxApart, host: str) -> None:
    group = daemon.root / "sys/fs/cgroup/system.slice/ssh.service"
    for leftover in group.glob("*"):
        leftover.unlink()

    client.call("host.disable_ssh", host)
    off = group.exists()
    client.call("host.enable_ssh", host)

    assert (off, group.exists()) == (False, True)
    assert client.call("host.get_ssh_enabled", host) is True
    client.call("host.set_console_idle_timeout", host, 300)
    assert any("TMOUT=300" in path.read_text() for path in (daemon.root / "etc/profile.d").iterdir())


def test_the_machine_is_called_otherwise(client: Client, daemon: LinuxApart, host: str) -> None:
    client.call("host.set_hostname_live", host, "beta.example")

    assert client.call("host.get_hostname", host) == "beta.example"
    assert "hostnamectl set-hostname -- beta.example" in daemon.commands()


def test_what_the_machine_writes_down(client: Client, daemon: LinuxApart, host: str) -> None:
    client.call("host.set_iscsi_iqn", host, "iqn.2026-01.example:one")
    client.call("host.set_max_cstate", host, "1")
    client.call("host.add_to_logging", host, "syslog_destination", "192.0.2.7")
    client.call("host.syslog_reconfigure", host)

    root = daemon.root
    assert (root / "etc/iscsi/initiatorname.iscsi").read_text() == "InitiatorName=iqn.2026-01.example:one\n"
    assert [(root / CPU / f"state{number}/disable").read_text() for number in range(3)] == ["0", "0", "1"]
    assert any("192.0.2.7" in path.read_text() for path in (root / "etc/rsyslog.d").iterdir())


def test_a_report_is_read_from_the_machine(client: Client, daemon: LinuxApart, host: str) -> None:
    root = ElementTree.fromstring(client.call("host.get_system_status_capabilities", host))
    assert "system-load" in {part.get("key") for part in root}

    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(daemon.socket))
    with HttpClient(connection) as stream:
        stream.send(b"GET /system-status?entries=system-load HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n")
        reply = stream.response()

    with tarfile.open(fileobj=io.BytesIO(reply.body)) as tar:
        (name,) = (name for name in tar.getnames() if name.endswith("loadavg"))
        file = tar.extractfile(name)
        assert file is not None
        assert file.read() == b"0.00 0.01 0.05 1/100 1\n"


def test_what_a_crash_left_is_removed(client: Client, daemon: LinuxApart, host: str) -> None:
    (dump,) = client.call("host.get_crashdumps", host)
    assert client.call("host_crashdump.get_size", dump) == "4"

    client.call("host_crashdump.destroy", dump)

    assert not (daemon.root / "var/crash" / CRASH).exists()


def test_what_the_machine_cannot_is_refused(client: Client, host: str) -> None:
    for method, params, code in (
        ("send_debug_keys", ("h",), "OPERATION_NOT_ALLOWED"),
        ("set_timezone", ("Mars/Olympus",), "INVALID_VALUE"),
        ("set_hostname_live", ("x" * 100,), "HOST_NAME_INVALID"),
    ):
        with pytest.raises(Failure) as error:
            client.call(f"host.{method}", host, *params)
        assert error.value.args[0] == code, method


def test_a_daemon_that_starts_again_finds_the_machine_as_it_was_left(daemon: LinuxApart) -> None:
    with closing(daemon.client()) as client:
        (host,) = client.call("host.get_all")
        fields = ("hostname", "timezone", "ntp_mode", "ntp_custom_servers", "ssh_enabled", "iscsi_iqn", "max_cstate")
        before = {field: client.call(f"host.get_{field}", host) for field in fields}
    # The kernel forgets at a boot.
    (daemon.root / CPU / "state2/disable").write_text("0")
    daemon.stop()

    daemon.start()

    with closing(daemon.client()) as client:
        assert {field: client.call(f"host.get_{field}", host) for field in fields} == before
    assert before["hostname"] == "beta.example"
    assert (daemon.root / CPU / "state2/disable").read_text() == "1"
