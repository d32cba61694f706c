"""Reports of a host for who looks for faults: what one can hold, and sending one to a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree

from xapid.backends.host.interface import HostDriver, ReportPart
from xapid.backends.interface import BadConfig
from xapid.datamodel import Host
from xapid.datamodel.errors import INVALID_VALUE
from xapid.runtime.channel import Channel
from xapid.runtime.context import Context

ROOT, PART = "system-status-capabilities", "capability"
UNKNOWN = "-1"


async def get_system_status_capabilities(ctx: Context, host: Host) -> str:
    return capabilities_text(await ctx.machine(host).call(HostDriver.report_parts))


def capabilities_text(parts: tuple[ReportPart, ...]) -> str:
    """The parts in the XML of the original's tool: sizes in bytes, times in seconds, both as far as they are known."""
    root = ElementTree.Element(ROOT, version="1.0")
    for part in parts:
        facts = {
            "key": part.key,
            "pii": part.personal.value,
            "default-checked": "yes" if part.wanted else "no",
            "min-size": UNKNOWN,
            "max-size": str(part.size),
            "min-time": UNKNOWN,
            "max-time": UNKNOWN,
            "content-type": "text/plain",
        }
        ElementTree.SubElement(root, PART, facts)
    return f'<?xml version="1.0" ?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def wanted_parts(parts: tuple[ReportPart, ...]) -> tuple[str, ...]:
    """Those that a report has if nobody chooses."""
    return tuple(part.key for part in parts if part.wanted)


async def bugreport_upload(ctx: Context, host: Host, url: str, options: dict[str, str]) -> None:
    """Make a report and send it; gives up when the task is cancelled."""
    machine = ctx.machine(host)
    wanted = wanted_parts(await machine.call(HostDriver.report_parts))
    with sending(ctx, machine, url) as machine:
        await machine.call(HostDriver.send_report, url, proxy_of(options), wanted)


@contextmanager
def sending(ctx: Context, machine: Channel, url: str) -> Iterator[Channel]:
    """The way to have something sent to ``url``. Raises INVALID_VALUE, as does the call on it.

    Meanwhile the task can be cancelled.
    """
    if not url:
        raise INVALID_VALUE("url", url)
    with ctx.task.cancellable():
        yield machine.saying(BadConfig, lambda error: INVALID_VALUE(error.facts["key"], error.facts["value"]))


def proxy_of(options: dict[str, str]) -> str:
    """Through which something is to be sent; empty: through none."""
    return options.get("http_proxy", "")
