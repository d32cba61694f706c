"""What the doctor says of a state directory, its files, and the listeners."""

import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backends.host.machines import lay_out
from xapid.backends.host.tree import Tree
from xapid.cli.doctor import Finding, Grade, examine
from xapid.cli.guest_needs import lacking, missing
from xapid.runtime.config import Address, Config, Drivers
from xapid.store.database import StateDirectory


@pytest.fixture
def say(tmp_path: Path) -> Callable[..., dict[str, Finding]]:
    """The findings by the first word of their subject."""

    def run(http: tuple[Address, ...] = (), state: Path = tmp_path, unix: tuple[Path, ...] = ()) -> dict[str, Finding]:
        config = Config(state_dir=state, http=http, https=(), unix=unix, drivers=Drivers.sim, pam_service="")
        return {each.subject.split()[0]: each for each in examine(config)}

    return run


def test_a_host_before_its_first_start_is_well_but_for_the_password(
    say: Callable[..., dict[str, Finding]], tmp_path: Path
) -> None:
    found = say(state=tmp_path / "none")

    assert {subject: each.grade for subject, each in found.items()} == {
        "state": Grade.ok,
        "database": Grade.ok,
        "passwords": Grade.warning,
    }


def test_a_running_daemon_is_told_and_its_listeners_are_not_tried(
    say: Callable[..., dict[str, Finding]], tmp_path: Path
) -> None:
    daemon = StateDirectory(tmp_path)
    daemon.open()

    found = say(http=(Address("127.0.0.1", 1),))
    daemon.close()

    assert found["state"].text.startswith("is used by another daemon (process ")
    assert found["listener"] == Finding(Grade.ok, "listener 127.0.0.1:1", "not tried: a daemon runs")


