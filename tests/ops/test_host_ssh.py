"""Logins to hosts: SSH on, off, on for a while, or on while the toolstack is down; idle ones end."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.conftest import FreshHost
from tests.xapi import Xapi
from xapid.backends.host.sim import Sim
from xapid.backends.interface import Failed
from xapid.datamodel import Host, HostMetrics
from xapid.datamodel.errors import (
    DISABLE_SSH_PARTIALLY_FAILED,
    ENABLE_SSH_PARTIALLY_FAILED,
    INTERNAL_ERROR,
    INVALID_VALUE,
    SET_CONSOLE_TIMEOUT_PARTIALLY_FAILED,
    SET_SSH_AUTO_MODE_PARTIALLY_FAILED,
    SET_SSH_TIMEOUT_PARTIALLY_FAILED,
)
from xapid.datamodel.types import EPOCH, DateTime
from xapid.ops.host.ssh import TRY_AGAIN, Closings

DAY = 24 * 3600


def record(fresh: FreshHost) -> Host:
    return fresh.store.one(Host)


async def test_ssh_goes_off_and_on_again(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    before = (await fresh.xapi.host.get_ssh_enabled(host), machine.ssh)

    await fresh.xapi.host.disable_ssh(host)
    off = (await fresh.xapi.host.get_ssh_enabled(host), machine.ssh, machine.ssh_at_boot)
    since = record(fresh).ssh_expiry.seconds()
    await fresh.xapi.host.enable_ssh(host)

    assert (before, off) == ((True, True), (False, False, False))
    assert time.time() - 10 < since <= time.time()
    assert (await fresh.xapi.host.get_ssh_enabled(host), machine.ssh, machine.ssh_at_boot) == (True, True, True)
    assert record(fresh).ssh_expiry == EPOCH


async def test_ssh_stays_on_for_as_long_as_was_asked_for(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.host.disable_ssh(host)
    await fresh.xapi.host.set_ssh_enabled_timeout(host, 1)
    assert record(fresh).ssh_enabled is False

    await fresh.xapi.host.enable_ssh(host)

    assert 0 <= record(fresh).ssh_expiry.seconds() - time.time() + 1 < 2
    assert fresh.driver("host").ssh is True
    await fresh.clock.let_pass(1)
    await fresh.until(lambda: not record(fresh).ssh_enabled)
    assert fresh.driver("host").ssh is False


async def test_the_time_counts_anew_when_it_is_set_while_ssh_is_on(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.host.set_ssh_enabled_timeout(host, DAY)
    far = record(fresh).ssh_expiry.seconds() - time.time()
    await fresh.xapi.host.set_ssh_enabled_timeout(host, 1)
    await fresh.clock.let_pass(1)
    await fresh.until(lambda: not record(fresh).ssh_enabled)

    assert DAY - 10 < far <= DAY


@pytest.mark.parametrize("message, params", [("set_ssh_enabled_timeout", (0,)), ("enable_ssh", ())])
async def test_what_is_asked_for_last_counts(
    fresh: FreshHost, host: str, message: str, params: tuple[int, ...]
) -> None:
    await fresh.xapi.host.set_ssh_enabled_timeout(host, 1)
    with fresh.store.write() as tx:
        tx.set(record(fresh), ssh_enabled_timeout=0)

    await fresh.xapi.call(f"host.{message}", host, *params)
    await fresh.clock.let_pass(DAY)

    assert (record(fresh).ssh_enabled, record(fresh).ssh_expiry) == (True, EPOCH)


async def test_ssh_that_cannot_be_switched_off_in_time_is_tried_again(fresh: FreshHost, host: str) -> None:
    fresh.driver("host").faults.fail("set_ssh", Failed("systemd is away"), times=2)
    await fresh.xapi.host.set_ssh_enabled_timeout(host, 1)

    enabled = []
    for seconds in (1, TRY_AGAIN, TRY_AGAIN):
        await fresh.clock.asleep()
        await fresh.clock.let_pass(seconds)
        enabled.append(record(fresh).ssh_enabled)

    assert enabled == [True, True, False]


@pytest.mark.parametrize("ahead, asked, left", [(-5.0, 60, 0.0), (20.0, 60, 20.0), (10_000.0, 60, 60.0)])
async def test_after_a_restart_the_time_goes_on(
    fresh: FreshHost, host: str, ahead: float, asked: int, left: float
) -> None:
    expiry = DateTime.of(fresh.clock.now() + ahead)
    with fresh.store.write() as tx:
        tx.set(record(fresh), ssh_enabled=True, ssh_enabled_timeout=asked, ssh_expiry=expiry)
    closings: Closings = fresh.runtime.services["ssh_closings"]

    closings.resume()
    await fresh.clock.let_pass(left / 2)
    half_way = record(fresh).ssh_enabled
    await fresh.clock.let_pass(left / 2)

    assert half_way is (left > 0)
    await fresh.until(lambda: not record(fresh).ssh_enabled)


async def test_a_daemon_that_stops_leaves_ssh_as_it_is(fresh: FreshHost, host: str) -> None:
    closings: Closings = fresh.runtime.services["ssh_closings"]
    await fresh.xapi.host.set_ssh_enabled_timeout(host, 1)

    closings.close()
    await fresh.clock.let_pass(DAY)

    assert record(fresh).ssh_enabled is True


@pytest.mark.parametrize("value", [-1, 2 * DAY + 1, 2**63 - 1])
async def test_ssh_stays_on_for_two_days_at_most(xapi: Xapi, host: str, value: int) -> None:
    with pytest.raises(INVALID_VALUE) as error:
        await xapi.host.set_ssh_enabled_timeout(host, value)

    assert error.value.args == ("ssh_enabled_timeout", str(value))
    assert await xapi.host.set_ssh_enabled_timeout(host, 2 * DAY) == ""


# --- By itself --------------------------------------------------------------------------------------


async def test_in_the_automatic_mode_ssh_is_off_while_the_toolstack_is_up(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")

    await fresh.xapi.host.set_ssh_auto_mode(host, True)

    assert (machine.ssh_auto, machine.ssh, machine.ssh_at_boot) == (True, False, True)
    assert (record(fresh).ssh_auto_mode, record(fresh).ssh_enabled) == (True, False)

    await fresh.xapi.host.set_ssh_auto_mode(host, False)

    assert (machine.ssh_auto, record(fresh).ssh_auto_mode, record(fresh).ssh_enabled) == (False, False, False)


async def test_by_hand_ends_the_automatic_mode(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    await fresh.xapi.host.set_ssh_auto_mode(host, True)

    await fresh.xapi.host.enable_ssh(host)

    assert (machine.ssh_auto, machine.ssh) == (False, True)
    assert (record(fresh).ssh_auto_mode, record(fresh).ssh_enabled) == (False, True)


async def test_by_hand_for_a_while_only_interrupts_it(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    await fresh.xapi.host.set_ssh_enabled_timeout(host, 1)
    await fresh.xapi.host.set_ssh_auto_mode(host, True)

    await fresh.xapi.host.enable_ssh(host)
    during = (machine.ssh_auto, machine.ssh)
    await fresh.clock.let_pass(1)
    await fresh.until(lambda: record(fresh).ssh_auto_mode and not record(fresh).ssh_enabled)

    assert (during, machine.ssh_auto, machine.ssh) == ((False, True), True, False)


# --- Idle logins ------------------------------------------------------------------------------------


async def test_idle_logins_end_after_a_while(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.host.set_console_idle_timeout(host, 600)
    with pytest.raises(INVALID_VALUE) as error:
        await fresh.xapi.host.set_console_idle_timeout(host, -1)

    assert error.value.args == ("console_timeout", "-1")
    assert await fresh.xapi.host.get_console_idle_timeout(host) == "600"
    assert fresh.driver("host").idle_timeout == 600


@pytest.mark.parametrize(
    "message, params, method",
    [
        ("enable_ssh", (), "set_ssh"),
        ("disable_ssh", (), "set_ssh"),
        ("set_ssh_auto_mode", (True,), "set_ssh_auto"),
        ("set_console_idle_timeout", (5,), "set_idle_timeout"),
    ],
)
async def test_what_fails_is_not_written_down(
    fresh: FreshHost, host: str, message: str, params: tuple[Any, ...], method: str
) -> None:
    fresh.driver("host").faults.fail(method, Failed("no"))
    before = record(fresh)

    with pytest.raises(INTERNAL_ERROR, match="no"):
        await fresh.xapi.call(f"host.{message}", host, *params)

    assert record(fresh) is before


# --- All hosts --------------------------------------------------------------------------------------


async def test_logins_are_set_for_all_hosts_of_the_pool(fresh: FreshHost, pool: str) -> None:
    xapi = fresh.xapi
    await xapi.pool.set_ssh_enabled_timeout(pool, 60)
    await xapi.pool.set_console_idle_timeout(pool, 300)
    await xapi.pool.set_ssh_auto_mode(pool, True)
    first = record(fresh)
    await xapi.pool.enable_ssh(pool)
    second = record(fresh)
    await xapi.pool.disable_ssh(pool)

    assert (first.ssh_enabled_timeout, first.console_idle_timeout, first.ssh_auto_mode) == (60, 300, True)
    assert (second.ssh_enabled, second.ssh_auto_mode, record(fresh).ssh_enabled) == (True, False, False)


@pytest.mark.parametrize(
    "message, params, error",
    [
        ("enable_ssh", (), ENABLE_SSH_PARTIALLY_FAILED),
        ("disable_ssh", (), DISABLE_SSH_PARTIALLY_FAILED),
        ("set_ssh_enabled_timeout", (5,), SET_SSH_TIMEOUT_PARTIALLY_FAILED),
        ("set_console_idle_timeout", (5,), SET_CONSOLE_TIMEOUT_PARTIALLY_FAILED),
        ("set_ssh_auto_mode", (False,), SET_SSH_AUTO_MODE_PARTIALLY_FAILED),
    ],
)
async def test_hosts_on_which_it_fails_are_named_and_the_others_done(
    fresh: FreshHost, host: str, pool: str, message: str, params: tuple[Any, ...], error: Any
) -> None:
    with fresh.store.write() as tx:
        tx.set(fresh.store.get(HostMetrics, record(fresh).metrics), live=False)

    with pytest.raises(error) as raised:
        await fresh.xapi.call(f"pool.{message}", pool, *params)

    assert raised.value.args == (host,)
