"""What a machine is, read from the files by which its kernel describes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.backends.host.machines import ARM, DEBIAN, DMI, XEN, intel, lay_out
from xapid.backends.host.interface import Cpu, HostFacts
from xapid.backends.host.linux import Linux
from xapid.backends.interface import CpuTime

GIB = 1024**3


def facts(root: Path, *machines: dict[str, str | bytes]) -> HostFacts:
    return Linux(lay_out(root, *machines)).facts()


def test_a_server_says_what_it_is(tmp_path: Path) -> None:
    found = facts(tmp_path, DEBIAN, DMI, intel(sockets=2, cores=4, threads=2))

    assert (found.hostname, found.kernel, found.boot_time) == ("alpha", "6.1.0-28-amd64", 1_700_000_000.0)
    assert found.os_release == {"NAME": "Debian GNU/Linux", "VERSION_ID": "12", "ID": "debian"}
    assert (found.memory_total, found.memory_free) == (16 * GIB, 12 * GIB)
    assert (len(found.cpus), found.sockets, found.threads_per_core, found.nodes) == (16, 2, 2, 1)
    assert found.cpus[15] == Cpu(
        15, "GenuineIntel", "Intel(R) Xeon(R) Platinum 8480+", 6, 143, "8", 2000, "fpu vme vmx sse2"
    )
    assert found.name_servers == ("192.0.2.1", "fd00::1")


def test_an_empty_machine_has_defaults(tmp_path: Path) -> None:
    found = facts(tmp_path)

    assert found == HostFacts("localhost", "", bios_strings=found.bios_strings)
    assert set(found.bios_strings.values()) == {""}


def test_a_machine_of_many_processors_has_them_all(tmp_path: Path) -> None:
    found = facts(tmp_path, intel(sockets=4, cores=64, threads=2))

    assert [cpu.number for cpu in found.cpus] == list(range(512))
    assert (found.sockets, found.threads_per_core) == (4, 2)


def test_processors_that_are_switched_off_leave_gaps(tmp_path: Path) -> None:
    machine = intel(sockets=1, cores=4, threads=1)
    blocks = str(machine["proc/cpuinfo"]).split("\n\n")

    found = facts(tmp_path, machine, {"proc/cpuinfo": "\n\n".join(blocks[:1] + blocks[2:])})

    assert [cpu.number for cpu in found.cpus] == [0, 2, 3]


def test_without_a_topology_the_processors_tell_their_places_themselves(tmp_path: Path) -> None:
    machine = intel(sockets=2, cores=2, threads=2)

    found = facts(tmp_path, {"proc/cpuinfo": machine["proc/cpuinfo"]})

    assert (found.sockets, found.threads_per_core) == (2, 2)


def test_arm_processors_are_known_by_their_numbers(tmp_path: Path) -> None:
    found = facts(tmp_path, ARM)

    assert found.cpus[0] == Cpu(0, "ARM", "ARM 0xd0c", 8, 0xD0C, "r3p1", 2800, "fp asimd aes")
    assert (len(found.cpus), found.sockets, found.threads_per_core) == (4, 1, 1)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe\x00",
        b"processor\t: x\n\n",
        b"processor\t: 0",
        b"processor : \xd9\xa3\n",
        b"CPU implementer : 0x41",
    ],
)
def test_odd_processors_break_nothing(tmp_path: Path, text: bytes) -> None:
    found = facts(tmp_path, DEBIAN, {"proc/cpuinfo": text})

    assert len(found.cpus) <= 1
    assert (found.hostname, found.sockets, found.threads_per_core) == ("alpha", 1, 1)


# What guests are shown of it


def test_the_firmware_says_what_it_wants_and_only_what_can_be_printed_is_kept(tmp_path: Path) -> None:
    strings = facts(tmp_path, DMI).bios_strings

    assert strings == {
        "bios-vendor": "Dell Inc.",
        "bios-version": "2.1.5",
        "system-manufacturer": "Dell Inc.",
        "system-product-name": "PowerEdge R760",
        "system-version": "",
        "system-serial-number": "ABC1234",
        "baseboard-manufacturer": "Dell\N{REPLACEMENT CHARACTER} Inc.",
        "baseboard-product-name": "",
        "baseboard-version": "",
        "baseboard-serial-number": "",
        "oem-3": "Dell System",
        "oem-4": "5[0000]",
    }


@pytest.mark.parametrize("raw", [b"", b"\x0b", b"\x0b\xff", b"\x0b\x05\x00\x10\x00\x00\x00", b"\x0b\x00"])
def test_a_broken_structure_of_the_firmware_has_no_strings(tmp_path: Path, raw: bytes) -> None:
    found = facts(tmp_path, {"sys/firmware/dmi/entries/11-0/raw": raw})

    assert set(found.bios_strings.values()) <= {"", "\N{REPLACEMENT CHARACTER}"}


def test_what_is_a_directory_instead_of_a_file_counts_as_empty(tmp_path: Path) -> None:
    for name in (*DEBIAN, *DMI, "proc/cpuinfo"):
        (tmp_path / name).mkdir(parents=True)

    assert facts(tmp_path).hostname == "localhost"


# Virtualization


@pytest.mark.parametrize(
    "flags, device, found",
    [
        ("fpu vmx", True, {"hvm", "kvm"}),
        ("fpu svm", True, {"hvm", "kvm"}),
        ("fpu vmx", False, {"hvm"}),
        ("fpu", False, set()),
    ],
)
def test_help_by_the_processor_is_told_apart_from_kvm(
    tmp_path: Path, flags: str, device: bool, found: set[str]
) -> None:
    kvm: dict[str, str | bytes] = {"dev/kvm": ""} if device else {}

    machine = facts(tmp_path, intel(1, 1, 1, flags), kvm)

    assert machine.virtualization == found
    assert (machine.capabilities, machine.xen_version) == ((), "(unknown)")


def test_on_xen_the_hypervisor_says_what_guests_there_can_be(tmp_path: Path) -> None:
    machine = facts(tmp_path, intel(1, 2, 1, "fpu"), XEN)

    assert machine.virtualization == {"xen", "hvm"}
    assert machine.xen_version == "4.17.5"
    assert machine.capabilities == ("xen-3.0-x86_64", "hvm-3.0-x86_32", "hvm-3.0-x86_32p", "hvm-3.0-x86_64")


def test_xen_without_help_by_the_processor_has_no_hvm(tmp_path: Path) -> None:
    machine = facts(tmp_path, XEN, {"sys/hypervisor/properties/capabilities": "xen-3.0-x86_64\n"})

    assert machine.virtualization == {"xen"}


def test_a_guest_of_xen_is_no_xen_host(tmp_path: Path) -> None:
    machine = facts(tmp_path, XEN, {"proc/xen/capabilities": "\n", "dev/kvm": ""})

    assert machine.virtualization == {"hvm", "kvm"}
    assert (machine.capabilities, machine.xen_version) == ((), "(unknown)")


# Containers


@pytest.mark.parametrize(
    "group",
    [
        {
            "sys/fs/cgroup/memory.max": f"{4 * GIB}\n",
            "sys/fs/cgroup/memory.current": f"{3 * GIB}\n",
            "sys/fs/cgroup/memory.stat": f"anon 5\ninactive_file {2 * GIB}\n",
        },
        {
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{4 * GIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{3 * GIB}\n",
            "sys/fs/cgroup/memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {2 * GIB}\n",
        },
    ],
)
def test_a_container_has_the_memory_that_it_may_use(tmp_path: Path, group: dict[str, str | bytes]) -> None:
    driver = Linux(lay_out(tmp_path, DEBIAN, group))

    assert driver.memory() == (4 * GIB, 3 * GIB)


@pytest.mark.parametrize(
    "group",
    [
        {"sys/fs/cgroup/memory.max": "max\n"},
        {"sys/fs/cgroup/memory.max": f"{64 * GIB}\n"},
        {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"},
        {},
    ],
)
def test_a_limit_above_the_machine_is_none(tmp_path: Path, group: dict[str, str | bytes]) -> None:
    driver = Linux(lay_out(tmp_path, DEBIAN, group))

    assert driver.memory() == (16 * GIB, 12 * GIB)


def test_a_container_that_uses_more_than_it_may_has_nothing_free(tmp_path: Path) -> None:
    group: dict[str, str | bytes] = {
        "sys/fs/cgroup/memory.max": f"{GIB}\n", "sys/fs/cgroup/memory.current": f"{2 * GIB}\n",
    }  # fmt: skip

    assert Linux(lay_out(tmp_path, DEBIAN, group)).memory() == (GIB, 0)


# The place


@pytest.mark.parametrize(
    "link, file, zone",
    [
        ("/usr/share/zoneinfo/America/Argentina/Ushuaia", "Europe/Berlin", "America/Argentina/Ushuaia"),
        ("../usr/share/zoneinfo/Etc/GMT+5", "", "Etc/GMT+5"),
        ("/elsewhere/localtime", "Europe/Berlin", "Europe/Berlin"),
        ("/usr/share/zoneinfo/../../../etc/passwd", "", "UTC"),
        ("", "Europe/Berlin", "Europe/Berlin"),
        ("", "not a zone", "UTC"),
        ("", "", "UTC"),
    ],
)
def test_the_time_zone_is_that_of_the_c_library_first(tmp_path: Path, link: str, file: str, zone: str) -> None:
    lay_out(tmp_path, DEBIAN, {"etc/timezone": file})
    if link:
        (tmp_path / "etc/localtime").symlink_to(link)

    assert Linux(tmp_path).facts().timezone == zone


@pytest.mark.parametrize(
    "line, name",
    [('NAME="A \\"B\\""', 'A "B"'), ("NAME='A B'", "A B"), ("NAME=A", "A"), ('NAME="A', "A"), ("NAME=", "")],
)
def test_the_system_is_named_as_a_shell_would_read_it(tmp_path: Path, line: str, name: str) -> None:
    found = facts(tmp_path, {"usr/lib/os-release": line})

    assert found.os_release["NAME"] == name


def test_drives_and_nodes_are_counted_and_their_like_is_not(tmp_path: Path) -> None:
    for name in ("sys/block/sr0", "sys/block/sr1", "sys/block/srx", "sys/block/sda"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("node0", "node1", "power"):
        (tmp_path / "sys/devices/system/node" / name).mkdir(parents=True)

    found = facts(tmp_path)

    assert (found.optical_drives, found.nodes) == (("/dev/sr0", "/dev/sr1"), 2)


def test_this_machine_is_one() -> None:
    found = Linux().facts()

    assert found.hostname
    assert found.kernel
    assert found.cpus
    assert 0 < found.memory_free <= found.memory_total
    assert found.boot_time > 0


def test_each_processor_counts_what_it_did(tmp_path: Path) -> None:
    second = os.sysconf("SC_CLK_TCK")
    # In user space, the kernel and stolen, idle for five and waiting for one; what guests had is part of the first.
    first = f"cpu0 {second} 0 {second} {5 * second} {second} 0 0 {second} {second} 0"
    stat = f"cpu  9 9 9 9 9 9 9 9 9 9\n{first}\ncpu12 0 0 0 0 0 0 0 0 0 0\n"

    times = Linux(lay_out(tmp_path, {"proc/stat": stat})).cpu_times()

    assert times == {0: CpuTime(3.0, 9.0), 12: CpuTime(0.0, 0.0)}


def test_a_control_domain_sees_no_processors_but_its_own(tmp_path: Path) -> None:
    assert Linux(lay_out(tmp_path, XEN, {"proc/stat": "cpu0 1 1 1 1 1 1 1 1 1 1\n"})).cpu_times() == {}
