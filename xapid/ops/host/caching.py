"""Which repository of a host is to hold copies of disks that lie on shared ones. Nothing is copied yet."""

from __future__ import annotations

from xapid.backends.storage.interface import Feature
from xapid.datamodel import PBD, SR, VBD, VM, Host
from xapid.datamodel.errors import HOST_IN_USE, HOST_NOT_DISABLED, OtherError
from xapid.datamodel.types import NULL
from xapid.datamodel.vm import VmPowerState
from xapid.ops.sr import sm_of
from xapid.runtime.context import Context
from xapid.store.store import Store
from xapid.store.transaction import Transaction


def enable_local_storage_caching(ctx: Context, host: Host, sr: SR) -> None:
    """Instead of the one that it may have been until now."""
    assert_idle(ctx.store, host)
    pbd = _way_to(ctx.store, sr)
    if pbd.host != host.ref:
        raise OtherError("HOST_CANNOT_SEE_SR", host.ref, sr.ref)
    with ctx.write() as tx:
        _let_go(ctx.store, tx, host)
        tx.set(sr, local_cache_enabled=True)
        tx.set(host, local_cache_sr=sr.ref)


def disable_local_storage_caching(ctx: Context, host: Host) -> None:
    assert_idle(ctx.store, host)
    with ctx.write() as tx:
        _let_go(ctx.store, tx, host)
        tx.set(host, local_cache_sr=NULL)


def _let_go(store: Store, tx: Transaction, host: Host) -> None:
    former = store.find(SR, host.local_cache_sr)
    if former is not None:
        tx.set(former, local_cache_enabled=False)


def assert_idle(store: Store, host: Host) -> None:
    """Raises HOST_NOT_DISABLED, and HOST_IN_USE where a guest runs or the control domain has a disk attached."""
    if host.enabled:
        raise HOST_NOT_DISABLED()
    for vm in store.where(VM, resident_on=host.ref):
        if not vm.is_control_domain:
            if vm.power_state is VmPowerState.Running:
                raise HOST_IN_USE(host.ref, "vm", vm.ref)
            continue
        for vbd in store.where(VBD, VM=vm.ref):
            if vbd.currently_attached:
                raise HOST_IN_USE(host.ref, "vbd", vbd.ref)


def _way_to(store: Store, sr: SR) -> PBD:
    """The way to it, if it is a repository of one host whose driver can keep such copies."""
    pbds = list(store.where(PBD, SR=sr.ref))
    if sr.shared or len(pbds) != 1 or Feature.SR_SUPPORTS_LOCAL_CACHING not in sm_of(store, sr.type).features:
        # Here the original names no repository.
        raise OtherError("SR_OPERATION_NOT_SUPPORTED")
    return pbds[0]
