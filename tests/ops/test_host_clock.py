"""The clock of a host: its zone, setting it, and whom it asks for the time."""

from __future__ import annotations

from typing import Any
from xmlrpc.client import DateTime

import pytest

from tests.conftest import FreshHost
from tests.xapi import Xapi
from xapid.backends.host.interface import TimeSource
from xapid.backends.host.sim import FACTORY_SERVERS, Sim
from xapid.backends.interface import BadConfig, Failed, NotSupported
from xapid.datamodel import Host
from xapid.datamodel import types as kinds
from xapid.datamodel.errors import (
    HANDLE_INVALID,
    HOST_OFFLINE,
    INTERNAL_ERROR,
    INVALID_NTP_CONFIG,
    INVALID_VALUE,
    NOT_ALLOWED_WHEN_NTP_IS_ENABLED,
    OPERATION_NOT_ALLOWED,
)
from xapid.datamodel.host import HostNtpMode
from xapid.observe.host_record import fields
from xapid.observe.machine import Machine


async def test_the_clock_is_set_once_no_server_sets_it(fresh: FreshHost, host: str) -> None:
    xapi = fresh.xapi
    with pytest.raises(NOT_ALLOWED_WHEN_NTP_IS_ENABLED) as error:
        await xapi.host.set_servertime(host, DateTime("20300101T00:00:00Z"))
    assert error.value.args == (host,)

    await xapi.host.set_ntp_mode(host, "Disabled")
    await xapi.host.set_servertime(host, DateTime("20300101T02:00:00+02:00"))

    assert str(await xapi.host.get_servertime(host)).startswith("20300101T00:00:0")


async def test_only_a_host_has_a_clock(xapi: Xapi, pool: str) -> None:
    with pytest.raises(HANDLE_INVALID):
        await xapi.host.set_servertime(pool, DateTime("20300101T00:00:00Z"))
    with pytest.raises(HOST_OFFLINE):
        await xapi.host.set_ntp_mode(pool, "DHCP")


async def test_the_clock_on_the_wall_goes_by_the_zone(fresh: FreshHost, host: str) -> None:
    xapi, machine = fresh.xapi, fresh.driver("host")
    machine.set_time(kinds.DateTime("20300101T00:00:00Z").seconds())

    await xapi.host.set_timezone(host, "Asia/Kolkata")

    assert await xapi.host.get_timezone(host) == "Asia/Kolkata"
    assert str(await xapi.host.get_server_localtime(host)).startswith("20300101T05:30:0")
    assert "Asia/Kolkata" in await xapi.host.list_timezones(host)


@pytest.mark.parametrize("zone", ["", "Atlantis/Capital", "../../etc/passwd"])
async def test_a_zone_must_be_one_that_the_host_knows(xapi: Xapi, host: str, zone: str) -> None:
    with pytest.raises(INVALID_VALUE) as error:
        await xapi.host.set_timezone(host, zone)

    assert error.value.args == ("timezone", zone)
    assert await xapi.host.get_timezone(host) == "UTC"


async def test_a_zone_that_cannot_be_set_is_not_written_down(fresh: FreshHost, host: str) -> None:
    fresh.driver("host").faults.fail("set_timezone", Failed("systemd is away"))

    with pytest.raises(INTERNAL_ERROR, match="systemd is away"):
        await fresh.xapi.host.set_timezone(host, "Europe/Berlin")

    assert await fresh.xapi.host.get_timezone(host) == "UTC"


# --- Time servers -----------------------------------------------------------------------------------


async def test_a_host_asks_servers_of_its_own(fresh: FreshHost, host: str) -> None:
    xapi = fresh.xapi
    before = await xapi.host.get_ntp_servers_status(host)
    await xapi.host.set_ntp_custom_servers(host, ["192.0.2.1", "ntp.example"])
    unchanged = await xapi.host.get_ntp_servers_status(host)

    await xapi.host.set_ntp_mode(host, "Custom")

    assert before == unchanged == dict.fromkeys(FACTORY_SERVERS, "synced")
    assert await xapi.host.get_ntp_mode(host) == "Custom"
    assert await xapi.host.get_ntp_servers_status(host) == {"192.0.2.1": "synced", "ntp.example": "synced"}

    await xapi.host.set_ntp_custom_servers(host, ["fd00::1"])

    assert await xapi.host.get_ntp_custom_servers(host) == ["fd00::1"]
    assert await xapi.host.get_ntp_servers_status(host) == {"fd00::1": "synced"}


