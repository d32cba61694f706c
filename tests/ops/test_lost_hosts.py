"""Hosts that do not come back, and hooks that are run when one is given up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import FreshHost
from xapid.datamodel import PBD, PIF, SR, VBD, VM, Host, HostCpu, HostMetrics, PIF_metrics, Pool
from xapid.datamodel.errors import HA_IS_ENABLED, HOST_HAS_RESIDENT_VMS, HOST_IS_LIVE, XAPI_HOOK_FAILED
from xapid.datamodel.vm import VmPowerState

Hook = Callable[..., Path]


@pytest.fixture
def lost(fresh: FreshHost) -> str:
    """A second host that has not been heard of for long, with what hosts have, as a pool with members would."""
    store = fresh.store
    own = store.one(Host)
    with store.write() as tx:
        metrics = tx.create(HostMetrics, live=False)
        host = tx.create(
            Host, metrics=metrics.ref, enabled=True, cpu_info={**own.cpu_info, "cpu_count": "4", "socket_count": "2"},
            license_params={**own.license_params, "restrict_vlan": "true"},
        )  # fmt: skip
        domain = tx.create(VM, is_control_domain=True, resident_on=host.ref, power_state=VmPowerState.Running)
        tx.set(host, control_domain=domain.ref)
        tx.create(HostCpu, host=host.ref)
        tx.create(PIF, host=host.ref, metrics=tx.create(PIF_metrics).ref)
        tx.create(PBD, host=host.ref, SR=tx.create(SR).ref)
        tx.set(store.one(Pool), restrictions={**store.one(Pool).restrictions, "restrict_vlan": "true"})
    return str(host.ref)


def guest_on(fresh: FreshHost, host: str) -> str:
    with fresh.store.write() as tx:
        vm = tx.create(VM, resident_on=host, power_state=VmPowerState.Running, domid=7)
        tx.create(VBD, VM=vm.ref, currently_attached=True)
    return str(vm.ref)


@pytest.fixture
def hook(fresh: FreshHost) -> Hook:
    """Installs a hook of an event, which notes how it was called; the path of these notes."""
    notes = fresh.runtime.config.state_dir / "notes"

    def install(event: str, name: str = "10-note", status: int = 0, executable: bool = True) -> Path:
        path = fresh.runtime.config.programs / event / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "{event}/{name} $@" >> {notes}\necho told\nexit {status}\n')
        path.chmod(0o755 if executable else 0o644)
        return notes

    return install


# --- Given up for now -------------------------------------------------------------------------------


async def test_guests_of_a_dead_host_are_off(fresh: FreshHost, lost: str) -> None:
    vm = guest_on(fresh, lost)

    await fresh.xapi.host.declare_dead(lost)

    record = await fresh.xapi.VM.get_record(vm)
    assert (record["power_state"], record["resident_on"], record["domid"]) == ("Halted", "OpaqueRef:NULL", "-1")
    assert [await fresh.xapi.VBD.get_currently_attached(vbd) for vbd in record["VBDs"]] == [False]
    assert not await fresh.xapi.host.get_enabled(lost)
    assert await fresh.xapi.VM.get_power_state(await fresh.xapi.host.get_control_domain(lost)) == "Running"


@pytest.mark.parametrize("call", ["host.declare_dead", "host.destroy"])
async def test_a_host_that_lives_is_not_given_up(fresh: FreshHost, host: str, lost: str, call: str) -> None:
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(HostMetrics, fresh.store.get(Host, lost).metrics), live=True)
        tx.set(fresh.store.get(HostMetrics, fresh.store.get(Host, host).metrics), live=False)

    for ref in (host, lost):
        with pytest.raises(HOST_IS_LIVE) as error:
            await fresh.xapi.call(call, ref)
        assert error.value.args == (ref,)


# --- Forgotten --------------------------------------------------------------------------------------


async def test_a_host_that_is_gone_for_good_leaves_nothing(fresh: FreshHost, host: str, lost: str) -> None:
    kept = {name: set(await fresh.xapi.call(f"{name}.get_all")) for name in ("host_cpu", "PIF", "PBD", "VM")}
    gone = {lost, await fresh.xapi.host.get_control_domain(lost), *await fresh.xapi.host.get_host_CPUs(lost)}
    gone |= {*await fresh.xapi.host.get_PIFs(lost), *await fresh.xapi.host.get_PBDs(lost)}

    await fresh.xapi.host.destroy(lost)

    assert await fresh.xapi.host.get_all() == [host]
    for name, before in kept.items():
        assert set(await fresh.xapi.call(f"{name}.get_all")) == before - gone
    assert len(fresh.store.all(HostMetrics)) == 1
    record = next(iter((await fresh.xapi.pool.get_all_records()).values()))
    assert (record["cpu_info"]["cpu_count"], record["cpu_info"]["socket_count"]) == ("8", "1")
    assert record["restrictions"]["restrict_vlan"] == "false"


async def test_a_host_with_guests_is_not_forgotten(fresh: FreshHost, lost: str, hook: Hook) -> None:
    notes = hook("host-pre-declare-dead")
    guest_on(fresh, lost)

    with pytest.raises(HOST_HAS_RESIDENT_VMS) as error:
        await fresh.xapi.host.destroy(lost)

    assert error.value.args == (lost,)
    assert not notes.exists()


async def test_with_high_availability_no_host_is_forgotten(fresh: FreshHost, lost: str) -> None:
    with fresh.store.write() as tx:
        tx.set(fresh.store.one(Pool), ha_enabled=True)

    with pytest.raises(HA_IS_ENABLED):
        await fresh.xapi.host.destroy(lost)


# --- Hooks ------------------------------------------------------------------------------------------


async def test_hooks_are_run_before_and_after_in_their_order(fresh: FreshHost, lost: str, hook: Hook) -> None:
    uuid = await fresh.xapi.host.get_uuid(lost)
    for name in ("20-second", "10-first"):
        hook("host-pre-declare-dead", name)
    hook("host-pre-declare-dead", "15-not-to-be-run", executable=False)
    notes = hook("host-post-declare-dead")

    await fresh.xapi.host.declare_dead(lost)
    await fresh.xapi.host.destroy(lost)

    hooks = "host-pre-declare-dead/10-first", "host-pre-declare-dead/20-second", "host-post-declare-dead/10-note"
    assert notes.read_text().splitlines() == [
        *(f"{each} -hostuuid {uuid} -reason user" for each in hooks),
        *(f"{each} -hostuuid {uuid} -reason dbdestroy" for each in hooks),
    ]


async def test_a_hook_that_objects_keeps_the_guests_where_they_are(fresh: FreshHost, lost: str, hook: Hook) -> None:
    vm = guest_on(fresh, lost)
    hook("host-pre-declare-dead", "fence", status=2)

    with pytest.raises(XAPI_HOOK_FAILED) as error:
        await fresh.xapi.host.declare_dead(lost)

    assert error.value.args == ("host-pre-declare-dead/fence", "user", "told\n", "2")
    assert await fresh.xapi.VM.get_power_state(vm) == "Running"


async def test_a_hook_that_fails_with_1_objects_to_nothing(fresh: FreshHost, lost: str, hook: Hook) -> None:
    hook("host-pre-declare-dead", status=1)

    await fresh.xapi.host.destroy(lost)

    assert lost not in await fresh.xapi.host.get_all()


async def test_a_hook_that_cannot_be_run_objects(fresh: FreshHost, lost: str) -> None:
    path = fresh.runtime.config.programs / "host-pre-declare-dead" / "broken"
    path.parent.mkdir(parents=True)
    path.write_text("#!/there/is/no/such/interpreter\n")
    path.chmod(0o755)

    with pytest.raises(XAPI_HOOK_FAILED) as error:
        await fresh.xapi.host.destroy(lost)

    assert error.value.args[:3] == ("host-pre-declare-dead/broken", "dbdestroy", "")
