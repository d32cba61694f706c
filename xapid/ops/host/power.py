"""Whether a host takes guests, and what stands in the way of emptying it or switching it off."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import VM, Host
from xapid.datamodel.errors import (
    CANNOT_EVACUATE_HOST,
    HA_NOT_ENABLED,
    HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY,
    INTERNAL_ERROR,
    NOT_IMPLEMENTED,
    NOT_IN_EMERGENCY_MODE,
    ApiError,
    OtherError,
)
from xapid.datamodel.host import HostAllowedOperations
from xapid.datamodel.map_keys import AUTO_ENABLE
from xapid.ops.host.going_down import check_not_ready
from xapid.ops.host.plugins import call_plugin
from xapid.rules.host import is_live
from xapid.runtime.context import Context
from xapid.store.store import Store

POWER_ON = "power-on-host"
"""The plug-in that switches hosts on from afar."""


def disable(ctx: Context, host: Host, auto_enable: bool) -> None:
    """No guest starts on the host from now on; those that run are left alone."""
    other_config = _without_auto_enable(host)
    if not auto_enable:
        other_config[AUTO_ENABLE.name] = "false"
    with ctx.write() as tx:
        tx.set(host, enabled=False, other_config=other_config)


def enable(ctx: Context, host: Host) -> None:
    ctx.check(host, HostAllowedOperations.enable)
    if host.pending_guidances and not host.enabled:
        raise HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY(host.ref)
    check_not_ready(ctx.runtime, host)
    with ctx.write() as tx:
        tx.set(host, enabled=True, other_config=_without_auto_enable(host))


def _without_auto_enable(host: Host) -> dict[str, str]:
    return {key: value for key, value in host.other_config.items() if key != AUTO_ENABLE.name}


# --- Emptying ----------------------------------------------------------------------------------------


def get_vms_which_prevent_evacuation(ctx: Context, self: Host) -> dict[str, list[str]]:
    """The guests that cannot leave, each with the error that says why."""
    return {vm.ref: error.description for vm, error in _obstacles(ctx.store, self)}


def assert_can_evacuate(ctx: Context, host: Host) -> None:
    errors = [",".join(error.description) for _, error in _obstacles(ctx.store, host)]
    if errors:
        raise CANNOT_EVACUATE_HOST("|".join(errors))


def evacuate(ctx: Context, host: Host, network: str, evacuate_batch_size: int) -> None:
    """Move every guest away. Raises the first thing that stands in the way."""
    ctx.check(host, HostAllowedOperations.evacuate)
    for _, error in _obstacles(ctx.store, host):
        raise error
    if _guests(ctx.store, host):
        raise NOT_IMPLEMENTED("host.evacuate")


def get_uncooperative_resident_VMs(ctx: Context, self: str) -> list[str]:
    """Nobody is ever found uncooperative."""
    return []


def get_uncooperative_domains(ctx: Context, self: Host) -> list[str]:
    """Nor is any domain."""
    return []


def _guests(store: Store, host: Host) -> list[VM]:
    return [vm for vm in store.where(VM, resident_on=host.ref) if not vm.is_control_domain]


def _obstacles(store: Store, host: Host) -> list[tuple[VM, ApiError]]:
    elsewhere = any(other.ref != host.ref and other.enabled and is_live(store, other) for other in store.all(Host))
    if elsewhere:
        return []
    # In a plan this error names the guest, elsewhere it has no parameters.
    return [(vm, OtherError("NO_HOSTS_AVAILABLE", vm.ref)) for vm in _guests(store, host)]


# --- Power -------------------------------------------------------------------------------------------


async def power_on(ctx: Context, host: Host) -> None:
    """Switch a host on from afar: a plug-in of the coordinator knows how, by the host's ``power_on_mode``."""
    async with ctx.operation(host, HostAllowedOperations.power_on):
        coordinator = ctx.store.get(Host, ctx.runtime.localhost)
        answer = await call_plugin(ctx, coordinator, POWER_ON, "main", {"remote_host_uuid": host.uuid})
    if answer != "True":
        raise INTERNAL_ERROR(f"the host was not switched on: the plug-in answered {answer!r}")


# --- Emergencies: there are none on a host that is its own coordinator ------------------------------


def emergency_ha_disable(ctx: Context, soft: bool) -> None:
    if not soft:
        raise HA_NOT_ENABLED()


def local_management_reconfigure(ctx: Context, interface: str) -> NoReturn:
    raise NOT_IN_EMERGENCY_MODE()
