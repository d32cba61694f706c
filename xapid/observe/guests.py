"""What guests say of themselves turned into records, and how much memory they have by now."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from xapid.backends.domain.interface import Domain, DomainDriver, DomainEvent, DomainEventKind, GuestReport
from xapid.datamodel import VIF, VM, Host, VM_guest_metrics, VM_metrics
from xapid.datamodel.errors import ApiError
from xapid.datamodel.types import DateTime
from xapid.rules import guest
from xapid.runtime.context import Context, Runtime
from xapid.store.store import Store
from xapid.store.transaction import Transaction

log = logging.getLogger(__name__)

REST = 5.0
"""Seconds after a look at a machine until the next: a guest may say something new as often as it likes."""


class GuestWatch:
    """Looks at machines of this host that changed, each by itself and seldom."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._news: set[str] = set()
        """uuids of machines that are to be looked at."""
        self._work: dict[str, asyncio.Task[None]] = {}

    def heard(self, event: DomainEvent) -> None:
        """Something happened to a domain; called in the loop."""
        if event.kind is DomainEventKind.changed:
            self._news.add(event.uuid)
            if event.uuid not in self._work:
                self._work[event.uuid] = asyncio.ensure_future(self._follow(event.uuid))

    async def _follow(self, uuid: str) -> None:
        try:
            while uuid in self._news:
                self._news.discard(uuid)
                if not await self._look(uuid):
                    self._news.add(uuid)
                await self._runtime.clock.sleep(REST)
        except Exception:
            log.exception("what the guest of %s says is not recorded", uuid)
        finally:
            del self._work[uuid]

    async def _look(self, uuid: str) -> bool:
        """Returns False where something else goes on with the machine, after which it is to be looked at again."""
        store = self._runtime.store
        host = store.find(Host, self._runtime.localhost)
        if host is None:
            return False  # The daemon is about to begin.
        domains = Context(self._runtime, self._runtime.tasks.dummy("observe.guests")).domains(host)
        try:
            domain = await domains.call(DomainDriver.find, uuid)
            report = None if domain is None else await domains.call(DomainDriver.guest_report, uuid)
        except ApiError as error:
            log.info("what the guest of %s says cannot be told now: %s", uuid, error)
            return True
        vm = store.find_uuid(VM, uuid)
        if vm is None or domain is None:
            return True
        if not guest.has_domain(vm):
            return not vm.current_operations
        if vm.domid != domain.id:
            return False
        with store.write() as tx:
            record(tx, store, vm, domain, report, self._runtime.clock.date())
        return True

    async def close(self) -> None:
        """Look no more."""
        work = list(self._work.values())
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)


def record(tx: Transaction, store: Store, vm: VM, domain: Domain, report: GuestReport | None, now: DateTime) -> None:
    """Write down what is new of a machine that runs; nothing if nothing is."""
    metrics = store.find(VM_metrics, vm.metrics)
    has = {"memory_actual": domain.memory, "VCPUs_number": domain.vcpus}
    if metrics is not None and _differs(metrics, has):
        tx.set(metrics, **has, last_updated=now)
    if report is None:
        return
    known = guest.known_of(domain.features, report, store.where(VIF, VM=vm.ref))
    row = guest.metrics_of(store, vm)
    if known is not None and row is None:
        tx.set(vm, guest_metrics=tx.create(VM_guest_metrics, **known, live=True, last_updated=now).ref)
    elif known is not None and row is not None and _differs(row, known):
        tx.set(row, **known, last_updated=now)
    if (platform := guest.platform_for(vm, report)) != vm.platform:
        tx.set(vm, platform=platform)


def _differs(row: VM_metrics | VM_guest_metrics, fields: dict[str, Any]) -> bool:
    return any(getattr(row, name) != value for name, value in fields.items())
