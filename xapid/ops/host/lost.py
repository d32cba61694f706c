"""Hosts that do not come back: their guests are off, and in the end nothing of them is left."""

from __future__ import annotations

from xapid.datamodel import VM, Host, HostMetrics, Pool
from xapid.datamodel.errors import HA_IS_ENABLED, HOST_HAS_RESIDENT_VMS, HOST_IS_LIVE
from xapid.datamodel.types import Object, RefType
from xapid.ops.hooks import BY_USER, FROM_DATABASE, HOST_POST_DECLARE_DEAD, HOST_PRE_DECLARE_DEAD, run_hooks
from xapid.ops.vm.life import record_lost
from xapid.rules import members
from xapid.rules.host import is_live
from xapid.runtime.context import Context
from xapid.store.store import Store


async def declare_dead(ctx: Context, host: Host) -> None:
    """Its guests can be started elsewhere from now on. Who says so must know that it is off."""
    _refuse_live(ctx, host)
    await run_hooks(ctx, HOST_PRE_DECLARE_DEAD, "-hostuuid", host.uuid, reason=BY_USER)
    for vm in _guests(ctx.store, host):
        await record_lost(ctx, vm)
    with ctx.write() as tx:
        tx.set(ctx.now(host), enabled=False)
    await run_hooks(ctx, HOST_POST_DECLARE_DEAD, "-hostuuid", host.uuid, reason=BY_USER)


async def destroy(ctx: Context, self: Host) -> None:
    """Forget a host that is gone for good, and all that was in it."""
    _refuse_live(ctx, self)
    if ctx.store.one(Pool).ha_enabled:
        raise HA_IS_ENABLED()
    if _guests(ctx.store, self):
        raise HOST_HAS_RESIDENT_VMS(self.ref)
    for event in (HOST_PRE_DECLARE_DEAD, HOST_POST_DECLARE_DEAD):
        await run_hooks(ctx, event, "-hostuuid", self.uuid, reason=FROM_DATABASE)
    # A hook may take its time.
    _refuse_live(ctx, ctx.now(self))
    if _guests(ctx.store, self):
        raise HOST_HAS_RESIDENT_VMS(self.ref)
    with ctx.write() as tx:
        for row in _belongings(ctx.store, self):
            tx.delete(row)
        for vm in list(ctx.store.where(VM, resident_on=self.ref)):
            tx.delete(vm)
        tx.delete(self)
        tx.set(ctx.store.one(Pool), cpu_info=members.cpu_info(ctx.store), restrictions=members.restrictions(ctx.store))


def _refuse_live(ctx: Context, host: Host) -> None:
    if host.ref == ctx.runtime.localhost or is_live(ctx.store, host):
        raise HOST_IS_LIVE(host.ref)


def _guests(store: Store, host: Host) -> list[VM]:
    return [vm for vm in store.where(VM, resident_on=host.ref) if not vm.is_control_domain]


def _belongings(store: Store, host: Host) -> list[Object]:
    """What is in one host alone: processors, interfaces, devices, links to storage."""
    found: list[Object] = []
    for table in store.tables.values():
        if any(field.name == "host" and _is_of_host(field.type) for field in table.cls.spec.fields.values()):
            found += (row for row in table.rows.values() if row.__dict__["host"] == host.ref)
    metrics = store.find(HostMetrics, host.metrics)
    return found if metrics is None else [*found, metrics]


def _is_of_host(type_: object) -> bool:
    return isinstance(type_, RefType) and type_.target == Host.spec.name
