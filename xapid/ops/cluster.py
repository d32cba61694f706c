"""Messages of class Cluster: what has to be right before one is made. None can be made yet."""

from __future__ import annotations

from typing import NoReturn

from xapid.datamodel import PIF, Pool
from xapid.datamodel.errors import (
    INTERNAL_ERROR,
    INVALID_CLUSTER_STACK,
    INVALID_VALUE,
    NOT_IMPLEMENTED,
    PIF_ALLOWS_UNPLUG,
    PIF_HAS_NO_NETWORK_CONFIGURATION,
    REQUIRED_PIF_IS_UNPLUGGED,
)
from xapid.runtime.context import Context

STACK = "corosync"
LEAST_TIMEOUT = 1.0
LEAST_COEFFICIENT = 0.65


def create(
    ctx: Context,
    PIF: PIF,
    cluster_stack: str,
    pool_auto_join: bool,
    token_timeout: float,
    token_timeout_coefficient: float,
) -> NoReturn:
    _check_timeouts(token_timeout, token_timeout_coefficient)
    _check(PIF, cluster_stack)
    raise NOT_IMPLEMENTED("Cluster.create")


def pool_create(
    ctx: Context, network: str, cluster_stack: str, token_timeout: float, token_timeout_coefficient: float
) -> NoReturn:
    """The coordinator makes it first, on its interface of the network."""
    _check_timeouts(token_timeout, token_timeout_coefficient)
    master = ctx.store.one(Pool).master
    found = next(iter(ctx.store.where(PIF, host=master, network=network)), None)
    if found is None:
        raise INTERNAL_ERROR(f"the coordinator {master} has no interface on the network {network}")
    _check(found, cluster_stack)
    raise NOT_IMPLEMENTED("Cluster.pool_create")


def _check_timeouts(timeout: float, coefficient: float) -> None:
    if not timeout >= LEAST_TIMEOUT:
        raise INVALID_VALUE("token_timeout", f"{timeout:g}")
    if not coefficient >= LEAST_COEFFICIENT:
        raise INVALID_VALUE("token_timeout_coefficient", f"{coefficient:g}")


def _check(pif: PIF, stack: str) -> None:
    if stack != STACK:
        raise INVALID_CLUSTER_STACK(stack)
    if not pif.disallow_unplug:
        raise PIF_ALLOWS_UNPLUG(pif.ref)
    if not pif.currently_attached:
        raise REQUIRED_PIF_IS_UNPLUGGED(pif.ref)
    if not pif.IP:
        raise PIF_HAS_NO_NETWORK_CONFIGURATION(pif.ref)
