"""What a host has to tell: the console of its hypervisor, and its log, which can go elsewhere too."""

from __future__ import annotations

import pytest

from tests.conftest import FreshHost
from tests.xapi import Xapi
from xapid.backends.host.sim import Sim
from xapid.backends.interface import Failed, NotSupported
from xapid.datamodel import Host
from xapid.datamodel.errors import INTERNAL_ERROR, NOT_IMPLEMENTED, OPERATION_NOT_ALLOWED, OtherError


async def test_the_hypervisor_has_a_console_and_takes_debug_keys(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")

    assert await fresh.xapi.host.dmesg(host) == "Xen simulator"
    await fresh.xapi.host.send_debug_keys(host, "h")
    await fresh.xapi.host.send_debug_keys(host, "q0")

    assert machine.debug_keys == "hq0"


async def test_where_there_are_no_debug_keys_the_reason_is_told(fresh: FreshHost, host: str) -> None:
    fresh.driver("host").faults.fail("send_debug_keys", NotSupported("debug keys are Xen's"))

    with pytest.raises(OPERATION_NOT_ALLOWED) as error:
        await fresh.xapi.host.send_debug_keys(host, "h")

    assert error.value.args == ("debug keys are Xen's",)


async def test_the_log_goes_where_the_record_says_once_it_is_asked_for(fresh: FreshHost, host: str) -> None:
    machine: Sim = fresh.driver("host")
    await fresh.xapi.host.set_logging(host, {"syslog_destination": "192.0.2.9:5140", "label": "of a client"})
    before = machine.log_destination

    await fresh.xapi.host.syslog_reconfigure(host)
    during = machine.log_destination
    await fresh.xapi.host.remove_from_logging(host, "syslog_destination")
    await fresh.xapi.host.syslog_reconfigure(host)

    assert (before, during, machine.log_destination) == ("", "192.0.2.9:5140", "")


@pytest.mark.parametrize("destination", ["a b", "a\n*.* /etc/passwd", "^/bin/sh", ";x", "@\u00fc"])
async def test_only_a_machine_can_be_sent_the_log(fresh: FreshHost, host: str, destination: str) -> None:
    with pytest.raises(OtherError) as error:
        await fresh.xapi.host.add_to_logging(host, "syslog_destination", destination)
    assert error.value.description[:3] == ["INVALID_VALUE", "logging:syslog_destination", destination]
    with fresh.store.write() as tx:  # An older database may hold it.
        tx.set(fresh.store.get(Host, host), logging={"syslog_destination": destination})

    await fresh.xapi.host.syslog_reconfigure(host)

    assert fresh.driver("host").log_destination == ""


async def test_a_log_that_cannot_be_sent_fails_the_call(fresh: FreshHost, host: str) -> None:
    fresh.driver("host").faults.fail("send_log_to", Failed("rsyslog does not start"))

    with pytest.raises(INTERNAL_ERROR, match="rsyslog does not start"):
        await fresh.xapi.host.syslog_reconfigure(host)


@pytest.mark.parametrize(
    "message, named", [("get_log", "get_log"), ("dmesg_clear", "dmesg_clear"), ("list_methods", "list_method")]
)
async def test_what_the_original_does_not_implement_either(xapi: Xapi, host: str, message: str, named: str) -> None:
    params = () if message == "list_methods" else (host,)

    with pytest.raises(NOT_IMPLEMENTED) as error:
        await xapi.call(f"host.{message}", *params)

    assert error.value.args == (named,)
