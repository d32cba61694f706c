"""Hosts: taking guests or not, clocks and certificate, settings with their checks."""

from __future__ import annotations

import base64
import xmlrpc.client
from typing import Any
from xmlrpc.client import DateTime

import pytest

from tests.conftest import FreshHost
from tests.xapi import Xapi
from xapid.backends.host.sim import Sim
from xapid.backends.interface import BackendError, BadConfig, Failed, NotSupported
from xapid.datamodel import VM, Host, HostMetrics, Secret
from xapid.datamodel.errors import (
    CANNOT_EVACUATE_HOST,
    HA_NOT_ENABLED,
    HOST_IS_LIVE,
    HOST_NAME_INVALID,
    HOST_NOT_DISABLED,
    HOST_OFFLINE,
    HOST_POWER_ON_MODE_DISABLED,
    INTERNAL_ERROR,
    INVALID_VALUE,
    LICENSE_PROCESSING_ERROR,
    NOT_IN_EMERGENCY_MODE,
    OPERATION_NOT_ALLOWED,
    VALUE_NOT_SUPPORTED,
    WLB_NOT_INITIALIZED,
    XENAPI_MISSING_PLUGIN,
    ApiError,
    OtherError,
)
from xapid.datamodel.host import HostDisplay
from xapid.datamodel.vm import VmPowerState
from xapid.observe.startup import set_again


def run_a_guest(fresh: FreshHost, host: str) -> str:
    with fresh.store.write() as tx:
        return tx.create(VM, name_label="guest", power_state=VmPowerState.Running, resident_on=host).ref


# --- Taking guests -----------------------------------------------------------------------------------


async def test_a_disabled_host_is_enabled_again(xapi: Xapi, host: str) -> None:
    await xapi.host.disable(host)
    during = await xapi.host.get_enabled(host)

    await xapi.host.enable(host)

    assert (during, await xapi.host.get_enabled(host)) == (False, True)


@pytest.mark.parametrize("auto_enable, kept", [(True, None), (False, "false")])
async def test_a_host_can_be_disabled_beyond_a_restart(
    xapi: Xapi, host: str, auto_enable: bool, kept: str | None
) -> None:
    await xapi.host.disable(host, auto_enable)
    during = await xapi.host.get_other_config(host)

    await xapi.host.enable(host)

    assert during.get("auto_enable") == kept
    assert "auto_enable" not in await xapi.host.get_other_config(host)


async def test_an_empty_host_can_be_evacuated(xapi: Xapi, host: str) -> None:
    await xapi.host.assert_can_evacuate(host)

    assert await xapi.host.evacuate(host) == ""
    assert await xapi.host.get_vms_which_prevent_evacuation(host) == {}
    assert await xapi.host.get_uncooperative_resident_VMs(host) == []


async def test_guests_of_an_only_host_have_no_other(fresh: FreshHost, host: str) -> None:
    vm = run_a_guest(fresh, host)

    assert await fresh.xapi.host.get_vms_which_prevent_evacuation(host) == {vm: ["NO_HOSTS_AVAILABLE", vm]}
    with pytest.raises(CANNOT_EVACUATE_HOST) as error:
        await fresh.xapi.host.assert_can_evacuate(host)
    assert error.value.args == (f"NO_HOSTS_AVAILABLE,{vm}",)
    with pytest.raises(OtherError) as evacuation:
        await fresh.xapi.host.evacuate(host)
    assert evacuation.value.description == ["NO_HOSTS_AVAILABLE", vm]


@pytest.mark.parametrize("message", ["shutdown", "reboot"])
async def test_a_host_that_takes_guests_is_not_switched_off(xapi: Xapi, host: str, message: str) -> None:
    with pytest.raises(HOST_NOT_DISABLED):
        await xapi.call(f"host.{message}", host)


@pytest.mark.parametrize("message", ["power_on", "destroy"])
async def test_a_living_host_is_neither_switched_on_nor_forgotten(xapi: Xapi, host: str, message: str) -> None:
    with pytest.raises(HOST_IS_LIVE) as error:
        await xapi.call(f"host.{message}", host)

    assert error.value.args == (host,)


@pytest.fixture
def off(fresh: FreshHost) -> Host:
    """A host of the pool that is switched off, and could be switched on by a plug-in."""
    own = fresh.store.one(Host)
    with fresh.store.write() as tx:
        metrics = tx.create(HostMetrics, live=False)
        return tx.create(Host, name_label="far", metrics=metrics.ref, address="192.0.2.2", power_on_mode="mine",
                         control_domain=own.control_domain)  # fmt: skip