def test_a_busy_port_is_trouble(say: Callable[..., dict[str, Finding]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = say(http=(Address("127.0.0.1", other.getsockname()[1]),))

    assert found["listener"].grade is Grade.trouble
    assert found["listener"].text == (
        "cannot be opened: Address already in use: stop what listens there, or take another address"
    )


def test_a_file_in_the_place_of_the_state_directory_is_trouble(
    say: Callable[..., dict[str, Finding]], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()

    found = say(state=tmp_path / "file")["state"]

    assert (found.grade, found.text) == (Grade.trouble, "is no directory")


@pytest.mark.root
def test_a_state_directory_that_this_user_cannot_make_is_trouble(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o755)

    found = seen_by_nobody(Config(state_dir=closed / "x" / "state", http=(), https=(), unix=(), drivers=Drivers.sim))

    assert found[0].grade is Grade.trouble
    assert found[0].text.startswith("cannot be made: this user may not write in ")


def seen_by_nobody(config: Config) -> list[Finding]:
    os.seteuid(65534)
    try:
        return list(examine(config))
    finally:
        os.seteuid(0)


def test_a_socket_that_is_served_is_trouble_and_one_that_is_left_over_is_not(
    say: Callable[..., dict[str, Finding]], tmp_path: Path
) -> None:
    path = tmp_path / "xapi"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        served = say(unix=(path,))["listener"]
    left = say(unix=(path,))["listener"]

    assert (served.grade, served.text) == (Grade.trouble, "another process listens there")
    assert (left.grade, left.text) == (Grade.ok, "is free: left by a daemon that was killed")


def test_a_socket_whose_path_is_too_long_is_trouble(say: Callable[..., dict[str, Finding]], tmp_path: Path) -> None:
    found = say(unix=(tmp_path / ("x" * 107),))["listener"]

    assert (found.grade, found.text) == (Grade.trouble, "the path of a socket may have 107 bytes")


def test_a_state_directory_too_deep_for_the_sockets_of_guests_is_trouble(tmp_path: Path) -> None:
    config = Config(state_dir=tmp_path / ("x" * 60), http=(), https=(), unix=())

    found = [each.text for each in examine(config) if each.subject == "guests" and each.grade is Grade.trouble]

    assert any(text.endswith("bytes, for there are sockets in it") for text in found)


def test_who_logs_in_by_pam_needs_no_password_file(tmp_path: Path) -> None:
    config = Config(state_dir=tmp_path, http=(), https=(), unix=(), drivers=Drivers.sim, pam_service="login")

    (found,) = (each for each in examine(config) if each.subject.startswith("passwords"))

    assert (found.grade, found.text) == (Grade.ok, "none set: root logs in by PAM, as service login")


def test_a_whole_database_is_told_with_its_size(say: Callable[..., dict[str, Finding]], tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "xapid.db")
    connection.execute("CREATE TABLE t (x)")
    connection.close()

    assert say()["database"].text == "is whole; 8 KiB"


@pytest.mark.parametrize(
    "mode, grade, text",
    [(0o600, Grade.ok, "2 local users"), (0o644, Grade.warning, "may be read by others (mode 644): chmod 600")],
)
def test_passwords_are_counted_and_kept_from_others(
    say: Callable[..., dict[str, Finding]], tmp_path: Path, mode: int, grade: Grade, text: str
) -> None:
    file = tmp_path / "passwords"
    file.write_text("root:hash\n# comment: none\nann:hash\n")
    file.chmod(mode)

    assert (say()["passwords"].grade, say()["passwords"].text) == (grade, text)


def test_without_the_device_for_networks_guests_lack_it(tmp_path: Path) -> None:
    lines = missing(tun=tmp_path / "tun")

    assert any(line.startswith(f"there is no {tmp_path}/tun, by which guests reach networks") for line in lines)


def test_what_some_guests_lack_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    found = list(examine(Config(state_dir=tmp_path, http=(), https=(), unix=())))

    (tpm,) = (each for each in found if each.subject == "some guests" and "TPM" in each.text)
    assert tpm.grade is Grade.warning
    assert tpm.text == "this host has no TPM for guests: apt-get install swtpm swtpm-tools"


def test_who_runs_guests_is_told_and_why_it_is_root(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)

    found = [each.text for each in examine(Config(state_dir=state, http=(), https=(), unix=()))]

    assert any(
        text.startswith("would run as root, not as a user of their own: others may not pass /") for text in found
    )


def test_without_programs_guests_lack_them_by_their_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    lines = missing()

    assert "there is no qemu-img: apt-get install qemu-utils" in lines


# --- Under Xen ---------------------------------------------------------------------------------------

XEN = {"proc/xen/capabilities": "control_d\n", "proc/sys/kernel/osrelease": "6.1.0\n"}


def under_xen(root: Path, **more: str) -> list[str]:
    """What is missing on a control domain with some files, and without any program."""
    return missing(tun=root / "tun", tree=Tree(lay_out(root, XEN | more)))


def test_a_xen_host_lacks_what_serves_the_disks_of_guests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    lines = under_xen(tmp_path)

    assert "there is no qemu-storage-daemon: apt-get install qemu-system-common" in lines
    assert "there is no xl: apt-get install xen-utils-common" in lines
    assert any(line.startswith("the kernel has no module nbd, by which guests reach their disks") for line in lines)
    assert not any("qemu-system-x86_64" in line or "libvirt-qemu" in line for line in lines)


@pytest.mark.parametrize(
    "file, text",
    [
        ("sys/module/nbd/version", "1\n"),
        ("lib/modules/6.1.0/modules.dep", "kernel/fs/x.ko:\nkernel/drivers/block/nbd.ko.xz:\n"),
        ("lib/modules/6.1.0/modules.builtin", "kernel/drivers/block/nbd.ko\n"),
    ],
)
def test_a_module_is_loaded_or_in_a_file_or_part_of_the_kernel(tmp_path: Path, file: str, text: str) -> None:
    assert not any("nbd" in line for line in under_xen(tmp_path, **{file: text}))


def test_another_kernel_has_its_own_modules(tmp_path: Path) -> None:
    assert any("nbd" in line for line in under_xen(tmp_path, **{"lib/modules/5.0/modules.dep": "nbd.ko:\n"}))


def test_under_xen_nobody_lacks_what_is_qemus(tmp_path: Path) -> None:
    assert lacking(Tree(lay_out(tmp_path, XEN))) == []
