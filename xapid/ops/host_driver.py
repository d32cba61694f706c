"""Messages of class Host_driver: drivers of a host's kernel of which there are variants to choose from."""

from __future__ import annotations

from xapid.backends.host.interface import HostDriver, KernelDriver
from xapid.datamodel import Driver_variant, Host, Host_driver
from xapid.datamodel.errors import HOST_DRIVER_NO_HARDWARE, INVALID_VALUE
from xapid.datamodel.types import NULL
from xapid.runtime.context import Context
from xapid.store.store import Store
from xapid.store.transaction import Transaction


async def rescan(ctx: Context, host: Host) -> None:
    """Records of drivers and variants follow what the host has; those that are still there keep their references."""
    async with ctx.lock(host):
        found = await ctx.machine(host).call(HostDriver.kernel_drivers)
        with ctx.write() as tx:
            known = {row.name: row for row in ctx.store.all(Host_driver) if row.host == host.ref}
            for driver in found:
                _record(ctx.store, tx, host, driver, known.pop(driver.name, None))
            for row in known.values():
                for variant in list(ctx.store.where(Driver_variant, driver=row.ref)):
                    tx.delete(variant)
                tx.delete(row)


def _record(store: Store, tx: Transaction, host: Host, driver: KernelDriver, row: Host_driver | None) -> None:
    if row is None:
        row = tx.create(Host_driver, host=host.ref, name=driver.name)
    known = {each.name: each for each in store.where(Driver_variant, driver=row.ref)}
    refs = {"": NULL}
    for variant in driver.variants:
        own = known.pop(variant.name, None) or tx.create(Driver_variant, driver=row.ref, name=variant.name)
        tx.set(
            own,
            version=variant.version,
            hardware_present=variant.hardware_present,
            priority=variant.priority,
            status=variant.status,
        )
        refs[variant.name] = own.ref
    for gone in known.values():
        tx.delete(gone)
    tx.set(
        row,
        friendly_name=driver.name,
        type=driver.type,
        description=driver.description,
        info=driver.info,
        active_variant=refs.get(driver.active, NULL),
        selected_variant=refs.get(driver.selected, NULL),
    )


async def select(ctx: Context, self: Host_driver, variant: Driver_variant) -> None:
    """Choose the variant to be used after the next boot."""
    if variant.driver != self.ref:
        raise INVALID_VALUE("variant", variant.ref)
    if not variant.hardware_present:
        raise HOST_DRIVER_NO_HARDWARE(variant.ref)
    await _choose(ctx, self, variant.name)
    with ctx.write() as tx:
        tx.set(ctx.now(self), selected_variant=variant.ref)


async def deselect(ctx: Context, self: Host_driver) -> None:
    """Choose none."""
    await _choose(ctx, self, "")
    with ctx.write() as tx:
        tx.set(ctx.now(self), selected_variant=NULL, active_variant=NULL)


async def _choose(ctx: Context, driver: Host_driver, variant: str) -> None:
    host = ctx.store.get(Host, driver.host)
    async with ctx.lock(host):
        await ctx.machine(host).call(HostDriver.select_variant, driver.name, variant)