def plugin(fresh: FreshHost, answer: str) -> None:
    path = fresh.runtime.config.programs / "plugins" / "power-on-host"
    path.parent.mkdir(parents=True)
    reply = xmlrpc.client.dumps(({"Status": "Success", "Value": answer},), methodresponse=True)
    path.write_text(f'#!/bin/sh\necho "$1" > {path}.call\ncat <<END\n{reply}\nEND\n')
    path.chmod(0o755)


async def test_a_host_is_switched_on_by_a_plugin(fresh: FreshHost, off: Host) -> None:
    plugin(fresh, "True")

    assert await fresh.xapi.host.power_on(off.ref) == ""

    call = (fresh.runtime.config.programs / "plugins" / "power-on-host.call").read_text()
    (session, args), function = xmlrpc.client.loads(call)
    assert (session, args, function) == (fresh.xapi.session, {"remote_host_uuid": off.uuid}, "main")


async def test_a_plugin_that_does_not_switch_a_host_on_fails_the_call(fresh: FreshHost, off: Host) -> None:
    with pytest.raises(XENAPI_MISSING_PLUGIN) as missing:
        await fresh.xapi.host.power_on(off.ref)
    plugin(fresh, "False")
    with pytest.raises(INTERNAL_ERROR):
        await fresh.xapi.host.power_on(off.ref)

    assert missing.value.args == ("power-on-host",)


async def test_a_host_without_a_way_to_switch_it_on_stays_off(fresh: FreshHost, off: Host) -> None:
    await fresh.xapi.host.set_power_on_mode(off.ref, "", {})

    with pytest.raises(HOST_POWER_ON_MODE_DISABLED):
        await fresh.xapi.host.power_on(off.ref)


@pytest.mark.parametrize(
    "message, params",
    [("get_servertime", ()), ("call_plugin", ("p", "f", {})), ("disable", ()), ("has_extension", ("x",))],
)
async def test_a_host_that_is_down_or_unknown_does_nothing(
    fresh: FreshHost, host: str, pool: str, message: str, params: tuple[Any, ...]
) -> None:
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(HostMetrics, fresh.store.get(Host, host).metrics), live=False)

    for ref in (host, "OpaqueRef:ghost", "OpaqueRef:NULL", pool):
        with pytest.raises(HOST_OFFLINE) as error:
            await fresh.xapi.call(f"host.{message}", ref, *params)
        assert error.value.args == (ref,)


# --- What a host tells -------------------------------------------------------------------------------


async def test_a_host_has_two_clocks(xapi: Xapi, host: str) -> None:
    utc = await xapi.host.get_servertime(host)
    local = await xapi.host.get_server_localtime(host)

    assert isinstance(utc, DateTime)
    assert str(utc).endswith("Z")
    assert len(str(local)) == len("20260101T00:00:00")


async def test_the_interface_of_the_management_is_known(fresh: FreshHost, host: str) -> None:
    assert await fresh.xapi.host.get_management_interface(host) == await fresh.the("PIF")


async def test_a_host_knows_its_memory(fresh: FreshHost, host: str) -> None:
    free = int(await fresh.xapi.host.compute_free_memory(host))

    assert 0 < free < 16 * 1024**3
    assert await fresh.xapi.host.compute_memory_overhead(host) == "0"


async def test_plain_answers_of_a_host(xapi: Xapi, host: str) -> None:
    assert await xapi.host.get_sched_gran(host) == "cpu"
    assert await xapi.host.get_data_sources(host) == []
    with pytest.raises(WLB_NOT_INITIALIZED):
        await xapi.host.retrieve_wlb_evacuate_recommendations(host)


# --- Settings ----------------------------------------------------------------------------------------


async def test_passwords_of_a_former_power_on_mode_are_forgotten(fresh: FreshHost, host: str) -> None:
    with fresh.store.write() as tx:
        old, kept = tx.create(Secret, value="old"), tx.create(Secret, value="kept")
    await fresh.xapi.host.set_power_on_mode(
        host, "DRAC", {"a_password_secret": old.uuid, "b_password_secret": kept.uuid}
    )

    await fresh.xapi.host.set_power_on_mode(host, "iLO", {"c_password_secret": kept.uuid})

    assert await fresh.xapi.host.get_power_on_mode(host) == "iLO"
    assert fresh.store.find(Secret, old.ref) is None
    assert fresh.store.find(Secret, kept.ref) is not None


