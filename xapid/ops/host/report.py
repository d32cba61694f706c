"""Reports of a host for who looks for faults: what one can hold, and sending one to a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from xml.etree import ElementTree

from xapid.backends.host.interface import HostDriver, ReportPart
from xapid.backends.interface import BackendError, BadConfig
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

    async def send(proxy: str) -> None:
        await machine.attempt(HostDriver.send_report, url, proxy, wanted)

    await sent(ctx, machine, url, options, send)


async def sent(
    ctx: Context, machine: Channel, url: str, options: dict[str, str], send: Callable[[str], Awaitable[None]]
) -> None:
    """Have something sent to ``url``, through the proxy that the options name. Raises INVALID_VALUE."""
    if not url:
        raise INVALID_VALUE("url", url)
    try:
        with ctx.task.cancellable():
            await send(options.get("http_proxy", ""))
    except BadConfig as error:
        raise INVALID_VALUE(error.facts["key"], error.facts["value"]) from error
    except BackendError as error:
        raise machine.translated(error) from error
