"""Where records and reality differ: domains, disks, bridges, what guests may send. Each with the repair it offers."""

from __future__ import annotations

from xapid.datamodel import Host
from xapid.datamodel.errors import INVALID_VALUE, ApiError
from xapid.ops.findings import bounds, bridges, guests, images, leases
from xapid.ops.findings.finding import Finding, Grade
from xapid.runtime.context import Context

LOOKS = {
    "guests": guests.look,
    "disks": images.look,
    "leases": leases.look,
    "bridges": bridges.look,
    "bounds": bounds.look,
}
"""By what cannot be looked at if they fail."""


async def look(ctx: Context, host: Host) -> list[Finding]:
    """Everything that differs on a host now. What an operation works on is left out."""
    found: list[Finding] = []
    for subject, look in LOOKS.items():
        try:
            found += [each async for each in look(ctx, host)]
        except ApiError as error:
            found.append(Finding(subject, f"{subject} cannot be looked at: {error}", Grade.trouble))
    return sorted(found, key=lambda finding: finding.name)


async def repair(ctx: Context, host: Host, name: str) -> Finding:
    """Do the repair of one finding. Raises INVALID_VALUE if there is no such finding now, or none can be done."""
    finding = next((each for each in await look(ctx, host) if each.name == name), None)
    if finding is None or finding.mend is None:
        raise INVALID_VALUE("name", name)
    await finding.mend()
    return finding