async def test_an_initiator_has_a_name(fresh: FreshHost, host: str) -> None:
    xapi = fresh.xapi
    await xapi.host.set_iscsi_iqn(host, "iqn.2026-01.example:one")

    assert await xapi.host.get_iscsi_iqn(host) == "iqn.2026-01.example:one"
    assert (await xapi.host.get_other_config(host))["iscsi_iqn"] == "iqn.2026-01.example:one"
    assert fresh.driver("host").initiator == "iqn.2026-01.example:one"
    for name in ("", "iqn.2026-01.example:one\nInitiatorName=two"):
        with pytest.raises(INVALID_VALUE) as error:
            await xapi.host.set_iscsi_iqn(host, name)
        assert error.value.args == ("value", name)


async def test_multipathing_shows_in_both_places(xapi: Xapi, host: str) -> None:
    await xapi.host.set_multipathing(host, True)

    assert await xapi.host.get_multipathing(host) is True
    assert (await xapi.host.get_other_config(host))["multipathing"] == "true"


async def test_the_policy_for_memory_nodes_can_be_set(xapi: Xapi, host: str) -> None:
    await xapi.host.set_numa_affinity_policy(host, "best_effort")

    assert await xapi.host.get_numa_affinity_policy(host) == "best_effort"


@pytest.mark.parametrize(
    "before, hidden, shown",
    [
        ("enabled", "disable_on_reboot", "enabled"),
        ("disable_on_reboot", "disable_on_reboot", "enabled"),
        ("disabled", "disabled", "enable_on_reboot"),
        ("enable_on_reboot", "disabled", "enable_on_reboot"),
    ],
)
async def test_the_screen_changes_hands_at_a_reboot(
    fresh: FreshHost, host: str, before: str, hidden: str, shown: str
) -> None:
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(Host, host), display=HostDisplay(before))

    assert await fresh.xapi.host.disable_display(host) == hidden
    assert await fresh.xapi.host.get_display(host) == hidden
    assert await fresh.xapi.host.enable_display(host) == shown
    assert await fresh.xapi.host.get_display(host) == shown


@pytest.mark.parametrize("name", ["", "bad name", "comma,", "-begins", "ends-", "x" * 256, "\u00fc"])
async def test_a_host_is_not_called_just_anything(xapi: Xapi, host: str, name: str) -> None:
    with pytest.raises(HOST_NAME_INVALID):
        await xapi.host.set_hostname_live(host, name)


async def test_a_host_is_called_otherwise_and_its_control_domain_after_it(fresh: FreshHost, host: str) -> None:
    xapi = fresh.xapi
    domain = fresh.store.one(Host).control_domain

    await xapi.host.set_hostname_live(host, "beta.example")
    first = await xapi.VM.get_name_label(domain)
    await xapi.VM.set_name_label(domain, "mine")
    await xapi.host.set_hostname_live(host, "gamma")

    assert first == "Control domain on host: beta.example"
    assert await xapi.VM.get_name_label(domain) == "mine"
    assert (await xapi.host.get_hostname(host), fresh.driver("host").hostname) == ("gamma", "gamma")


@pytest.mark.parametrize(
    "error, told", [(BadConfig("too long", key="hostname"), HOST_NAME_INVALID), (Failed("no"), INTERNAL_ERROR)]
)
async def test_a_name_that_the_machine_does_not_take_is_not_written_down(
    fresh: FreshHost, host: str, error: BackendError, told: type[ApiError]
) -> None:
    fresh.driver("host").faults.fail("set_hostname", error)

    with pytest.raises(told) as raised:
        await fresh.xapi.host.set_hostname_live(host, "beta")

    assert raised.value.args == (error.message,)
    assert await fresh.xapi.host.get_hostname(host) == "sim"


@pytest.mark.parametrize(
    "value, told", [("0", (0, None)), ("1", (1, None)), ("1,0", (1, 0)), ("0,7", (0, 7)), ("", (None, None))]
)
async def test_processors_sleep_no_deeper_than_they_may(
    fresh: FreshHost, host: str, value: str, told: tuple[int | None, int | None]
) -> None:
    await fresh.xapi.host.set_max_cstate(host, "1,1")

    await fresh.xapi.host.set_max_cstate(host, value)

    assert fresh.driver("host").max_cstate == told
    assert await fresh.xapi.host.get_max_cstate(host) == value


