"""Callers are told apart, counted, and wait when they call more than their limit allows."""

from __future__ import annotations

import asyncio

import pytest

from tests.clocks import HeldClock
from tests.conftest import FreshHost
from tests.machines import NULL, raises_api
from tests.xapi import Xapi
from xapid.auth.callers import MOST_BY_THEMSELVES, Callers
from xapid.datamodel import Caller


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def callers(fresh: FreshHost, clock: HeldClock) -> Callers:
    """Those of the daemon, switched on."""
    found: Callers = fresh.runtime.services["callers"]
    found.enabled = True
    found.clock = clock
    return found


async def registered(xapi: Xapi, agent: str = "", address: str = "") -> str:
    return str(await xapi.Caller.create({"name_label": agent or address, "user_agent": agent, "client_ip": address}))


async def test_who_calls_is_registered_once_and_counted(xapi: Xapi, fresh: FreshHost, callers: Callers) -> None:
    for _ in range(3):
        assert callers.account("xo-server", "192.0.2.1") == 0.0

    (caller,) = fresh.store.all(Caller)
    assert (caller.user_agent, caller.client_ip, caller.auto_registered) == ("xo-server", "192.0.2.1", True)
    assert await xapi.Caller.query_call_count(caller.ref) == "3"
    assert await xapi.Caller.query_token_usage(caller.ref) == 3.0
    assert await xapi.Caller.query_all_usage() == [[caller.uuid, "xo-server", "3.000", "3"]]


@pytest.mark.parametrize(
    "agent, address, expected",
    [
        ("backup/1.2", "192.0.2.9", "backup*"),
        ("backup/1.2", "192.0.2.7", "backup/1.2"),
        ("xe", "192.0.2.7", "192.0.2.7"),
        ("xe", "198.51.100.1", ""),
    ],
)
async def test_a_call_counts_for_the_caller_that_says_most_about_it(
    xapi: Xapi, callers: Callers, agent: str, address: str, expected: str
) -> None:
    refs = {
        "backup*": await registered(xapi, "backup*"),
        "192.0.2.7": await registered(xapi, "", "192.0.2.7"),
        "backup/1.2": await registered(xapi, "backup/1.2", "192.0.2.7"),
    }

    callers.account(agent, address)

    assert {name: callers.usage(ref).calls for name, ref in refs.items()} == {
        name: int(name == expected) for name in refs
    }


async def test_of_those_registered_by_themselves_the_one_that_called_longest_ago_goes(
    xapi: Xapi, fresh: FreshHost, callers: Callers, clock: HeldClock
) -> None:
    by_hand = await registered(xapi, "by hand")
    for number in range(MOST_BY_THEMSELVES + 1):
        clock.set_on(1)
        callers.account(f"client {number}", "192.0.2.1")

    agents = {each.user_agent for each in fresh.store.all(Caller)}
    assert "client 0" not in agents and "client 1" in agents
    assert by_hand in {each.ref for each in fresh.store.all(Caller)}
    assert len(agents) == MOST_BY_THEMSELVES + 1


async def test_a_limit_delays_who_calls_more_than_it_allows(xapi: Xapi, callers: Callers, clock: HeldClock) -> None:
    caller = await registered(xapi, "greedy")
    limit = await xapi.Rate_limit.create({"name_label": "slow", "burst_size": 2.0, "fill_rate": 4.0})
    await xapi.Rate_limit.add_caller(limit, caller)

    delays = [callers.account("greedy", "") for _ in range(4)]
    clock.set_on(10)
    later = callers.account("greedy", "")

    assert delays == [0.0, 0.0, 0.25, 0.5]
    assert later == 0.0
    assert callers.account("somebody else", "") == 0.0
    assert await xapi.Rate_limit.get_callers(limit) == [caller]


async def test_a_caller_that_is_let_off_waits_no_more(xapi: Xapi, callers: Callers) -> None:
    caller = await registered(xapi, "greedy")
    limit = await xapi.Rate_limit.create({"burst_size": 1.0, "fill_rate": 1.0})
    await xapi.Rate_limit.add_caller(limit, caller)
    await xapi.Rate_limit.remove_caller(limit, caller)

    assert [callers.account("greedy", "") for _ in range(3)] == [0.0] * 3

    await xapi.Rate_limit.add_caller(limit, caller)
    await xapi.Rate_limit.destroy(limit)
    assert await xapi.Caller.get_rate_limit(caller) == NULL


@pytest.mark.parametrize("field", ["burst_size", "fill_rate"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
async def test_a_limit_that_allows_nothing_or_everything_is_refused(xapi: Xapi, field: str, value: float) -> None:
    wanted = {"burst_size": 1.0, "fill_rate": 1.0}
    limit = await xapi.Rate_limit.create(wanted)

    with raises_api("INVALID_VALUE", field, f"{value:g}"):
        await xapi.Rate_limit.create(wanted | {field: value})
    with raises_api("INVALID_VALUE", field, f"{value:g}"):
        await xapi.call(f"Rate_limit.set_{field}", limit, value)

    await xapi.Rate_limit.set_burst_size(limit, 7.0)
    await xapi.Rate_limit.set_fill_rate(limit, 8.0)
    record = await xapi.Rate_limit.get_record(limit)
    assert (record["burst_size"], record["fill_rate"]) == (7.0, 8.0)


async def test_groups_are_named_and_asked_for_together(xapi: Xapi, callers: Callers) -> None:
    one, other = await registered(xapi, "one"), await registered(xapi, "other")
    for caller in (one, other):
        await xapi.Caller.add_group(caller, "backup")
    callers.account("one", "")
    callers.account("other", "")

    assert await xapi.Caller.query_group_call_count("backup") == "2"
    assert await xapi.Caller.query_group_token_usage("backup") == 2.0
    await xapi.Caller.remove_group(other, "backup")
    assert await xapi.Caller.query_group_call_count("backup") == "1"
    with raises_api("INVALID_VALUE", "group", "no good"):
        await xapi.Caller.add_group(one, "no good")


async def test_a_caller_that_could_be_anybody_is_refused(xapi: Xapi) -> None:
    with raises_api("INVALID_VALUE", "user_agent/client_ip", "at least one of them says who it is"):
        await xapi.Caller.create({"name_label": "anybody"})


async def test_a_call_over_its_limit_is_answered_later_and_not_refused(xapi: Xapi, callers: Callers) -> None:
    limit = await xapi.Rate_limit.create({"burst_size": 1.0, "fill_rate": 50.0})
    await xapi.Rate_limit.add_caller(limit, await registered(xapi, "greedy"))
    client = xapi.beside()
    client.headers = (("user-agent", "greedy"),)
    await client.log_in()
    began = asyncio.get_running_loop().time()

    machines = await client.VM.get_all()
    network = await client.network.create({"name_label": "later", "other_config": {}})

    # One token short, then two.
    assert asyncio.get_running_loop().time() - began >= 0.02 + 0.04
    assert machines and await xapi.network.get_name_label(network) == "later"
