"""Certificates for secure boot: those of the host's system, or of the pool in their place."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from tests.conftest import FreshHost
from xapid.backends.host import uefi
from xapid.backends.host.sim import Sim
from xapid.backends.interface import Failed
from xapid.datamodel import Host
from xapid.datamodel.errors import INTERNAL_ERROR, INVALID_VALUE, NOT_IMPLEMENTED, OPERATION_NOT_ALLOWED

SHIPPED = {"KEK.auth": b"kek", "PK.auth": b"pk", "db.auth": b"db"}
OWN = {**SHIPPED, "dbx.auth": b"revoked"}


@pytest.fixture
def machine(fresh: FreshHost) -> Sim:
    sim: Sim = fresh.driver("host")
    return sim


@pytest.fixture
def allowed(fresh: FreshHost) -> None:
    config = fresh.runtime.config
    fresh.runtime.config = replace(config, guests=replace(config.guests, custom_uefi_certificates=True))


@pytest.mark.usefixtures("allowed")
async def test_guests_start_with_certificates_of_ones_own(fresh: FreshHost, machine: Sim, pool: str) -> None:
    archive = uefi.packed(OWN)
    before = await fresh.xapi.pool.get_guest_secureboot_readiness(pool)

    await fresh.xapi.pool.set_custom_uefi_certificates(pool, archive)
    during = machine.own_keys, await fresh.xapi.pool.get_guest_secureboot_readiness(pool)
    told = await fresh.xapi.pool.get_custom_uefi_certificates(pool)
    await fresh.xapi.pool.set_custom_uefi_certificates(pool, "")

    assert (before, during, told) == ("not_ready", (OWN, "ready"), archive)
    assert machine.own_keys is None
    assert await fresh.xapi.pool.get_custom_uefi_certificates(pool) == ""


async def test_nobody_replaces_them_unless_a_setting_allows_it(fresh: FreshHost, machine: Sim, pool: str) -> None:
    with pytest.raises(OPERATION_NOT_ALLOWED):
        await fresh.xapi.pool.set_custom_uefi_certificates(pool, uefi.packed(OWN))

    assert machine.own_keys is None


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    "value", ["!", base64.b64encode(b"no archive").decode(), uefi.packed({"readme.txt": b"x"}), uefi.packed(OWN)[:800]]
)
async def test_what_is_no_archive_of_certificates_changes_nothing(
    fresh: FreshHost, machine: Sim, pool: str, value: str
) -> None:
    await fresh.xapi.pool.set_custom_uefi_certificates(pool, uefi.packed(OWN))

    with pytest.raises(INVALID_VALUE) as error:
        await fresh.xapi.pool.set_custom_uefi_certificates(pool, value)

    assert error.value.args[0] == "custom_uefi_certificates"
    assert machine.own_keys == OWN
    assert await fresh.xapi.pool.get_custom_uefi_certificates(pool) == uefi.packed(OWN)


@pytest.mark.usefixtures("allowed")
async def test_what_could_not_be_written_is_not_recorded(fresh: FreshHost, machine: Sim, pool: str) -> None:
    machine.faults.fail("use_uefi_certificates", Failed("the disk is full"))

    with pytest.raises(INTERNAL_ERROR):
        await fresh.xapi.pool.set_custom_uefi_certificates(pool, uefi.packed(OWN))

    assert await fresh.xapi.pool.get_custom_uefi_certificates(pool) == ""


@pytest.mark.usefixtures("allowed")
async def test_a_pool_with_members_is_not_given_any_yet(fresh: FreshHost, machine: Sim, pool: str) -> None:
    with fresh.store.write() as tx:
        tx.create(Host)

    with pytest.raises(NOT_IMPLEMENTED):
        await fresh.xapi.pool.set_custom_uefi_certificates(pool, uefi.packed(OWN))

    assert machine.own_keys is None


@pytest.mark.parametrize("has_own", [False, True])
async def test_a_host_tells_what_came_with_its_system(
    fresh: FreshHost, machine: Sim, host: str, pool: str, has_own: bool
) -> None:
    machine.shipped_keys = SHIPPED
    config = fresh.runtime.config
    fresh.runtime.config = replace(config, guests=replace(config.guests, custom_uefi_certificates=has_own))
    with fresh.store.write() as tx:
        row = fresh.store.find_any(pool)
        assert row is not None
        tx.set(row, custom_uefi_certificates=uefi.packed(OWN))

    await fresh.xapi.host.write_uefi_certificates_to_disk(host)

    assert await fresh.xapi.host.get_uefi_certificates(host) == uefi.packed(SHIPPED)
    assert await fresh.xapi.pool.get_uefi_certificates(pool) == uefi.packed(SHIPPED)
    assert machine.own_keys == (OWN if has_own else None)
    assert await fresh.xapi.pool.get_guest_secureboot_readiness(pool) == ("ready" if has_own else "ready_no_dbx")
