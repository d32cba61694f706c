"""High availability as far as it is off: what may be asked while nothing is protected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from xapid.datamodel import SR, VM, Host, Pool
from xapid.datamodel.errors import (
    CANNOT_CREATE_STATE_FILE,
    CANNOT_ENABLE_REDO_LOG,
    HA_NOT_ENABLED,
    INVALID_VALUE,
    NOT_IMPLEMENTED,
)
from xapid.runtime.context import Context
from xapid.store.store import Store

PROTECTED = "restart"
PRIORITIES = (PROTECTED, "best-effort", "")


def enable_ha(ctx: Context, heartbeat_srs: tuple[str, ...], configuration: dict[str, str]) -> NoReturn:
    for ref in heartbeat_srs:
        ctx.store.get(SR, ref)
    if not heartbeat_srs:
        raise CANNOT_CREATE_STATE_FILE()
    raise NOT_IMPLEMENTED("pool.enable_ha")


def disable_ha(ctx: Context) -> NoReturn:
    raise HA_NOT_ENABLED()


def enable_redo_log(ctx: Context, sr: str) -> NoReturn:
    raise CANNOT_ENABLE_REDO_LOG("changes are kept on the disk of the host, where none is lost")


def disable_redo_log(ctx: Context) -> None:
    """It is never enabled."""


def set_ha_host_failures_to_tolerate(ctx: Context, self: Pool, value: int) -> None:
    if value < 0:
        raise INVALID_VALUE("ha_host_failures_to_tolerate", value)
    with ctx.write() as tx:
        tx.set(self, ha_host_failures_to_tolerate=value)


# --- Plans -------------------------------------------------------------------------------------------


def ha_compute_max_host_failures_to_tolerate(ctx: Context) -> int:
    priorities = [vm.ha_restart_priority for vm in ctx.store.all(VM) if not vm.is_a_template]
    return _tolerable(ctx.store, priorities, "pool.ha_compute_max_host_failures_to_tolerate")


def ha_compute_hypothetical_max_host_failures_to_tolerate(ctx: Context, configuration: dict[str, str]) -> int:
    """The same if these guests had these priorities."""
    for ref, priority in configuration.items():
        ctx.store.get(VM, ref)
        if priority not in PRIORITIES:
            raise INVALID_VALUE("ha_restart_priority", priority)
    return _tolerable(ctx.store, configuration.values(), "pool.ha_compute_hypothetical_max_host_failures_to_tolerate")


def ha_failover_plan_exists(ctx: Context, n: int) -> bool:
    return n <= ha_compute_max_host_failures_to_tolerate(ctx)


def ha_compute_vm_failover_plan(
    ctx: Context, failed_hosts: tuple[str, ...], failed_vms: tuple[str, ...]
) -> dict[str, dict[str, str]]:
    """Where each guest would start anew."""
    for ref in failed_hosts:
        ctx.store.get(Host, ref)
    vms = [ctx.store.get(VM, ref) for ref in failed_vms]
    if vms:
        raise NOT_IMPLEMENTED("pool.ha_compute_vm_failover_plan")
    return {}


def _tolerable(store: Store, priorities: Iterable[str], method: str) -> int:
    """How many hosts may fail. Without protected guests all may; the guests of an only host have no other."""
    hosts = len(store.all(Host))
    if PROTECTED not in priorities:
        return hosts
    if hosts == 1:
        return 0
    raise NOT_IMPLEMENTED(method)
