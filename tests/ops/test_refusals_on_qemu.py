"""Starts and provisionings that cannot be, on QEMU: a reason is given, nothing is left, and the next one succeeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.daemon import Client, Failure
from tests.own_network import own_network
from tests.qemu_daemon import QemuDaemon, new_guest, qemu_daemon, qemu_daemon_within

pytestmark = [pytest.mark.slow, pytest.mark.libvirt, pytest.mark.root]

KEPT = ("xapid.db", "log", "cache")
"""Files and folders that may grow: the database, and what libvirt writes down."""


@dataclass(frozen=True)
class Site:
    """A daemon, a client of it, and a machine that is off."""

    daemon: QemuDaemon
    client: Client
    vm: str

    def start(self) -> None:
        self.client.call("VM.start", self.vm, False, False)

    def state(self) -> str:
        return str(self.client.call("VM.get_power_state", self.vm))

    def footprint(self) -> tuple[list[int], list[str], list[str]]:
        """QEMUs, links and files."""
        links = sorted(line.split()[0] for line in self.daemon.run("ip", "-br", "link").splitlines())
        return self.daemon.guests, links, sorted(files(self.daemon.directory / "state"))


def files(folder: Path) -> Iterator[str]:
    for path in folder.iterdir():
        if path.name.startswith(KEPT) or path.is_symlink():
            continue
        yield str(path)
        if path.is_dir():
            yield from files(path)


@pytest.fixture(scope="module")
def daemon() -> Iterator[QemuDaemon]:
    with qemu_daemon() as daemon:
        # libvirt looks at QEMU before the first guest, and has QEMUs and folders for that.
        first = daemon.booted("first")
        with closing(daemon.client()) as client:
            client.call("VM.hard_shutdown", first)
        yield daemon


@pytest.fixture
def site(daemon: QemuDaemon) -> Iterator[Site]:
    with closing(daemon.client()) as client:
        vm = new_guest(client, "patient")
        site = Site(daemon, client, vm)
        yield site
        if site.state() != "Halted":
            client.call("VM.hard_shutdown", vm)
        client.call("VM.destroy", vm)


def is_refused_without_a_trace(site: Site, reason: str) -> None:
    """The start fails for this reason, and nothing has changed."""
    before = site.footprint()
    with pytest.raises(Failure, match=reason):
        site.start()
    assert site.footprint() == before
    assert site.state() == "Halted"
    assert site.client.call("VM.get_current_operations", site.vm) == {}


def succeeds(site: Site) -> None:
    """A start and its end are as ever."""
    before = site.footprint()
    site.start()
    assert site.state() == "Running"
    assert len(site.daemon.guests) == len(before[0]) + 1
    site.client.call("VM.hard_shutdown", site.vm)
    assert site.footprint() == before


@pytest.mark.parametrize("field", ["PV_kernel", "PV_ramdisk"])
def test_a_start_without_its_kernel_names_the_file(site: Site, field: str) -> None:
    good = site.client.call(f"VM.get_{field}", site.vm)

    site.client.call(f"VM.set_{field}", site.vm, f"{good}-gone")
    is_refused_without_a_trace(site, f"there is no file {good}-gone")

    site.client.call(f"VM.set_{field}", site.vm, good)
    succeeds(site)


def test_a_qemu_that_ends_at_once_leaves_its_last_words(site: Site) -> None:
    good = site.client.call("VM.get_PV_kernel", site.vm)
    bad = Path(f"{good}-bad")
    bad.write_text("no kernel at all\n" * 1000)

    site.client.call("VM.set_PV_kernel", site.vm, str(bad))
    is_refused_without_a_trace(site, "linux kernel too old to load a ram disk")

    bad.unlink()
    site.client.call("VM.set_PV_kernel", site.vm, good)
    succeeds(site)


@contextmanager
def without_tun(daemon: QemuDaemon) -> Iterator[None]:
    daemon.run("mount", "-t", "tmpfs", "none", "/dev/net")
    try:
        yield
    finally:
        daemon.run("umount", "/dev/net")


def test_a_start_where_no_tap_can_be_made_says_so(site: Site) -> None:
    with without_tun(site.daemon):
        is_refused_without_a_trace(site, "/dev/net/tun")

    succeeds(site)


def test_a_repository_without_space_keeps_nothing_of_a_provisioning(site: Site) -> None:
    small = site.daemon.directory / "small"
    small.mkdir()
    site.daemon.run("mount", "-t", "tmpfs", "-o", "size=256k", "none", str(small))
    client = site.client
    (host,) = client.call("host.get_all")
    sr = client.call("SR.create", host, {"location": str(small)}, "0", "small", "", "file", "user", False, {})
    template = client.call("VM.get_by_name_label", "xapid demo guest")[0]
    vm = client.call("VM.clone", template, "too big")
    uuid = client.call("SR.get_uuid", sr)
    disk = f'<disk device="0" size="67108864" sr="{uuid}" bootable="true" type="system"/>'
    client.call("VM.remove_from_other_config", vm, "disks")
    client.call("VM.add_to_other_config", vm, "disks", f"<provision>{disk}</provision>")
    site.daemon.run("sh", "-c", f"dd if=/dev/zero of={small}/filler bs=4k status=none || true")
    before = site.daemon.run("find", str(small))

    with pytest.raises(Failure, match="SR_BACKEND_FAILURE_44"):
        client.call("VM.provision", vm)

    assert site.daemon.run("find", str(small)) == before
    assert client.call("VM.get_VBDs", vm) == []
    assert client.call("SR.get_VDIs", sr) == []
    site.daemon.run("rm", f"{small}/filler")
    site.daemon.run("mount", "-o", "remount,size=8m", str(small))
    client.call("VM.set_is_a_template", vm, True)
    client.call("VM.provision", vm)
    assert len(client.call("SR.get_VDIs", sr)) == 1
    client.call("VM.destroy", vm)


def test_two_daemons_on_one_machine_do_not_take_each_others_bridges() -> None:
    with (
        own_network() as network,
        qemu_daemon_within(network) as first,
        qemu_daemon_within(network) as second,
        closing(first.client()) as one,
        closing(second.client()) as two,
    ):
        vms = [(client, new_guest(client, "neighbour")) for client in (one, two)]
        for client, vm in vms:
            client.call("VM.start", vm, False, False)

        bridges = [bridge_of(client, vm) for client, vm in vms]
        first.kill()
        first.start()
        there = first.run("ip", "-br", "link", "show", "type", "bridge").split()

        assert len(set(bridges)) == 2
        assert set(bridges) <= set(there)
        two.call("VM.hard_shutdown", vms[1][1])
        assert bridges[1] not in first.run("ip", "-br", "link", "show", "type", "bridge").split()
        assert bridges[0] in first.run("ip", "-br", "link", "show", "type", "bridge").split()


def bridge_of(client: Client, vm: str) -> str:
    (vif,) = client.call("VM.get_VIFs", vm)
    return str(client.call("network.get_bridge", client.call("VIF.get_network", vif)))
