"""What a start changes, and what it leaves as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.clocks import HeldClock
from tests.observe.conftest import Repositories
from xapid.auth.permissions import permissions
from xapid.datamodel import (
    PBD,
    PIF,
    SM,
    SR,
    VM,
    Certificate,
    Console,
    Host,
    HostCpu,
    Message,
    Network,
    PIF_metrics,
    Pool,
    Role,
)
from xapid.datamodel.host import HostDisplay
from xapid.datamodel.vm import UpdateGuidances
from xapid.demo.build import DemoGuest
from xapid.observe.first_start import first_start
from xapid.observe.machine import Machine
from xapid.observe.repositories import plug_all
from xapid.observe.startup import startup
from xapid.runtime.context import Runtime
from xapid.runtime.settings import Address
from xapid.store.rows import PERSISTENT, columns_of, make_row
from xapid.store.store import Store

MakeRuntime = Callable[..., Runtime]


def reopened(store: Store) -> Store:
    """The store as a restart finds it: what is on disk, and nothing else."""
    fresh = Store(generation=store.generation)
    for name in PERSISTENT:
        for row in store.tables[name].rows.values():
            values = {field.name: row.__dict__[field.name] for field in columns_of(type(row))}
            fresh.adopt(make_row(type(row), row.ref, values))
    return fresh


@pytest.fixture
async def before(make_runtime: MakeRuntime, machine: Machine) -> Runtime:
    runtime = make_runtime()
    await first_start(runtime, machine)
    await startup(runtime, machine)
    return runtime


def write_certificate(file: Path, name: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(start)
        .not_valid_after(start + timedelta(days=10)).sign(key, hashes.SHA256())
    )  # fmt: skip
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


async def test_every_reference_and_uuid_stays(before: Runtime, make_runtime: MakeRuntime, machine: Machine) -> None:
    after = make_runtime(reopened(before.store))

    await startup(after, machine)

    assert after.store.classes == before.store.classes
    assert after.store.uuids == before.store.uuids


async def test_a_start_on_the_same_machine_changes_nothing_else(
    before: Runtime, make_runtime: MakeRuntime, machine: Machine
) -> None:
    after = make_runtime(reopened(before.store))

    await startup(after, machine)

    for name in ("pool", "network", "PIF", "host_cpu", "SM", "SR", "PBD", "VM", "console"):
        rows = after.store.tables[name].rows
        for ref, row in before.store.tables[name].rows.items():
            assert {field: rows[ref].__dict__[field] for field in row.spec.fields if field in row.__dict__} == {
                field: row.__dict__[field] for field in row.spec.fields if field in row.__dict__
            }


async def test_the_host_is_looked_at_anew(before: Runtime, make_runtime: MakeRuntime, machine: Machine) -> None:
    after = make_runtime(reopened(before.store))
    facts = replace(machine.facts, hostname="beta", kernel="6.9.1", boot_time=1_700_000_050.0)

    await startup(after, replace(machine, facts=facts))

    host = after.store.one(Host)
    assert (host.hostname, host.software_version["linux"]) == ("beta", "6.9.1")
    assert host.name_label == "alpha"
    assert (host.other_config["boot_time"], host.other_config["agent_start_time"]) == ("1700000050.", "1700000100.")
    assert after.store.get(VM, host.control_domain).name_label == "Control domain on host: beta"


ASKED = (
    UpdateGuidances.reboot_host,
    UpdateGuidances.reboot_host_on_livepatch_failure,
    UpdateGuidances.restart_toolstack,
    UpdateGuidances.restart_device_model,
)


@pytest.mark.parametrize("boot_id, left", [("", (*ASKED[:2], ASKED[3])), ("another", (ASKED[3],))])
async def test_what_an_update_asks_for_is_done_by_a_start_or_a_boot(
    before: Runtime, make_runtime: MakeRuntime, machine: Machine, boot_id: str, left: tuple[UpdateGuidances, ...]
) -> None:
    with before.store.write() as tx:
        fields = ("pending_guidances", "pending_guidances_recommended", "pending_guidances_full")
        tx.set(before.store.one(Host), **dict.fromkeys(fields, ASKED))
    after = make_runtime(reopened(before.store))

    await startup(after, replace(machine, facts=replace(machine.facts, boot_id=boot_id)))

    host = after.store.one(Host)
    assert [getattr(host, field) for field in fields] == [left] * 3
    assert host.enabled is False


@pytest.mark.parametrize(
    "chosen, boot_id, shown",
    [
        ("disable_on_reboot", "another", "disabled"),
        ("enable_on_reboot", "another", "enabled"),
        ("disabled", "another", "disabled"),
        ("disable_on_reboot", "", "disable_on_reboot"),
    ],
)
async def test_the_screen_of_the_host_changes_hands_at_a_boot(
    before: Runtime, make_runtime: MakeRuntime, machine: Machine, chosen: str, boot_id: str, shown: str
) -> None:
    with before.store.write() as tx:
        tx.set(before.store.one(Host), display=HostDisplay(chosen))
    after = make_runtime(reopened(before.store))

    await startup(after, replace(machine, facts=replace(machine.facts, boot_id=boot_id)))

    assert after.store.one(Host).display == shown


async def test_processors_come_and_go(before: Runtime, make_runtime: MakeRuntime, machine: Machine) -> None:
    after = make_runtime(reopened(before.store))
    first, second, *_ = machine.facts.cpus
    kept = {cpu.number: cpu.ref for cpu in before.store.all(HostCpu)}

    await startup(after, replace(machine, facts=replace(machine.facts, cpus=(first, replace(second, speed=3000)))))

    assert {cpu.number: (cpu.ref, cpu.speed) for cpu in after.store.all(HostCpu)} == {
        0: (kept[0], 2400),
        1: (kept[1], 3000),
    }
    assert after.store.one(Pool).cpu_info["cpu_count"] == "2"


async def test_a_host_that_was_disabled_until_further_notice_stays_so(
    before: Runtime, make_runtime: MakeRuntime, machine: Machine
) -> None:
    host = before.store.one(Host)
    with before.store.write() as tx:
        tx.set(host, enabled=False, other_config={**host.other_config, "auto_enable": "false"})
    after = make_runtime(reopened(before.store))

    await startup(after, machine)

    assert not after.store.one(Host).enabled


async def test_an_address_that_changed_shows_in_the_consoles(
    before: Runtime, make_runtime: MakeRuntime, machine: Machine
) -> None:
    after = make_runtime(reopened(before.store), https=(Address("198.51.100.9", 8443),))

    await startup(after, machine)

    assert after.store.one(Host).address == "198.51.100.9"
    assert {console.location.partition("?")[0] for console in after.store.all(Console)} == {
        "https://198.51.100.9:8443/console"
    }


async def test_interfaces_are_looked_at_anew(before: Runtime, make_runtime: MakeRuntime, machine: Machine) -> None:
    after = make_runtime(reopened(before.store))
    changed = replace(machine.nics[0], mtu=9000, addresses=("192.0.2.8/25",))

    await startup(after, replace(machine, nics=(changed,)))

    here, gone = sorted(after.store.all(PIF), key=lambda pif: pif.device)
    assert (here.MTU, here.IP, here.netmask) == (9000, "192.0.2.8", "255.255.255.128")
    assert not after.store.get(PIF_metrics, gone.metrics).carrier


async def test_storage_drivers_have_objects(before: Runtime, make_runtime: MakeRuntime, machine: Machine) -> None:
    (file,) = [row for row in before.store.all(SM) if row.type == "file"]
    after = make_runtime(reopened(before.store))

    await startup(after, replace(machine, storage={"file": machine.storage["file"]}))

    assert (file.name_label, file.configuration) == ("Local files", {"location": "A directory"})
    assert file.features == {"VDI_CREATE": 1, "VDI_RESET_ON_BOOT": 2}
    assert file.supported_image_formats == ("qcow2", "raw")
    assert [(row.type, row.ref) for row in after.store.all(SM)] == [("file", file.ref)]


async def test_what_cannot_be_plugged_shows_as_unplugged(
    before: Runtime, make_runtime: MakeRuntime, machine: Machine, repositories: Repositories
) -> None:
    after = make_runtime(reopened(before.store))
    repositories.full.add("file")

    await startup(after, machine)

    plugged = {after.store.get(SR, pbd.SR).type: pbd.currently_attached for pbd in after.store.all(PBD)}
    assert plugged == {"file": False, "udev": True, "iso": True}
    assert after.store.one(Host).enabled
    (message,) = after.store.all(Message)
    (unplugged,) = [pbd for pbd in after.store.all(PBD) if not pbd.currently_attached]
    assert (message.name, message.priority, message.cls) == ("PBD_PLUG_FAILED_ON_SERVER_START", 3, "Host")
    assert message.obj_uuid == after.store.one(Host).uuid
    assert unplugged.uuid in message.body


@pytest.mark.parametrize("fails", [False, True])
async def test_a_repository_that_does_not_answer_holds_up_no_start_and_is_plugged_later(
    before: Runtime, make_runtime: MakeRuntime, machine: Machine, repositories: Repositories, fails: bool
) -> None:
    after = make_runtime(reopened(before.store))
    host, repositories.answers = after.store.one(Host), asyncio.Event()

    await plug_all(after, host, patience=0.01)

    plugged = {after.store.get(SR, pbd.SR).type: pbd.currently_attached for pbd in after.store.all(PBD)}
    assert plugged == {"file": False, "udev": True, "iso": True}
    assert list(after.store.all(Message)) == []
    if fails:
        repositories.full.add("file")
    repositories.answers.set()
    await asyncio.gather(*after.services["plugging"])
    (late,) = [pbd for pbd in after.store.all(PBD) if after.store.get(SR, pbd.SR).type == "file"]
    assert late.currently_attached is not fails
    assert [late.uuid in message.body for message in after.store.all(Message)] == [True] * fails


async def test_a_host_sees_what_is_shared_as_the_coordinator_does(
    before: Runtime, make_runtime: MakeRuntime, machine: Machine, repositories: Repositories
) -> None:
    after = make_runtime(reopened(before.store))
    host = after.store.one(Host)
    with after.store.write() as tx:
        other = tx.create(Host, uuid="another", hostname="beta")

    for _ in range(2):
        await plug_all(after, other)

    (made,) = after.store.where(PBD, host=other.ref)
    (known,) = [pbd for pbd in after.store.where(PBD, host=host.ref) if after.store.get(SR, pbd.SR).shared]
    assert (made.SR, made.device_config) == (known.SR, known.device_config)
    assert made.currently_attached


async def test_a_repository_that_clients_made_up_holds_up_no_start(
    before: Runtime, make_runtime: MakeRuntime, machine: Machine, repositories: Repositories
) -> None:
    host = before.localhost
    repositories.unknown.add("made up")
    with before.store.write() as tx:
        strange = tx.create(PBD, host=host, SR=tx.create(SR, type="made up").ref, currently_attached=True)
        of_nothing = tx.create(PBD, host=host, SR="OpaqueRef:gone", currently_attached=True)
    after = make_runtime(reopened(before.store))

    await startup(after, machine)

    plugged = {pbd.ref for pbd in after.store.all(PBD) if pbd.currently_attached}
    assert {pbd.ref for pbd in after.store.all(PBD)} - plugged == {strange.ref, of_nothing.ref}
    assert after.store.one(Host).enabled


async def test_every_permission_that_somebody_has_is_a_role(before: Runtime) -> None:
    roles = {role.name_label: role for role in before.store.all(Role)}
    start, admin = roles["vm.start"], roles["pool-admin"]

    assert start.uuid == "24b924aa-926c-879e-d2c1-fe778e82ccee"
    assert start.ref == f"OpaqueRef:{start.uuid}"
    assert (start.is_internal, admin.is_internal, roles["client-cert"].is_internal) == (True, False, True)
    assert len(admin.subroles) == len([each for each in permissions().values() if each.roles]) == 2284
    assert start.ref in roles["vm-operator"].subroles
    assert start.ref not in roles["read-only"].subroles


async def test_the_certificate_that_is_shown_has_an_object(
    make_runtime: MakeRuntime, machine: Machine, tmp_path: Path
) -> None:
    file = tmp_path / "server.pem"
    write_certificate(file, "alpha")
    runtime = make_runtime()
    await first_start(runtime, machine)

    await startup(runtime, replace(machine, certificate=file))

    row, internal = sorted(runtime.store.all(Certificate), key=lambda row: row.type)
    assert (row.type, row.host) == ("host", runtime.localhost)
    assert (internal.type, internal.host) == ("host_internal", runtime.localhost)
    assert row.fingerprint_sha256 != internal.fingerprint_sha256
    assert (row.not_before, row.not_after) == ("20260101T00:00:00Z", "20260111T00:00:00Z")
    assert row.fingerprint == row.fingerprint_sha256
    assert len(row.fingerprint_sha256.split(":")) == 32
    assert len(row.fingerprint_sha1.split(":")) == 20


async def test_another_certificate_is_another_object(
    make_runtime: MakeRuntime, machine: Machine, tmp_path: Path
) -> None:
    file = tmp_path / "server.pem"
    write_certificate(file, "alpha")
    shown = replace(machine, certificate=file)
    runtime = make_runtime()
    await first_start(runtime, shown)
    await startup(runtime, shown)
    first = {row.type: row.ref for row in runtime.store.all(Certificate)}
    after = make_runtime(reopened(runtime.store))
    write_certificate(file, "beta")

    await startup(after, shown)

    second = {row.type: row.ref for row in after.store.all(Certificate)}
    assert len(after.store.all(Certificate)) == len(second) == 2
    assert {kind for kind in first if first[kind] != second[kind]} == {"host"}


async def test_a_demo_guest_that_could_not_be_had_comes_with_a_later_start(
    before: Runtime, make_runtime: MakeRuntime, machine: Machine
) -> None:
    with_demo = replace(machine, demo=DemoGuest(Path("/new/kernel"), Path("/new/initrd")))
    after = make_runtime(reopened(before.store))
    await startup(after, with_demo)
    (made,) = after.store.where(VM, name_label="xapid demo guest")
    again = make_runtime(reopened(after.store))

    await startup(again, replace(with_demo, demo=DemoGuest(Path("/other/kernel"), Path("/other/initrd"))))

    (kept,) = again.store.where(VM, name_label="xapid demo guest")
    assert (kept.ref, kept.PV_kernel) == (made.ref, "/other/kernel")
    assert len([each for each in again.store.all(Network) if each.bridge == "xapi0"]) == 1


async def test_a_restart_tells_when_it_was(before: Runtime, make_runtime: MakeRuntime, machine: Machine) -> None:
    after = make_runtime(reopened(before.store))
    clock = after.clock
    assert isinstance(clock, HeldClock)
    clock.set_on(3600)

    await startup(after, machine)

    assert after.store.one(Host).other_config["agent_start_time"] == "1700003700."


async def started_on(make_runtime: MakeRuntime, machine: Machine) -> Runtime:
    runtime = make_runtime()
    await first_start(runtime, machine)
    await startup(runtime, machine)
    return runtime


async def test_on_xen_the_record_says_what_the_hypervisor_says(make_runtime: MakeRuntime, machine: Machine) -> None:
    xen = replace(machine.facts, capabilities=("xen-3.0-x86_64",), xen_version="4.17.5")

    started = await started_on(make_runtime, replace(machine, facts=xen))

    host = started.store.one(Host)
    assert (host.capabilities, host.software_version["xen"]) == (("xen-3.0-x86_64",), "4.17.5")


@pytest.mark.parametrize("helped", [True, False])
async def test_under_qemu_guests_have_a_whole_machine_with_and_without_help(
    make_runtime: MakeRuntime, machine: Machine, helped: bool
) -> None:
    facts = replace(machine.facts, virtualization=frozenset({"hvm", "kvm"} if helped else ()))

    started = await started_on(make_runtime, replace(machine, facts=facts))

    host = started.store.one(Host)
    assert {"hvm-3.0-x86_64", "hvm-3.0-x86_32p"} <= set(host.capabilities)
    assert host.software_version["xen"] == "(unknown)"


async def test_the_oem_strings_of_the_machine_follow_those_of_the_toolstack(
    make_runtime: MakeRuntime, machine: Machine
) -> None:
    strings = {"bios-vendor": "Maker", "oem-3": "Dell System"}

    started = await started_on(make_runtime, replace(machine, facts=replace(machine.facts, bios_strings=strings)))

    found = started.store.one(Host).bios_strings
    assert (found["bios-vendor"], found["oem-1"], found["oem-3"], found["hp-rombios"]) == (
        "Maker", "Xen", "Dell System", "",
    )  # fmt: skip
    assert found["oem-2"].startswith("MS_VM_CERT/SHA1/")


async def test_the_management_interface_has_the_name_servers(make_runtime: MakeRuntime, machine: Machine) -> None:
    facts = replace(machine.facts, name_servers=("192.0.2.1", "fd00::1"))

    started = await started_on(make_runtime, replace(machine, facts=facts))

    servers = {pif.device: pif.DNS for pif in started.store.all(PIF)}
    assert servers == {"eth0": "192.0.2.1,fd00::1", "eth1": ""}
