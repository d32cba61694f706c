"""What a schedule says: when it is due, of what kind its snapshots are, how many are kept."""

from __future__ import annotations

from typing import Any

from xapid.datamodel import VMSS
from xapid.datamodel.columns import column_name
from xapid.datamodel.errors import INTERNAL_ERROR, INVALID_VALUE, MAP_DUPLICATE_KEY, VMSS_HAS_VM
from xapid.datamodel.types import EPOCH, DateTime
from xapid.datamodel.vmss import VmssFrequency, VmssType
from xapid.rules.vmss import DEFAULTS, filled, is_valid
from xapid.runtime.context import Context

RETAINED = range(1, 11)


def create(ctx: Context, args: dict[str, Any]) -> str:
    _check_retained(args["retained_snapshots"])
    _check_schedule(args["schedule"])
    schedule = filled(args["frequency"], args["schedule"])
    with ctx.write() as tx:
        return str(tx.create(VMSS, **args | {"schedule": schedule, "last_run_time": EPOCH}).ref)


def destroy(ctx: Context, self: VMSS) -> None:
    if ctx.store.members(self, "VMs"):
        raise VMSS_HAS_VM()
    with ctx.write() as tx:
        tx.delete(self)


def _check_retained(value: int) -> None:
    if value not in RETAINED:
        raise INVALID_VALUE("retained_snapshots", value)


def _check_schedule(schedule: dict[str, str]) -> None:
    for key, value in schedule.items():
        if key not in DEFAULTS or not is_valid(key, value):
            raise INVALID_VALUE(f"schedule:{key}", value)


def set_retained_snapshots(ctx: Context, self: VMSS, value: int) -> None:
    _check_retained(value)
    with ctx.write() as tx:
        tx.set(self, retained_snapshots=value)


def set_frequency(ctx: Context, self: VMSS, value: VmssFrequency) -> None:
    with ctx.write() as tx:
        tx.set(self, frequency=value, schedule=filled(value, self.schedule))


def set_schedule(ctx: Context, self: VMSS, value: dict[str, str]) -> None:
    _check_schedule(value)
    with ctx.write() as tx:
        tx.set(self, schedule=filled(self.frequency, {**self.schedule, **value}))


def add_to_schedule(ctx: Context, self: str, key: str, value: str) -> None:
    if key not in DEFAULTS:
        raise INTERNAL_ERROR(f"a schedule has no key {key!r}")
    vmss = ctx.store.get(VMSS, self)
    if key in vmss.schedule:
        raise MAP_DUPLICATE_KEY("VMSS", column_name(vmss.spec.fields["schedule"]), self, key)
    _check_schedule({key: value})
    with ctx.write() as tx:
        tx.set(vmss, schedule={**vmss.schedule, key: value})


def remove_from_schedule(ctx: Context, self: VMSS, key: str) -> None:
    with ctx.write() as tx:
        tx.set(self, schedule={each: value for each, value in self.schedule.items() if each != key})


def set_type(ctx: Context, self: VMSS, value: VmssType) -> None:
    with ctx.write() as tx:
        tx.set(self, type=value)


def set_last_run_time(ctx: Context, self: VMSS, value: DateTime) -> None:
    with ctx.write() as tx:
        tx.set(self, last_run_time=value)
