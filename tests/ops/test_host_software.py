"""What a host has beside its system: packs, a licence, the content of blobs, a firewall."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import HOST, FreshHost
from tests.xapi import Xapi
from xapid.backends.host.interface import HostDriver, Pack
from xapid.backends.host.sim import Sim
from xapid.datamodel import Host
from xapid.datamodel.errors import NOT_IMPLEMENTED
from xapid.observe import host_record
from xapid.observe.machine import Machine
from xapid.runtime.settings import Address

TOOLS = Pack("acme", "tools", "2.1", "Tools of Acme", "77", homogeneous=True)
LINUX = Pack("xs", "linux", "1.0", "Linux guests")


# --- Packs ------------------------------------------------------------------------------------------


async def test_packs_that_were_installed_are_told_when_they_are_looked_for(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    before = await fresh.xapi.host.get_software_version(host)
    machine.installed_packs = (TOOLS, LINUX)

    await fresh.xapi.host.refresh_pack_info(host)
    during = await fresh.xapi.host.get_software_version(host)
    machine.installed_packs = ()
    await fresh.xapi.host.refresh_pack_info(host)

    assert during == {
        **before,
        "acme:tools": "Tools of Acme, version 2.1, build 77, homogeneous",
        "xs:linux": "Linux guests, version 1.0",
        "package-linux": "installed",
    }
    assert await fresh.xapi.host.get_software_version(host) == before


async def test_packs_are_told_from_the_start(fresh: FreshHost) -> None:
    fresh.driver("host").installed_packs = (TOOLS,)
    machine = Machine(await fresh.backends.agent(HOST, "host").call(HostDriver.facts))

    assert "acme:tools" in host_record.fields(machine, fresh.runtime.config, 0.0)["software_version"]


# --- The licence ------------------------------------------------------------------------------------


async def test_a_pool_can_do_what_the_licences_of_its_hosts_allow(fresh: FreshHost, host: str, pool: str) -> None:
    licence = await fresh.xapi.host.get_license_params(host)
    changed = {key: value for key, value in licence.items() if key != "restrict_rbac"}

    await fresh.xapi.host.set_license_params(host, {**changed, "restrict_vlan": "true", "enable_xha": "false"})

    assert await fresh.xapi.host.get_license_params(host) == {**changed, "restrict_vlan": "true", "enable_xha": "false"}
    restrictions = await fresh.xapi.pool.get_restrictions(pool)
    assert {key for key, value in restrictions.items() if value == "true"} == {"restrict_vlan", "restrict_rbac"}
    assert restrictions["enable_xha"] == "false"
    await fresh.xapi.host.set_license_params(host, licence)
    assert await fresh.xapi.pool.get_restrictions(pool) == {key: licence[key] for key in restrictions}


# --- The content of blobs ---------------------------------------------------------------------------


@pytest.mark.parametrize("of_the_pool", [False, True])
async def test_the_content_of_blobs_is_kept_or_erased(fresh: FreshHost, host: str, of_the_pool: bool) -> None:
    xapi, folder = fresh.xapi, fresh.runtime.config.blobs
    await xapi.host.add_to_other_config(host, "mine", "x")
    before = await xapi.host.get_other_config(host)

    await (xapi.pool.enable_binary_storage() if of_the_pool else xapi.host.enable_binary_storage(host))
    (folder / "content").write_text("kept")
    mode = folder.stat().st_mode & 0o777
    await (xapi.pool.disable_binary_storage() if of_the_pool else xapi.host.disable_binary_storage(host))
    during = folder.exists(), await xapi.host.get_other_config(host)
    await (xapi.pool.enable_binary_storage() if of_the_pool else xapi.host.enable_binary_storage(host))

    assert mode == 0o700
    assert during == (False, {**before, "no_local_storage": "true"})
    assert list(folder.iterdir()) == []
    assert await xapi.host.get_other_config(host) == before


async def test_the_coordinator_has_what_it_would_fetch_from_itself(fresh: FreshHost, host: str) -> None:
    with fresh.store.write() as tx:
        other = tx.create(Host).ref

    assert await fresh.xapi.host.request_config_file_sync(host, "1234") == ""
    assert await fresh.xapi.host.sync_data(host) == ""
    with pytest.raises(NOT_IMPLEMENTED):
        await fresh.xapi.host.request_config_file_sync(other, "1234")


# --- The firewall -----------------------------------------------------------------------------------


async def test_the_firewall_lets_through_what_the_host_offers(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    runtime = fresh.runtime
    runtime.config = replace(
        runtime.config, http=(Address("0.0.0.0", 80), Address("::", 8080)), https=(Address("0.0.0.0", 443),)
    )

    await fresh.xapi.host.update_firewalld_service_status()
    before = dict(machine.ports)
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(Host, host), https_only=True, ssh_enabled=False)
    await fresh.xapi.host.update_firewalld_service_status()

    assert before == {22: True, 80: True, 8080: True, 443: True}
    assert machine.ports == {22: False, 80: False, 8080: False, 443: True}


async def test_without_listeners_nothing_is_said_of_their_ports(xapi: Xapi, fresh: FreshHost) -> None:
    await xapi.host.update_firewalld_service_status()

    assert set(fresh.driver("host").ports) == {22}
