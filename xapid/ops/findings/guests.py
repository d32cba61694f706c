"""Domains compared with the machines of the records."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from functools import partial

from xapid.backends.domain.interface import Domain, DomainDriver
from xapid.datamodel import VM, Host
from xapid.ops import wires
from xapid.ops.findings import images
from xapid.ops.findings.finding import Finding, Grade
from xapid.ops.vm import record
from xapid.ops.vm.aftermath import LIVE, lives_elsewhere
from xapid.ops.vm.change import domain_events
from xapid.ops.vm.keeping import keep_all
from xapid.runtime.context import Context

log = logging.getLogger(__name__)


async def look(ctx: Context, host: Host) -> AsyncIterator[Finding]:
    """What runs and is not recorded so, and the other way round."""
    channel = ctx.domains(host)
    domains = {domain.uuid: domain for domain in await channel.call(DomainDriver.domains)}
    recorded = [vm for vm in ctx.store.all(VM) if vm.power_state in LIVE and not vm.is_control_domain]
    for uuid in sorted(domains.keys() | {vm.uuid for vm in recorded}):
        finding = _compared(ctx, host, uuid, domains.get(uuid))
        # Asked once more, now that the records were read: it may have begun or ended in between.
        if finding is not None and finding == _compared(ctx, host, uuid, await channel.call(DomainDriver.find, uuid)):
            yield finding
    for name in await channel.call(DomainDriver.foreign):
        text = f"the hypervisor runs {name}, a machine that xapid did not make and leaves alone"
        yield Finding(f"foreign-{name}", text, Grade.ok)


def _compared(ctx: Context, host: Host, uuid: str, domain: Domain | None) -> Finding | None:
    vm = ctx.store.find_uuid(VM, uuid)
    if domain is not None and (vm is None or lives_elsewhere(ctx.store, vm, host)):
        return _stray(ctx, host, domain, vm)
    if vm is None or vm.current_operations:
        return None
    settle = partial(domain_events(ctx).settle, uuid)
    if domain is not None and (vm.power_state not in LIVE or vm.domid != domain.id):
        text = f"VM {uuid} ({vm.name_label}) runs, and is recorded as {vm.power_state.lower()}"
        return Finding(f"running-{uuid}", text, repair="it is recorded as running", mend=settle)
    if domain is None and vm.power_state in LIVE:
        return _missing(ctx, host, vm)
    return None


def _missing(ctx: Context, host: Host, vm: VM) -> Finding | None:
    """A machine that is recorded as running and has no domain here."""
    subject = f"VM {vm.uuid} ({vm.name_label})"
    repair = "it is recorded as halted, or as suspended if it was saved"
    if vm.resident_on == host.ref:
        text = f"{subject} is recorded as {vm.power_state.lower()}, and has no domain"
        return Finding(f"halted-{vm.uuid}", text, repair=repair, mend=partial(domain_events(ctx).settle, vm.uuid))
    if ctx.store.find(Host, vm.resident_on) is None:
        text = f"{subject} is recorded as {vm.power_state.lower()} on a host that is not there"
        return Finding(f"halted-{vm.uuid}", text, repair="it is recorded as halted", mend=partial(_halt, ctx, vm))
    return None


async def _halt(ctx: Context, vm: VM) -> None:
    latest = ctx.now(vm)
    if latest.power_state in LIVE and ctx.store.find(Host, latest.resident_on) is None:
        with ctx.write() as tx:
            record.halted(tx, ctx.store, latest)


# --- Guests without a record -------------------------------------------------------------------------


def _stray(ctx: Context, host: Host, domain: Domain, vm: VM | None) -> Finding:
    why = "and no machine of the records is its own" if vm is None else "and is recorded as running on another host"
    return Finding(
        f"guest-{domain.uuid}",
        f"a guest of xapid's, {domain.name or domain.uuid}, runs as domain {domain.uuid}, {why}",
        repair="the guest is switched off, and what it held is free",
        loses=True,
        mend=partial(_switch_off, ctx, host, domain),
    )


async def _switch_off(ctx: Context, host: Host, domain: Domain) -> None:
    """End a guest that still is nobody's, and close its disks."""
    vm = ctx.store.find_uuid(VM, domain.uuid)
    if vm is not None and not lives_elsewhere(ctx.store, vm, host):
        return
    log.warning("domain %s, which belongs to no machine of this host, is ended because that was asked for", domain.uuid)
    await ctx.domains(host).call(DomainDriver.destroy, domain.uuid)
    if vm is None:
        # Of a machine that runs elsewhere the drives are open there.
        await images.close(ctx, host, {domain.uuid, *domain.disks})
    await wires.remove_unused(ctx, host)
    await keep_all(ctx, host)
