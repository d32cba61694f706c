"""Reports of a host, and dumps of its crashes, sent to who looks for faults."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.conftest import FreshHost
from xapid.backends.host.interface import CrashDump
from xapid.backends.interface import BadConfig, Failed
from xapid.datamodel.errors import INTERNAL_ERROR, INVALID_VALUE
from xapid.main import look_at_devices

URL = "https://faults.example/upload"
DUMP = CrashDump("20260101-120000-UTC", 1767268800.0, 4096)


async def a_dump(fresh: FreshHost) -> str:
    fresh.driver("host").dumps = (DUMP,)
    await look_at_devices(fresh.runtime)
    return await fresh.the("host_crashdump")


async def test_what_a_report_can_hold_is_told(fresh: FreshHost, host: str) -> None:
    text = await fresh.xapi.host.get_system_status_capabilities(host)

    root = ElementTree.fromstring(text)
    assert root.tag == "system-status-capabilities"
    assert [(part.tag, part.get("key"), part.get("pii"), part.get("default-checked")) for part in root] == [
        ("capability", "kernel-info", "maybe", "yes"),
        ("capability", "process-list", "yes", "yes"),
        ("capability", "host-crashdump-logs", "no", "no"),
    ]
    assert {"max-size", "min-size", "max-time", "min-time", "content-type"} <= set(root[0].attrib)


async def test_a_report_is_sent_with_what_everybody_wants(fresh: FreshHost, host: str) -> None:
    await fresh.xapi.host.bugreport_upload(host, URL, {"http_proxy": "http://proxy.example:3128"})

    (sent,) = fresh.driver("host").sent
    assert sent == (URL, "http://proxy.example:3128", "report", ("kernel-info", "process-list"))


async def test_without_an_address_nothing_is_sent(fresh: FreshHost, host: str) -> None:
    with pytest.raises(INVALID_VALUE) as error:
        await fresh.xapi.host.bugreport_upload(host, "", {})

    assert error.value.args == ("url", "")
    assert fresh.driver("host").sent == []


async def test_the_reason_why_a_report_is_not_sent_is_told(fresh: FreshHost, host: str) -> None:
    faults = fresh.driver("host").faults
    faults.fail("send_report", Failed("it cannot be sent: nobody takes the connection"))
    with pytest.raises(INTERNAL_ERROR) as error:
        await fresh.xapi.host.bugreport_upload(host, URL, {})

    faults.fail("send_report", BadConfig("http_proxy is one line of text", key="http_proxy", value="a\nb"))
    with pytest.raises(INVALID_VALUE) as invalid:
        await fresh.xapi.host.bugreport_upload(host, URL, {"http_proxy": "a\nb"})

    assert error.value.args == ("it cannot be sent: nobody takes the connection",)
    assert invalid.value.args == ("http_proxy", "a\nb")


async def test_a_dump_of_a_crash_is_sent(fresh: FreshHost) -> None:
    dump = await a_dump(fresh)

    await fresh.xapi.host_crashdump.upload(dump, URL, {})

    assert fresh.driver("host").sent == [(URL, "", DUMP.name, ())]
    with pytest.raises(INVALID_VALUE):
        await fresh.xapi.host_crashdump.upload(dump, "", {})


async def test_a_dump_that_is_gone_is_not_sent(fresh: FreshHost) -> None:
    dump = await a_dump(fresh)
    fresh.driver("host").dumps = ()

    with pytest.raises(INTERNAL_ERROR):
        await fresh.xapi.host_crashdump.upload(dump, URL, {})
