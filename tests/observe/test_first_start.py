"""What a client finds on a fresh host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.observe.conftest import Repositories
from xapid.datamodel import (
    PBD,
    PIF,
    SR,
    VIF,
    VM,
    Console,
    Host,
    HostCpu,
    HostMetrics,
    Network,
    PIF_metrics,
    Pool,
    User,
    VM_metrics,
)  # fmt: skip
from xapid.datamodel.pif import IpConfigurationMode
from xapid.datamodel.types import NULL
from xapid.datamodel.vm import DomainType, VmPowerState
from xapid.demo.build import DemoGuest
from xapid.observe.first_start import first_start, needed
from xapid.observe.machine import Machine
from xapid.observe.startup import startup
from xapid.runtime.config import FirstStartConfig, ProductConfig
from xapid.runtime.context import Runtime
from xapid.runtime.settings import Address

MakeRuntime = Callable[..., Runtime]


@pytest.fixture
async def started(make_runtime: MakeRuntime, machine: Machine) -> Runtime:
    runtime = make_runtime()
    await first_start(runtime, machine)
    await startup(runtime, machine)
    return runtime


def the_control_domain(runtime: Runtime) -> VM:
    return runtime.store.get(VM, runtime.store.one(Host).control_domain)


def repository(runtime: Runtime, key: str) -> SR:
    return next(sr for sr in runtime.store.all(SR) if sr.other_config["i18n-key"] == key)


async def test_it_is_needed_once(make_runtime: MakeRuntime, machine: Machine) -> None:
    runtime = make_runtime()
    before = needed(runtime.store)

    await first_start(runtime, machine)

    assert (before, needed(runtime.store)) == (True, False)


async def test_the_host_is_the_coordinator_of_a_pool_of_its_own(started: Runtime) -> None:
    pool, host = started.store.one(Pool), started.store.one(Host)

    assert pool.master == host.ref
    assert (pool.name_label, pool.ha_cluster_stack, pool.ext_auth_cache_enabled) == ("", "xhad", False)
    assert (host.name_label, host.hostname, host.name_description) == ("alpha", "alpha", "Default install")


async def test_the_host_is_alive_and_enabled(started: Runtime) -> None:
    host = started.store.one(Host)
    metrics = started.store.get(HostMetrics, host.metrics)

    assert host.enabled
    assert metrics.live
    assert (metrics.memory_total, metrics.memory_free) == (16 * 1024**3, 12 * 1024**3)
    assert started.localhost == host.ref


async def test_references_and_uuids_of_a_lost_host_can_be_given(make_runtime: MakeRuntime, machine: Machine) -> None:
    ids = FirstStartConfig(
        host_ref="OpaqueRef:h", host_uuid="00000000-0000-4000-8000-000000000001",
        pool_ref="OpaqueRef:p", pool_uuid="00000000-0000-4000-8000-000000000002",
    )  # fmt: skip
    runtime = make_runtime(first_start=ids)

    await first_start(runtime, machine)

    host, pool = runtime.store.one(Host), runtime.store.one(Pool)
    assert (host.ref, host.uuid) == (ids.host_ref, ids.host_uuid)
    assert (pool.ref, pool.uuid) == (ids.pool_ref, ids.pool_uuid)


async def test_the_product_is_called_as_configured(make_runtime: MakeRuntime, machine: Machine) -> None:
    runtime = make_runtime(product=ProductConfig(brand="Brand", version="9.1.2", platform_version="4.5.6"))

    await first_start(runtime, machine)

    version = runtime.store.one(Host).software_version
    assert (version["product_brand"], version["product_version"], version["platform_version"]) == (
        "Brand", "9.1.2", "4.5.6",
    )  # fmt: skip
    assert version["xapi"] == "2.23"


async def test_nothing_is_restricted(started: Runtime) -> None:
    params = started.store.one(Host).license_params
    restrictions = started.store.one(Pool).restrictions

    assert params["expiry"] == "never"
    assert {value for key, value in params.items() if key.startswith("restrict_")} == {"false"}
    assert len(restrictions) == 54
    assert restrictions.items() <= params.items()


async def test_every_processor_has_an_object(started: Runtime) -> None:
    cpus = sorted(started.store.all(HostCpu), key=lambda cpu: cpu.number)

    assert [cpu.number for cpu in cpus] == [0, 1, 2, 3]
    assert {(cpu.vendor, cpu.speed, cpu.model) for cpu in cpus} == {("GenuineIntel", 2400, 143)}
    assert started.store.one(Host).cpu_info["cpu_count"] == "4"
    assert started.store.one(Pool).cpu_info["socket_count"] == "2"


async def test_the_control_domain_stands_for_the_host(started: Runtime) -> None:
    domain = the_control_domain(started)

    assert domain.name_label == "Control domain on host: alpha"
    assert (domain.is_control_domain, domain.is_a_template, domain.domid) == (True, False, 0)
    assert domain.power_state == VmPowerState.Running
    assert domain.resident_on == domain.affinity == started.localhost
    assert domain.VCPUs_max == 4
    assert 0 < domain.memory_static_min <= domain.memory_dynamic_max <= 8 * 1024**3
    assert started.store.get(VM_metrics, domain.metrics).memory_actual == domain.memory_target


async def test_the_control_domain_has_a_screen_and_a_terminal(started: Runtime) -> None:
    consoles = started.store.where(Console, VM=the_control_domain(started).ref)

    assert [console.protocol for console in consoles] == ["rfb", "vt100"]
    assert [console.location for console in consoles] == [
        f"https://192.0.2.7/console?ref={console.ref}" for console in consoles
    ]


@pytest.mark.parametrize(
    "listeners, base",
    [
        ({"https": (Address("127.0.0.1", 8443),)}, "https://127.0.0.1:8443/console"),
        ({"https": (Address("::1", 443),)}, "https://[::1]/console"),
        ({"https": (), "http": (Address("127.0.0.1", 8080),)}, "http://127.0.0.1:8080/console"),
    ],
)
async def test_a_console_is_where_the_daemon_listens(
    make_runtime: MakeRuntime, machine: Machine, listeners: dict[str, tuple[Address, ...]], base: str
) -> None:
    runtime = make_runtime(**listeners)

    await first_start(runtime, machine)
    await startup(runtime, machine)

    assert {console.location.partition("?")[0] for console in runtime.store.all(Console)} == {base}


async def test_every_interface_has_a_pif_and_a_network(started: Runtime) -> None:
    first, second = sorted(started.store.all(PIF), key=lambda pif: pif.device)
    network = started.store.get(Network, first.network)

    assert (first.device, first.MAC, first.VLAN, first.physical) == ("eth0", "02:00:00:00:00:01", -1, True)
    assert (first.management, second.management) == (True, False)
    assert (first.ip_configuration_mode, first.IP, first.netmask, first.gateway) == (
        IpConfigurationMode.Static, "192.0.2.7", "255.255.255.0", "192.0.2.1",
    )  # fmt: skip
    assert first.IPv6 == ("fd00::7/64",)
    assert (network.name_label, network.bridge) == ("Pool-wide network associated with eth0", "xenbr0")
    assert started.store.get(Network, second.network).MTU == second.MTU == 9000
    assert started.store.get(PIF_metrics, first.metrics).carrier


async def test_a_bridge_of_others_is_used_as_it_is(make_runtime: MakeRuntime, machine: Machine) -> None:
    runtime = make_runtime()
    lent = replace(machine.nics[0], bridge="br-lan")

    await first_start(runtime, replace(machine, nics=(lent,)))

    pif = runtime.store.one(PIF)
    network = runtime.store.get(Network, pif.network)
    assert (network.bridge, network.managed, pif.managed, pif.currently_attached) == ("br-lan", False, False, True)


async def test_there_is_a_network_inside_the_host(started: Runtime) -> None:
    network = next(each for each in started.store.all(Network) if each.bridge == "xenapi")

    assert network.other_config["is_host_internal_management_network"] == "true"
    assert started.store.members(network, "PIFs") == ()


async def test_a_simulated_host_keeps_interfaces_to_try_things_with(
    make_runtime: MakeRuntime, machine: Machine
) -> None:
    runtime = make_runtime()

    await first_start(runtime, replace(machine, simulated=True))

    assert [pif.device for pif in runtime.store.all(PIF)] == ["eth0"]


async def test_local_storage_is_the_default_for_everything(started: Runtime, repositories: Repositories) -> None:
    pool, local = started.store.one(Pool), repository(started, "local-storage")

    assert pool.default_SR == pool.suspend_image_SR == pool.crash_dump_SR == local.ref
    assert (local.type, local.content_type, local.physical_size) == ("file", "user", 100 * 1024**3)
    assert repositories.made.count("file") == 1


@pytest.mark.parametrize(
    "key, kind, content, tools",
    [
        ("local-storage", "file", "user", False),
        ("local-hotplug-cd", "udev", "iso", False),
        ("local-hotplug-disk", "udev", "disk", False),
        ("xenserver-tools", "iso", "iso", True),
    ],
)
async def test_the_repositories_of_an_installation_are_there(
    started: Runtime, key: str, kind: str, content: str, tools: bool
) -> None:
    sr = repository(started, key)

    (pbd,) = started.store.where(PBD, SR=sr.ref)
    assert (sr.type, sr.content_type, sr.is_tools_sr) == (kind, content, tools)
    assert sr.other_config["i18n-original-value-name_label"] == sr.name_label
    assert sr.other_config["i18n-original-value-name_description"] == sr.name_description
    assert (pbd.host, pbd.currently_attached) == (started.localhost, True)


@pytest.mark.parametrize("simulated, wanted, count", [(True, None, 0), (True, True, 4), (False, False, 0)])
async def test_repositories_are_made_where_they_are_wanted(
    make_runtime: MakeRuntime, machine: Machine, simulated: bool, wanted: bool | None, count: int
) -> None:
    runtime = make_runtime(first_start=FirstStartConfig(repositories=wanted))

    await first_start(runtime, replace(machine, simulated=simulated))

    assert len(runtime.store.all(SR)) == len(runtime.store.all(PBD)) == count
    assert (runtime.store.one(Pool).default_SR == NULL) == (count == 0)


async def test_the_superuser_has_a_user(started: Runtime) -> None:
    assert [(user.short_name, user.fullname) for user in started.store.all(User)] == [("root", "superuser")]


async def test_the_well_known_guests_have_templates(started: Runtime) -> None:
    (other,) = started.store.where(VM, name_label="Other install media")
    (windows,) = started.store.where(VM, name_label="Windows 11")

    assert other.uuid == "552bce37-51b2-445d-84f2-5f33fa112d7e"
    assert (other.is_a_template, other.is_default_template, other.domain_type) == (True, True, DomainType.hvm)
    assert (other.memory_static_min, other.memory_static_max) == (128 * 1024**2, 256 * 1024**2)
    assert "disks" not in other.other_config
    assert 'size="68719476736"' in windows.other_config["disks"]
    assert windows.platform["vtpm"] == "true"
    assert '<restriction field="vcpus-min" min="2" />' in windows.recommendations
    assert len([vm for vm in started.store.all(VM) if vm.is_default_template]) == 49


async def test_the_demo_guest_is_a_template_that_boots_at_once(make_runtime: MakeRuntime, machine: Machine) -> None:
    runtime = make_runtime()
    with_demo = replace(machine, demo=DemoGuest(Path("/demo/kernel"), Path("/demo/initrd"), "console=ttyS0"))
    await first_start(runtime, with_demo)

    await startup(runtime, with_demo)

    (demo,) = runtime.store.where(VM, name_label="xapid demo guest")
    (vif,) = runtime.store.where(VIF, VM=demo.ref)
    assert (demo.PV_kernel, demo.PV_ramdisk, demo.PV_args) == ("/demo/kernel", "/demo/initrd", "console=ttyS0")
    assert (demo.PV_bootloader, demo.HVM_boot_policy, demo.domain_type) == ("", "", DomainType.pvh)
    assert f'sr="{repository(runtime, "local-storage").uuid}"' in demo.other_config["disks"]
    assert runtime.store.members(runtime.store.get(Network, vif.network), "PIFs") == ()


async def test_without_the_demo_guest_there_is_no_template_of_it(started: Runtime) -> None:
    assert started.store.where(VM, name_label="xapid demo guest") == []