@pytest.mark.parametrize("value", ["C9", "1,", ",1", "-1", "1,1,1", "1 ", "\u0661"])
async def test_depths_of_sleep_are_numbers(xapi: Xapi, host: str, value: str) -> None:
    with pytest.raises(INVALID_VALUE) as error:
        await xapi.host.set_max_cstate(host, value)

    assert error.value.args == ("max_cstate", value)


async def test_what_a_machine_forgets_is_set_again_when_the_daemon_starts(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    await set_again(fresh.runtime, fresh.store.one(Host))
    untouched = (machine.max_cstate, machine.idle_timeout, machine.ssh_auto, machine.ssh)
    await fresh.xapi.host.set_max_cstate(host, "1")
    await fresh.xapi.host.set_console_idle_timeout(host, 600)
    await fresh.xapi.host.set_ssh_auto_mode(host, True)
    machine.max_cstate, machine.idle_timeout, machine.ssh_auto, machine.ssh = (None, None), 0, False, True
    with fresh.store.write() as tx:
        tx.set(fresh.store.one(Host), ssh_enabled=True)  # as the machine tells

    await set_again(fresh.runtime, fresh.store.one(Host))

    assert untouched == ((None, None), 0, False, True)
    assert (machine.max_cstate, machine.idle_timeout, machine.ssh_auto, machine.ssh) == ((1, None), 600, True, False)
    assert await fresh.xapi.host.get_ssh_enabled(host) is False


async def test_a_machine_that_cannot_be_set_up_starts_all_the_same(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    await fresh.xapi.host.set_max_cstate(host, "1")
    await fresh.xapi.host.set_ssh_auto_mode(host, True)
    machine.ssh = True
    for method in ("set_max_cstate", "set_ssh_auto"):
        machine.faults.fail(method, NotSupported("no such files"))

    await set_again(fresh.runtime, fresh.store.one(Host))

    assert await fresh.xapi.host.get_max_cstate(host) == "1"
    assert machine.ssh is False


async def test_guests_are_scheduled_by_the_single_processor(xapi: Xapi, host: str) -> None:
    assert await xapi.host.set_sched_gran(host, "cpu") == ""
    assert await xapi.host.get_sched_gran(host) == "cpu"
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.host.set_sched_gran(host, "core")


async def test_settings_that_are_refused(xapi: Xapi, host: str) -> None:
    with pytest.raises(VALUE_NOT_SUPPORTED) as error:
        await xapi.host.set_max_cstate(host, "2")
    assert error.value.args[:2] == ("max_cstate", "2")
    with pytest.raises(VALUE_NOT_SUPPORTED):
        await xapi.host.set_ssl_legacy(host, True)
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await xapi.host.set_uefi_certificates(host, "")
    with pytest.raises(HA_NOT_ENABLED):
        await xapi.host.emergency_ha_disable()
    with pytest.raises(NOT_IN_EMERGENCY_MODE):
        await xapi.host.local_management_reconfigure("eth0")


async def test_settings_that_change_nothing(xapi: Xapi, host: str) -> None:
    assert await xapi.host.set_ssl_legacy(host, False) == ""
    assert await xapi.host.emergency_ha_disable(True) == ""
    assert await xapi.host.apply_edition(host, "nosuch") == ""
    assert await xapi.host.license_remove(host) == ""
    assert await xapi.host.license_add(host, base64.b64encode(b"a licence").decode()) == ""


@pytest.mark.parametrize("contents", ["", "x", "!!!!", "\u00fc"])
async def test_a_licence_must_be_readable(xapi: Xapi, host: str, contents: str) -> None:
    with pytest.raises(LICENSE_PROCESSING_ERROR):
        await xapi.host.license_add(host, contents)


async def test_a_host_has_blobs(xapi: Xapi, host: str) -> None:
    blob = await xapi.host.create_new_blob(host, "b", "", True)

    assert await xapi.host.get_blobs(host) == {"b": blob}
    assert await xapi.blob.get_public(blob) is True


# --- Programs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nosuch", "../etc/passwd", ""])
async def test_a_plugin_that_is_not_there_is_named(xapi: Xapi, host: str, name: str) -> None:
    with pytest.raises(XENAPI_MISSING_PLUGIN) as error:
        await xapi.host.call_plugin(host, name, "fn", {})

    assert error.value.args == (name,)


async def test_the_program_that_logged_in_last_from_an_address_is_told(xapi: Xapi, host: str) -> None:
    for agent in ("xo-server/5", "XenAPI/2.23"):
        client = xapi.beside()
        client.headers = (("user-agent", agent),)
        await client.log_in()

    assert await xapi.host.get_tracked_user_agents(host) == {"": "XenAPI/2.23"}