async def test_what_the_host_thinks_of_its_servers_is_told(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    good = await fresh.xapi.host.get_ntp_synchronized(host)
    machine.server_states = {"0.ntp.example": "unreachable"}

    assert (good, await fresh.xapi.host.get_ntp_synchronized(host)) == (True, False)
    assert await fresh.xapi.host.get_ntp_servers_status(host) == {"0.ntp.example": "unreachable"}


async def test_without_time_servers_none_is_asked(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.host.set_ntp_mode(host, "Disabled")

    assert await fresh.xapi.host.get_ntp_servers_status(host) == {}
    assert await fresh.xapi.host.get_ntp_synchronized(host) is False
    assert fresh.driver("host").time_source is TimeSource.Disabled


async def test_custom_takes_servers(fresh: FreshHost, host: str) -> None:
    xapi = fresh.xapi
    with pytest.raises(INVALID_NTP_CONFIG):
        await xapi.host.set_ntp_mode(host, "Custom")
    await xapi.host.set_ntp_custom_servers(host, ["192.0.2.1"])
    await xapi.host.set_ntp_mode(host, "Custom")
    with pytest.raises(INVALID_NTP_CONFIG):
        await xapi.host.set_ntp_custom_servers(host, [])

    assert await xapi.host.get_ntp_custom_servers(host) == ["192.0.2.1"]
    assert fresh.driver("host").own_time_servers == ("192.0.2.1",)


@pytest.mark.parametrize("server", ["", "a b", "a\nserver b", "-x", "\u00fc", "x" * 256])
async def test_a_time_server_has_a_name_or_an_address(xapi: Xapi, host: str, server: str) -> None:
    with pytest.raises(INVALID_NTP_CONFIG):
        await xapi.host.set_ntp_custom_servers(host, ["192.0.2.1", server])

    assert await xapi.host.get_ntp_custom_servers(host) == []


@pytest.mark.parametrize(
    "error, told",
    [
        (BadConfig("it came without servers", key="source"), INVALID_NTP_CONFIG),
        (NotSupported("no program"), OPERATION_NOT_ALLOWED),
    ],
)
async def test_what_the_host_cannot_do_is_not_written_down(fresh: FreshHost, host: str, error: Any, told: Any) -> None:
    fresh.driver("host").faults.fail("set_time_source", error)

    with pytest.raises(told) as raised:
        await fresh.xapi.host.set_ntp_mode(host, "DHCP")

    assert raised.value.args == (error.message,)
    assert await fresh.xapi.host.get_ntp_mode(host) == "Factory"


async def test_nothing_is_done_for_a_mode_that_is_set_already(fresh: FreshHost, host: str) -> None:
    fresh.driver("host").faults.fail("set_time_source", NotSupported("no program"))

    assert await fresh.xapi.host.set_ntp_mode(host, "Factory") == ""


@pytest.mark.parametrize("source, kept", [(TimeSource.Custom, ("b.example",)), (TimeSource.DHCP, ("a.example",))])
async def test_at_a_start_the_record_follows_the_machine(
    fresh: FreshHost, host: str, source: TimeSource, kept: tuple[str, ...]
) -> None:
    machine: Sim = fresh.driver("host")
    machine.set_time_source(source, ("b.example",))
    found = fields(Machine(machine.facts(), (), {}), fresh.runtime.config, 0.0)
    with fresh.store.write() as tx:
        row = tx.set(fresh.store.get(Host, host), ntp_custom_servers=("a.example",))
        tx.set(row, **found)

    now = fresh.store.get(Host, host)
    assert (now.ntp_mode, now.ntp_custom_servers) == (HostNtpMode(source), kept)
