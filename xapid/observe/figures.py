"""Figures of the older classes of metrics: how busy processors are, and what goes through devices.

Only where a host is told to take them (``host.other_config:rrd_update_interval``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xapid.backends.domain.interface import DomainDriver
from xapid.backends.host.interface import HostDriver
from xapid.backends.interface import CpuTime, DomainUsage, Traffic
from xapid.backends.network.interface import NetworkDriver
from xapid.datamodel import PIF, VBD, VIF, VM, Host, HostCpu
from xapid.datamodel.errors import ApiError
from xapid.datamodel.types import NULL, DateTime, Object
from xapid.rules import figures
from xapid.runtime.context import Context, Runtime

log = logging.getLogger(__name__)

AT_A_TIME = 100
"""Rows written before others have their turn."""
NO_TRAFFIC = {"io_read_kbs": 0.0, "io_write_kbs": 0.0}

Changes = dict[str, dict[str, Any]]
"""Fields by the reference of their object."""


@dataclass(frozen=True)
class _Counted:
    """All counters of this host at one moment."""

    at: float
    """by the monotonic clock"""
    domains: Mapping[str, DomainUsage]
    cpus: Mapping[int, CpuTime]
    nics: Mapping[str, Traffic]
    memory_free: int


class Figures:
    """Those of this host and its guests."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._every: float | None = None
        self._before: _Counted | None = None
        self._shown: frozenset[str] = frozenset()
        """References of what had figures at the last look."""

    @property
    def taken(self) -> bool:
        """Whether anybody asked for them when the daemon began."""
        return self._every is not None

    def begin(self) -> None:
        """Read how often they are to be taken: that counts until the next start."""
        self._every = figures.interval(self._host())

    async def keep(self) -> None:
        """Take them again and again, if they are to be taken."""
        while self._every is not None:
            try:
                await self.look()
            except Exception:
                log.exception("figures of this host could not be taken")
            await self._runtime.clock.sleep(self._every)

    async def look(self) -> None:
        """Take figures of the time since the last look. Where a driver does not answer, what was shown last stays."""
        ctx = Context(self._runtime, self._runtime.tasks.dummy("observe.figures"))
        try:
            now = await self._count(ctx, self._host())
        except ApiError as error:
            log.info("figures cannot be taken now: %s", error)
            return
        before, self._before = self._before, now
        if before is None:
            return
        changes = self._changes(before, now)
        shown, self._shown = self._shown, frozenset(changes)
        for ref in shown - changes.keys():
            if (row := ctx.store.find_any(ref)) is not None:
                changes[ref] = _none_of(row)
        await self._write(changes)

    async def _count(self, ctx: Context, host: Host) -> _Counted:
        domains = await ctx.domains(host).call(DomainDriver.usage)
        cpus = await ctx.machine(host).call(HostDriver.cpu_times)
        nics = await ctx.network(host).call(NetworkDriver.traffic)
        _, free = await ctx.machine(host).call(HostDriver.memory)
        return _Counted(ctx.clock.monotonic(), {each.uuid: each for each in domains}, cpus, nics, free)

    def _changes(self, before: _Counted, now: _Counted) -> Changes:
        store, host, elapsed = self._runtime.store, self._host(), now.at - before.at
        changes: Changes = {host.metrics: {"memory_free": now.memory_free}}
        for cpu in store.where(HostCpu, host=host.ref):
            if cpu.number in now.cpus:
                changes[cpu.ref] = {"utilisation": figures.busy(before.cpus.get(cpu.number), now.cpus[cpu.number])}
        for pif in store.where(PIF, host=host.ref):
            if pif.physical and pif.device in now.nics:
                changes[pif.metrics] = figures.rates(before.nics.get(pif.device), now.nics[pif.device], elapsed)
        for uuid, usage in now.domains.items():
            earlier = before.domains.get(uuid)
            known = earlier if earlier is not None and earlier.id == usage.id else DomainUsage(uuid, usage.id)
            changes.update(self._of_machine(known, usage, elapsed))
        changes.pop(NULL, None)
        return changes

    def _of_machine(
        self, before: DomainUsage, now: DomainUsage, elapsed: float
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        store = self._runtime.store
        vm = store.find_uuid(VM, now.uuid)
        if vm is None:
            return
        if now.vcpus:
            yield vm.metrics, {"VCPUs_utilisation": figures.parts(before.vcpus, now.vcpus, elapsed)}
        for uuid, traffic in now.disks.items():
            if (vbd := store.find_uuid(VBD, uuid)) is not None:
                yield vbd.metrics, figures.rates(before.disks.get(uuid), traffic, elapsed)
        for uuid, traffic in now.nics.items():
            if (vif := store.find_uuid(VIF, uuid)) is not None:
                yield vif.metrics, figures.rates(before.nics.get(uuid), traffic, elapsed)

    async def _write(self, changes: Changes) -> None:
        store, now, refs = self._runtime.store, self._runtime.clock.date(), list(changes)
        for start in range(0, len(refs), AT_A_TIME):
            with store.write() as tx:
                for ref in refs[start : start + AT_A_TIME]:
                    row = store.find_any(ref)
                    if row is not None and _differs(row, changes[ref]):
                        tx.set(row, **changes[ref], **_taken_at(row, now))
            await asyncio.sleep(0)

    def _host(self) -> Host:
        return self._runtime.store.get(Host, self._runtime.localhost)


def _none_of(row: Object) -> dict[str, Any]:
    """What an object shows of which there are no figures any more."""
    fields = row.spec.fields
    if "VCPUs_utilisation" in fields:
        return {"VCPUs_utilisation": dict.fromkeys(row.__dict__["VCPUs_utilisation"], 0.0)}
    return {"utilisation": 0.0} if "utilisation" in fields else NO_TRAFFIC if "io_read_kbs" in fields else {}


def _differs(row: Object, fields: Mapping[str, Any]) -> bool:
    return any(row.__dict__[name] != value for name, value in fields.items())


def _taken_at(row: Object, now: DateTime) -> dict[str, Any]:
    return {"last_updated": now} if "last_updated" in row.spec.fields else {}
