"""Whom the host asks for names: what bridges say of it, in a file that may be somebody else's."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backends.network.namespace import Namespace
from tests.backends.network.test_dhcp import WIRE as LEASED
from tests.backends.network.test_dhcp import server, until
from xapid.backends.network.bridge import Bridges
from xapid.backends.network.interface import Addressing, AddressMode, Naming, Uplink
from xapid.backends.network.names import MARK, Policy, Resolver

STATIC = Addressing(AddressMode.static, "192.0.2.9/24")
WIRE = replace(LEASED, ipv4=STATIC, naming=Naming(("192.0.2.1", "2001:db8::1"), ("example.com",)))
OURS = f"{MARK}\nsearch example.com\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n"
THEIRS = "nameserver 203.0.113.53\n"
FIRST = replace(WIRE.naming, first=True)
RESOLVECTL = """#!/bin/sh
# Keeps what it is told of each link, and notes changes.
what=$1; link=$2; shift 2
case $what in
    revert) rm -f "$TOLD/dns.$link" "$TOLD/domain.$link"; echo "revert $link" >> "$TOLD/changes" ;;
    *) [ $# = 0 ] || { echo "$*" > "$TOLD/$what.$link"; echo "$what $link $*" >> "$TOLD/changes"; }
       echo "Link 7 ($link): $(cat "$TOLD/$what.$link" 2> /dev/null)" ;;
esac
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "resolv.conf"


@pytest.fixture
def linux(bridges: Bridges, namespace: Namespace) -> Bridges:
    """On a host with an interface eth1 that nobody has given an address."""
    namespace.add_interface("eth1")
    return bridges


def resolver(tmp_path: Path, policy: Policy = Policy.auto) -> Resolver:
    """Of bridges that are there: lo stands for one, as any link does."""
    return Resolver(tmp_path / "leases", tmp_path / "resolv.conf", policy)


# --- A file ------------------------------------------------------------------------------------------


@pytest.mark.root
def test_the_host_asks_as_its_interfaces_say_as_long_as_they_are_up(linux: Bridges, file: Path) -> None:
    linux.connect(WIRE)
    during, mode = file.read_text(), file.stat().st_mode & 0o777
    linux.connect(replace(WIRE, naming=Naming(("192.0.2.2",))))
    other = file.read_text()

    linux.disconnect("xenbr1")

    assert (during, mode) == (OURS, 0o644)
    assert other == f"{MARK}\nnameserver 192.0.2.2\n"
    assert not file.exists()


@pytest.mark.root
def test_what_stands_there_already_is_not_written_again(
    linux: Bridges, file: Path, sysfs: Path, tmp_path: Path
) -> None:
    linux.connect(WIRE)
    before = file.stat()

    linux.connect(WIRE)
    Bridges(sysfs, leases=tmp_path / "leases", resolv_conf=file).connect(WIRE)

    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.root
def test_what_a_server_names_comes_with_its_lease_after_what_was_set(
    linux: Bridges, namespace: Namespace, file: Path, sysfs: Path, tmp_path: Path
) -> None:
    wire = replace(LEASED, naming=Naming(("192.0.2.1",)))
    Bridges(sysfs, leases=tmp_path / "leases", resolv_conf=file, first_lease=0.2).connect(wire)
    before = file.read_text()
    expected = f"{MARK}\nnameserver 192.0.2.1\nnameserver 198.51.100.2\nnameserver 198.51.100.3\n"

    with server(namespace.far):
        # The client tells, and not the daemon.
        assert until(lambda: file.read_text() == expected)

    assert before == f"{MARK}\nnameserver 192.0.2.1\n"
    linux.connect(replace(wire, ipv4=STATIC))
    assert file.read_text() == before
    linux.disconnect("xenbr1")


def test_servers_of_the_interface_that_goes_first_come_first(tmp_path: Path, file: Path) -> None:
    names = resolver(tmp_path)
    names.say("lo", Naming(("192.0.2.1",), ("a.example",)), leased=False)
    # A bridge of that name is not there, as after a boot: nobody can be asked by it.
    names.say("gone", Naming(("192.0.2.9",)), leased=False)
    alone = file.read_text()

    names.say("lo", Naming(("192.0.2.2", "192.0.2.1", "192.0.2.2")), leased=False)

    assert alone == f"{MARK}\nsearch a.example\nnameserver 192.0.2.1\n"
    assert file.read_text() == f"{MARK}\nnameserver 192.0.2.2\nnameserver 192.0.2.1\n"


@pytest.mark.root
def test_those_of_two_interfaces_are_ordered_by_who_goes_first(
    linux: Bridges, namespace: Namespace, file: Path
) -> None:
    namespace.add_interface("eth2")
    second = replace(WIRE, bridge=replace(WIRE.bridge, name="xenbr2", uuid="2"), uplink=Uplink("eth2"))
    linux.connect(WIRE)

    linux.connect(replace(second, ipv4=Addressing(), naming=Naming(("192.0.2.7",), first=True)))

    servers = [line.split()[1] for line in file.read_text().splitlines() if line.startswith("nameserver")]
    assert servers == ["192.0.2.7", "192.0.2.1", "2001:db8::1"]


# --- Of somebody else --------------------------------------------------------------------------------


def test_what_somebody_wrote_is_replaced_for_the_management_alone_and_put_back(tmp_path: Path, file: Path) -> None:
    file.write_text(THEIRS)
    file.chmod(0o640)
    names = resolver(tmp_path)

    names.say("lo", WIRE.naming, leased=False)
    left = file.read_text()
    names.say("lo", FIRST, leased=False)
    taken = file.read_text()
    names.forget("lo")

    assert (left, taken) == (THEIRS, OURS)
    assert (file.read_text(), file.stat().st_mode & 0o777) == (THEIRS, 0o640)


@pytest.mark.parametrize("text", ["# Generated by NetworkManager\n", "; managed by hand and program\n"])
def test_what_a_program_keeps_is_left_alone_unless_that_is_wanted(tmp_path: Path, file: Path, text: str) -> None:
    file.write_text(text + THEIRS)

    resolver(tmp_path).say("lo", FIRST, leased=False)
    left = file.read_text()
    resolver(tmp_path, Policy.always).say("lo", FIRST, leased=False)
    taken = file.read_text()
    resolver(tmp_path, Policy.never).apply()

    assert (left, taken) == (text + THEIRS, OURS)
    assert file.read_text() == left


def test_a_link_is_left_alone_unless_that_is_wanted_and_is_there_again_afterwards(tmp_path: Path, file: Path) -> None:
    kept = tmp_path / "kept-by-resolvconf"
    kept.write_text(THEIRS)
    file.symlink_to(kept)

    resolver(tmp_path).say("lo", FIRST, leased=False)
    left = file.is_symlink()
    always = resolver(tmp_path, Policy.always)
    always.apply()
    taken = (file.is_symlink(), file.read_text())
    always.forget("lo")

    assert left
    assert taken == (False, OURS)
    assert file.readlink() == kept
    assert kept.read_text() == THEIRS


def test_nobody_is_told_where_that_is_not_wanted(tmp_path: Path, file: Path) -> None:
    resolver(tmp_path, Policy.never).say("lo", FIRST, leased=False)

    assert not file.exists()


@pytest.mark.parametrize(
    "broken", [lambda path: path.write_text("{"), lambda path: path.mkdir(), lambda path: path.symlink_to("/nowhere")]
)
def test_a_note_that_cannot_be_read_is_no_note(tmp_path: Path, file: Path, broken: Callable[[Path], object]) -> None:
    names = resolver(tmp_path)
    names.say("lo", WIRE.naming, leased=False)
    broken(tmp_path / "leases" / "lo.lease")
    broken(tmp_path / "leases" / "other.names")

    names.apply()

    assert file.read_text() == OURS


def test_a_file_that_cannot_be_written_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = Resolver(tmp_path / "leases", Path("/proc/none/resolv.conf"), Policy.auto)

    names.say("lo", FIRST, leased=False)

    assert "cannot say which name servers are asked" in caplog.text


# --- systemd-resolved --------------------------------------------------------------------------------


def test_systemd_resolved_is_told_link_by_link_and_once(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, told = tmp_path / "bin" / "resolvectl", tmp_path / "told"
    script.parent.mkdir()
    told.mkdir()
    script.write_text(RESOLVECTL)
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TOLD", str(told))
    file.symlink_to("../run/systemd/resolve/stub-resolv.conf")
    names = resolver(tmp_path)

    for _ in range(2):
        names.say("lo", WIRE.naming, leased=False)
    names.say("lo", FIRST, leased=False)
    names.forget("lo")

    assert (told / "changes").read_text().splitlines() == [
        "dns lo 192.0.2.1 2001:db8::1",
        "domain lo example.com",
        "domain lo example.com ~.",
        "revert lo",
    ]
    assert file.is_symlink()
